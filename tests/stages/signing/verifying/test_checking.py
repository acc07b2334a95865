"""What holds is believed, and how much it shows is said."""

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sigstore.dsse import Statement
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext

from mlops_stage.errors import InputError
from mlops_stage.stages.signing.verifying import shelf
from mlops_stage.stages.signing.verifying.shelf import bundles_at

FILES = {"m.onnx": b"graph", "w.bin": b"weights"}


@pytest.mark.parametrize(("rekor", "stamps"), [(1, False), (1, True), (2, True)])
def test_what_an_identity_signed_is_believed(shared_double, making, someone, checked, rekor, stamps):
    bundle = making.by_identity(shared_double, making.statement(FILES), rekor=rekor, stamps=stamps)
    found = checked(someone, bundle, require=["quality"])
    assert found.refused == ()
    assert found.level == "identity"
    [one] = found.about
    assert one.origin.signer == making.WHO
    assert len(one.origin.moments) == stamps + (rekor == 1)


@pytest.mark.parametrize(("rekor", "stamps"), [(1, False), (1, True), (2, True)])
def test_what_sigstores_client_signs_is_believed(shared_double, making, someone, checked, rekor, stamps):
    context = SigningContext.from_trust_config(ClientTrustConfig.from_json(shared_double.trust_config(rekor, stamps=stamps)))
    with context.signer(IdentityToken(shared_double.token(making.WHO))) as signer:
        bundle = signer.sign_dsse(Statement(making.statement(FILES))).to_json()
    assert checked(someone, bundle.encode(), require=["quality"]).refused == ()


@pytest.mark.parametrize(
    ("stamps", "logged", "level"), [(False, False, "key"), (True, False, "stamped"), (False, True, "logged"), (True, True, "logged")]
)
def test_what_a_key_signed_is_believed_for_what_it_shows(shared_double, making, key, owner, checked, stamps, logged, level):
    bundle = making.by_key(shared_double, making.statement(FILES), key, stamps=stamps, logged=logged)
    found = checked(owner, bundle, require=["quality"])
    assert found.refused == ()
    assert found.level == level
    assert checked(owner, bundle, assurance=level).refused == ()


def test_a_key_may_use_a_log_of_version_1_too(shared_double, making, key, owner, checked):
    found = checked(owner, making.by_key(shared_double, making.statement(FILES), key, logged=True, rekor=1))
    assert (found.refused, found.level) == ((), "logged")
    assert len(found.about[0].origin.moments) == 1


def provenance(making, artefact, source):
    """That an artefact was compiled from a source."""
    made_of = {
        "buildDefinition": {
            "resolvedDependencies": [{"name": "m.onnx", "digest": {"sha256": making.sha256(source)}, "annotations": {"role": "model"}}]
        }
    }
    return making.statement({"a.onnx": artefact}, predicateType="https://slsa.dev/provenance/v1", predicate=made_of)


def test_what_was_said_of_the_source_counts_for_what_was_compiled_from_it(shared_double, making, key, owner, checked):
    said = [
        provenance(making, b"compiled", b"source"),
        making.statement({"m.onnx": b"source"}),
        making.statement({"test.csv": b"rows"}, "data"),
    ]
    bundles = [making.by_key(shared_double, one, key) for one in said]
    assert checked(owner, *bundles, files={"a.onnx": b"compiled"}, require=["quality", "data"]).refused == ()


def test_what_was_said_of_something_else_that_was_made_of_the_same_source_does_not(shared_double, making, key, owner, checked):
    said = [
        provenance(making, b"compiled", b"source"),
        making.statement({"m.onnx": b"source", "b.onnx": b"another"}, "compile"),
        making.statement({"b.onnx": b"another"}),
    ]
    found = checked(
        owner, *(making.by_key(shared_double, one, key) for one in said), files={"a.onnx": b"compiled"}, require=["compile", "quality"]
    )
    assert [one.error.rule for one in found.refused] == ["verify/required-other"] * 2


def test_the_weakest_signature_counts(shared_double, making, key, owner, checked):
    strong = making.by_key(shared_double, making.statement(FILES), key, stamps=True)
    weak = making.by_key(shared_double, making.statement(FILES, "scan"), key)
    assert checked(owner, strong, weak).level == "key"
    found = checked(owner, strong, weak, assurance="stamped", require=["scan", "data"])
    assert [one.error.rule for one in found.refused] == ["verify/assurance", "verify/required-absent"]
    assert "data is required" in found.refused[1].error.message  # that scan lacks follows from its bundle


def test_statements_about_what_a_model_was_tested_on_count_and_others_do_not(shared_double, making, key, owner, checked):
    about_model = making.by_key(shared_double, making.statement(FILES), key)
    about_data = making.by_key(shared_double, making.statement({"test.csv": b"rows"}, "data"), key)
    about_other = making.by_key(shared_double, making.statement({"x.csv": b"other rows"}, "fairness"), key)
    found = checked(owner, about_other, about_data, about_model, require=["quality", "data", "fairness"])
    assert {one.said.id for one in found.about} == {"quality", "data"}
    assert [one.error.rule for one in found.refused] == ["verify/required-other"]


def test_a_statement_about_data_alone_covers_no_model(shared_double, making, key, owner, checked):
    found = checked(owner, making.by_key(shared_double, making.statement({"test.csv": b"rows"}, "data"), key))
    assert {one.error.rule for one in found.refused} == {"verify/extra-file"}
    assert found.level is None


@pytest.mark.parametrize(
    ("outcome", "required", "met"),
    [
        ("passed", "quality", True),
        ("passed", "quality=inconclusive", True),
        ("inconclusive", "quality=inconclusive", True),
        ("failed", "quality=failed", True),
        ("inconclusive", "quality", False),
        ("failed", "quality=inconclusive", False),
        ("failed", "quality=passed", False),
        ("passed", "https://in-toto.io/attestation/test-result/v0.1", True),
        ("passed", "https://cyclonedx.org/bom", False),
    ],
)
def test_requirements_take_the_outcome_or_a_better_one(shared_double, making, key, owner, checked, outcome, required, met):
    found = checked(owner, making.by_key(shared_double, making.statement(FILES, outcome=outcome), key), require=[required])
    assert (found.refused == ()) is met


def test_a_report_that_contradicts_another_about_the_same_files_is_not_outvoted(shared_double, making, key, owner, checked):
    good = making.by_key(shared_double, making.statement(FILES), key)
    bad = making.by_key(shared_double, making.statement(FILES, outcome="failed"), key)
    [refused] = checked(owner, good, bad, require=["quality"]).refused
    assert (refused.error.rule, refused.error.message) == ("verify/required-outcome", "quality is failed, and passed is required")


def test_lines_of_a_file_are_bundles_each(tmp_path, shared_double, making, key):
    lines = [json.dumps(making.by_key(shared_double, making.statement(FILES, name), key)) for name in ("quality", "scan")]
    (tmp_path / "all.jsonl").write_text("\n".join([*lines, ""]))
    assert [one.name for one in bundles_at(tmp_path)] == ["all.jsonl:1", "all.jsonl:2"]


def test_lines_that_are_more_than_is_read_are_refused_and_never_cut(tmp_path, monkeypatch):
    (tmp_path / "all.jsonl").write_bytes(b"{}\n" + b" " * 100 + b"\n{}\n")
    monkeypatch.setattr(shelf, "MOST_BUNDLE_BYTES", 50)
    with pytest.raises(InputError, match="has more than 50 bytes"):
        bundles_at(tmp_path)


def test_a_model_signature_covers_a_folder(shared_double, making, key, owner, checked):
    files = {**FILES, "config/labels.json": b"[]"}
    bundle = making.by_key(shared_double, making.listing(files), key)
    assert checked(owner, bundle, files=files).refused == ()


def test_without_trust_for_it_a_stamp_is_said_to_be_unchecked(shared_double, making, key, owner, checked):
    bundle = making.by_key(shared_double, making.statement(FILES), key, stamps=True, logged=True)
    [one] = checked(replace(owner, trust=None), bundle).about
    assert one.origin.unchecked == ("a time stamp", "an entry in a log")
    refused = checked(replace(owner, trust=None), bundle, assurance="stamped").refused[0]
    assert refused.error.rule == "verify/assurance"


def test_a_model_signature_of_a_file_alone_goes_by_the_name_of_its_subject(shared_double, making, key, owner, checked):
    said = json.loads(making.listing({".": b"graph"}).replace(b'"model"', b'"m.onnx"'))
    bundle = making.by_key(shared_double, json.dumps(said).encode(), key)
    assert checked(owner, bundle, files={"m.onnx": b"graph"}).refused == ()
    assert [one.error.rule for one in checked(owner, bundle, files={"n.onnx": b"graph"}).refused] == ["verify/renamed"]
    two = making.by_key(shared_double, making.listing({".": b"graph", "x": b""}), key)
    assert checked(owner, two, files={"m.onnx": b"graph"}).refused != ()


def test_of_several_versions_of_a_folder_one_must_be_delivered_whole(shared_double, making, key, owner, checked):
    new, old = {**FILES, "labels.json": b"[1]"}, {**FILES, "labels.json": b"[0]", "notes.txt": b"x"}
    bundles = [making.by_key(shared_double, making.listing(files), key) for files in (old, new, {"x": b"x"})]
    assert checked(owner, *bundles, files=new).refused == ()
    assert checked(owner, *bundles, files=old).refused == ()
    for mixed, rule in (({**new, "notes.txt": b"x"}, "verify/changed"), ({**new, "labels.json": b"[0]"}, "verify/missing-file")):
        assert [one.error.rule for one in checked(owner, *bundles, files=mixed).refused] == [rule]


def rules(found):
    return [one.error.rule for one in found.refused]


def test_one_cause_is_one_finding(shared_double, making, key, owner, checked):
    good = making.by_key(shared_double, making.statement(FILES), key)
    stranger = making.by_key(shared_double, making.statement(FILES), ec.generate_private_key(ec.SECP256R1()))
    other = making.by_key(shared_double, making.statement({"x.onnx": b"x"}, "scan"), key)
    changed = {**FILES, "w.bin": b"weightz"}
    asked = {"require": ["quality"]}
    assert rules(checked(owner, good, files=changed, **asked)) == ["verify/changed"]
    assert rules(checked(owner, stranger, **asked)) == ["verify/signature"]
    assert rules(checked(owner, b"{", **asked)) == ["verify/bundle", "verify/required-absent"]
    assert rules(checked(owner, **asked)) == ["verify/nothing-signed"]
    # what has a cause of its own is told as well
    assert rules(checked(owner, good, files={**FILES, "hook.py": b""}, **asked)) == ["verify/extra-file"]
    assert rules(checked(owner, good, stranger, files={**FILES, "hook.py": b""}, **asked)) == ["verify/signature", "verify/extra-file"]
    assert rules(checked(owner, good, other, files=changed, require=["quality", "scan"])) == ["verify/changed", "verify/required-other"]
    assert rules(checked(owner, stranger, require=["quality", "scan"])) == ["verify/signature", "verify/required-absent"]


def test_a_statement_about_a_file_that_was_changed_is_not_told_as_about_others(shared_double, making, key, owner, checked):
    good, other = (making.by_key(shared_double, making.statement(files), key) for files in (FILES, {"x.onnx": b"x"}))
    assert [one.bundle for one in checked(owner, good, other, files={**FILES, "w.bin": b"weightz"}).elsewhere] == ["1"]


def test_bundles_and_files_that_are_refused_are_counted_once_each(shared_double, making, key, owner, checked):
    good = making.by_key(shared_double, making.listing(FILES), key)
    found = checked(owner, good, b"{", b"", files={"m.onnx": b"x", "w.bin": b"y", "hook.py": b""}, require=["quality"])
    assert found.count == 4  # either of the bundles that cannot be read may be about the third file
    found = checked(owner, good, files={**FILES, "w.bin": b"y", "hook.py": b""}, require=["quality"])
    assert (found.count, rules(found)) == (2, ["verify/changed", "verify/extra-file", "verify/required-absent"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the bundle is empty"),
        (b" \n", "the bundle is empty"),
        (b'{"mediaType": "a', "the bundle ends in the middle: it was cut off"),
        (b'{"mediaType": ', "the bundle ends in the middle: it was cut off"),
        (b"hello", "the bundle is no JSON"),
        (b"{} {}", "the bundle is no JSON"),
        (b"[]", "the bundle is no JSON object"),
        (b"\xff", "the bundle is not UTF-8"),
    ],
)
def test_what_is_no_bundle_is_told_in_its_own_words(owner, checked, content, words):
    assert [one.error.message for one in checked(owner, content).refused] == [words]


def test_hints_say_which_key_and_which_report_were_meant(shared_double, making, key, owner, checked):
    stranger = making.by_key(shared_double, making.statement(FILES), ec.generate_private_key(ec.SECP256R1()))
    good = making.by_key(shared_double, making.statement(FILES), key)
    changed = making.by_key(shared_double, making.statement(FILES), key)
    changed["dsseEnvelope"]["payload"] = making.b64(making.statement({}))
    assert "names another key" in checked(owner, stranger).refused[0].error.hint
    assert "was changed" in checked(owner, changed).refused[0].error.hint
    hints = [one.error.hint for one in checked(owner, good, require=["qualty", "fairness"]).refused]
    assert hints == ["did you mean quality?", "run it and sign what it reports; there are reports of quality"]
