"""Served models, asked of a real server in a process of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from mlops_stage.errors import ExitCode, InputError, UsageError
from mlops_stage.inputs.model import Model, Served, open_model
from mlops_stage.inputs.oip import link
from mlops_stage.inputs.predictions import Question, score
from mlops_stage.inputs.served import NOTE
from mlops_stage.inputs.tables.open import open_table

INCOME = Path(__file__).parents[2] / "docs" / "examples" / "income"
BASELINE = INCOME / "baseline.onnx"
TOKEN = "canary-5f0c1d"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(link, "_BACK_OFF_SECONDS", 0.01)


@pytest.fixture
def rows():
    session = open_model(str(BASELINE), INCOME).session()
    generator = np.random.default_rng(0)
    made = {}
    for port in session.facts.inputs:
        texts = np.array(["Private", "Sales", "", "Ünïcode\n"], dtype=object)
        made[port.name] = (
            generator.choice(texts, (50, 1)) if port.dtype == "string" else generator.integers(0, 60, (50, 1)).astype(port.dtype)
        )
    return made


def requests_of(tmp_path):
    return [json.loads(line) for line in (tmp_path / "requests.jsonl").read_text().splitlines()]


def every_type():
    """A model that gives back what it gets, one pair of ports for each type of numbers, text and truth."""
    kinds = {"FLOAT": "f4", "DOUBLE": "f8", "FLOAT16": "f2", "INT32": "i4", "INT64": "i8", "BOOL": "?", "STRING": "O"}
    ports = [
        [helper.make_tensor_value_info(f"{side}{kind}", getattr(TensorProto, kind), ["N", 2]) for kind in kinds] for side in ("x", "y")
    ]
    nodes = [helper.make_node("Identity", [f"x{kind}"], [f"y{kind}"]) for kind in kinds]
    model = helper.make_model(helper.make_graph(nodes, "g", *ports), opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model, kinds


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_served_model_answers_as_its_file_does(serve, tmp_path, rows, flags):
    origin = serve(BASELINE, *flags)
    served, file = open_model(f"{origin}/v2/models/income", tmp_path), open_model(str(BASELINE), tmp_path)
    assert isinstance(served, Served)
    assert isinstance(file, Model)
    assert served.binary is (not flags)
    assert [(port.name, port.dtype) for port in served.inputs] == [(port.name, port.dtype) for port in file.inputs]
    outputs = [port.name for port in file.outputs]
    for here, there in zip(file.session().run(rows, outputs), served.session().run(rows, outputs), strict=True):
        np.testing.assert_array_equal(np.asarray(here), there)
    assert [path for _, path, _, _ in requests_of(tmp_path)] == [
        "/v2",
        "/v2/models/income",
        "/v2/models/income/ready",
        "/v2/models/income/infer",
    ]


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_every_type_survives_the_wire(serve, tmp_path, flags):
    model, kinds = every_type()
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    session = open_model(f"{serve(tmp_path / 'm.onnx', *flags)}/v2/models/income", tmp_path).session()
    largest = {"i4": 2**31 - 1, "i8": -(2**63), "f2": 65504, "f4": 1e-45, "f8": 1.7976931348623157e308, "?": True}
    feeds = {f"x{kind}": np.array([[largest.get(code, "ä\0,\n"), 0], [1, 0.1]]).astype(code) for kind, code in kinds.items()}
    feeds["xSTRING"] = np.array([["ä,\n\u2028", ""], ["1", "x" * 70_000]], dtype=object)
    for kind, values in zip(kinds, session.run(feeds, [f"y{kind}" for kind in kinds]), strict=True):
        np.testing.assert_array_equal(values, feeds[f"x{kind}"])
        assert values.dtype == feeds[f"x{kind}"].dtype


def test_the_subject_is_name_version_and_description(serve, tmp_path):
    origin = serve(BASELINE, version="7")
    found = open_model(f"{origin}/v2/models/income", tmp_path)
    assert (found.version, found.subjects("baseline")[0].role, found.subjects()[0].name) == ("7", "baseline", f"{origin}/v2/models/income")
    assert open_model(f"{origin}/v2/models/income/versions/7", tmp_path).sha256 == found.sha256
    assert open_model(f"{serve(BASELINE, version='7')}/v2/models/income", tmp_path).sha256 == found.sha256
    assert open_model(f"{serve(BASELINE, version='8')}/v2/models/income", tmp_path).sha256 != found.sha256
    assert open_model(f"{serve(INCOME / 'candidate.onnx', version='7')}/v2/models/income", tmp_path).sha256 == found.sha256, (
        "weights are not seen"
    )


def test_predictions_of_a_served_model_are_those_of_its_file_and_are_not_kept(serve, tmp_path):
    origin = serve(INCOME / "candidate.onnx")
    table, question = open_table("data/test.parquet", INCOME), Question(label="income", slices=("sex",))
    served = score(open_model(f"{origin}/v2/models/income", tmp_path), table, tmp_path / "cache", question)
    file = score(open_model(str(INCOME / "candidate.onnx"), tmp_path), table, None, question)
    np.testing.assert_array_equal(served.score, file.score)
    np.testing.assert_array_equal(served.prediction, file.prediction)
    assert served.classes == file.classes
    assert [note for note in served.notes if note not in file.notes] == [NOTE]
    assert not (tmp_path / "cache").exists()


def test_requests_are_cut_to_the_largest_batch(serve, tmp_path, rows):
    expected = open_model(str(BASELINE), tmp_path).session().run(rows, ["label"])[0]
    for options in ({"most_rows": 8}, {"fault": json.dumps([{"path": ".*infer", "status": 413, "times": 3}])}):
        found = open_model(f"{serve(BASELINE, **options)}/v2/models/income", tmp_path)
        assert found.session().run(rows, ["label"])[0].tolist() == expected.tolist()
    assert sum(path.endswith("/infer") for _, path, _, _ in requests_of(tmp_path)) > 7 + 8


def test_a_busy_server_is_asked_again_and_a_lost_connection_is_made_anew(serve, tmp_path, rows):
    faults = [
        {"path": "/v2", "status": 503, "times": 2, "headers": {"Retry-After": "0"}},
        {"path": ".*/income", "action": "reset", "times": 2},
        {"path": ".*infer", "status": 429},
        {"path": ".*infer", "action": "reset"},
    ]
    found = open_model(f"{serve(BASELINE, fault=json.dumps(faults))}/v2/models/income", tmp_path)
    assert len(found.session().run(rows, ["label"])[0]) == 50
    assert len(requests_of(tmp_path)) == 3 + 3 + 1 + 3


def fault(path, **what):
    return json.dumps([{"path": path, "times": 99, **what}])


OPENING = {
    "503": (fault(".*/ready", status=503), "is not ready (503)", "/ready"),
    "400": (fault(".*/ready", status=400), "is not ready (400)", "/ready"),
    "reset": (fault(".*", action="reset"), "nothing answers at http://127.0.0.1:", "start the server"),
    "html": (fault(".*/income", status=200, body="<html>"), "does not speak the Open Inference Protocol v2: it is no JSON", "address"),
    "list": (fault(".*/income", status=200, body="[1]"), "does not speak the Open Inference Protocol v2: it is no JSON object", "address"),
    "deep": (fault(".*/income", status=200, body="[", repeat=100_000), "it is no JSON", "address"),
    "nothing": (fault(".*/income", status=200, body="{}"), "cannot be used: it names no inputs", "datatype"),
    "nan": (fault(".*/income", status=200, body='{"a": NaN}'), "does not speak", "address"),
    "port": (fault(".*/income", status=200, body='{"inputs": [{"name": "x"}]}'), "a tensor has no name or no datatype", "datatype"),
    "shape": (
        fault(".*/income", status=200, body='{"inputs": [{"name": "x", "datatype": "FP32", "shape": [null]}]}'),
        "'x' has no shape",
        "",
    ),
    "error": (fault(".*/income", status=500, body='{"error": "out of\\nmemory \\u001b[31m"}'), "500, out of memory \\x1b[31m", "log"),
    "huge": (fault(".*/income", status=200, body="x" * 1024, repeat=70 * 1024), "answers with more than 64 MiB", ""),
    "gzip": (fault(".*/income", status=200, headers={"Content-Encoding": "gzip"}), "compresses its answers although", "compression"),
    "redirect": (
        fault(".*/income", status=302, headers={"Location": "http://u:p@other.example/"}),
        "redirects to http://other.example, where",
        "",
    ),
    "downgrade": (fault(".*/income", status=308, headers={"Location": "//127.0.0.1:1/x"}), "redirects to http://127.0.0.1:1", ""),
    "round": (fault(".*/income", status=307, headers={"Location": "/v2/models/income"}), "redirects again and again", ""),
    "not oip": (fault(".*", status=404), "speaks the Open Inference Protocol v2 (404)", "before /v2"),
}


@pytest.mark.parametrize("kind", OPENING)
def test_a_server_that_cannot_be_used_is_told_in_one_line(serve, tmp_path, kind):
    faults, message, hint = OPENING[kind]
    with pytest.raises(InputError) as caught:
        open_model(f"{serve(BASELINE, fault=faults)}/v2/models/income", tmp_path)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint
    assert caught.value.code is ExitCode.STAGE


ANSWERS = {
    "fewer rows": "has the shape [49] for 50 rows",
    "type": "is of type INT32, not BYTES",
    "short": "bytes, and they are not there",
    "size": "bytes, and they are not there",
    "no output": "it has no output 'label'",
    "version": "was answered by version",
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_that_is_not_for_these_rows_is_told(serve, tmp_path, rows, kind):
    found = open_model(f"{serve(BASELINE, fault=fault('.*infer', wrong=kind))}/v2/models/income", tmp_path)
    session = found.session()
    if kind == "version":
        session.run(rows, ["label"])
    with pytest.raises(InputError) as caught:
        session.run(rows, ["label"])
    assert ANSWERS[kind] in caught.value.message


def test_what_a_server_says_against_the_rows_is_passed_on(serve, tmp_path, rows):
    found = open_model(f"{serve(BASELINE)}/v2/models/income", tmp_path)
    with pytest.raises(InputError, match=r"/v2/models/income refuses the data: 400, .*mismatched dimensions of 50 and 49"):
        found.session().run({**rows, "workclass": rows["workclass"][:49]}, ["label"])
    json_only = open_model(f"{serve(BASELINE, '--json')}/v2/models/income", tmp_path)
    rows["age"][6] = np.nan
    with pytest.raises(
        InputError, match="row 7 of this call has an empty, NaN or infinite cell for model input 'age', and JSON cannot carry it"
    ):
        json_only.session().run(rows, ["label"])
    wrong = open_model(f"{serve(BASELINE, '--json', fault=fault('.*infer', wrong='text'))}/v2/models/income", tmp_path)
    rows["age"][6] = 1
    with pytest.raises(InputError, match="the output 'label' holds 1, which is no string"):
        wrong.session().run(rows, ["label"])


def test_a_model_that_is_not_there_is_told_beside_those_that_are(serve, tmp_path):
    origin = serve(BASELINE)
    with pytest.raises(InputError, match=r"has no model 'incom'") as caught:
        open_model(f"{origin}/v2/models/incom", tmp_path)
    assert caught.value.hint == "did you mean 'income'?"
    with pytest.raises(InputError, match=r"has no model 'income version 9'"):
        open_model(f"{origin}/v2/models/income/versions/9", tmp_path)


def test_nothing_there_is_told_soon(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(InputError, match=rf"nothing answers at http://127.0.0.1:{port}: connection refused") as caught:
        open_model(f"http://127.0.0.1:{port}/v2/models/m", tmp_path)
    assert caught.value.code is ExitCode.STAGE
    with pytest.raises(InputError, match="nothing answers at http://nowhere.invalid: no such host"):
        open_model("http://nowhere.invalid/v2/models/m", tmp_path)


def test_a_server_that_falls_silent_is_not_waited_for_forever(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(link, "READ_SECONDS", 0.2)
    origin = serve(BASELINE, fault=fault(".*/income", action="slow", seconds=2))
    with pytest.raises(InputError, match="did not answer within"):
        open_model(f"{origin}/v2/models/income", tmp_path)


def test_the_token_is_given_and_never_shown(serve, tmp_path, rows):
    origin = serve(BASELINE, token=TOKEN)
    found = open_model(f"{origin}/v2/models/income", tmp_path, env={"SERVER": f"{TOKEN}\n"}, token_env="SERVER")
    assert len(found.session().run(rows, ["label"])[0]) == 50
    assert {token for _, _, token, _ in requests_of(tmp_path)} == {f"Bearer {TOKEN}"}
    assert TOKEN not in repr(found)
    with pytest.raises(InputError, match="refuses access: 401") as caught:
        open_model(f"{origin}/v2/models/income", tmp_path)
    assert "model_token_env" in caught.value.hint
    echoing = serve(BASELINE, fault=fault(".*/income", status=400, body=json.dumps({"error": f"bad {TOKEN}"})))
    for where in (echoing, "http://127.0.0.1:1"):
        with pytest.raises(InputError) as caught:
            open_model(f"{where}/v2/models/income", tmp_path, env={"SERVER": TOKEN}, token_env="SERVER")
        assert TOKEN not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({}, "is not set, or empty"),
        ({"MY_TOKEN": " \n"}, "is not set, or empty"),
        ({"MY_TOKEN": f"Bearer {TOKEN}"}, "no token: it has blanks"),
    ],
)
def test_a_token_that_is_none_is_wrong_usage(tmp_path, env, message):
    with pytest.raises(UsageError) as caught:
        open_model("https://127.0.0.1:1/v2/models/m", tmp_path, env=env, token_env="MY_TOKEN")
    assert message in caught.value.message
    assert TOKEN not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    "host", ["models.example.com", "127.0.0.1.example.com", "10.0.0.7", "127.1", "0x7f.1", "[2001:db8::1]", "localhost.example.com"]
)
def test_a_token_does_not_travel_over_plain_http(tmp_path, host):
    with pytest.raises(UsageError, match="is not sent to .* over plain http"):
        open_model(f"http://{host}/v2/models/m", tmp_path, env={"T": TOKEN}, token_env="T")


def test_a_token_does_not_follow_a_redirect(serve, tmp_path):
    thief = serve(BASELINE)
    origin = serve(BASELINE, fault=fault("/v2", status=307, headers={"Location": f"{thief}/v2"}))
    before = len(requests_of(tmp_path)) if (tmp_path / "requests.jsonl").exists() else 0
    with pytest.raises(InputError, match="redirects to http://127.0.0.1:"):
        open_model(f"{origin}/v2/models/income", tmp_path, env={"T": TOKEN}, token_env="T")
    assert len(requests_of(tmp_path)) == before + 1, "only the first server was asked"


def test_a_redirect_within_the_server_is_followed(serve, tmp_path):
    origin = serve(
        BASELINE, fault=json.dumps([{"path": "/v2/models/income", "status": 301, "headers": {"Location": "/v2/models/income/versions/3"}}])
    )
    assert open_model(f"{origin}/v2/models/income", tmp_path).version == "3"


def test_netrc_and_proxies_play_no_part(serve, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    open_model(f"{serve(BASELINE)}/v2/models/income", tmp_path)
    assert {token for _, _, token, _ in requests_of(tmp_path)} == {None}


def test_certificates_are_verified(serve, tmp_path):
    pem = tmp_path / "server.pem"
    made = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(
        ["openssl", *made.split()],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    pem.write_text((tmp_path / "key.pem").read_text() + (tmp_path / "cert.pem").read_text())
    origin = serve(BASELINE, certificate=pem, token=TOKEN)
    url = f"{origin}/v2/models/income"
    with pytest.raises(InputError, match="no trusted connection to https://127.0.0.1:.*: its certificate is self-signed") as caught:
        open_model(url, tmp_path, env={"T": TOKEN}, token_env="T")
    assert "SSL_CERT_FILE" in caught.value.hint
    assert open_model(url, tmp_path, env={"T": TOKEN, "SSL_CERT_FILE": str(tmp_path / "cert.pem")}, token_env="T").binary
    with pytest.raises(UsageError, match="SSL_CERT_FILE names .*, which does not exist"):
        open_model(url, tmp_path, env={"SSL_CERT_FILE": str(tmp_path / "absent")})
    plain = serve(BASELINE)
    with pytest.raises(InputError, match="it speaks plain http there") as caught:
        open_model(f"{plain.replace('http:', 'https:')}/v2/models/income", tmp_path)
    assert "write http://" in caught.value.hint
    with pytest.raises(InputError) as caught:
        open_model(f"{origin.replace('https:', 'http:')}/v2/models/income", tmp_path)
    assert "write https://" in caught.value.hint


def test_a_server_of_tls_that_says_so_in_plain_text(serve, tmp_path):
    body = "The plain HTTP request was sent to HTTPS port"
    origin = serve(BASELINE, fault=json.dumps([{"path": ".*", "status": 400, "body": body, "times": 9}]))
    with pytest.raises(InputError, match="400") as caught:
        open_model(f"{origin}/v2/models/income", tmp_path)
    assert "write https://" in caught.value.hint


def test_a_model_in_a_file_does_not_load_what_asks_servers():
    ask = f"import sys; from pathlib import Path; from mlops_stage.inputs.model import open_model; open_model({str(BASELINE)!r}, Path()).session()"
    subprocess.run([sys.executable, "-P", "-c", f"{ask}; sys.exit('requests' in sys.modules)"], check=True)
