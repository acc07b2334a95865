from __future__ import annotations

from mlops_stage.estimates import NotEstimable, Rate
from mlops_stage.report import Evidence, Finding, Level, Metric, Outcome, Report
from mlops_stage.reporters.choice import EXAMPLES, OVERALL, RULES, SLICES, doubts, overall, public, ruled, sliced


def report(**parts):
    return Report(stage="quality", id="q", outcome=Outcome.PASSED, summary="", **parts)


def of(name, value, estimate, direction="higher"):
    return Metric(name=name, slice=(("shop", value),), estimate=estimate, direction=direction)


def test_the_worst_slices_stand_first_by_what_their_interval_shows(runs):
    groups, left_out = sliced(runs("crowded").reports[0])
    assert left_out == 0
    assert groups[0].rows[0].slice == (("shop", "shop of horrors"),)
    assert len(groups[0].rows) == SLICES
    assert groups[0].left_out == 10_001 - SLICES
    assert groups[0].unknown == 200


def test_a_tiny_slice_at_zero_is_not_worse_than_a_large_one_below_the_rest():
    metrics = (
        Metric(name="accuracy", estimate=Rate(900, 1_000), direction="higher"),
        of("accuracy", "tiny", Rate(1, 2)),
        of("accuracy", "large", Rate(700, 1_000)),
    )
    assert [metric.slice[0][1] for metric in sliced(report(metrics=metrics))[0][0].rows] == ["large", "tiny"]


def test_for_losses_the_highest_are_worst():
    metrics = (of("log_loss", "a", Rate(1, 100), "lower"), of("log_loss", "b", Rate(90, 100), "lower"))
    assert sliced(report(metrics=metrics))[0][0].rows[0].slice[0][1] == "b"


def test_what_a_gate_names_is_always_shown():
    metrics = tuple(of("accuracy", f"{index:03}", Rate(index + 1, 1_000)) for index in range(500))
    best = (("shop", "499"),)
    assert sliced(report(metrics=metrics), {("accuracy", best)})[0][0].rows[0].slice == best


def test_metrics_over_all_rows_are_capped_with_a_count():
    metrics = tuple(Metric(name=f"m{index}", estimate=Rate(1, 2)) for index in range(OVERALL + 7))
    rows, left_out = overall(report(metrics=metrics), {("m46", ())})
    assert (len(rows), left_out, rows[0].name) == (OVERALL, 7, "m46")


def test_slices_that_cannot_be_estimated_are_counted_not_dropped():
    metrics = tuple(of("recall", str(index), NotEstimable(0, "no positives")) for index in range(20))
    group = sliced(report(metrics=metrics))[0][0]
    assert (len(group.rows), group.left_out, group.unknown) == (SLICES, 20 - SLICES, 20 - SLICES)


def test_findings_are_grouped_by_rule_with_doubts_and_errors_first(runs):
    groups, left_out = ruled(runs("crowded").reports[0].findings)
    assert len(groups) == RULES
    assert all(len(group.examples) == EXAMPLES for group in groups)
    assert groups[0].level is Level.ERROR
    assert sum(group.count for group in groups) + left_out == 10_000
    doubt = Finding(rule="validity/x", level=Level.NOTE, message="m")
    grave = Finding(rule="scan/x", level=Level.ERROR, message="m")
    assert [group.rule for group in ruled([grave, doubt])[0]] == ["validity/x", "scan/x"]
    assert doubts(report(findings=(grave, doubt))) == [doubt]


def test_private_evidence_is_on_no_page():
    paths = ("evidence/a.json", "evidence/private/b.csv", "evidence/./private/../private/c.csv", "evidence/private-notes.txt")
    assert [item.path for item in public(Evidence(path=path, sha256="") for path in paths)] == [
        "evidence/a.json",
        "evidence/private-notes.txt",
    ]
