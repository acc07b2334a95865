"""The comment on a pull request, against a server that behaves as GitHub's documentation says."""

from contextlib import contextmanager

import forge
import pytest
from forge import TOKEN, Forge

from mlops_stage_github_actions import comment


@contextmanager
def served(one):
    """What a job about the pull request sees."""
    with forge.served(one) as env:
        job = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": forge.REPOSITORY, "GITHUB_REF": f"refs/pull/{forge.NUMBER}/merge"}
        yield {**env, **job, "GITHUB_TOKEN": TOKEN}


def test_one_comment_is_written_and_then_kept_up_to_date(mlops):
    one = Forge()
    with served(one) as env:
        for text, told in (("first", "commented on"), ("first", "says so already"), ("second", "up to date")):
            mlops.write("mlops-out/summary.md", text)
            run = mlops("report", "comment", **env)
            assert (run.returncode, told in run.stdout) == (0, True), run.stderr
            assert TOKEN not in run.stdout + run.stderr
    assert [found["body"] for found in one.comments] == [f"{comment.MARK}\nsecond"]
    assert [method for method, path in one.asked if path != "/user"] == ["GET", "POST", "GET", "GET", "PATCH"]


@pytest.mark.parametrize("login", ["", "deployer"])
def test_a_strangers_comment_with_the_mark_is_never_edited(login, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    one = Forge(login)
    one.add(f"{comment.MARK}\nall is well, trust me", "mallory")
    one.add(f"{comment.MARK}\nbump", "dependabot[bot]", "Bot")
    for place in range(250):
        one.add(f"remark {place}", "ada")
    with served(one) as env:
        comment.publish("true", env)
        comment.publish("still true", env)
    assert [found["body"].split()[-1] for found in one.comments[:2]] == ["me", "bump"]
    assert [found["body"] for found in one.comments[252:]] == [f"{comment.MARK}\nstill true"]


def test_a_password_that_the_machine_keeps_for_that_server_does_not_take_the_place_of_the_token(monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password sesame\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    one = Forge()
    with served(one) as env:
        comment.publish("true", env)
    assert len(one.comments) == 1


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (Forge(status=403), "GitHub refuses to read comments"),
        (Forge(fork=True), "GitHub refuses to write comments"),
        (Forge(fork=True), "pull-requests: write"),
        (Forge(status=500), "run the step again later"),
        (Forge(status=302), "later"),
    ],
)
def test_a_refusal_is_told_in_plain_words(mlops, one, told):
    mlops.write("mlops-out/summary.md", "text")
    with served(one) as env:
        run = mlops("report", "comment", **env)
    assert (run.returncode, told in run.stderr, TOKEN in run.stderr) == (3, True, False)
    assert one.comments == []


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
