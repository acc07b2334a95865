"""`mlops-stage doctor` names what would keep a run from ending well, and no secret."""

import http.server
import json
import threading
from contextlib import contextmanager

import pytest

CLEAN = dict.fromkeys(
    (
        *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"),
        *("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "SIGSTORE_ID_TOKEN"),
        *("GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "MLOPS_STAGE_WHEELS"),
    ),
    "",
)


@pytest.fixture
def doctor(mlops):
    """What it says, by what it is about."""

    def examined(*args, **env):
        run = mlops("doctor", "--json", *args, **{**CLEAN, **env})
        found = json.loads(run.stdout)
        assert run.returncode == (3 if any(one["state"] == "wrong" for one in found) else 0)
        by: dict[str, list] = {}
        for one in found:
            by.setdefault(one["about"], []).append((one["state"], one["says"], one["do"]))
        return by

    return examined


def wrong(found):
    return {about: says for about, told in found.items() for state, says, _ in told if state == "wrong"}


def test_where_all_is_well_nothing_is_wrong_and_nothing_is_left_behind(mlops, doctor):
    found = doctor()
    assert wrong(found) == {}
    assert {"python", "memory", "output", "cache", "disk", "temporary files", "plugins", "config", "ci", "tokens", "index"} <= set(found)
    assert not (mlops.cwd / "mlops-out").exists()
    assert not (mlops.cwd / ".cache").exists()
    run = mlops("doctor", **CLEAN)
    assert (run.returncode, "Nothing is wrong that could be seen." in run.stdout) == (0, True)


@pytest.mark.parametrize(
    ("files", "env", "about", "told"),
    [
        ({"mlops-out/thesis.txt": "mine"}, {}, "output", "holds other files"),
        ({"mlops-out": "a file"}, {}, "output", "is a file"),
        ({"cache": "a file"}, {"MLOPS_STAGE_CACHE": "cache"}, "cache", "cannot write to"),
        ({"mlops.yaml": "version: 1\nstages: {qualty: {}}\n"}, {}, "config", "unknown stage 'qualty'"),
        ({}, {"MLOPS_POLICY": "floor.yaml"}, "config", "MLOPS_POLICY is set"),
        ({}, {"HTTPS_PROXY": "http://u:SECRET@proxy:99999"}, "proxy", "HTTPS_PROXY names no proxy"),
        ({}, {"SSL_CERT_FILE": "absent.pem"}, "certificates", "SSL_CERT_FILE: absent.pem does not exist"),
        ({"own.pem": "SECRET"}, {"REQUESTS_CA_BUNDLE": "own.pem"}, "certificates", "REQUESTS_CA_BUNDLE: own.pem cannot be used"),
        ({}, {"MLOPS_STAGE_WHEELS": "wheels"}, "index", "MLOPS_STAGE_WHEELS: wheels holds no wheel"),
        (
            {"mlops.yaml": "version: 1\nstages: {quality: {model: https://m.example/v2/models/m, model_token_env: SECRET}}\n"},
            {},
            "tokens",
            "quality: model_token_env names a variable that is not set",
        ),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(mlops, doctor, files, env, about, told):
    for name, text in files.items():
        mlops.write(name, text)
    found = doctor(**env)
    assert told in wrong(found)[about]
    assert all(do for state, _, do in found[about] if state == "wrong")
    assert "SECRET" not in json.dumps(found)


def test_a_broken_plugin_and_a_stage_that_is_not_there(trial, tmp_path):
    site = tmp_path / "site/broken-1.0.dist-info"
    site.mkdir(parents=True)
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (site / "entry_points.txt").write_text("[mlops_stage]\nbroken = a_module_that_is_not_there\n")
    run = trial("doctor", **CLEAN, PYTHONPATH=str(tmp_path / "site"), MLOPS_STAGE_PLUGINS="")
    assert run.returncode == 3
    assert "broken of broken is broken: " in run.stdout
    assert "update or uninstall broken" in run.stdout


def test_libraries_of_the_stages_that_are_named(trial, tmp_path):
    site = tmp_path / "site"
    (site / "mlops_stage_lame").mkdir(parents=True)
    (site / "mlops_stage_lame-1.0.dist-info").mkdir()
    (site / "mlops_stage_lame-1.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: mlops-stage-lame\nVersion: 1.0\nProvides-Extra: walk\nProvides-Extra: run\n"
        'Requires-Dist: mlops-stage-lame[walk]; extra == "run"\nRequires-Dist: click>=8; extra == "run"\n'
        "Requires-Dist: a-crutch[big]>=1,<2; extra == 'walk'\n"
        "Requires-Dist: a-horse; python_version < '3' and extra == 'walk'\n"
    )
    (site / "mlops_stage_lame-1.0.dist-info/entry_points.txt").write_text("[mlops_stage]\nlame = mlops_stage_lame\n")
    (site / "mlops_stage_lame/__init__.py").write_text(
        "from mlops_stage import Stage, hookimpl\n\n\n@hookimpl\ndef mlops_stages():\n"
        "    return [Stage(name='lame', summary='s', params='mlops_stage.params:Params', measure='mlops_stage_lame.m:m', extra='run')]\n"
    )
    trial.write("mlops.yaml", "version: 1\nstages: {lame: {}}\n")
    run = trial("doctor", **CLEAN, PYTHONPATH=str(site), MLOPS_STAGE_PLUGINS="")
    assert run.returncode == 3
    assert "lame needs a-crutch, not installed here" in run.stdout
    assert "pip install 'mlops-stage-lame[run]'" in run.stdout


def test_tokens_are_told_by_name_alone_and_the_ci_system_by_its_adapter(doctor):
    found = doctor(SIGSTORE_ID_TOKEN="CANARY", GITHUB_ACTIONS="true")
    assert ("good", "SIGSTORE_ID_TOKEN is set", "") in found["tokens"]
    assert found["ci"][0][1] == "this is github_actions"
    assert "CANARY" not in json.dumps(found)


@contextmanager
def an_index(status):
    asked = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://user:CANARY@127.0.0.1:{server.server_port}/simple", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "state", "told"), [(200, "good", "answers"), (401, "wrong", "refuses: 401"), (404, "wrong", "answers 404")]
)
def test_the_index_is_asked_only_when_that_is_wanted(doctor, status, state, told):
    with an_index(status) as (url, asked):
        found = doctor(PIP_INDEX_URL=url)
        assert (found["index"][0][0], asked) == ("note", [])
        found = doctor("--network", PIP_INDEX_URL=url, NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
        assert found["index"][0][0] == state
        assert told in found["index"][0][1]
        assert asked == ["/simple/pip/"]
        assert "CANARY" not in json.dumps(found)


def test_an_index_that_cannot_be_reached(doctor):
    found = doctor("--network", PIP_INDEX_URL="http://127.0.0.1:9/simple", NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
    assert "cannot be reached" in wrong(found)["index"]
