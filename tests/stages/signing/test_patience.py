"""How often a service is asked, and what its answers mean."""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
import urllib3

from mlops_stage.errors import StageError
from mlops_stage.stages.signing import waiting
from mlops_stage.stages.signing.patience import GivenUpError, Patience, RefusedError, in_parallel
from mlops_stage.stages.signing.signers import OutageError

HASTY = {"attempts": 3, "pause": 0.001}


def failing(error, times=99):
    """A question that fails so often, and then is answered."""
    asked = []

    def question():
        asked.append(1)
        if len(asked) <= times:
            raise error
        return "answer"

    return question, asked


def wrapped(cause):
    """As a library hides what went wrong."""
    error = RuntimeError("jargon")
    error.__cause__ = cause
    return error


def answered(status, body=b'{"message": "out of order"}'):
    response = requests.Response()
    response.status_code, response._content, response.reason = status, body, "Reason"
    return requests.HTTPError(response=response)


def test_a_service_that_comes_back_is_answered():
    question, asked = failing(requests.ConnectionError(), times=2)
    assert Patience(**HASTY).ask("the log", question) == "answer"
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (requests.ConnectionError("http://user:secret@host"), "the log failed: no connection, 3 times"),
        (requests.ReadTimeout(), "the log failed: it did not answer in time, 3 times"),
        (answered(502), "the log failed: status 502: out of order, 3 times"),
        (answered(503, b"<html>"), "the log failed: status 503: Reason, 3 times"),
        (answered(500, b"[]"), "the log failed: status 500: Reason, 3 times"),
        (ValueError("the answer in full"), r"the log failed: its answer cannot be used, 3 times"),
        (requests.JSONDecodeError("secret", "<html>", 0), "the log failed: its answer cannot be used, 3 times"),
        (wrapped(urllib3.exceptions.ProxyError("secret", OSError())), "the log failed: no connection, 3 times"),
        (wrapped(urllib3.exceptions.ReadTimeoutError(None, "", "secret")), "the log failed: it did not answer in time, 3 times"),
    ],
)
def test_an_outage_is_given_up_after_so_many_attempts_and_named(error, told):
    question, asked = failing(error)
    with pytest.raises(GivenUpError, match=told) as given:
        Patience(**HASTY).ask("the log", question)
    assert len(asked) == 3
    assert "secret" not in str(given.value)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_no_is_not_asked_again(status):
    question, asked = failing(answered(status, json.dumps({"message": "no such token"}).encode()))
    with pytest.raises(RefusedError, match=f"the authority refuses with status {status}: no such token"):
        Patience(**HASTY).ask("the authority", question)
    assert len(asked) == 1


def test_an_address_that_is_none_is_asked_once():
    session, asked = requests.Session(), []
    with pytest.raises(RefusedError, match="the log has no address that can be asked"):
        Patience(**HASTY).ask("the log", lambda: (asked.append(1), session.get("nonsense"))[1])
    assert len(asked) == 1


def test_the_answer_behind_the_error_of_a_library_is_found():
    def question():
        try:
            raise answered(403)
        except requests.HTTPError as error:
            raise RuntimeError from error

    with pytest.raises(RefusedError, match="status 403"):
        Patience(**HASTY).ask("the authority", question)


def test_what_has_not_begun_when_a_service_is_given_up_does_not_begin():
    patience = Patience(**HASTY)
    with pytest.raises(GivenUpError):
        patience.ask("the log", failing(ValueError())[0])
    question, asked = failing(ValueError(), times=0)
    with pytest.raises(GivenUpError, match="was not asked any more"):
        patience.ask("the log", question)
    assert asked == []


def test_all_end_before_a_failure_is_raised():
    ended = []

    def work(number):
        if number == 0:
            raise ValueError("the first")
        ended.append(number)

    with pytest.raises(ValueError, match="the first"):
        in_parallel(work, list(range(10)))
    assert sorted(ended) == list(range(1, 10))


def test_a_session_waits_no_longer_than_it_was_told():
    hold = threading.Event()

    class Silent(BaseHTTPRequestHandler):
        def do_GET(self):
            hold.wait(20)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with Patience(read=0.2).session() as session, pytest.raises(requests.ReadTimeout):
            session.get(f"http://127.0.0.1:{server.server_port}/")
    finally:
        hold.set()
        server.shutdown()
        server.server_close()


def working(monkeypatch, tmp_path, body, deadline=20.0):
    """A worker that does this instead."""
    (tmp_path / "stand_in.py").write_text(f"import json, os, sys, time\njob = json.loads(sys.stdin.readline())\n{body}\n")
    monkeypatch.setattr(waiting, "WORKER", "stand_in")
    env = {"PYTHONPATH": str(tmp_path), "PATH": ""}
    return waiting.Worker(deadline=deadline, env=env)


def test_results_come_until_the_last(monkeypatch, tmp_path):
    worker = working(
        monkeypatch, tmp_path, """print('{"name": "a"}\\n{"na', end='', flush=True); print('me": "b"}\\n{"done": true}\\n{"name": "c"}')"""
    )
    assert [one.get("name") for one in worker.results({})] == ["a", "b", None]


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        ('print(\'{"failure": "outage", "message": "the log failed"}\')', OutageError, "the log failed"),
        ('print(\'{"failure": "refused", "message": "no"}\')', StageError, "no"),
        ("sys.exit(7)", StageError, "ended without a word"),
        ("os.kill(os.getpid(), 9)", StageError, "ended without a word"),
        ("print('no json')", StageError, "said something that is no result"),
        ("print('[]')", StageError, "said something that is no result"),
    ],
    ids=["outage", "refused", "exit", "killed", "no json", "no object"],
)
def test_however_the_worker_ends_it_is_said_in_one_line(monkeypatch, tmp_path, body, kind, told):
    with pytest.raises(kind, match=told) as raised:
        list(working(monkeypatch, tmp_path, body).results({}))
    assert "\n" not in raised.value.message


def test_a_worker_that_does_not_end_is_ended(monkeypatch, tmp_path):
    worker = working(monkeypatch, tmp_path, 'print(\'{"name": "a"}\', flush=True); time.sleep(60)', deadline=1.5)
    seen = []
    with pytest.raises(OutageError, match="did not finish within 1.5 s"):
        seen.extend(worker.results({}))
    assert sys.platform != "linux" or not _alive("stand_in")


def test_the_time_is_for_all_jobs_together(monkeypatch, tmp_path):
    worker = working(monkeypatch, tmp_path, "time.sleep(60)", deadline=0.5)
    for _ in range(2):
        with pytest.raises(OutageError, match="did not finish within 0.5 s"):
            list(worker.results({}))
    assert time.monotonic() - worker.begun < 5


def _alive(name):
    from pathlib import Path

    return [place for place in Path("/proc").glob("[0-9]*/cmdline") if name.encode() in _read(place).split(b"\0")]


def _read(place):
    try:
        return place.read_bytes()
    except OSError:
        return b""
