"""Further verbs of a stage: their words, their values, what they say."""

import json

import pytest


def test_a_verb_works_in_the_stages_process_and_says_what_it_did(trial):
    done = trial("trial", "paint", "wall", "--coats", "2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "painted wall, label y_true\n", "")
    assert (trial.cwd / "wall.txt").read_text() == "redred"
    assert not (trial.cwd / "mlops-out").exists()


def test_a_verb_of_two_words_and_its_own_exit_code(trial):
    assert trial("trial", "wall", "show", "fence").returncode == 1


def test_what_the_command_line_leaves_open_comes_from_the_stages_entry(trial):
    trial.write("mlops.yaml", "version: 1\nlabel: wide\nstages: {trial: {share: 0.2}}\n")
    assert "label wide" in trial("trial", "paint", "wall").stdout
    trial.write("mlops.yaml", "version: 1\nlabel: wide\nruns: [{id: mine, stage: trial, with: {label: own}}]\n")
    assert "label own" in trial("trial", "paint", "wall").stdout
    assert "label said" in trial("trial", "paint", "wall", "--label", "said").stdout


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["paint"], 2, "missing argument"),
        (["pain", "wall"], 2, "stage trial has no command 'pain'"),
        (["wall"], 2, "`trial wall` needs one more word"),
        (["wall", "hide"], 2, "`trial wall` has no command 'hide'"),
        (["paint", "wall", "--coats", "0"], 2, "--coats: input should be greater than or equal to 1"),
        (["paint", "nothing"], 3, "there is nothing to paint"),
        (["paint", "nonsense"], 4, "trial paint answered with something that is no Reply"),
    ],
)
def test_a_wrong_verb_is_told_in_one_line(trial, args, code, message):
    done = trial("trial", *args)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert done.stderr.lower().startswith(f"error: {message.lower()}")


def test_help_lists_the_verbs(trial):
    assert "wall show" in trial("trial", "--help").stdout
    assert "wall show" in trial("trial", "wall", "--help").stdout
    assert "number of coats" in trial("trial", "paint", "--help").stdout


def test_a_stage_gets_the_variable_that_a_param_names_and_no_other(trial):
    trial("trial", "--do", "environment", "--model-token-env", "MY_TOKEN", MY_TOKEN="CANARY", OTHER_TOKEN="other")
    report = (trial.cwd / "mlops-out" / "trial" / "report.json").read_text()
    seen = {finding["message"] for finding in json.loads(report)["findings"]}
    assert "MY_TOKEN" in seen
    assert "OTHER_TOKEN" not in seen
    assert "CANARY" not in report
