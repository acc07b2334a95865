"""Reports as in-toto statements."""

import hashlib
import json
from dataclasses import replace

import pytest
from sigstore.dsse import Statement as TheirStatement

from mlops_stage.errors import InputError
from mlops_stage.estimates import Rate
from mlops_stage.report import Evidence, Gate, Metric, Outcome, Report, Subject, Verdict, to_json
from mlops_stage.stages.signing import manifest, statements

MODEL = (
    Subject(role="model", name="models/m.onnx", sha256="a" * 64),
    Subject(role="model", name="models/m.onnx.data", sha256="b" * 64),
)
DATA = Subject(role="data", name="data/test.parquet", sha256="c" * 64)
REPORT = Report(
    stage="quality",
    id="quality",
    outcome=Outcome.PASSED,
    summary="The model passed.",
    subjects=(*MODEL, DATA),
    gates=(
        Gate(criterion="accuracy >= 0.8", verdict=Verdict.PASSED, sentence="…", source="gates", value=0.9),
        Gate(criterion="recall >= 0.8", verdict=Verdict.INCONCLUSIVE, sentence="…", source="gates"),
    ),
    metrics=(Metric(name="accuracy", estimate=Rate(90, 100), slice=(("sex", "female"),)),),
    params={"gates": ["accuracy >= 0.8"], "label": "y"},
)


def nothing(_report, _evidence):
    raise AssertionError("no evidence should be read")


def plain(report, read=nothing):
    return [json.loads(one.content) for one in statements.of(report, read)]


def test_a_report_is_a_test_result_of_each_file_of_the_model_and_their_manifest():
    (made,) = plain(REPORT)
    assert made["_type"] == "https://in-toto.io/Statement/v1"
    assert made["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    names = {one["name"]: one["digest"]["sha256"] for one in made["subject"]}
    assert names == {
        "models/m.onnx": "a" * 64,
        "models/m.onnx.data": "b" * 64,
        manifest.NAME: manifest.digest({"m.onnx": "a" * 64, "m.onnx.data": "b" * 64}),
    }
    assert made["predicate"]["result"] == "PASSED"
    assert made["predicate"]["passedTests"] == ["accuracy >= 0.8"]
    assert made["predicate"]["warnedTests"] == ["recall >= 0.8"]
    assert made["predicate"]["failedTests"] == []


def test_what_it_was_judged_with_is_its_configuration():
    (made,) = plain(REPORT)
    params, data = made["predicate"]["configuration"]
    assert params["annotations"] == {"gates": ["accuracy >= 0.8"], "label": "y"}
    assert data == {"name": "data/test.parquet", "digest": {"sha256": "c" * 64}, "annotations": {"role": "data"}}
    (other,) = plain(replace(REPORT, params={"gates": ["accuracy >= 0.1"], "label": "y"}))
    assert other["predicate"]["configuration"][0]["digest"] != params["digest"]


def test_the_exact_outcome_and_the_figures_with_their_intervals_are_an_extension():
    (made,) = plain(REPORT)
    ours = made["predicate"]["mlops_stage"]
    assert ours["outcome"] == "passed"
    (metric,) = ours["metrics"]
    assert metric["slice"] == [["sex", "female"]]
    assert metric["estimate"]["n"] == 100
    assert metric["estimate"]["low"] < 0.9 < metric["estimate"]["high"]
    assert ours["report"]["digest"]["sha256"] == hashlib.sha256(to_json(REPORT).encode()).hexdigest()


@pytest.mark.parametrize(("outcome", "result"), [(Outcome.PASSED, "PASSED"), (Outcome.FAILED, "FAILED"), (Outcome.INCONCLUSIVE, "WARNED")])
def test_outcomes_in_the_words_of_test_result(outcome, result):
    (made,) = plain(replace(REPORT, outcome=outcome))
    assert made["predicate"]["result"] == result
    assert made["predicate"]["mlops_stage"]["outcome"] == outcome.value


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.NOT_APPLICABLE])
def test_a_report_that_judged_nothing_has_no_statement(outcome):
    assert statements.of(replace(REPORT, outcome=outcome), nothing) == ()


def test_no_statement_without_a_subject_and_none_of_signatures():
    assert statements.of(replace(REPORT, subjects=()), nothing) == ()
    assert statements.of(replace(REPORT, stage="sign"), nothing) == ()
    assert statements.of(replace(REPORT, stage="verify"), nothing) == ()


def test_a_report_on_data_speaks_of_the_data_and_one_on_predictions_of_those():
    (made,) = plain(replace(REPORT, subjects=(DATA,)))
    assert [one["name"] for one in made["subject"]] == ["data/test.parquet"]
    predictions = Subject(role="predictions", name="p.csv", sha256="d" * 64)
    (made,) = plain(replace(REPORT, subjects=(DATA, predictions)))
    assert [one["name"] for one in made["subject"]] == ["p.csv"]


def test_evidence_that_is_a_predicate_is_a_statement_about_the_same_subjects():
    bom = b'{"bomFormat": "CycloneDX", "specVersion": "1.6"}'
    evidence = Evidence(path="evidence/model.json", sha256=hashlib.sha256(bom).hexdigest(), predicate_type="https://cyclonedx.org/bom")
    page = Evidence(path="evidence/page.html", sha256="0" * 64)
    own, other = statements.of(replace(REPORT, id="sbom", stage="sbom", evidence=(evidence, page)), lambda _report, _evidence: bom)
    assert (own.name, other.name) == ("sbom", "sbom.model")
    made = json.loads(other.content)
    assert made["predicateType"] == "https://cyclonedx.org/bom"
    assert made["predicate"] == json.loads(bom)
    assert made["subject"] == json.loads(own.content)["subject"]


def test_evidence_that_is_a_whole_statement_keeps_its_subjects():
    whole = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "host/model.onnx", "digest": {"sha256": "e" * 64}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {},
    }
    evidence = Evidence(path="evidence/host/provenance.json", sha256="0" * 64, predicate_type="https://slsa.dev/provenance/v1")
    made = Subject(role="artefact", name="host/model.onnx", sha256="e" * 64)
    report = replace(REPORT, id="compile", evidence=(evidence,), subjects=(*REPORT.subjects, made))
    _, other = statements.of(report, lambda _report, _evidence: json.dumps(whole).encode())
    assert other.name == "compile.host.provenance"
    assert json.loads(other.content) == whole
    wrong = replace(evidence, predicate_type="https://cyclonedx.org/bom")
    with pytest.raises(InputError, match="says that its predicate type is"):
        statements.of(replace(REPORT, evidence=(wrong,)), lambda _report, _evidence: json.dumps(whole).encode())


@pytest.mark.parametrize("kind", [statements.TEST_RESULT, statements.MODEL_SIGNATURE])
@pytest.mark.parametrize("content", [b"{}", b'{"_type": "https://in-toto.io/Statement/v1"}'])
def test_evidence_cannot_speak_as_a_report_or_a_folder(kind, content):
    evidence = Evidence(path="evidence/x.json", sha256="0" * 64, predicate_type=kind)
    with pytest.raises(InputError, match="which only a report or a folder is"):
        statements.of(replace(REPORT, evidence=(evidence,)), lambda _report, _evidence: content)


@pytest.mark.parametrize(
    "subject",
    [
        [{"name": "models/m.onnx", "digest": {"sha256": "e" * 64}}],
        [{"name": "other.onnx", "digest": {"sha256": "a" * 64}}],
        [{"name": "models/m.onnx", "digest": {"sha256": "a" * 64}}, {"name": "x", "digest": {"sha256": "f" * 64}}],
        [],
        None,
        [1],
    ],
)
def test_a_whole_statement_speaks_of_nothing_that_the_report_does_not_name(subject):
    kind = "https://slsa.dev/provenance/v1"
    whole = json.dumps({"_type": statements.STATEMENT_TYPE, "subject": subject, "predicateType": kind, "predicate": {}}).encode()
    evidence = Evidence(path="evidence/x.json", sha256="0" * 64, predicate_type=kind)
    with pytest.raises(InputError, match="speaks of something that the report does not name"):
        statements.of(replace(REPORT, evidence=(evidence,)), lambda _report, _evidence: whole)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[1]", b"7", b"[" * 100_000])
def test_evidence_that_is_no_json_object_is_refused(content):
    evidence = Evidence(path="evidence/x.json", sha256="0" * 64, predicate_type="https://cyclonedx.org/bom")
    with pytest.raises(InputError, match="is no JSON"):
        statements.of(replace(REPORT, evidence=(evidence,)), lambda _report, _evidence: content)


def test_two_files_of_evidence_cannot_be_one_statement():
    kinds = {"sha256": "0" * 64, "predicate_type": "https://cyclonedx.org/bom"}
    evidence = (Evidence(path="evidence/a/b.json", **kinds), Evidence(path="evidence/a.b.json", **kinds))
    with pytest.raises(InputError, match="would both be the statement quality.a.b"):
        statements.of(replace(REPORT, evidence=evidence), lambda _report, _evidence: b"{}")


def test_names_of_evidence_make_names_of_files():
    kinds = {"sha256": "0" * 64, "predicate_type": "https://cyclonedx.org/bom"}
    for path, name in (("evidence/ä b!.json", "quality.b"), ("evidence/....json", "quality.evidence"), ("x/../y.json", "quality.x....y")):
        _, other = statements.of(replace(REPORT, evidence=(Evidence(path=path, **kinds),)), lambda _report, _evidence: b"{}")
        assert other.name == name


def test_the_same_report_gives_the_same_bytes_and_a_name_that_is_no_unicode_is_written_out():
    odd = replace(REPORT, subjects=(Subject(role="model", name="m\udcff.onnx", sha256="a" * 64),))
    (first,), (second,) = statements.of(odd, nothing), statements.of(odd, nothing)
    assert first == second
    assert json.loads(first.content)["subject"][0]["name"] == "m\\udcff.onnx"


def test_sigstore_reads_them_as_statements():
    (made,) = statements.of(REPORT, nothing)
    assert TheirStatement(made.content)._contents == made.content
