"""A command that ends before it has anything to report still tells the CI system how it ended."""

import json
import re

import pytest


@pytest.fixture
def github(trial):
    """Runs a command as a step of GitHub Actions; gives what came of it and the step's outputs."""

    def run(*args, **env):
        file, summary = trial.cwd / "outputs", trial.cwd / "summary"
        file.write_text("")
        done = trial(*args, GITHUB_ACTIONS="true", GITHUB_OUTPUT=str(file), GITHUB_STEP_SUMMARY=str(summary), **env)
        found = re.findall(r"(?ms)^([\w-]+)<<(end-\w+)\n(.*?)\n\2$", file.read_text())
        return done, {name: value for name, _, value in found}

    return run


REFUSED = [
    (("trial", "--colour", "red"), {}, "no such option '--colour'"),
    (("trial", "--out", "precious"), {}, "holds other files"),
    (("trial",), {"MLOPS_INPUT_EFFORT": "huge"}, "huge"),
    (("run",), {}, "there is nothing to run"),
    (("run", "--config", "none.yaml"), {}, "there is no config file none.yaml"),
    (("report", "merge", "none"), {}, "none holds no report.json"),
    (("report", "merge"), {}, "missing argument"),
    (("qualty",), {}, "unknown command or stage 'qualty'"),
]


@pytest.mark.parametrize(("args", "env", "told"), REFUSED)
def test_a_refusal_is_an_error_of_the_step(github, trial, args, env, told):
    trial.write("precious/thesis.tex", "years")
    done, outputs = github(*args, **env)
    assert done.returncode == 2
    assert told in done.stderr
    assert outputs == {"outcome": "error", "exit-code": "2", "out": "mlops-out", "outputs": "{}"}
    (line,) = done.stdout.splitlines()
    assert line.startswith("::error file=mlops.yaml,line=1,title=mlops-stage/error::")
    assert told in line
    assert told in (trial.cwd / "summary").read_text().replace("\\", "")
    assert not (trial.cwd / "mlops-out").exists()


def test_a_run_tells_the_directory_that_it_wrote_to(github, trial):
    done, outputs = github("trial", "--out", "here/there", MLOPS_INPUT_OUT="of-the-step")
    assert (done.returncode, outputs["out"]) == (0, "here/there")
    done, outputs = github("report", "merge", "here/there", "--out", str(trial.cwd / "merged"), MLOPS_INPUT_OUT="of-the-step")
    assert (done.returncode, outputs["out"]) == (0, "merged")


@pytest.mark.parametrize("args", [("doctor", "--colour"), ("adapters", "check", "--ci", "none"), ("report", "comment"), ("--colour",)])
def test_what_is_no_run_tells_no_step(github, args):
    done, outputs = github(*args)
    assert done.returncode != 0
    assert outputs == {}
    assert "::error" not in done.stdout


def test_each_system_is_told_in_its_own_way(trial):
    results = trial.cwd / "results"
    results.mkdir()
    done = trial("run", MLOPS_STAGE_RESULTS=str(results / "outcome"))
    assert done.returncode == 2
    assert (results / "outcome").read_text() == "error"
    assert json.loads((results / "TEST_OUTPUT").read_text())["result"] == "ERROR"
    trial.write("mlops-out/job/variables.env", "LD_PRELOAD=./evil.so\n")
    env = {"GITLAB_CI": "true", "MLOPS_STAGE_DOTENV": "mlops-out/job/variables.env", "CI_JOB_URL": "https://gitlab.example/1"}
    done = trial("run", **env)
    assert done.returncode == 2
    assert done.stdout == ""
    assert not (trial.cwd / "mlops-out/job/variables.env").exists()
    (trial.cwd / "told").write_text("")
    trial("run", MLOPS_STAGE_OUTPUTS=str(trial.cwd / "told"))
    assert (trial.cwd / "told").read_text() == ""
