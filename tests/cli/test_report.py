"""What `report merge` is told, by words or by the variables of a native step."""

import json

import pytest


@pytest.fixture
def jobs(trial):
    """Output directories as jobs leave them, each with one report that passed."""

    def made(folder, name):
        assert trial("trial", "--id", name, "--out", folder, "-q").returncode == 0

    return made


def ids(trial, out):
    return json.loads((trial.cwd / out / "run.json").read_text())["ids"]


def test_a_native_step_says_all_of_it_in_variables(trial, jobs):
    for folder, name in (("jobs/one", "a"), ("jobs/two, *", "b"), ("jobs/zero", "c")):
        jobs(folder, name)
    (trial.cwd / "jobs/log.txt").write_text("no folder")
    run = trial("report", "merge", MLOPS_INPUT_FROM="jobs/*", MLOPS_INPUT_REQUIRE="a,b,c", MLOPS_INPUT_OUT="all")
    assert (run.returncode, ids(trial, "all")) == (0, ["a", "b", "c", "required"]), run.stderr
    run = trial("report", "merge", MLOPS_INPUT_FROM='["jobs/two, *", "jobs/one"]', MLOPS_INPUT_REQUIRE='["a", "d"]', MLOPS_INPUT_OUT="some")
    assert (run.returncode, ids(trial, "some")) == (1, ["b", "a", "required"]), run.stderr
    run = trial("report", "merge", "jobs/one", "--require", "a", "--out", "one", MLOPS_INPUT_FROM="jobs/*", MLOPS_INPUT_REQUIRE="b")
    assert (run.returncode, ids(trial, "one")) == (0, ["a", "required"]), run.stderr


def test_what_a_variable_does_not_say_is_told(trial, jobs):
    jobs("ja", "a")
    for env, told in (
        ({}, "missing argument"),
        ({"MLOPS_INPUT_FROM": ""}, "missing argument"),
        ({"MLOPS_INPUT_FROM": "[1"}, "MLOPS_INPUT_FROM: not valid JSON"),
        ({"MLOPS_INPUT_FROM": "no/*"}, "no/* holds no report.json"),
        ({"MLOPS_INPUT_FROM": "ja", "MLOPS_INPUT_REQUIRE": "a,,b"}, "one of its items is empty"),
    ):
        run = trial("report", "merge", **env)
        assert (run.returncode, told in run.stderr) == (2, True), (env, run.stderr)


def test_a_place_that_is_not_there_is_named_although_what_is_required_is(trial, jobs):
    jobs("ja", "a")
    run = trial("report", "merge", "ja", "nope", "--require", "a", "--out", "both")
    assert run.returncode == 0
    assert "nope: no such folder, passed over" in run.stderr
    assert "ja: " not in run.stderr
