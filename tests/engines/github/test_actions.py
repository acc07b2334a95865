"""What a workflow sees of a run beside what every system is asked in ../test_scenarios.py."""

import json
from dataclasses import replace

import pytest
from scenarios import Call, Job

import stages

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

AGAIN = {"if-changed": "true", "out": "kept-0"}
"""Where the job kept what an earlier run of it made, nothing runs that would say the same."""


@pytest.fixture
def ran(act, load, once, channel):
    """One workflow for all, for starting act is most of the cost."""

    def execute(folder):
        project, keep, environments = (folder / name for name in ("project", "keep", "environments"))
        project.mkdir()
        keep.mkdir()
        (project / "mlops.yaml").write_text("version: 1\n")
        asked = {"passed": {}, "failed": {"gates": "accuracy >= 0.99"}, "inconclusive": {"gates": "accuracy[sex=female] >= 0.5"}}
        jobs = [Job(name=name, calls=(Call(stage="trial", inputs=inputs),)) for name, inputs in asked.items()]
        jobs.append(Job(name="again", calls=(Call(stage="trial", inputs=AGAIN), Call(stage="trial", inputs=AGAIN))))
        jobs.append(Job(name="told", calls=(Call(stage="trial"), Call(stage="trial", inputs={"label": "second"}))))
        engine = load("github")
        light = engine.light(act, folder / "light")
        light = engine.led(light, environments, channel, engine.key(light.release, act.actions["acme/trial@v1"]))
        return light.done(project, jobs, keep, {"told": {"MLOPS_INPUT_LABEL": "first", "MLOPS_INPUT_ID": ""}})

    return once("actions-github", execute)


def test_outputs(ran):
    outputs = ran[1]["passed"][0].outputs
    assert outputs["outcome"] == "passed"
    assert outputs["exit-code"] == "0"
    assert outputs["colour"] == "green"
    assert json.loads(outputs["outputs"]) == {"trial_colour": "green", "trial_outcome": "passed"}


@pytest.mark.parametrize(("job", "command"), [("failed", "error"), ("inconclusive", "warning")])
def test_a_gate_that_did_not_pass_is_an_annotation(ran, job, command):
    step = ran[0].steps[job, "call0", "run"]
    (told,) = [one for one in step.commands if one[0] in {"error", "warning", "notice"}]
    assert told[0] == command
    assert told[2]["file"] == "mlops.yaml"
    assert told[2]["title"] == "trial/gate"


def test_the_summary_of_the_job_is_the_page(ran):
    step = ran[0].steps["failed", "call0", "run"]
    assert step.summary == (ran[1]["failed"][0].out / "summary.md").read_text()


def test_what_has_not_changed_does_not_run_again(ran):
    first, second = ran[1]["again"]
    assert ["not run again: nothing has changed" in one.log for one in (first, second)] == [False, True], second.log
    assert (second.state, second.outputs) == ("passed", first.outputs)
    assert json.loads((first.out / "run.json").read_text())["reused"] == {"trial": "kept-0/trial"}


def test_a_variable_of_the_workflow_holds_where_no_input_is_given(ran):
    """One of the step here: act does not let those of the job into expressions of an action, as GitHub does."""
    assert [one.report()["params"]["label"] for one in ran[1]["told"]] == ["first", "second"]


def test_nothing_is_left_to_the_next_step(ran):
    for calls in ran[1].values():
        env = (calls[0].out / "env.txt").read_text()
        assert "MLOPS_INPUT_" not in env


def test_the_first_run_on_a_machine_installs_what_the_lock_names(act, tmp_path):
    project, keep, environments = (tmp_path / name for name in ("project", "keep", "environments"))
    project.mkdir()
    keep.mkdir()
    bare = replace(act, env={**act.env, "MLOPS_STAGE_ENVIRONMENTS": str(environments)})
    call = Call(stage="verify", inputs=stages.STAGES["verify"].green)
    first, second = bare.run(stages.project(project), [Job(name="verify", calls=(call, call))], keep)["verify"]
    assert (first.state, first.exit_code) == ("passed", 0), first.log[-2000:]
    assert second.report("verify") == first.report("verify")
    (built,) = [path for path in environments.iterdir() if not path.name.startswith(".")]
    assert list(built.glob("lib/python*/site-packages/mlops_stage/stages/signing/__init__.py"))
