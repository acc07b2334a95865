import numpy as np
import pytest

from mlops_stage.errors import InternalError
from mlops_stage.estimates import Bounded
from mlops_stage.stages.fairness import crosscheck


def checked(bench, **params):
    """How many figures were compared."""
    told = bench.said(bench.measure(cross_check="fairlearn", **params), "fairness/cross-checked")
    assert "none differs by more than 1e-12" in told
    return int(told.split(" ")[0].replace(",", ""))


def test_our_shares_and_gaps_are_fairlearns(bench):
    bench.write("p.csv", **bench.answers(rows=600, tilt=0.1))
    of_groups, groupings = 7 * (2 + 3) + 3 * 6, 3
    to_overall = 7 * 2 * (2 + 3) + 3 * 6
    to_reference = 7 * 2 * ((2 - 1) + (3 - 1)) + 3 * 2 * (6 - 1)
    assert (
        checked(bench, reference_group={"sex": "male", "race": "white"})
        == 7 + of_groups + to_overall + to_reference + (7 * 2 + 3 * 2) * groupings
    )


def test_so_are_they_with_weights_unknown_groups_and_groups_without_positives(bench):
    answers = bench.answers(rows=900, tilt=0.1)
    answers["sex"] = np.where(np.arange(900) % 9 == 0, "", answers["sex"])
    answers["y_true"][answers["race"] == "other"] = 0
    bench.write("p.csv", w=np.linspace(0.1, 3, 900).round(4), **answers)
    plain = checked(bench, intersections=1)
    assert plain > 50
    assert checked(bench, intersections=1, weight="w") == plain


def test_so_are_they_of_each_of_several_classes(bench):
    rng = np.random.default_rng(0)
    names = np.array(["ant", "bee", "cat"])
    label = rng.integers(0, 3, 600)
    answer = np.where(rng.random(600) < 0.8, label, rng.integers(0, 3, 600))
    bench.write("p.csv", y_true=names[label], y_pred=names[answer], sex=np.where(rng.random(600) < 0.5, "f", "m"))
    seen = bench.measure(cross_check="fairlearn", reference_group={"sex": "f"})
    gated = {"tpr_difference[by=sex]", "recall_macro_ratio[by=sex]", "accuracy", "accuracy[sex=f]", "equalized_odds_difference[by=sex]"}
    gated |= {"tpr[class=ant]", "accuracy_difference_to_overall[sex=m]", "fpr_ratio_to_reference[sex=m,class=bee]"}
    bounded = {metric.label for metric in seen.metrics if isinstance(metric.estimate, Bounded)}
    assert gated <= bounded
    assert bench.said(seen, "fairness/cross-checked").startswith(f"{len(bounded):,} figures")


def test_a_figure_that_nobody_computed_again_is_an_error(bench, monkeypatch):
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 600)
    bench.write(
        "p.csv",
        y_true=label,
        y_pred=np.where(rng.random(600) < 0.7, label, rng.integers(0, 3, 600)),
        sex=np.where(rng.random(600) < 0.5, "f", "m"),
    )
    all_compared, tried = crosscheck._all_compared, set()

    def each_left_out(metrics, theirs):
        for name in {"recall_macro_difference", "accuracy", "equalized_odds_ratio", "tpr_difference"} & {key[0] for key in theirs}:
            with pytest.raises(InternalError, match=f"{name}.* was not computed again by Fairlearn"):
                all_compared(metrics, {key: value for key, value in theirs.items() if key[0] != name})
            tried.add(name)
        return all_compared(metrics, theirs)

    monkeypatch.setattr(crosscheck, "_all_compared", each_left_out)
    bench.measure(cross_check="fairlearn", task="multiclass")
    assert len(tried) == 4


def test_of_a_tiny_table_every_figure_is_checked_though_most_are_masked(bench):
    bench.write("p.csv", y_true=[1, 0, 1, 0], y_pred=[1, 1, 0, 0], sex=["f", "f", "m", "m"])
    assert checked(bench) > 40


def test_a_figure_that_differs_is_an_error_and_no_report(bench, monkeypatch):
    bench.write("p.csv", **bench.answers(rows=300))
    monkeypatch.setitem(crosscheck._FUNCTIONS, "tpr", "true_negative_rate")
    with pytest.raises(InternalError, match=r"tpr is 0\.\d+ here and 0\.\d+ by Fairlearn"):
        bench.measure(cross_check="fairlearn")
