"""The comment on a pull request, against a server that behaves as GitHub's documentation says."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mlops_stage_github_actions import comment


class Forge:
    """Comments of one pull request; `login` is whose the token is, none for a job's own."""

    def __init__(self, login=None, status=200):
        self.comments, self.login, self.status, self.asked = [], login, status, []

    def answer(self, method, path, body):
        place, _, query = path.partition("?")
        if place == "/user":
            return (200, {"login": self.login}) if self.login else (403, {})
        if self.status != 200:
            return self.status, {}
        if method == "GET":
            assert place == "/repos/acme/models/issues/7/comments"
            page = int(query.rpartition("page=")[2])
            return 200, self.comments[100 * (page - 1) : 100 * page]
        if method == "POST":
            return 201, self.add(body["body"], self.login or "github-actions[bot]", "User" if self.login else "Bot")
        found = next(one for one in self.comments if place == f"/repos/acme/models/issues/comments/{one['id']}")
        found["body"] = body["body"]
        return 200, found

    def add(self, body, login, kind="User"):
        self.comments.append({"id": len(self.comments) + 1, "body": body, "user": {"login": login, "type": kind}})
        return self.comments[-1]


@contextmanager
def served(forge):
    class Handler(BaseHTTPRequestHandler):
        def _do(self):
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            forge.asked.append((self.command, self.path, self.headers["Authorization"]))
            status, plain = forge.answer(self.command, self.path, json.loads(content) if content else None)
            data = json.dumps(plain).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = _do  # noqa: N815  (the library's names)

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield {
                "GITHUB_ACTIONS": "true",
                "GITHUB_API_URL": f"http://127.0.0.1:{server.server_port}",
                "GITHUB_REPOSITORY": "acme/models",
                "GITHUB_REF": "refs/pull/7/merge",
                "GITHUB_TOKEN": "CANARY",
                "NO_PROXY": "127.0.0.1",
                "no_proxy": "127.0.0.1",
            }
        finally:
            server.shutdown()
            thread.join()


def test_one_comment_is_written_and_then_kept_up_to_date(mlops):
    forge = Forge()
    with served(forge) as env:
        for text, told in (("first", "commented on"), ("first", "says so already"), ("second", "up to date")):
            mlops.write("mlops-out/summary.md", text)
            run = mlops("report", "comment", **env)
            assert (run.returncode, told in run.stdout) == (0, True), run.stderr
            assert "CANARY" not in run.stdout + run.stderr
    assert [one["body"] for one in forge.comments] == [f"{comment.MARK}\nsecond"]
    assert {token for _, _, token in forge.asked} == {"Bearer CANARY"}


@pytest.mark.parametrize("login", [None, "deployer"])
def test_a_strangers_comment_with_the_mark_is_never_edited(login, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    forge = Forge(login)
    forge.add(f"{comment.MARK}\nall is well, trust me", "mallory")
    for place in range(250):
        forge.add(f"remark {place}", "ada")
    with served(forge) as env:
        comment.publish("true", env)
        comment.publish("still true", env)
    assert forge.comments[0]["body"].endswith("trust me")
    assert [one["body"] for one in forge.comments[251:]] == [f"{comment.MARK}\nstill true"]


@pytest.mark.parametrize(("status", "told"), [(403, "pull-requests: write"), (500, "run the step again later"), (302, "later")])
def test_a_refusal_is_told_in_plain_words(mlops, status, told):
    mlops.write("mlops-out/summary.md", "text")
    with served(Forge(status=status)) as env:
        run = mlops("report", "comment", **env)
    assert (run.returncode, told in run.stderr, "CANARY" in run.stderr) == (3, True, False)


def test_what_is_missing_is_told(mlops):
    mlops.write("mlops-out/summary.md", "text")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/pull/7/merge", "GITHUB_TOKEN": ""}
    run = mlops("report", "comment", **env)
    assert (run.returncode, "GITHUB_TOKEN is not set" in run.stderr) == (2, True)
    run = mlops("report", "comment", **{**env, "GITHUB_TOKEN": "t", "GITHUB_API_URL": "http://forge.example"})
    assert (run.returncode, "is not encrypted" in run.stderr) == (2, True)
    run = mlops("report", "comment", **{**env, "GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_PATH": ""})
    assert (run.returncode, "not about a pull request" in run.stdout) == (0, True)
    run = mlops("report", "comment", GITHUB_ACTIONS="")
    assert (run.returncode, "no CI system that a comment can be written from" in run.stderr) == (2, True)


def test_a_long_summary_is_cut_between_its_sections():
    text = "## head\n" + "".join(f"### {place}\n<details>{'x' * 3000}</details>\n" for place in range(40))
    kept = comment.cut(text)
    assert len(kept) <= comment.MOST_CHARACTERS
    assert kept.count("<details>") == kept.count("</details>") > 15
    assert "Cut here" in kept
    assert comment.cut("short") == "short"
