"""Whatever a stage does, its report says so, and no other stage's report is lost."""

import json
import os
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from mlops_stage import runner
from mlops_stage.errors import StageError
from mlops_stage.params import Refusal
from mlops_stage.runner import pages


def test_a_run_from_request_to_a_directory_that_holds_everything_and_nothing_half_written(bench, tmp_path):
    report = bench.one(loud=True)
    assert report.outcome == "passed"
    assert bench.record.exit_code == 0
    assert report.gates[0].verdict == "passed"
    assert report.outputs == {"colour": "green"}
    assert report.plugin == {"name": "mlops-stage-trial", "version": "1.2"}
    assert report.params["do"] == "pass"
    assert ("progress", "trial", 0.5, "half way") in bench.seen.told
    assert ("log", "trial", "a library speaks\n") in bench.seen.told
    assert bench.seen.told[-1] == ("finished", "trial", "passed")
    cost = bench.record.cost["trial"]
    assert cost.wall_seconds > 0
    assert cost.cpu_seconds > 0
    assert 5e6 < cost.peak_bytes < 1e9
    names = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert {"run.json", "trial/report.json", "trial/evidence/proof.txt", "outputs.env", "report.html", "summary.md"} <= set(names)
    assert not [name for name in names if ".part" in name or ".aside" in name or ".old" in name]
    assert (tmp_path / "out" / "outputs.env").read_text() == "trial_colour=green\ntrial_outcome=passed\n"
    assert json.loads((tmp_path / "out" / "run.json").read_text())["ids"] == ["trial"]


def test_the_memory_of_a_stage_is_its_own_not_that_of_who_started_it(bench):
    held = bytearray(b"x") * 200_000_000
    bench.one()
    assert 5e6 < bench.record.cost["trial"].peak_bytes < len(held)


BREAKS = {
    "segfault": (3, "ended by SIGSEGV"),
    "abort": (3, "ended by SIGABRT"),
    "exit": (3, "ended with exit code 7 and no report"),
    "vanish": (3, "ended with exit code 0 and no report"),
    "raise": (4, "trial: KeyError: 'absent' (work.py:"),
    "input": (3, "the file is empty"),
    "nan": (4, "a figure that is no number"),
    "forge": (4, "the stage's answer is not valid"),
    "shout": (3, "answered with something that is no report"),
    "depth": (3, "answered with something that is no report"),
    "infinite": (3, "answered with something that is no report"),
    "nothing": (4, "the stage's answer cannot be judged"),
    "verdict": (4, "the stage's answer cannot be judged"),
}
"""Of the process, or of what it says."""
MISTAKES = {
    "raise": (4, "trial: KeyError: 'absent' (work.py:"),
    "input": (3, "the file is empty"),
    "heavy": (3, "trial needs a_library_that_is_not_installed, which is not installed"),
    "lie": (4, "the evidence proof.txt is not what the stage says it wrote"),
    "undeclared": (4, "an output 'sound' that its record does not declare"),
    "nothing_seen": (4, "trial returned dict, not Observations or NotApplicable"),
    "twice": (4, "the metric speed was given twice"),
    "misspelt": (4, "ModuleNotFoundError: No module named 'mlops_stage_trial.wrok'"),
}
"""In what it answers in good order, and as well in this process."""


@pytest.mark.parametrize("ways", [BREAKS, MISTAKES])
def test_however_a_stage_breaks_it_gets_an_error_report_and_the_next_stage_runs(bench, ways):
    if ways is MISTAKES:
        bench.in_process()
    reports = bench.run(*(bench.request(do, name=do.replace("_", "-")) for do in ways), bench.request("pass", name="last"))
    for do, (code, message) in ways.items():
        report = reports[do.replace("_", "-")]
        assert (report.outcome, report.exit_code, report.error.code) == ("error", code, code), do
        assert message in report.error.message
        assert "\n" not in report.error.message
    assert reports["last"].outcome == "passed"
    assert bench.record.exit_code == 4


@pytest.mark.parametrize("do", ["segfault", "raise"])
def test_the_exit_code_is_that_of_the_stage_that_broke(bench, do):
    reports = bench.run(bench.request(do, name="first"), bench.request("pass", name="second"))
    assert reports["second"].outcome == "passed"
    assert bench.record.exit_code == BREAKS[do][0]


@pytest.mark.parametrize("limit", ["10MiB", "83MiB", "127MiB"])
def test_a_limit_below_what_python_needs_is_told_as_such_and_nothing_started(bench, limit):
    report = bench.one(limits=f"memory={limit}")
    assert "no stage runs in less than 128 MiB" in report.error.hint
    assert report.error.code == 3
    assert "more memory than its limit" in report.error.message


@pytest.mark.parametrize("what", ["memory", "starved-library", "starved-python"])
def test_a_stage_that_eats_memory_is_stopped_at_its_limit(bench, what):
    report = bench.one(what, limits="memory=300MiB")
    assert report.error.code == 3
    assert "more memory than its limit" in report.error.message
    assert "--limits memory=" in report.error.hint


@pytest.mark.parametrize(
    ("do", "limits", "message"), [("hang", "wall=1s", "within its 1 s of wall time"), ("spin", "cpu=1s", "its 1 s of processor time")]
)
def test_a_stage_that_does_not_end_is_ended(bench, do, limits, message):
    report = bench.one(do, limits=limits)
    assert report.error.code == 3
    assert message in report.error.message


def test_what_a_stage_leaves_running_is_killed(bench, tmp_path):
    bench.one("grandchild")
    assert _gone(int((tmp_path / "grandchild.pid").read_text()))


def test_a_stage_sees_an_allow_list_of_the_environment_and_libraries_are_told_not_to_phone_home(bench):
    bench.settings.env["AWS_SECRET_ACCESS_KEY"] = "CANARY"
    bench.settings.env["LC_ALL"] = "C.UTF-8"
    names = {finding.message for finding in bench.one("environment").findings}
    assert "AWS_SECRET_ACCESS_KEY" not in names
    assert {"PATH", "LC_ALL", "DO_NOT_TRACK", "ORT_DISABLE_TELEMETRY"} <= names


def test_a_stage_cannot_read_its_parents_environment(trial):
    done = trial.anew("trial", "--do", "parent", CANARY_TOKEN="CANARY")
    assert done.returncode in {0, 5}, done.stderr
    message = json.loads((trial.cwd / "mlops-out" / "trial" / "report.json").read_text())["findings"][0]["message"]
    # root reads any process's environment, undumpable or not
    assert message == ("SECRET" if os.geteuid() == 0 else "PermissionError")


def test_not_applicable_passes_and_says_why(bench):
    bench.in_process()
    report = bench.one("absent")
    assert (report.outcome, report.summary) == ("not_applicable", "there is nothing to try here")
    assert bench.record.exit_code == 0


JUDGED = [
    ("fail", {}, 1),
    ("unsure", {}, 5),
    ("unsure", {"on_inconclusive": "fail"}, 1),
    ("unsure", {"on_inconclusive": "pass"}, 0),
    ("pass", {"gates": "accuracy >= 0.99"}, 1),
    ("fail", {"gates": "accuracy >= 0.8"}, 0),
    ("pass", {"gates": "acuracy >= 0.99"}, 2),
    ("pass", {"gates": "accuracy[sex=female] >= 0.5"}, 5),
    ("pass", {"gates": "accuracy[sex=female] >= 0.5", "min_denominator": 5}, 0),
    ("pass", {"gates": "speed >= 1"}, 0),
]


def test_gates_replace_the_default_and_decide_the_exit_code(bench):
    bench.in_process()
    reports = bench.run(*(bench.request(do, name=f"no{place}", **values) for place, (do, values, _) in enumerate(JUDGED)))
    assert [reports[f"no{place}"].exit_code for place in range(len(JUDGED))] == [code for _, _, code in JUDGED]
    for do, code in (("fail", 1), ("unsure", 5)):
        bench.one(do)
        assert bench.record.exit_code == code


def test_what_was_found_before_a_part_failed_is_reported_without_a_verdict(bench):
    bench.in_process()
    report = bench.one("partly", gates="accuracy >= 0.9")
    assert (report.outcome, bench.record.exit_code) == ("error", 3)
    assert (report.error.message, report.error.hint) == ("the other half did not end", "wait longer")
    assert [metric.name for metric in report.metrics] == ["speed"]
    assert (report.outputs, report.gates) == ({"colour": "green"}, ())
    assert report.summary == "There is no verdict: the other half did not end."


def test_an_unknown_metric_names_the_nearest(bench):
    bench.in_process()
    report = bench.one(gates="acuracy >= 0.99")
    assert report.outcome == "error"
    assert "acuracy" in report.error.message
    assert "accuracy" in report.error.hint


def test_the_same_run_gives_the_same_bytes(bench, tmp_path):
    bench.in_process()
    bench.one()
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*/report.json")}
    page = (tmp_path / "out" / "report.sarif").read_bytes()
    bench.one()
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*/report.json")} == first
    assert (tmp_path / "out" / "report.sarif").read_bytes() == page


def test_consumers_run_after_what_they_consume_and_read_it(bench):
    bench.in_process()
    reports = bench.run(bench.request(stage="reader"), bench.request(name="one"), bench.request("fail", name="two"))
    assert [finding.message for finding in reports["reader"].findings] == ["one=passed True", "two=failed True"]
    assert [told[1] for told in bench.seen.told if told[0] == "started"] == ["one", "two", "reader"]


def test_reports_of_earlier_jobs_are_read_but_those_of_this_run_win(bench, tmp_path):
    bench.in_process()
    from mlops_stage.runner import folders

    bench.run(bench.request("fail", name="one"), bench.request("fail", name="two"))
    (tmp_path / "out").rename(tmp_path / "earlier")
    bench.settings = replace(bench.settings, reports=folders.earlier([tmp_path / "earlier"]))
    reports = bench.run(bench.request(stage="reader"), bench.request("pass", name="one"))
    assert [finding.message for finding in reports["reader"].findings] == ["one=passed True", "two=failed True"]


def test_a_token_that_must_not_be_named_is_an_error_report(bench):
    bench.in_process()
    report = bench.run(bench.request(stage="quality", model_token_env="SIGSTORE_ID_TOKEN"), bench.request())["quality"]
    assert report.error.code == 2
    assert "only sign is given it" in report.error.message


def test_a_stage_of_a_later_run_reads_the_reports_in_the_output_directory(bench):
    bench.in_process()
    bench.run(bench.request("fail", name="one"), bench.request("fail", name="two"))
    reports = bench.run(bench.request(stage="reader"), bench.request("pass", name="two"))
    assert [finding.message for finding in reports["reader"].findings] == ["one=failed True", "two=passed True"]


def test_a_reporter_that_raises_costs_its_own_page_only(bench, tmp_path):
    bench.in_process()
    reports = bench.run(bench.request("break_reporter", name="first"), bench.request(name="second"))
    assert {report.outcome for report in reports.values()} == {"passed"}
    assert bench.record.exit_code == 4
    assert not (tmp_path / "out" / "brittle.txt").exists()
    failure = json.loads((tmp_path / "out" / "run.json").read_text())["failures"][0]
    assert failure["message"] == "the reporter 'brittle' of mlops-stage-trial failed: RuntimeError: ink ran out"
    assert (tmp_path / "out" / "report.html").is_file()


def test_a_refusal_is_an_error_report(bench):
    bench.in_process()
    refusal = Refusal(id="ghost", stage="ghost", error=StageError("cannot load it", "reinstall it"))
    reports = bench.run(refusal, bench.request())
    assert reports["ghost"].error.message == "cannot load it"
    assert reports["trial"].outcome == "passed"
    assert bench.record.exit_code == 3


def test_pages_show_earlier_reports_but_the_exit_code_is_this_runs_alone(bench):
    bench.in_process()
    bench.run(bench.request("fail", name="old"))
    reports = bench.run(bench.request(name="new"))
    assert set(reports) == {"old", "new"}
    assert bench.record.ids == ("new",)
    assert bench.record.exit_code == 0


def test_pages_are_written_between_stages_only_when_they_are_old(bench, tmp_path, monkeypatch):
    bench.in_process()
    written = []
    write = pages.write
    monkeypatch.setattr(pages, "write", lambda *given: written.append(len(given[0].ids)) or write(*given))
    bench.run(bench.request(name="one"), bench.request(name="two"))
    assert written == [2]
    monkeypatch.setattr(runner, "PAGES_SECONDS", -1.0)
    bench.run(bench.request(name="one"), bench.request(name="two"))
    assert written == [2, 1, 2]
    assert {"one", "two"} == {line.split("_")[0] for line in (tmp_path / "out" / "outputs.env").read_text().splitlines()}


def test_in_process_does_the_same_work(bench):
    bench.in_process()
    assert bench.one().outcome == "passed"
    assert bench.one("raise").error.code == 4


def test_consumers_in_a_circle_still_run_once_each(bench):
    stages = bench.catalogue.stages
    circle = replace(bench.catalogue, stages={**stages, "trial": replace(stages["trial"], consumes=("reader",))})
    order = runner.in_order([bench.request(), bench.request(stage="reader")], circle)
    assert sorted(item.id for item in order) == ["reader", "trial"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_finished_reports_and_no_process(trial, number):
    import subprocess
    import sys

    entries = ["{id: first, stage: trial}", "{id: second, stage: trial}", "{id: third, stage: trial}", "{id: other, stage: trial}"]
    trial.write("mlops.yaml", "version: 1\nruns:\n" + "".join(f"  - {entry}\n" for entry in entries))
    assert trial("run").returncode == 0
    entries[1] = "{id: second, stage: trial, with: {do: orphan}}"
    trial.write("mlops.yaml", "version: 1\nruns:\n" + "".join(f"  - {entry}\n" for entry in entries[:3]))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "mlops_stage", "run"],
        cwd=trial.cwd,
        env=trial.environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  (whoever started these tests in the background ignores it)
    )
    pid = _wait_file(trial.cwd / "child.pid")
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert stdout == b""
    assert b"Traceback" not in stderr
    assert [line for line in stderr.decode().splitlines() if line.startswith(("error", "hint", "warning"))] == [
        "error: interrupted; 1 of 3 reports complete",
        "hint: run again what is missing: second, third",
    ]
    assert _gone(pid)
    out = trial.cwd / "mlops-out"
    assert json.loads((out / "first" / "report.json").read_text())["outcome"] == "passed"
    assert not (out / "second").exists()  # that of the run before would say "passed"
    assert not (out / "third").exists()
    assert (out / "other" / "report.json").exists()
    assert (out / "outputs.env").read_text().count("_outcome=passed") == len(["first", "other"])
    assert sorted(path.name for path in out.iterdir() if path.name.startswith(".")) == [".gitignore"]
    assert json.loads((out / "run.json").read_text())["failures"][0]["code"] == 130


def test_no_child_outlives_a_parent_that_is_killed(trial):
    import subprocess
    import sys

    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "mlops_stage", "trial", "--do", "orphan", "-q"], cwd=trial.cwd, env=trial.environment()
    )
    pid = _wait_file(trial.cwd / "child.pid")
    process.kill()
    process.wait()
    assert _gone(pid)


def _wait_file(path, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.02)
    raise AssertionError(f"{path.name} never came")


def _gone(pid, seconds=10):
    """Whether a process is, or within that time will be, no more."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False
