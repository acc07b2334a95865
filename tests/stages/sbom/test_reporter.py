from mlops_stage.report import Evidence, Outcome, Report, Run
from mlops_stage.stages.sbom.reporter import PREDICATE, render, stale


def report(name, *evidence):
    return Report(stage="sbom", id=name, outcome=Outcome.PASSED, summary="Said.", evidence=evidence)


def test_each_document_is_published_under_the_id_of_its_report():
    bom = Evidence(path="evidence/bom.cdx.json", sha256="a" * 64, predicate_type=PREDICATE)
    page = Evidence(path="evidence/model.html", sha256="b" * 64)
    run = Run(reports=(report("sbom", page, bom), report("serving_bom", bom), report("quality")), ids=("sbom",), started="", seconds=0)
    read = []
    pages = render(run, lambda one, evidence: read.append((one.id, evidence.path)) or f"{one.id}\n".encode())
    assert pages == {"sbom.cdx.json": "sbom\n", "serving_bom.cdx.json": "serving_bom\n"}
    assert read == [("sbom", bom.path), ("serving_bom", bom.path)]


def test_a_document_that_its_report_holds_no_longer_is_stale(tmp_path):
    assert stale({"sbom", "quality"}, {"sbom.cdx.json"}, tmp_path) == [tmp_path / "quality.cdx.json"]
    assert stale({"sbom"}, set(), tmp_path) == [tmp_path / "sbom.cdx.json"]
