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
