from pathlib import Path

import pytest

from mlops_stage.estimates import NotEstimable, Point, Rate, Ratio
from mlops_stage.report import Between, Failure, Gate, Metric, Outcome, Report, Subject, Verdict
from mlops_stage.stages.sbom.facts import File, Model
from mlops_stage.stages.sbom.results import read
from mlops_stage.workspace import EarlierReport

MODEL, OTHER, DATA = "a" * 64, "b" * 64, "c" * 64
SHARED, CARD, LIST = "d" * 64, "e" * 64, "f" * 64
OWN = (Subject(role="model", name="m.onnx", sha256=MODEL), Subject(role="data", name="test.csv", sha256=DATA))


def model(*digests, sha256="", papers=()):
    """A model of weights with these digests, and of papers that many models may share."""
    made = [File(path=f"m{digest[:4]}", sha256=digest, size=1, role="weights", format="ONNX") for digest in digests]
    made += [File(path=f"p{digest[:4]}", sha256=digest, size=1, role="tokenizer", format="JSON") for digest in papers]
    return Model(ref="m", name="m", sha256=sha256 or digests[0], files=tuple(made))


ONE = model(MODEL)


def earlier(stage="quality", name=None, *, subjects=OWN, outcome=Outcome.PASSED, **said):
    report = Report(stage=stage, id=name or stage, outcome=outcome, summary="Said.", subjects=subjects, **said)
    return EarlierReport(report=report, folder=Path(stage))


def accuracy(k=90, n=100, **more):
    return Metric(name="accuracy", estimate=Rate(k, n), direction="higher", **more)


def figures(*reports):
    return read(reports, ONE, {DATA}).figures


def test_a_figure_has_its_interval_and_its_slice():
    (figure,) = figures(earlier(metrics=(accuracy(slice=(("sex", "f"), ("age", "30,40"))),)))
    assert (figure.value, figure.n, figure.direction, figure.stage, figure.source) == (0.9, 100, "higher", "quality", "quality")
    assert figure.low == pytest.approx(0.8256, abs=1e-4)
    assert figure.high == pytest.approx(0.9448, abs=1e-4)
    assert figure.where == 'sex=f,age="30,40"'


def test_what_cannot_be_estimated_is_left_out():
    assert figures(earlier(metrics=(Metric(name="tpr", estimate=NotEstimable(0, "no positives")),))) == ()


def test_a_bare_figure_has_no_interval_and_an_end_that_is_nowhere_none():
    bare, open_ended = figures(
        earlier(
            metrics=(
                Metric(name="latency", estimate=Point(3.0), unit="s"),
                Metric(name="ratio", estimate=Ratio(Rate(5, 100), Rate(1, 100))),
            )
        )
    )
    assert (bare.low, bare.high, bare.unit) == (None, None, "s")
    assert open_ended.low is not None


def test_what_a_figure_lacks_is_said_where_it_stands():
    (figure,) = figures(earlier(metrics=(accuracy(incomplete="group x has no rows"),)))
    assert figure.where == "group x has no rows"


def test_the_same_figure_of_two_reports_stands_once_and_of_other_data_apart():
    same = earlier(metrics=(accuracy(),)), earlier(name="again", metrics=(accuracy(),))
    assert len(figures(*same)) == 1
    elsewhere = (OWN[0], Subject(role="data", name="other.csv", sha256=DATA))
    apart = figures(same[0], earlier(name="again", subjects=elsewhere, metrics=(accuracy(),)))
    assert [figure.where for figure in apart] == ["data: test.csv", "data: other.csv"]


def test_a_report_of_another_model_or_of_none_is_passed_over():
    foreign = earlier(subjects=(Subject(role="model", name="m.onnx", sha256=OTHER), OWN[1]), metrics=(accuracy(),))
    nameless = earlier(name="nameless", subjects=OWN[1:], metrics=(accuracy(),))
    found = read((foreign, nameless), ONE, {DATA})
    assert (found.figures, found.judged) == ((), ())
    assert [one.reason for one in found.passed_over] == ["it judged another model", "it does not name the model by digest"]


@pytest.mark.parametrize(
    ("judged", "counts"),
    [
        ([MODEL, SHARED], True),
        ([MODEL, SHARED, CARD], True),  # a scan looks at every file
        ([LIST], True),  # the model by the digest of its list of files
        ([SHARED], False),  # weights that another model has too
        ([CARD], False),
        ([MODEL, SHARED, OTHER], False),
        ([OTHER, SHARED], False),
    ],
)
def test_a_report_counts_when_it_is_about_all_the_weights_and_nothing_else(judged, counts):
    of = model(MODEL, SHARED, sha256=LIST, papers=(CARD,))
    report = earlier(subjects=tuple(Subject(role="model", name=one[:4], sha256=one) for one in judged), metrics=(accuracy(),))
    found = read((report,), of)
    assert (len(found.figures), len(found.judged), len(found.passed_over)) == ((1, 1, 0) if counts else (0, 0, 1))
    if not counts:
        assert found.passed_over[0].reason == "it judged another set of files, some of them this model's"


def test_a_model_without_files_is_judged_by_its_own_digest_alone():
    served = Model(ref="m", name="m")
    assert read((earlier(),), served).passed_over[0].reason == "it judged another model"


def test_figures_of_data_that_is_not_described_here_name_it():
    elsewhere = (OWN[0], Subject(role="data", name="march.csv", sha256=OTHER))
    assert [figure.where for figure in figures(earlier(subjects=elsewhere, metrics=(accuracy(),)))] == ["data: march.csv"]
    assert [figure.where for figure in figures(earlier(metrics=(accuracy(),)))] == [""]


def test_a_report_of_the_data_needs_no_model_and_names_its_contract():
    gates = tuple(Gate(criterion=f"nulls <= {n}", verdict=verdict, sentence="So.", source="c") for n, verdict in enumerate(Verdict))
    found = read(
        (earlier("data", subjects=OWN[1:], gates=gates, params={"contract": "c.odcs.yaml"}), earlier("data", "else", subjects=())),
        ONE,
        {DATA},
    )
    (judged,) = found.judged
    assert (judged.contract, judged.data, judged.model) == ("c.odcs.yaml", (DATA,), False)
    assert (judged.passed, judged.failed, judged.inconclusive) == (1, 1, 1)
    assert found.passed_over[0].reason == "it judged other data"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"outcome": Outcome.ERROR, "error": Failure(code=3, message="no rows")}, "it ended in an error"),
        ({"outcome": Outcome.NOT_APPLICABLE}, "it did not apply"),
    ],
)
def test_a_report_without_a_verdict_is_passed_over(said, reason):
    found = read((earlier(subjects=(), **said),), ONE)
    assert (found.judged, found.passed_over[0].reason) == ((), reason)


def gap(name, figure):
    low, high = (("sex", "f"),), (("sex", "m"),)
    return Metric(name=name, estimate=Rate(10, 100), slice=(("by", "sex"),), between=Between(figure=figure, low=low, high=high))


@pytest.mark.parametrize(
    ("name", "figure", "group"),
    [
        ("tpr_difference", "tpr", "sex=f"),
        ("fpr_difference", "fpr", "sex=m"),
        ("demographic_parity_difference", "selection_rate", "sex=f and sex=m"),
    ],
)
def test_a_judged_gap_names_the_group_in_which_the_model_errs_more(name, figure, group):
    gate = Gate(criterion=f"{name}[by=sex] <= 0.1", verdict=Verdict.FAILED, sentence="Too large.", source="standard")
    (found,) = read((earlier("fairness", metrics=(gap(name, figure),), gates=(gate,)),), ONE).assessments
    assert (found.group, found.verdict, found.sentence, found.metric) == (group, "failed", "Too large.", f"{name}[by=sex]")


def test_a_gap_that_nobody_judged_and_a_gate_of_another_stage_are_no_assessment():
    gate = Gate(criterion="accuracy >= 0.8", verdict=Verdict.PASSED, sentence="So.", source="gates")
    reports = earlier("fairness", metrics=(gap("tpr_difference", "tpr"),)), earlier(metrics=(accuracy(),), gates=(gate,))
    assert read(reports, ONE).assessments == ()


def test_compiled_artefacts_are_what_ships_and_budgets_are_no_figures():
    artefacts = (
        Subject(role="artefact", name="evidence/host/model.onnx", sha256=OTHER),
        Subject(role="artefact", name="somewhere", sha256=DATA),  # a report may come from anywhere
        Subject(role="original", name="m.pkl", sha256=DATA),
    )
    where = (("target", "host"),)
    metrics = tuple(Metric(name=name, estimate=Point(1.0), slice=where) for name in ("latency_ratio", "latency_ratio_budget"))
    found = read((earlier("compile", subjects=(*OWN, *artefacts), metrics=metrics),), ONE)
    (one,) = found.compiled
    assert (one.target, one.name, one.path, one.sha256) == ("host", "model.onnx", "compile/evidence/host/model.onnx", OTHER)
    assert [figure.name for figure in found.figures] == ["latency_ratio"]
