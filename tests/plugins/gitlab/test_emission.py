"""What GitLab is handed beside the reports."""

import pytest

import mlops_stage_gitlab
from mlops_stage.errors import UsageError
from mlops_stage.report import Outcome, Report, Run
from mlops_stage_gitlab import emission


def report(name="quality", outcome=Outcome.PASSED, **outputs):
    return Report(stage="quality", id=name, outcome=outcome, summary="s", outputs=outputs)


def run(*reports, ids=None):
    names = tuple(one.id for one in reports)
    return Run(reports=reports, ids=names if ids is None else ids, started="2026-01-01T00:00:00Z", seconds=1.0)


@pytest.mark.parametrize(("env", "here"), [({"GITLAB_CI": "true"}, True), ({"GITLAB_CI": "false"}, False), ({}, False)])
def test_gitlab_is_known_by_its_variable(env, here):
    assert emission.detect(env) is here


def test_outputs_of_this_run_become_variables_with_outcomes_first():
    record = run(report(rows="3"), report("drift", Outcome.FAILED, drifted="true"), report("earlier"), ids=("quality", "drift"))
    texts = emission.emit(record, {"MLOPS_STAGE_DOTENV": "o/variables.env"})
    assert texts == {"-": "", "o/variables.env": "quality_outcome=passed\ndrift_outcome=failed\nquality_rows=3\ndrift_drifted=true\n"}


def test_no_value_can_set_another_variable():
    texts = emission.emit(run(report(rows="3\nquality_outcome=passed")), {"MLOPS_STAGE_DOTENV": "f"})
    assert texts["f"] == "quality_outcome=passed\nquality_rows=3 quality_outcome=passed\n"


def test_no_value_names_a_variable_of_a_later_job():
    texts = emission.emit(run(report(groups="group=b / group=$CI_JOB_TOKEN ${HOME} $$")), {"MLOPS_STAGE_DOTENV": "f"})
    assert texts["f"] == "quality_outcome=passed\nquality_groups=group=b / group=$$CI_JOB_TOKEN $${HOME} $$$$\n"


@pytest.mark.parametrize(("env", "most"), [({}, 20), ({emission.ROOM: ""}, 20), ({emission.ROOM: "50"}, 50)])
def test_gitlab_takes_twenty_or_what_it_is_set_to_and_the_log_says_how_many_are_left(env, most):
    texts = emission.emit(run(report(**{f"o{place:02}": "x" for place in range(60)})), {"MLOPS_STAGE_DOTENV": "f", **env})
    assert len(texts["f"].splitlines()) == most
    assert texts["-"] == f"mlops-stage: GitLab hands on {most} variables; {61 - most} more are in outputs.env\n"


def test_a_room_that_is_no_number_is_told():
    with pytest.raises(UsageError, match="MLOPS_STAGE_DOTENV_VARIABLES is no number: many"):
        emission.emit(run(report()), {emission.ROOM: "many"})


def test_less_than_five_kibibytes_are_all_and_what_is_too_long_makes_room_for_others():
    lines = emission.fitting(["a=ü\n", "b=" + "x" * 6000 + "\n", "c=" + "x" * (5 * 1024 - 1 - 5 - 3) + "\n", "d=1\n"])
    assert [line[0] for line in lines] == ["a", "c"]
    assert sum(len(line.encode()) for line in lines) == 5 * 1024 - 1


def test_what_stood_in_the_file_of_variables_is_not_handed_on():
    assert mlops_stage_gitlab.ADAPTER.anew


def test_outside_the_component_no_file_is_written_and_the_log_links_to_the_page():
    env = {"CI_JOB_URL": "https://gitlab.example/a/b/-/jobs/7", "MLOPS_INPUT_OUT": "mlops-out/quality"}
    assert emission.emit(run(report()), env) == {"-": f"mlops-stage: {env['CI_JOB_URL']}/artifacts/file/mlops-out/quality/report.html\n"}
