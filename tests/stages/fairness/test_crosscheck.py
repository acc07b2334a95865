import numpy as np
import pytest

from mlops_stage.errors import InternalError
from mlops_stage.stages.fairness import crosscheck


def checked(bench, **params):
    """How many figures were compared."""
    told = bench.said(bench.measure(cross_check="fairlearn", **params), "fairness/cross-checked")
    assert "none differs by more than 1e-12" in told
    return int(told.split(" ")[0].replace(",", ""))


def test_our_shares_and_gaps_are_fairlearns(bench):
    bench.write("p.csv", **bench.answers(rows=600, tilt=0.1))
    groups, groupings = 2 + 3 + 6, 3
    assert checked(bench) == 7 * groups + (7 * 2 + 3 * 2) * groupings


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
    assert checked(bench) >= 3 * 6 * 2


def test_a_figure_that_differs_is_an_error_and_no_report(bench, monkeypatch):
    bench.write("p.csv", **bench.answers(rows=300))
    monkeypatch.setitem(crosscheck._FUNCTIONS, "tpr", "true_negative_rate")
    with pytest.raises(InternalError, match=r"tpr\[sex=female\] is 0\.\d+ here and 0\.\d+ by Fairlearn"):
        bench.measure(cross_check="fairlearn")
