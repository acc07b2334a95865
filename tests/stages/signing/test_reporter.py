"""The reporter that writes statements nobody has signed."""

import base64
import json

import pytest

from mlops_stage.errors import StageError
from mlops_stage.report import Evidence, Outcome, Report, Run, Subject
from mlops_stage.stages.signing.reporter import render, stale

SUBJECT = Subject(role="model", name="m.onnx", sha256="a" * 64)
BOM = Evidence(path="evidence/bom.json", sha256="b" * 64, predicate_type="https://cyclonedx.org/bom")


def run(*reports, ids=("sbom", "quality")):
    return Run(reports=reports, ids=ids, started="2026-01-01T00:00:00Z", seconds=1.0)


def reported(name, **changes):
    return Report(stage=name, id=name, outcome=Outcome.PASSED, summary="s", subjects=(SUBJECT,), **changes)


def gone(_report, _evidence):
    raise StageError("the evidence is gone")


def test_each_report_and_each_predicate_is_a_file():
    made = render(run(reported("quality"), reported("sbom", evidence=(BOM,))), lambda _report, _evidence: b'{"a": 1}')
    assert set(made) == {"attestations/quality.json", "attestations/sbom.json", "attestations/sbom.bom.json"}
    assert json.loads(made["attestations/sbom.bom.json"])["predicate"] == {"a": 1}


def test_evidence_of_this_run_that_is_gone_is_told():
    with pytest.raises(StageError, match="the evidence is gone"):
        render(run(reported("sbom", evidence=(BOM,))), gone)


def test_an_earlier_run_whose_evidence_is_gone_changes_nothing():
    made = render(run(reported("quality"), reported("sbom", evidence=(BOM,)), ids=("quality",)), gone)
    assert set(made) == {"attestations/quality.json"}


def test_statements_and_bundles_that_an_id_says_no_longer_are_stale(tmp_path):
    """After a compilation that failed, those of the artefacts of the run before."""
    home = tmp_path / "attestations"
    (home / "pending").mkdir(parents=True)
    names = ("compile.json", "compile.sigstore.json", "compile.provenance.json", "compile.provenance.sigstore.json", "pending/compile.json")
    for name in (*names, "quality.json", "compiled.json", "model.sig"):
        (home / name).write_text("{}")
    assert set(stale({"compile", "quality"}, {"attestations/quality.json", "report.html"}, tmp_path)) == {home / name for name in names}
    kept = stale({"compile"}, {"attestations/compile.json", "attestations/compile.provenance.json"}, tmp_path)
    assert not list(kept)  # `sign` looks whether the bundle is of the new statement


@pytest.mark.parametrize("place", ["quality.json", "pending/quality.json"])
def test_a_bundle_of_another_statement_than_lies_beside_it_is_stale(tmp_path, place):
    home = tmp_path / "attestations"
    (home / "pending").mkdir(parents=True)
    old, new = ({"_type": "https://in-toto.io/Statement/v1", "predicate": text} for text in ("passed", "failed"))
    payload = base64.b64encode(json.dumps(old).encode()).decode()
    (home / "quality.sigstore.json").write_text(json.dumps({"dsseEnvelope": {"payload": payload}}))
    pages = {"attestations/quality.json"}
    (home / place).write_text(json.dumps(old))
    assert list(stale({"quality"}, pages, tmp_path)) == []
    (home / place).write_text(json.dumps(new))
    assert list(stale({"quality"}, pages, tmp_path)) == [home / "quality.sigstore.json"]
    assert list(stale(set(), pages, tmp_path)) == [home / "quality.sigstore.json"]
    (home / place).write_text('{"attested": 1}')
    assert list(stale({"quality"}, pages, tmp_path)) == []
