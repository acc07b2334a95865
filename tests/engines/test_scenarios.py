"""The same table on every CI system and on the bare command line: what is asked arrives, what comes out is shown as that system shows it."""

import hashlib
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import conformance
import pytest
from scenarios import ENGINES, HOSTILE, TRACE, Call, Job, traces

import stages
from mlops_stage.stages import mlops_stages

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]


def joins(name: str) -> bool:
    """Whether the folder has an engine that can be started from here."""
    file = Path(__file__).with_name(name) / "engine.py"
    return file.is_file() and "\ndef start(" in file.read_text(encoding="utf-8")


THERE = [name for name in ENGINES if joins(name)]
REPRODUCIBLE = {stage.kebab for stage in mlops_stages() if stage.reproducible and "ci" not in stage.needs}
TOLD = {stage.kebab for stage in mlops_stages() if stage.reproducible and "ci" in stage.needs}
"""Stages that write down which repository, commit and run they worked for: that differs between systems, all else does not."""


def trial(**inputs: str) -> Call:
    return Call(stage="trial", inputs=inputs)


SAID = {f"say-{name}": text for name, text in HOSTILE.items()}
TRIAL = (
    Job(name="passed", calls=(trial(label="first", share="0.25", **SAID), trial())),
    Job(name="failed", calls=(trial(gates="accuracy >= 0.99"),)),
    Job(name="inconclusive", calls=(trial(gates="accuracy[sex=female] >= 0.5"),)),
    Job(name="refused", calls=(trial(share="7"),)),
    Job(name="broken", calls=(trial(do="input"),)),
    Job(name="absent", calls=(trial(config="no.yaml"),)),
)
"""On a stage of somebody else's plugin, which does what it is told. The first job is told everything, and then nothing."""
ENDS = {
    "passed": ("passed", 0),
    "failed": ("failed", 1),
    "inconclusive": ("amber", 5),
    "refused": ("failed", 2),
    "broken": ("failed", 3),
    "absent": ("failed", 2),
}


@pytest.fixture(scope="module")
def on(once, load, bench):
    """What every job left on a system, which is started once for all of them."""

    def execute(name, folder):
        (folder / "home").mkdir()
        engine = load(name).start(replace(bench(name), home=folder / "home"))  # first, for it skips the test where there is none
        project, keep = folder / "project", folder / "keep"
        project.mkdir()
        keep.mkdir()
        ran = engine.run(stages.project(project), [*TRIAL, *stages.jobs()], keep)
        (folder / "traces.json").write_text(json.dumps(traces(folder)))
        return ran

    return lambda name: once(f"scenarios-{name}", lambda folder: execute(name, folder))


@pytest.fixture(scope="module", params=THERE)
def system(request):
    """One after the other, so that of two processes each has a system of its own."""
    return request.param


def test_no_system_is_left_out():
    assert list(ENGINES) == THERE


@pytest.mark.parametrize("job", ENDS)
def test_what_the_system_shows(on, system, job):
    one = on(system)[job][-1]
    assert (one.state, one.exit_code) == ENDS[job], one.log[-2000:]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values_arrive_letter_for_letter(on, load, system, name):
    one = on(system)["passed"][0]
    assert one.state == "passed", one.log[-2000:]
    arrives = getattr(load(system), "arrives", str)  # where the system itself changes some values, its engine says how
    assert one.report()["params"][f"say_{name}"] == arrives(HOSTILE[name])


def test_nothing_of_a_value_is_executed(on, system):
    folder = next(place for place in on(system)["passed"][0].out.parents if place.name == f"scenarios-{system}")
    assert json.loads((folder / "traces.json").read_text()) == []
    seen = {path.parent for path in folder.rglob("hostile.pkl") if path.parent != folder / "project"}
    assert seen or system in {"github", "gitlab"}, "the jobs' own folders are among those that were looked through"


@pytest.mark.parametrize("name", ["quotes", "shell"])
def test_what_is_executed_would_be_found(tmp_path, name):
    text = HOSTILE[name].replace(str(TRACE), "elsewhere").replace("'", "")
    subprocess.run(["sh", "-c", f"echo {text}"], cwd=tmp_path, capture_output=True, check=False)
    assert traces(tmp_path)


def test_two_calls_in_one_job_know_nothing_of_each_other(on, system):
    first, second = (one.report()["params"] for one in on(system)["passed"])
    assert (first["label"], first["share"]) == ("first", 0.25)
    assert (second["label"], second["share"]) == ("y_true", 0.5)
    assert {second[f"say_{name}"] for name in HOSTILE} == {None}


def test_the_stages_of_the_table_are_those_that_exist():
    assert set(stages.STAGES) == {stage.kebab for stage in mlops_stages()}


@pytest.mark.parametrize("colour", ["passed", "failed"])
@pytest.mark.parametrize("stage", stages.STAGES)
def test_every_stage_on_every_system(on, system, stage, colour):
    (one,) = on(system)[f"{stage}-{colour}"]
    code = 0 if colour == "passed" else stages.STAGES[stage].code
    assert (one.state, one.exit_code) == (colour, code), one.log[-3000:]
    assert one.report(stage)["outcome"] == ("error" if code == 3 else colour)


@pytest.mark.parametrize("colour", ["passed", "failed"])
@pytest.mark.parametrize("stage", [stage for stage in stages.STAGES if stage in REPRODUCIBLE])
def test_the_same_report_by_every_route(on, system, stage, colour):
    bytes_of = {name: (on(name)[f"{stage}-{colour}"][0].out / stage / "report.json").read_bytes() for name in ("cli", system)}
    assert bytes_of[system] == bytes_of["cli"]


@pytest.mark.parametrize("stage", sorted(TOLD))
def test_the_same_verdict_on_the_same_subjects_by_every_route(on, system, stage):
    for colour in ("passed", "failed"):
        first, second = (on(name)[f"{stage}-{colour}"][0].report(stage) for name in ("cli", system))
        for key in ("outcome", "subjects", "params", "seed", "plugin"):
            assert first[key] == second[key]


def test_the_outage_while_signing_is_told(on, system):
    error = on(system)["sign-failed"][0].report("sign")["error"]
    assert error["code"] == 3
    assert "0 of 1 statement signed" in error["message"]


def private(ran):
    return [path for calls in ran.values() for one in calls for path in one.out.rglob("*") if "private" in path.parts[-3:]]


@pytest.mark.parametrize("name", ["gitlab", "jenkins"])
def test_what_names_people_or_small_groups_is_uploaded_by_none_of_those_that_upload_by_themselves(on, name):
    assert private(on("cli")), "there is something that could be uploaded"
    assert private(on(name)) == []


@pytest.mark.parametrize(("job", "word"), [("passed", "SUCCESS"), ("failed", "FAILURE"), ("inconclusive", "WARNING")])
def test_the_results_of_a_task_say_the_verdict_and_name_the_report(on, job, word):
    one = on("tekton")[job][-1]
    assert json.loads(one.outputs["TEST_OUTPUT"])["result"] == word
    assert one.outputs["report-digest"] == "sha256:" + hashlib.sha256((one.out / "trial/report.json").read_bytes()).hexdigest()


WRITTEN = ("run.json", "summary.md", "report.html", "report.sarif", "junit.xml", "codequality.json", "metrics.txt", "outputs.env")
"""Under "Output directory" of the architecture; beside them a folder for each report, and statements."""


def test_every_file_is_there_after_a_gate_that_failed(on, system):
    one = on(system)["fairness-failed"][0]
    assert (one.state, one.exit_code) == ("failed", 1)
    assert [name for name in WRITTEN if not (one.out / name).is_file()] == []
    assert (one.out / "fairness/report.json").is_file()
    assert list((one.out / "fairness/evidence").iterdir())
    statements = list((one.out / "attestations").glob("*.json"))
    assert json.loads(statements[0].read_text())["predicateType"]
    assert list(on(system)["sbom-failed"][0].out.rglob("*.cdx.json"))
    assert list(on(system)["sign-passed"][0].out.glob("attestations/model.sig"))


def test_the_page_of_conformance_tells_what_was_seen(on):
    ran = {name: on(name) for name in ENGINES}
    told = conformance.page(ran, ENDS, REPRODUCIBLE, TOLD)
    if os.environ.get("MLOPS_STAGE_WRITE_CONFORMANCE") == "1":
        conformance.PAGE.write_text(told, encoding="utf-8")
    assert conformance.PAGE.read_text(encoding="utf-8") == told
