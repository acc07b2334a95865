"""A statement is about what is delivered only if all that it names is delivered."""

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mlops_stage.report import Outcome, Report, Subject
from mlops_stage.stages import mlops_stages
from mlops_stage.stages.signing import manifest, statements
from mlops_stage.stages.signing.verifying.statement import STAGES

FIRST = {"m/w.onnx": b"w1", "m/config.json": b"shared"}
SECOND = {"m/w.onnx": b"w2", "m/config.json": b"shared"}


def rules(found):
    return [one.error.rule for one in found.refused]


def delivered(files):
    return {name.removeprefix("m/"): content for name, content in files.items()}


@pytest.fixture
def by_owner(shared_double, making, key, owner, checked):
    def run(*said, **asked):
        return checked(owner, *(making.by_key(shared_double, one, key) for one in said), **asked)

    return run


def test_a_report_on_another_version_that_shares_a_file_does_not_count(making, by_owner):
    found = by_owner(making.statement(FIRST), making.statement(SECOND, "scan"), files=delivered(SECOND), require=["scan", "quality"])
    assert rules(found) == ["verify/required-other"]


@pytest.mark.parametrize("files", [{"w.onnx": b"w1"}, {"w.onnx": b"w1", "config.json": b"another"}], ids=["partial", "mixed"])
def test_a_part_of_a_model_and_a_mix_of_two_are_refused(making, by_owner, files):
    other = {"m/w.onnx": b"w2", "m/config.json": b"another"}
    found = by_owner(making.statement(FIRST), making.statement(other), files=files, require=["quality"])
    assert rules(found) == ["verify/incomplete"]
    assert found.refused[0].error.files == tuple(files)
    assert found.about == ()


def test_folders_of_one_statement_are_no_two_models(making, by_owner):
    found = by_owner(making.statement({"en/m.onnx": b"en", "de/m.onnx": b"de"}), files={"m.onnx": b"de"})
    assert rules(found) == ["verify/incomplete"]


def test_the_manifest_must_be_of_the_very_files_that_are_named(making, by_owner):
    said = json.loads(making.statement(FIRST))
    said["subject"][-1]["digest"]["sha256"] = manifest.digest({"w.onnx": making.sha256(b"w1"), "other.json": making.sha256(b"shared")})
    assert "verify/subject" in rules(by_owner(json.dumps(said).encode(), files=delivered(FIRST)))


def test_the_baseline_s_reports_are_not_the_model_s(making, by_owner):
    said = json.loads(making.statement({"new.onnx": b"new"}))
    used = {"name": "old.onnx", "digest": {"sha256": making.sha256(b"old")}}
    for annotations in ({"role": "baseline"}, {}, None, {"role": []}):
        said["predicate"]["configuration"] = [{**used, "annotations": annotations}]
        about_old = making.statement({"old.onnx": b"old"}, "scan")
        found = by_owner(json.dumps(said).encode(), about_old, files={"new.onnx": b"new"}, require=["scan"])
        assert rules(found) == ["verify/required-other"]


def compiled(making):
    """What the report of compile says of a source and of two products."""
    files = {
        "model": {"m.onnx": b"source"},
        "artefact": {"evidence/a/m.onnx": b"for a", "evidence/b/m.xml": b"x", "evidence/b/m.bin": b"b"},
    }
    subjects = [Subject(role=role, name=name, sha256=making.sha256(held)) for role, inner in files.items() for name, held in inner.items()]
    report = Report(stage="compile", id="compile", outcome=Outcome.PASSED, summary="s", subjects=tuple(subjects))
    [made] = statements.of(report, lambda *_: b"")
    return made.content


@pytest.mark.parametrize(
    ("files", "counts"),
    [
        ({"m.onnx": b"source"}, True),
        ({"m.onnx": b"for a"}, True),
        ({"m.xml": b"x", "m.bin": b"b"}, True),
        ({"m.xml": b"x"}, False),
        ({"c.onnx": b"made elsewhere"}, False),
    ],
)
def test_of_products_that_were_made_apart_each_counts_by_itself(making, by_owner, files, counts):
    found = by_owner(compiled(making), files=files, require=["compile"])
    assert (found.refused == ()) is counts


def test_a_build_s_products_count_folder_by_folder(making, by_owner):
    used = [{"name": "m.onnx", "digest": {"sha256": making.sha256(b"source")}, "annotations": {"role": "model"}}]
    predicate = {"buildDefinition": {"resolvedDependencies": used}}
    products = {"evidence/a/m.onnx": b"for a", "evidence/b/m.onnx": b"for b"}
    built = making.statement(products, predicateType="https://slsa.dev/provenance/v1", predicate=predicate)
    assert by_owner(built, making.statement({"m.onnx": b"source"}), files={"m.onnx": b"for b"}, require=["quality"]).refused == ()


BUILD = "https://acme.example/convert/v1"


def built(making, product, *sources, kind=BUILD, **extra):
    """A provenance as other builders write it: what went in, in no role."""
    dependencies = [{"uri": "git+https://acme.example/m", "digest": {"gitCommit": "ab" * 20}}]
    dependencies += [{"uri": f"file:{number}", "digest": {"sha256": making.sha256(one)}, **extra} for number, one in enumerate(sources)]
    predicate = {"buildDefinition": {"buildType": kind, "externalParameters": {}, "resolvedDependencies": dependencies}}
    return making.statement({"a.plan": product}, predicateType="https://slsa.dev/provenance/v1", predicate=predicate)


def test_what_was_said_of_a_source_counts_for_a_build_of_others_only_where_it_is_said_to_convert(making, by_owner):
    said = built(making, b"plan", b"source"), making.statement({"m.onnx": b"source"})
    asked = {"files": {"a.plan": b"plan"}, "require": ["quality"]}
    [refused] = by_owner(*said, **asked).refused
    assert refused.error.rule == "verify/required-other"
    assert f"give conversions: {BUILD}" in refused.error.hint
    assert by_owner(*said, **asked, conversions=[BUILD]).refused == ()
    assert rules(by_owner(*said, **asked, conversions=["https://acme.example/fine-tune/v1"])) == ["verify/required-other"]


def test_conversions_lead_up_one_after_the_other_and_to_the_data_that_the_source_was_tested_on(making, by_owner):
    said = [built(making, b"plan", b"half"), built(making, b"half", b"source"), making.statement({"m.onnx": b"source"})]
    said.append(making.statement({"test.csv": b"rows"}, "data"))
    assert by_owner(*said, files={"a.plan": b"plan"}, require=["quality", "data"], conversions=[BUILD]).refused == ()


def test_a_conversion_s_source_that_failed_is_not_outvoted_and_what_is_a_baseline_to_it_does_not_count(making, by_owner):
    asked = {"files": {"a.plan": b"plan"}, "require": ["quality"], "conversions": [BUILD]}
    two = built(making, b"plan", b"source", b"teacher")
    reports = making.statement({"m.onnx": b"source"}, outcome="failed"), making.statement({"t.onnx": b"teacher"})
    assert rules(by_owner(two, *reports, **asked)) == ["verify/required-outcome"]
    for annotations in ({"role": "baseline"}, {"role": []}, []):
        other = built(making, b"plan", b"teacher", annotations=annotations)
        assert rules(by_owner(other, making.statement({"t.onnx": b"teacher"}), **asked)) == ["verify/required-other"]


def test_a_conversion_never_leads_to_what_else_was_made_of_the_source(making, by_owner):
    said = built(making, b"plan", b"source"), built(making, b"sibling", b"source"), making.statement({"s.onnx": b"sibling"})
    found = by_owner(*said, files={"a.plan": b"plan"}, require=["quality"], conversions=[BUILD])
    assert rules(found) == ["verify/required-other"]
    assert found.refused[0].error.hint == "test what is delivered"


def test_a_conversion_that_nobody_signed_who_is_believed_leads_nowhere(shared_double, making, key, owner, checked):
    stranger = making.by_key(shared_double, built(making, b"plan", b"source"), ec.generate_private_key(ec.SECP256R1()))
    report = making.by_key(shared_double, making.statement({"m.onnx": b"source"}), key)
    found = checked(owner, stranger, report, files={"a.plan": b"plan"}, require=["quality"], conversions=[BUILD])
    assert rules(found)[0] == "verify/signature"
    assert found.about == ()


@pytest.mark.parametrize("groups", [[[]], ["m.onnx"], [[1]], {"a": 1}])
def test_groups_that_are_none_are_refused(making, by_owner, groups):
    said = json.loads(making.statement({"m.onnx": b"graph"}))
    said["predicate"]["mlops_stage"]["apart"] = groups
    assert "verify/statement" in rules(by_owner(json.dumps(said).encode(), files={"m.onnx": b"graph"}))


def test_a_run_that_is_called_as_a_stage_must_be_of_it(making, by_owner):
    said = json.loads(making.statement({"m.onnx": b"graph"}))
    said["predicate"]["mlops_stage"]["stage"] = "data"
    found = by_owner(json.dumps(said).encode(), files={"m.onnx": b"graph"}, require=["quality"])
    assert rules(found)[0] == "verify/statement"
    assert {stage.name for stage in mlops_stages()} == STAGES


def test_the_manifest_of_a_name_that_is_no_unicode_holds_too(making, by_owner):
    subject = Subject(role="model", name="m\udcff.onnx", sha256=making.sha256(b"graph"))
    report = Report(stage="quality", id="quality", outcome=Outcome.PASSED, summary="s", subjects=(subject, replace(subject, name="b")))
    [made] = statements.of(report, lambda *_: b"")
    assert "verify/subject" not in rules(by_owner(made.content, files={"b": b"graph"}))


def reported(making, stage, subjects):
    """The statement of a report that passed, about files (role, name, content)."""
    given = tuple(Subject(role=role, name=name, sha256=making.sha256(content)) for role, name, content in subjects)
    [made] = statements.of(Report(stage=stage, id=stage, outcome=Outcome.PASSED, summary="s", subjects=given), lambda *_: b"")
    return made.content


MODEL, ROWS = ("model", "m.onnx", b"graph"), ("data", "t.csv", b"rows")


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        (("quality", [("predictions", "t.csv", b"rows")]), False),
        (("quality", [ROWS]), False),
        (("fairness", [("predictions", "p.csv", b"p"), ROWS]), False),
        (("data", [ROWS]), True),
        (("quality", [MODEL, ("predictions", "t.csv", b"rows")]), True),
        (("data", [("data", "u.csv", b"other rows")]), False),
    ],
)
@pytest.mark.parametrize("beside", [{}, {"t.csv": b"rows"}], ids=["model", "with its data"])
def test_what_was_said_of_predictions_in_the_table_it_was_tested_on_says_nothing_of_a_model(making, by_owner, said, counts, beside):
    scanned = reported(making, "scan", [MODEL, ROWS])
    found = by_owner(scanned, reported(making, *said), files={"m.onnx": b"graph", **beside}, require=[said[0]])
    assert ("verify/required-other" not in rules(found)) is counts
    assert (said[0] in {one.said.id for one in found.about}) is counts


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        (["a.json"], "a.json was signed with the folder and is not there"),
        (["a.json", "b.json"], "a.json and 1 other file were signed with the folder and are not there"),
    ],
)
def test_missing_files_are_told_in_one_sentence(shared_double, making, key, owner, checked, gone, told):
    whole = making.by_key(shared_double, making.listing({"m.onnx": b"graph", **dict.fromkeys(gone, b"x")}), key)
    assert [one.error.message for one in checked(owner, whole, files={"m.onnx": b"graph"}).refused] == [told]
