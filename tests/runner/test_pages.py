"""Reporters that read what backs a report."""

import hashlib
import sys
from types import ModuleType

import pytest

from mlops_stage.host import Catalogue
from mlops_stage.report import Evidence, Outcome, Report, Run
from mlops_stage.reporter import Reporter
from mlops_stage.runner import pages

CONTENT = b'{"a": 1}'


@pytest.fixture
def catalogue(monkeypatch):
    module = ModuleType("reads_evidence")
    module.render = lambda run, read: {"copy.json": read(run.reports[0], run.reports[0].evidence[0]).decode()}
    monkeypatch.setitem(sys.modules, "reads_evidence", module)
    return Catalogue(
        reporters={"copy": Reporter(name="copy", summary="s", render="reads_evidence:render", evidence=True, distribution="d")}
    )


def run_with(path):
    evidence = Evidence(path=path, sha256=hashlib.sha256(CONTENT).hexdigest(), predicate_type="https://slsa.dev/provenance/v1")
    report = Report(stage="s", id="s", outcome=Outcome.PASSED, summary="s", evidence=(evidence,))
    return Run(reports=(report,), ids=("s",), started="2026-01-01T00:00:00Z", seconds=1.0)


def test_a_reporter_may_read_evidence(tmp_path, catalogue):
    (tmp_path / "s" / "evidence").mkdir(parents=True)
    (tmp_path / "s" / "evidence" / "p.json").write_bytes(CONTENT)
    assert pages.write(run_with("evidence/p.json"), catalogue, tmp_path)[1] == []
    assert (tmp_path / "copy.json").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "told"),
    [("evidence/p.json", "is not the file that the report of s names"), ("evidence/q.json", "cannot read"), ("../p.json", "inside")],
)
def test_evidence_that_is_gone_changed_or_elsewhere_costs_that_reporters_page(tmp_path, catalogue, path, told):
    (tmp_path / "s" / "evidence").mkdir(parents=True)
    (tmp_path / "s" / "evidence" / "p.json").write_bytes(CONTENT + b" ")
    ((failure,)) = pages.write(run_with(path), catalogue, tmp_path)[1]
    assert told in failure.message
    assert not (tmp_path / "copy.json").exists()


def test_what_an_earlier_run_wrote_of_an_id_that_has_no_such_page_now_is_taken_away(tmp_path, monkeypatch):
    """A statement of a run that was replaced would be signed, or believed, in place of the new one."""
    module = ModuleType("writes_by_id")
    module.render = lambda run: {f"said/{one.id}.json": "new" for one in run.reports if one.outcome is Outcome.PASSED}
    module.stale = lambda ids, made, out: [path for path in out.glob("said/*") if path.stem in ids and f"said/{path.name}" not in made]
    monkeypatch.setitem(sys.modules, "writes_by_id", module)
    reporter = Reporter(name="said", summary="s", render="writes_by_id:render", stale="writes_by_id:stale", distribution="d")
    (tmp_path / "said").mkdir()
    for name in ("kept", "failing", "killed", "other"):
        (tmp_path / "said" / f"{name}.json").write_text("old")
    reports = tuple(
        Report(stage="s", id=name, outcome=outcome, summary="s")
        for name, outcome in (("kept", Outcome.PASSED), ("failing", Outcome.ERROR), ("other", Outcome.ERROR))
    )
    run = Run(reports=reports, ids=("kept", "failing"), started="2026-01-01T00:00:00Z", seconds=1.0)
    assert pages.write(run, Catalogue(reporters={"said": reporter}), tmp_path, ["killed"])[1] == []
    assert {path.stem: path.read_text() for path in (tmp_path / "said").iterdir()} == {"kept": "new", "other": "old"}


def test_a_reporter_takes_nothing_away_outside_the_output_directory(tmp_path, monkeypatch):
    module = ModuleType("reaches_out")
    module.render = lambda _run: {}
    module.stale = lambda _ids, _made, out: [out / ".." / "mine.txt"]
    monkeypatch.setitem(sys.modules, "reaches_out", module)
    reporter = Reporter(name="said", summary="s", render="reaches_out:render", stale="reaches_out:stale", distribution="d")
    (tmp_path / "mine.txt").write_text("mine")
    out = tmp_path / "out"
    ((failure,)) = pages.write(run_with("evidence/p.json"), Catalogue(reporters={"said": reporter}), out)[1]
    assert "may still be there" in failure.message
    assert (tmp_path / "mine.txt").exists()
