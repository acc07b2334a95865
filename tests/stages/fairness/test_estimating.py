from __future__ import annotations

import warnings

import numpy as np
import pytest

from mlops_stage.estimates import Difference, NotEstimable, Rate, Ratio
from mlops_stage.evidence.redact import HIDDEN
from mlops_stage.inputs.predictions import Predictions
from mlops_stage.inputs.tables.values import Codes
from mlops_stage.stages.fairness.counting import count, count_scores, score_edges
from mlops_stage.stages.fairness.estimating import calibration_of, metrics_of, overall
from mlops_stage.stages.fairness.grouping import Grouping, by_column, crossed
from mlops_stage.stages.fairness.terms import Terms
from mlops_stage.stats.cells import Cells

BINARY = ("no", "yes")
NAMES = ("selection_rate", "tpr", "fpr", "fnr", "tnr", "precision", "accuracy")


def tabled(**tables):
    """Cells and grouping of groups with these tables [tn, fp, fn, tp]; the rows themselves are not there."""
    counts = np.array(list(tables.values())).reshape(-1, 2, 2)
    levels = tuple((name.replace("_", " ").strip(),) for name in tables)
    outside = frozenset(index for index, name in enumerate(tables) if name == "unknown")
    return Cells(counts, counts, counts), Grouping(("race",), np.empty(0, dtype=np.int64), levels, outside)


def found(cells, grouping, classes=BINARY, **terms):
    return {metric.label: metric for metric in metrics_of(cells, grouping, classes, Terms(**{"draws": 200, **terms}))}


def drawn(rows, seed=0, *, weighted=False, classes=2):
    """Answers whose rates differ by group, and two sensitive columns."""
    rng = np.random.default_rng(seed)
    sex, age = rng.integers(0, 2, rows), rng.integers(0, 3, rows)
    label = rng.integers(0, classes, rows)
    right = rng.random(rows) < 0.6 + 0.1 * sex + 0.03 * age
    predictions = Predictions(
        task="binary" if classes == 2 else "multiclass",
        label=label,
        prediction=np.where(right, label, rng.integers(0, classes, rows)),
        classes=BINARY if classes == 2 else tuple("abcdef"[:classes]),
        weight=rng.uniform(0.2, 2, rows) if weighted else None,
    )
    return predictions, by_column("sex", Codes(sex, ("f", "m"))), by_column("age", Codes(age, tuple("012")))


def fairlearn_frame(predictions, grouping):
    from fairlearn import metrics
    from sklearn.metrics import accuracy_score, precision_score

    functions = {
        "selection_rate": metrics.selection_rate,
        "tpr": metrics.true_positive_rate,
        "fpr": metrics.false_positive_rate,
        "fnr": metrics.false_negative_rate,
        "tnr": metrics.true_negative_rate,
        "precision": precision_score,
        "accuracy": accuracy_score,
    }
    weights = None if predictions.weight is None else {name: {"sample_weight": predictions.weight} for name in functions}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of Fairlearn and pandas are theirs
        return metrics.MetricFrame(
            metrics=functions,
            y_true=predictions.label,
            y_pred=predictions.prediction,
            sensitive_features=np.array([grouping.label(code) for code in grouping.codes.tolist()]),
            sample_params=weights,
        )


@pytest.mark.parametrize("weighted", [False, True])
def test_values_are_those_of_fairlearn(weighted):
    predictions, sex, age = drawn(2_000, weighted=weighted)
    for grouping in (sex, crossed([sex, age])):
        cells = count(predictions, grouping)
        ours = found(cells, grouping)
        frame = fairlearn_frame(predictions, grouping)
        difference, ratio = frame.difference(), frame.ratio()
        far, near = frame.difference(method="to_overall"), frame.ratio(method="to_overall")
        for metric in overall(cells, BINARY):
            assert metric.estimate.value == pytest.approx(frame.overall[metric.name], abs=1e-12)
        for name in NAMES:
            by = f"[by={grouping.name}]"
            assert ours[f"{name}_difference{by}"].estimate.value == pytest.approx(difference[name], abs=1e-12)
            assert ours[f"{name}_ratio{by}"].estimate.value == pytest.approx(ratio[name], abs=1e-12)
            crossed_columns = len(grouping.columns) > 1
            if crossed_columns and name not in {"selection_rate", "tpr", "fpr"}:
                assert not any(metric.name in {name, f"{name}_difference_to_overall"} for metric in ours.values())
                continue
            metrics = {metric.slice: metric for metric in ours.values() if metric.name == name}
            values = [metrics[grouping.slice(group)].estimate.value for group in range(grouping.size)]
            theirs = [frame.by_group[name][grouping.label(group)] for group in range(grouping.size)]
            assert values == pytest.approx(theirs, abs=1e-12)
            to_overall = [metric.estimate.value for metric in ours.values() if metric.name == f"{name}_difference_to_overall"]
            assert max(map(abs, to_overall)) == pytest.approx(far[name], abs=1e-12)
            if crossed_columns:
                assert not any(metric.name.endswith("_ratio_to_overall") for metric in ours.values())
                continue
            to_overall = [metric.estimate.value for metric in ours.values() if metric.name == f"{name}_ratio_to_overall"]
            assert min(min(one, 1 / one) for one in to_overall) == pytest.approx(near[name], abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_composites_are_those_of_fairlearn(weighted):
    from fairlearn import metrics

    predictions, sex, age = drawn(1_500, seed=1, weighted=weighted)
    grouping = crossed([sex, age])
    ours = found(count(predictions, grouping), grouping)
    for name in ("demographic_parity", "equal_opportunity", "equalized_odds"):
        for kind in ("difference", "ratio"):
            theirs = getattr(metrics, f"{name}_{kind}")(
                predictions.label, predictions.prediction, sensitive_features=grouping.codes, sample_weight=predictions.weight
            )
            assert ours[f"{name}_{kind}[by=sex+age]"].estimate.value == pytest.approx(theirs, abs=1e-12)


COMPAS = {"Black": [990, 805, 532, 1369], "White": [1139, 349, 461, 505], "Other": [552, 128, 223, 161]}
"""Counts of recidivism scores by race as published with Larson and others 2016, How We Analyzed the COMPAS Recidivism Algorithm; no person is in them."""


def test_the_rates_of_compas_are_the_published_ones():
    cells, grouping = tabled(**COMPAS)
    ours = found(cells, grouping)
    for group, fpr, fnr in (("Black", 44.85, 27.99), ("White", 23.45, 47.72)):
        assert round(100 * ours[f"fpr[race={group}]"].estimate.value, 2) == fpr
        assert round(100 * ours[f"fnr[race={group}]"].estimate.value, 2) == fnr
    everyone = {metric.name: metric.estimate.value for metric in overall(cells, BINARY)}
    assert round(100 * everyone["fpr"], 2) == 32.35
    assert round(100 * everyone["fnr"], 2) == 37.40


def test_each_rate_has_its_own_denominator():
    cells, grouping = tabled(a=[10, 20, 30, 40], b=[50, 60, 70, 80])
    ours = found(cells, grouping)
    assert ours["tpr[race=a]"].estimate == Rate(40, 70)
    assert ours["fnr[race=a]"].estimate == Rate(30, 70)
    assert ours["fpr[race=a]"].estimate == Rate(20, 30)
    assert ours["tnr[race=a]"].estimate == Rate(10, 30)
    assert ours["precision[race=a]"].estimate == Rate(40, 60)
    assert ours["accuracy[race=a]"].estimate == Rate(50, 100)
    assert ours["selection_rate[race=a]"].estimate == Rate(60, 100)
    assert type(ours["tpr[race=a]"].estimate.k) is int


def test_a_group_without_positives_has_no_true_positive_rate_and_no_gap_to_it():
    """Fairlearn says 1.0 here, for it takes the missing rate for 0."""
    cells, grouping = tabled(a=[50, 10, 0, 0], b=[40, 10, 0, 50])
    ours = found(cells, grouping)
    assert ours["tpr[race=a]"].estimate == NotEstimable(0, "no positives in this group")
    for label in ("tpr_difference", "tpr_ratio", "equal_opportunity_difference", "fnr_difference", "equalized_odds_ratio"):
        estimate = ours[f"{label}[by=race]"].estimate
        assert isinstance(estimate, NotEstimable)
        assert "group 'a' has no positives" in estimate.reason
    assert ours["tpr_difference_to_overall[race=a]"].estimate == NotEstimable(0, "no positives in this group")
    assert ours["tpr_difference_to_overall[race=b]"].estimate == NotEstimable(0, "no positives outside this group")
    assert ours["fpr_difference[by=race]"].estimate.value == pytest.approx(0.2 - 1 / 6)
    assert ours["fpr_difference[by=race]"].incomplete == ""
    assert "no positives" in ours["equalized_odds_difference[by=race]"].incomplete


def test_a_group_without_positives_beside_others_leaves_the_gap_incomplete():
    cells, grouping = tabled(a=[50, 10, 0, 0], b=[40, 10, 10, 50], c=[40, 10, 30, 30], tiny=[40, 9, 3, 1])
    metric = found(cells, grouping)["tpr_difference[by=race]"]
    assert metric.incomplete == "group 'a' has no positives, group 'tiny' has fewer than 30 positives"
    assert metric.estimate.value == pytest.approx(50 / 60 - 1 / 4)
    assert metric.estimate.n == 4
    assert found(cells, grouping, min_denominator=3)["tpr_difference[by=race]"].incomplete == "group 'a' has no positives"


def test_without_any_positive_nothing_is_said_of_true_positive_rates():
    cells, grouping = tabled(a=[50, 10, 0, 0], b=[40, 10, 0, 0])
    ours = found(cells, grouping)
    assert isinstance(ours["tpr_difference[by=race]"].estimate, NotEstimable)
    assert "no positives" in ours["equalized_odds_difference[by=race]"].incomplete


def test_groups_outside_are_shown_and_not_compared():
    cells, grouping = tabled(a=[50, 10, 10, 50], b=[50, 10, 10, 50], unknown=[0, 100, 100, 0])
    ours = found(cells, grouping)
    assert ours["tpr[race=unknown]"].estimate == Rate(0, 100)
    assert ours["tpr_difference[by=race]"].estimate.value == 0
    assert not any(metric.slice == (("race", "unknown"),) for metric in ours.values() if "_to_" in metric.name)
    assert {metric.name: metric.estimate for metric in overall(cells, BINARY)}["tpr"] == Rate(100, 220)


def test_hidden_groups_are_told_nowhere_and_missed():
    tables = {"a": [50, 10, 10, 50], "b": [50, 10, 20, 40]}
    cells, grouping = tabled(**tables, c=[3, 0, 0, 2])
    ours = found(cells, grouping, hidden=frozenset({2}))
    without = found(*tabled(**tables))
    assert ours["tpr[race=c]"].estimate == ours["tpr_difference_to_overall[race=c]"].estimate == HIDDEN
    for name in ("tpr_difference", "selection_rate_ratio", "equalized_odds_difference"):
        assert ours[f"{name}[by=race]"].estimate == without[f"{name}[by=race]"].estimate
        assert "group 'c'" in ours[f"{name}[by=race]"].incomplete
        assert without[f"{name}[by=race]"].incomplete == ""


def test_groups_with_less_than_may_be_told_are_left_out_of_the_gaps_of_that_rate_alone():
    cells, grouping = tabled(a=[50, 10, 10, 50], b=[50, 10, 20, 40], c=[50, 10, 0, 7])
    ours = found(cells, grouping, least=10, min_denominator=5)
    assert ours["tpr_difference[by=race]"].estimate.value == pytest.approx(5 / 6 - 4 / 6)
    assert ours["tpr_difference[by=race]"].estimate.n == 60
    assert ours["tpr_difference[by=race]"].incomplete == "group 'c' has fewer than 10 positives"
    assert ours["fpr_difference[by=race]"].incomplete == ""


def test_groups_are_compared_with_the_reference_where_there_is_one():
    cells, grouping = tabled(a=[50, 10, 10, 50], b=[50, 10, 20, 40], c=[50, 0, 10, 50])
    ours = found(cells, grouping, reference=0)
    assert ours["tpr_difference_to_reference[race=b]"].estimate == Difference(Rate(40, 60), Rate(50, 60))
    assert ours["tpr_ratio_to_reference[race=b]"].estimate == Ratio(Rate(40, 60), Rate(50, 60))
    assert "tpr_difference_to_reference[race=a]" not in ours
    assert ours["fpr_ratio_to_reference[race=c]"].estimate == Ratio(Rate(0, 50), Rate(10, 60))
    to_none = found(cells, grouping, reference=2)["fpr_ratio_to_reference[race=a]"].estimate
    assert isinstance(to_none, NotEstimable)
    assert "fpr of the reference group is 0" in to_none.reason
    hidden = found(cells, grouping, reference=0, hidden=frozenset({0}))["tpr_difference_to_reference[race=b]"]
    assert hidden.estimate == HIDDEN


def test_several_classes_are_each_set_against_all_others():
    predictions, sex, age = drawn(3_000, seed=2, classes=3)
    for grouping in (sex, age):
        cells = count(predictions, grouping)
        ours = found(cells, grouping, predictions.classes)
        worst = []
        for index, name in enumerate(predictions.classes):
            alone = Predictions(
                task="binary",
                label=(predictions.label == index).astype(int),
                prediction=(predictions.prediction == index).astype(int),
                classes=BINARY,
            )
            theirs = found(count(alone, grouping), grouping)
            for rate in ("selection_rate", "tpr", "fpr", "precision"):
                for kind in ("difference", "ratio"):
                    key = f"{rate}_{kind}[by={grouping.name}"
                    assert ours[f"{key},class={name}]"].estimate == theirs[f"{key}]"].estimate
            worst.append(theirs[f"tpr_difference[by={grouping.name}]"].estimate.value)
        assert ours[f"tpr_difference[by={grouping.name}]"].estimate.value == max(worst)
        assert ours[f"recall_macro_difference[by={grouping.name}]"].estimate.value < max(worst)
        assert f"accuracy_difference[by={grouping.name}]" in ours


def test_a_class_that_no_row_has_is_nobodys_disadvantage_and_one_that_a_group_lacks_is_missed():
    table = np.zeros((2, 3, 3), dtype=np.int64)
    table[:, 0, 0], table[:, 0, 1], table[:, 1, 1], table[:, 1, 2] = 60, 20, 50, 10  # no row is of the third class
    grouping = Grouping(("race",), np.empty(0, dtype=np.int64), (("a",), ("b",)), frozenset())
    assert found(Cells(table, table, table), grouping, ("x", "y", "z"))["tpr_difference[by=race]"].incomplete == ""
    table[0, 2, 2] = 40
    assert (
        found(Cells(table, table, table), grouping, ("x", "y", "z"))["tpr_difference[by=race]"].incomplete
        == "group 'b' has no rows of class 'z'"
    )


def test_the_same_seed_gives_the_same_and_the_bootstrap_informs_on_request():
    predictions, _, age = drawn(500)
    cells = count(predictions, age)
    assert found(cells, age, bootstrap=True) == found(cells, age, bootstrap=True)
    ours = found(cells, age, bootstrap=True, draws=2_000)
    estimate, honest = ours["equalized_odds_difference_bootstrap[by=age]"].estimate, ours["equalized_odds_difference[by=age]"].estimate
    assert estimate.bound(0.05) > honest.bound(0.05)  # percentiles of a maximum lie too high
    assert "equalized_odds_difference_bootstrap[by=age]" not in found(cells, age)


def test_chance_is_told_beside_the_gap():
    cells, grouping = tabled(a=[500, 100, 100, 500], b=[500, 100, 400, 200], c=[500, 100, 100, 500])
    ours = found(cells, grouping, draws=999)
    assert ours["equal_opportunity_p_value[by=race]"].estimate.value == 1 / 1000
    assert ours["equalized_odds_p_value[by=race]"].estimate.value == 2 / 1000
    assert ours["tpr_difference_by_chance[by=race]"].estimate.value < ours["tpr_difference[by=race]"].estimate.value
    assert ours["fpr_difference_by_chance[by=race]"].estimate.value > ours["fpr_difference[by=race]"].estimate.value == 0


def test_weights_count_as_effective_rows():
    predictions, sex, _ = drawn(2_000, weighted=True)
    weighted = found(count(predictions, sex), sex)
    doubled = Predictions(
        task="binary", label=predictions.label, prediction=predictions.prediction, classes=BINARY, weight=predictions.weight * 2
    )
    again = found(count(doubled, sex), sex)
    plain = found(count(Predictions(task="binary", label=predictions.label, prediction=predictions.prediction, classes=BINARY), sex), sex)
    for label in ("tpr[sex=f]", "tpr_difference[by=sex]", "selection_rate_ratio[by=sex]"):
        assert again[label].estimate.bound(0.05) == pytest.approx(weighted[label].estimate.bound(0.05))
        assert weighted[label].estimate.n < plain[label].estimate.n


def scored(rows, shift, seed=0):
    """Scores that mean what they say in one group, and `shift` less in the other."""
    rng = np.random.default_rng(seed)
    sex, score = rng.integers(0, 2, rows), np.round(rng.uniform(0.1, 0.9, rows), 2)
    label = (rng.random(rows) < score - shift * sex).astype(np.int64)
    grouping = by_column("sex", Codes(sex, ("f", "m")))
    return Predictions(task="binary", label=label, prediction=(score > 0.5).astype(np.int64), classes=BINARY, score=score), grouping


def test_calibration_is_compared_at_the_same_score():
    predictions, grouping = scored(20_000, 0.1)
    edges = score_edges(predictions.score)
    cells = count_scores(predictions, grouping, edges)
    assert cells.rows.shape == (2, 10, 2)
    assert cells.rows.sum() == 20_000
    difference, ratio = calibration_of(cells, grouping)
    assert (difference.name, difference.slice) == ("calibration_difference", (("by", "sex"),))
    shares = cells.rows[:, :, 1] / cells.rows.sum(axis=2)
    assert difference.estimate.value == pytest.approx(np.abs(shares[0] - shares[1]).max())
    assert ratio.estimate.value == pytest.approx((shares.min(axis=0) / shares.max(axis=0)).min())
    assert 0.02 < difference.estimate.bound(0.05) < 0.1 < difference.estimate.bound(0.95)
    honest = calibration_of(count_scores(*scored(20_000, 0.0), edges), grouping)[0]
    assert honest.estimate.bound(0.05) == 0


def test_equal_scores_are_never_cut_apart_and_few_scores_make_few_parts():
    predictions, grouping = scored(1_000, 0.1)
    coarse = np.where(predictions.score > 0.5, 0.8, 0.2)
    edges = score_edges(coarse)
    assert edges.tolist() == [0.2, 0.8]
    two = Predictions(task="binary", label=predictions.label, prediction=predictions.prediction, classes=BINARY, score=coarse)
    assert count_scores(two, grouping, edges).rows.sum(axis=(0, 2)).tolist() == [(coarse == 0.2).sum(), (coarse == 0.8).sum(), 0]
    assert calibration_of(count_scores(two, grouping, edges), grouping)[0].incomplete == ""
    with pytest.raises(ValueError, match="only scores"):
        count_scores(
            Predictions(task="binary", label=predictions.label, prediction=predictions.prediction, classes=BINARY), grouping, edges
        )


def test_a_single_group_and_none_at_all_are_compared_with_nobody():
    for tables in ({"a": [50, 10, 10, 50]}, {"unknown": [50, 10, 10, 50]}, {"a": [50, 10, 10, 50], "unknown": [5, 1, 1, 5]}):
        ours = found(*tabled(**tables), bootstrap=True)
        for name in ("tpr_difference", "tpr_ratio", "equalized_odds_difference", "demographic_parity_ratio"):
            assert ours[f"{name}[by=race]"].estimate == NotEstimable(0, "there are no two groups to compare")
        assert "equalized_odds_p_value[by=race]" not in ours
    assert "no positives outside this group" in found(*tabled(a=[50, 10, 10, 50]))["tpr_difference_to_overall[race=a]"].estimate.reason


def test_reasons_tell_names_from_outside_on_one_line_and_no_count():
    cells, grouping = tabled(a=[50, 10, 10, 50], b=[50, 10, 10, 50], c=[50, 10, 3, 14])
    odd = Grouping(("race",), grouping.codes, (("a",), ("b",), ("x, y\n\x1b[31mz",)), frozenset())
    reason = found(cells, odd)["tpr_difference[by=race]"].incomplete
    assert reason.isprintable()
    assert "17" not in reason
    assert "x, y" in reason


def test_gaps_name_the_groups_that_are_farthest_apart():
    cells, grouping = tabled(a=[90, 10, 20, 80], b=[70, 30, 50, 50], c=[80, 20, 10, 90], unknown=[0, 100, 100, 0])
    seen = found(cells, grouping)
    for name in ("tpr_difference", "tpr_ratio", "equal_opportunity_difference"):
        between = seen[f"{name}[by=race]"].between
        assert (between.figure, between.low, between.high) == ("tpr", (("race", "b"),), (("race", "c"),))
    assert seen["fpr_difference[by=race]"].between.low == (("race", "a"),)
    assert seen["equalized_odds_difference[by=race]"].between.figure == "tpr", "0.4 is more than 0.2"
    assert seen["equalized_odds_ratio[by=race]"].between.figure == "fpr", "a third is less than five ninths"


def test_gaps_name_no_group_that_is_hidden_or_not_compared():
    cells, grouping = tabled(a=[90, 10, 20, 80], b=[70, 30, 50, 50], c=[80, 20, 30, 70], none=[50, 50, 0, 0])
    seen = found(cells, grouping, hidden=frozenset({1}))
    between = seen["tpr_difference[by=race]"].between
    assert (between.low, between.high) == ((("race", "c"),), (("race", "a"),))
    assert found(cells, grouping, hidden=frozenset({0, 1, 2}))["tpr_difference[by=race]"].between is None


def test_gaps_among_several_classes_name_the_class():
    counts = np.array([[[80, 10, 10], [10, 80, 10], [10, 10, 80]], [[80, 10, 10], [10, 80, 10], [50, 10, 40]]])
    grouping = Grouping(("sex",), np.empty(0, dtype=np.int64), (("f",), ("m",)), frozenset())
    seen = found(Cells(counts, counts, counts), grouping, ("x", "y", "z"))
    between = seen["tpr_difference[by=sex]"].between
    assert (between.label, between.low, between.high) == ("z", (("sex", "m"),), (("sex", "f"),))
    assert seen["recall_macro_difference[by=sex]"].between.label == ""


def test_of_many_groups_those_are_reported_that_differ_most_surely():
    tables = {f"g{index}": [90, 10, 20, 80] for index in range(30)}
    tables |= {"low": [180, 20, 120, 80], "tiny": [9, 1, 5, 5], "lowest": [12, 0, 9, 3], "unknown": [50, 50, 50, 50]}
    cells, grouping = tabled(**tables)
    whole, some = found(cells, grouping), found(cells, grouping, most=2, kept=frozenset({7}))
    own = [metric.slice[0][1] for metric in some.values() if metric.name == "tpr"]
    assert set(own) >= {"low", "lowest", "g7", "unknown"}
    assert len(own) <= 6
    assert {metric.slice[0][1] for metric in some.values() if metric.name == "tpr_ratio_to_overall"} == set(own) - {"unknown"}
    assert all(whole[label] == metric for label, metric in some.items()), "what is reported does not depend on what is not"
    assert {label for label in whole if "by=" in label} <= set(some)
