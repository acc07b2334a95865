"""The stage `sign` with an identity, against a Sigstore deployment on loopback: what it makes, and what it does when a service fails."""

import json
import time
from dataclasses import replace

import pytest
from signed_project import files, metric, outcome, payload_of, pem, reported, workspace

from mlops_stage.errors import InputError, UsageError
from mlops_stage.report import Outcome
from mlops_stage.stages.signing.act import act
from mlops_stage.stages.signing.identity_signer import from_params
from mlops_stage.stages.signing.params import SignParams
from mlops_stage.stages.signing.signers import OutageError

WHO = "https://ci.example/org/repo/.ci/ml.yml@refs/heads/main"

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def project(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"weights")
    return tmp_path


def asked(double, project, rekor=1, *, stamps=True, **changes):
    (project / "token").write_text(double.token(WHO) + "\n")
    return SignParams(
        **{"identity_token_file": "token", "trust_config": str(double.trust_file(rekor, stamps=stamps)), "deadline": 60, **changes}
    )


@pytest.mark.parametrize(("rekor", "stamps"), [(1, False), (1, True), (2, True)], ids=["log 1", "log 1 and stamps", "log 2 and stamps"])
def test_every_kind_of_deployment_signs_and_holds(shared_double, project, real_worker, rekor, stamps):
    params = asked(shared_double, project, rekor, stamps=stamps)
    with real_worker(wanted=rekor == 2):
        seen = act(params, workspace(project, reported(project), reported(project, "scan")))
    assert outcome(params, seen) is Outcome.PASSED
    assert seen.outputs == {
        "attestations": "attestations",
        "signer": f"{WHO} ({shared_double.url})",
        "signed": "2",
        "level": "identity",
    }
    made = files(project)
    assert set(made) == {"quality.json", "quality.sigstore.json", "scan.json", "scan.sigstore.json"}
    bundle = json.loads(made["quality.sigstore.json"])
    assert payload_of(made["quality.sigstore.json"]) == made["quality.json"]
    held = bundle["verificationMaterial"].get("timestampVerificationData") or {}
    assert bool(held.get("rfc3161Timestamps")) is stamps


def test_sigstore_s_own_verifier_accepts_the_bundle(shared_double, project):
    from sigstore.models import Bundle, ClientTrustConfig
    from sigstore.verify import Verifier, policy

    act(asked(shared_double, project), workspace(project, reported(project)))
    verifier = Verifier(trusted_root=ClientTrustConfig.from_json(shared_double.trust_config()).trusted_root)
    expected = policy.Identity(identity=WHO, issuer=shared_double.url)
    kind, payload = verifier.verify_dsse(Bundle.from_json(files(project)["quality.sigstore.json"]), expected)
    assert kind == "application/vnd.in-toto+json"
    assert payload == files(project)["quality.json"]


def test_many_statements_take_one_certificate(double, project):
    reports = [reported(project, f"quality{number}") for number in range(20)]
    act(asked(double, project), workspace(project, *reports))
    assert double.asked("fulcio") == 1
    assert double.asked("rekor") == 20


def test_a_second_run_asks_nobody_and_changes_nothing(double, project):
    params = asked(double, project, 2)
    act(params, workspace(project, reported(project)))
    before, requests = files(project), len(double.requests)
    seen = act(params, workspace(project, reported(project)))
    assert (metric(seen, "kept"), metric(seen, "signed")) == (1, 0)
    assert files(project) == before
    assert len(double.requests) == requests


@pytest.mark.parametrize("ambient", [False, True])
def test_what_another_identity_has_signed_is_signed_again(double, project, ambient):
    act(asked(double, project), workspace(project, reported(project)))
    params = asked(double, project, **({"identity_token_file": None, "ambient": True} if ambient else {}))
    other = double.token("https://ci.example/org/other")
    (project / "token").write_text(other)
    env = {"GITLAB_CI": "true", "SIGSTORE_ID_TOKEN": other}
    seen = act(params, workspace(project, reported(project), env=env))
    assert seen.outputs["signer"] == f"https://ci.example/org/other ({double.url})"
    assert (metric(seen, "kept"), metric(seen, "signed")) == (0, 1)
    seen = act(params, workspace(project, reported(project), env=env))
    assert (metric(seen, "kept"), metric(seen, "signed")) == (1, 0)


def test_one_run_has_one_signer(double, project):
    act(asked(double, project), workspace(project, reported(project)))
    params = asked(double, project)
    (project / "token").write_text(double.token("https://ci.example/org/other"))
    seen = act(params, workspace(project, reported(project), reported(project, "scan")))
    assert seen.outputs["signer"] == f"https://ci.example/org/other ({double.url})"
    assert (metric(seen, "kept"), metric(seen, "signed")) == (0, 2)


@pytest.mark.parametrize(
    ("part", "how"),
    [("fulcio", "refuse"), ("fulcio", "html"), ("fulcio", "drip"), ("rekor", "hang"), ("rekor", "502"), ("tsa", "hang"), ("tsa", "502")],
)
def test_an_outage_is_bounded_loses_nothing_and_is_resumed(double, project, real_worker, part, how):
    reports = (reported(project), reported(project, "scan"), reported(project, "data"))
    params = asked(double, project, 2, deadline=3)
    double.fail(part, how)
    begun = time.monotonic()
    waits = pytest.raises(OutageError, match="0 of 3 statements signed, the others wait in attestations/pending")
    with waits as told, real_worker(wanted=how in {"hang", "drip"}):
        act(params, workspace(project, *reports))
    assert time.monotonic() - begun < 20, "it waits for ever"
    assert "\n" not in told.value.message
    assert "sign again later" in told.value.hint
    held = files(project)
    assert {name for name in held if name.startswith("pending/")} == {"pending/quality.json", "pending/scan.json", "pending/data.json"}
    if part == "tsa":
        assert double.asked("rekor") == 0, "nothing may be logged before a stamp can be had"
    double.heal()
    seen = act(params.model_copy(update={"deadline": 60}), workspace(project, *reports))
    assert metric(seen, "signed") == 3
    assert {name for name in files(project) if name.startswith("pending")} == set()


def test_what_was_signed_before_an_outage_is_kept(double, project):
    reports = [reported(project, f"quality{number}") for number in range(6)]
    params = asked(double, project, 2, deadline=60)
    double.fail("rekor", "502", after=2)
    with pytest.raises(OutageError, match="2 of 6 statements signed"):
        act(params, workspace(project, *reports))
    first = {name: content for name, content in files(project).items() if name.endswith(".sigstore.json")}
    assert len(first) == 2
    double.heal()
    seen = act(params, workspace(project, *reports))
    assert (metric(seen, "kept"), metric(seen, "signed")) == (2, 4)
    assert {name: files(project)[name] for name in first} == first


def test_a_short_outage_is_sat_out(double, project):
    double.fail("rekor", "502", times=1)
    double.fail("fulcio", "refuse", times=1)
    double.fail("tsa", "hang", times=1)
    seen = act(asked(double, project, 2), workspace(project, reported(project)))
    assert metric(seen, "signed") == 1


@pytest.mark.parametrize("rekor", [1, 2])
def test_an_answer_that_is_lost_leaves_one_bundle(double, project, rekor):
    double.fail("rekor", "lose", times=1)
    seen = act(asked(double, project, rekor), workspace(project, reported(project)))
    assert metric(seen, "signed") == 1
    assert [name for name in files(project) if name.endswith(".sigstore.json")] == ["quality.sigstore.json"]


def test_what_waits_is_signed_when_its_reports_are_gone(double, project):
    params = asked(double, project, 2, deadline=60)
    double.fail("rekor", "502")
    with pytest.raises(OutageError):
        act(params, workspace(project, reported(project)))
    double.heal()
    seen = act(params, workspace(project))
    assert metric(seen, "signed") == 1
    assert payload_of(files(project)["quality.sigstore.json"]) == files(project)["quality.json"]


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (lambda double: double.token(WHO, exp=int(time.time()) - 60), "it has expired"),
        (lambda double: double.token(WHO, aud="elsewhere"), "was made for another audience than 'sigstore'"),
        (lambda _double: "CANARY-no-token-at-all", "or is none"),
        (lambda double: double.token(WHO, event_name="pull_request_target"), "code of a stranger can run"),
        (lambda double: double.token(WHO)[:-8] + "AAAAAAAA", "the certificate authority refuses with status 400"),
    ],
    ids=["expired", "audience", "nonsense", "pull_request_target", "forged"],
)
def test_a_token_that_cannot_be_used_is_no_outage(double, project, token, why):
    params = asked(double, project)
    text = token(double)
    (project / "token").write_text(text)
    with pytest.raises(InputError, match=why) as told:
        act(params, workspace(project, reported(project)))
    assert text not in f"{told.value} {told.value.hint}"
    assert double.asked("rekor") == 0


def test_an_identity_that_every_workflow_may_get_is_not_written(double, project):
    params = asked(double, project)
    (project / "token").write_text(double.token("https://github.com/%3Cnil%3E"))
    seen = act(params, workspace(project, reported(project)))
    assert outcome(params, seen) is Outcome.FAILED
    assert "every workflow may get" in next(one.message for one in seen.findings if one.rule == "sign/unverified")
    assert "quality.sigstore.json" not in files(project)


def test_a_deployment_that_is_not_the_trusted_one_is_noticed(double, shared_double, project):
    config = json.loads(double.trust_config())
    config["trustedRoot"]["tlogs"] = json.loads(shared_double.trust_config())["trustedRoot"]["tlogs"]
    (project / "trust.json").write_text(json.dumps(config))
    params = asked(double, project, trust_config="trust.json")
    seen = act(params, workspace(project, reported(project)))
    assert outcome(params, seen) is Outcome.FAILED
    assert "quality.sigstore.json" not in files(project)


def test_a_token_from_a_named_variable(shared_double, project):
    params = asked(shared_double, project, identity_token_file=None, identity_token_env="JOB_TOKEN")
    seen = act(params, workspace(project, reported(project), env={"JOB_TOKEN": shared_double.token(WHO)}))
    assert metric(seen, "signed") == 1
    with pytest.raises(UsageError, match="identity_token_env: there is no such variable"):
        act(params, workspace(project, reported(project)))


def test_the_token_of_the_ci_system_only_when_asked_for(shared_double, project, real_worker):
    env = {"GITLAB_CI": "true", "SIGSTORE_ID_TOKEN": shared_double.token(WHO)}
    params = asked(shared_double, project, identity_token_file=None)
    with pytest.raises(UsageError, match="there is nothing to sign with"):
        act(params, workspace(project, reported(project), env=env))
    params = asked(shared_double, project, identity_token_file=None, ambient=True)
    with real_worker():
        seen = act(params, workspace(project, reported(project), env=env))
    assert metric(seen, "signed") == 1
    with pytest.raises(InputError, match="no CI system that is known here offers one"):
        act(asked(shared_double, project, identity_token_file=None, ambient=True), workspace(project, reported(project, "other"), env={}))
    with pytest.raises(InputError, match="the CI system gives no identity token"):
        act(
            asked(shared_double, project, identity_token_file=None, ambient=True),
            workspace(project, reported(project, "other"), env={"GITHUB_ACTIONS": "true"}),
        )


def test_two_signers_are_one_too_many(double, project):
    from cryptography.hazmat.primitives.asymmetric import ec

    (project / "signing.key").write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(UsageError, match="key and identity_token_file name two signers"):
        act(asked(double, project, key="signing.key"), workspace(project, reported(project)))


@pytest.mark.parametrize("content", ["", "[]", "{}", "not json", '{"mediaType": "x"}', "\xff"])
def test_a_trust_config_that_is_none_is_refused_before_anything_is_sent(double, project, content):
    (project / "trust.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match="trust.json") as told:
        act(asked(double, project, trust_config="trust.json"), workspace(project, reported(project)))
    assert "\n" not in told.value.message
    assert double.requests == []


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda services: services.update(rekorTlogUrls=3), "has something other than a list as rekorTlogUrls"),
        (lambda services: services.update(caUrls=[]), "lacks a certificate authority or a log"),
    ],
    ids=["no list", "none"],
)
def test_a_trust_config_without_services_that_can_be_asked_is_refused_in_plain_words(double, project, spoil, why):
    config = json.loads(double.trust_config())
    spoil(config["signingConfig"])
    (project / "trust.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=f"trust.json names no services to sign with: .*{why}"):
        act(asked(double, project, trust_config="trust.json"), workspace(project, reported(project)))
    assert double.requests == []


def test_what_only_sigstore_s_client_cannot_use_is_no_outage(double, project):
    config = json.loads(double.trust_config())
    config["signingConfig"]["unknown"] = 1
    (project / "trust.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"Sigstore's client cannot use signingConfig\.unknown of the trust config"):
        act(asked(double, project, trust_config="trust.json"), workspace(project, reported(project)))
    assert double.requests == []


def test_a_certificate_that_no_trusted_log_has_is_no_outage(double, shared_double, project):
    config = json.loads(double.trust_config())
    config["trustedRoot"]["ctlogs"] = json.loads(shared_double.trust_config())["trustedRoot"]["ctlogs"]
    (project / "trust.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="no log of certificates that is trusted has the signer's certificate"):
        act(asked(double, project, trust_config="trust.json"), workspace(project, reported(project)))
    assert (double.asked("fulcio"), double.asked("rekor")) == (1, 0)


def test_a_trusted_root_alone_names_nobody_to_sign_with(double, project):
    (project / "trust.json").write_text(json.dumps(double.trusted_root()))
    with pytest.raises(InputError, match="names no services to sign with"):
        act(asked(double, project, trust_config="trust.json"), workspace(project, reported(project)))


def test_the_public_sigstore_that_cannot_be_reached_is_an_outage(double, project):
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "HOME": str(project)}
    params = asked(double, project, trust_config=None)
    with pytest.raises(OutageError, match="the public Sigstore's trust repository failed: no connection") as told:
        act(params, workspace(project, reported(project), env=nowhere))
    assert "\n" not in told.value.message
    assert "pending/quality.json" in files(project)


def test_a_token_that_would_travel_in_the_clear_is_said(double, project):
    signer = from_params(asked(double, project), workspace(project))
    config = json.loads(double.trust_config())
    config["signingConfig"]["caUrls"][0]["url"] = "http://fulcio.example"
    remarks = replace(signer, given=json.dumps(config)).remarks
    assert "the token goes to http://fulcio.example without encryption" in remarks
    assert not any("token" in remark for remark in signer.remarks)
