from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from mlops_stage.estimates import NotEstimable, Rate, Sampled
from mlops_stage.stats import ranking
from mlops_stage.stats.linear import Groups, paired_difference
from mlops_stage.stats.ranking import rank, rank_figures, rising


def roc_auc(ranking, *, influence=False):
    return rank_figures(ranking, influence=influence)["roc_auc"]


def average_precision(ranking, *, influence=False):
    return rank_figures(ranking, influence=influence)["average_precision"]


def ranked(score, positive, codes=None, size=1, weight=None):
    groups = Groups(len(score), codes, size, weight)
    return rank(groups, rising(score), score, positive)


def drawn(rows, seed, digits=None):
    rng = np.random.default_rng(seed)
    score = rng.random(rows)
    positive = rng.random(rows) < 0.2 + 0.6 * score
    return (score if digits is None else score.round(digits)), positive, rng


@pytest.mark.parametrize("digits", [None, 1])
@pytest.mark.parametrize("weighted", [False, True])
def test_areas_are_those_of_scikit_learn(digits, weighted):
    score, positive, rng = drawn(2_000, 0, digits)
    weight = rng.random(2_000) + 0.1 if weighted else None
    together = ranked(score, positive, weight=weight)
    assert roc_auc(together).value[0] == pytest.approx(roc_auc_score(positive, score, sample_weight=weight), abs=1e-12)
    expected = average_precision_score(positive, score, sample_weight=weight)
    assert average_precision(together).value[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("digits", [None, 1])
@pytest.mark.parametrize("weighted", [False, True])
def test_each_group_has_the_figures_it_would_have_alone(digits, weighted):
    score, positive, rng = drawn(3_000, 1, digits)
    codes = rng.integers(0, 5, 3_000)
    codes[codes == 3] = 4  # an empty group between others
    weight = rng.random(3_000) + 0.1 if weighted else None
    together = ranked(score, positive, codes, 6, weight)
    for figure in (roc_auc, average_precision):
        by_group = figure(together, influence=True)
        for group in (0, 1, 2, 4):
            mine = codes == group
            alone = figure(ranked(score[mine], positive[mine], weight=None if weight is None else weight[mine]), influence=True)
            assert by_group.value[group] == pytest.approx(alone.value[0], abs=1e-12)
            assert by_group.se[group] == pytest.approx(alone.se[0], rel=1e-9)
            assert by_group.n[group] == pytest.approx(alone.n[0])
            assert by_group.influence[mine] == pytest.approx(alone.influence, abs=1e-9)
        assert by_group.estimate(3) == NotEstimable(0, "no rows")
        assert by_group.estimate(5) == NotEstimable(0, "no rows")


def test_figures_do_not_depend_on_how_many_rows_are_gone_through_at_a_time(monkeypatch):
    score, positive, rng = drawn(500, 6, 1)
    weight = rng.random(500)
    at_once = rank_figures(ranked(score, positive, weight=weight), influence=True)
    monkeypatch.setattr(ranking, "_PIECE", 7)
    monkeypatch.setattr(ranking, "_KEPT", 0)
    in_pieces = rank_figures(ranked(score, positive, weight=weight), influence=True)
    for name, figure in at_once.items():
        assert in_pieces[name].value[0] == pytest.approx(figure.value[0], abs=1e-13)
        assert in_pieces[name].se[0] == pytest.approx(figure.se[0], rel=1e-9)
        assert in_pieces[name].influence == pytest.approx(figure.influence, abs=1e-9)


def test_rows_without_weight_are_not_there():
    score, positive, rng = drawn(300, 7, 1)
    weight = np.where(score > 0.8, 0.0, rng.random(300))  # none of the highest scores counts
    heavy = weight > 0
    found, alone = (rank_figures(ranked(score[rows], positive[rows], weight=weight[rows]), influence=True) for rows in (slice(None), heavy))
    for name, figure in found.items():
        assert figure.value[0] == pytest.approx(alone[name].value[0], abs=1e-12)
        assert figure.se[0] == pytest.approx(alone[name].se[0], rel=1e-9)
        assert (figure.influence[~heavy] == 0).all()


def test_the_variance_of_the_area_is_that_of_delong():
    score, positive, _ = drawn(300, 2, 1)
    x, y = score[positive], score[~positive]
    above = (x[:, None] > y).astype(float) + 0.5 * (x[:, None] == y)
    variance = above.mean(axis=1).var(ddof=1) / len(x) + above.mean(axis=0).var(ddof=1) / len(y)
    assert roc_auc(ranked(score, positive)).se[0] == pytest.approx(np.sqrt(variance), rel=1e-12)


@pytest.mark.parametrize("figure", [roc_auc, average_precision])
def test_influence_is_the_derivative_by_a_rows_weight(figure):
    score, positive, rng = drawn(120, 3, 1)
    weight = rng.random(120) + 0.5
    whole = figure(ranked(score, positive, weight=weight), influence=True)
    step = 1e-6
    for row in range(0, 120, 17):
        heavier = weight.copy()
        heavier[row] += step
        slope = (figure(ranked(score, positive, weight=heavier)).value[0] - whole.value[0]) / step
        assert whole.influence[row] == pytest.approx(slope * weight.sum(), abs=1e-4)


def test_the_standard_error_of_average_precision_is_that_of_resampled_rows():
    score, positive, rng = drawn(400, 4)
    values = []
    for _ in range(600):
        rows = rng.integers(0, 400, 400)
        values.append(average_precision_score(positive[rows], score[rows]))
    assert average_precision(ranked(score, positive)).se[0] == pytest.approx(np.std(values), rel=0.1)


def test_one_class_has_no_area():
    score = np.array([0.1, 0.2, 0.3])
    assert roc_auc(ranked(score, np.ones(3, bool))).estimate(0) == NotEstimable(0, "no negatives")
    assert roc_auc(ranked(score, np.zeros(3, bool))).estimate(0) == NotEstimable(0, "no positives")
    assert average_precision(ranked(score, np.ones(3, bool))).estimate(0) == NotEstimable(0, "no negatives")


def test_a_perfect_ranking_keeps_an_interval():
    score = np.arange(80) / 80
    estimate = roc_auc(ranked(score, score >= 0.5)).estimate(0)
    assert isinstance(estimate, Sampled)
    assert estimate.value == 1
    assert estimate.n == 40
    assert 0.9 < estimate.bound(0.05) < 1


def test_paired_areas_have_the_covariance_of_delong():
    score, positive, rng = drawn(500, 5)
    other = np.clip(score + 0.2 * rng.standard_normal(500), 0, 1)
    groups = Groups(500)
    new, old = (roc_auc(rank(groups, rising(s), s, positive), influence=True) for s in (score, other))
    difference = paired_difference(groups, new, old).difference

    def components(s):
        x, y = s[positive], s[~positive]
        above = (x[:, None] > y).astype(float) + 0.5 * (x[:, None] == y)
        return above.mean(axis=1), above.mean(axis=0)

    (a, b), (c, d) = components(score), components(other)
    variance = (a - c).var(ddof=1) / len(a) + (b - d).var(ddof=1) / len(b)
    assert difference.value[0] == pytest.approx(a.mean() - c.mean(), abs=1e-12)
    assert difference.se[0] == pytest.approx(np.sqrt(variance), rel=0.01)
    assert difference.se[0] < np.hypot(new.se[0], old.se[0])


def changed_area(positive, new, old):
    groups = Groups(len(positive))
    return paired_difference(groups, *(roc_auc(rank(groups, rising(s), s, positive), influence=True) for s in (new, old))).estimate(0)


def test_two_perfect_rankings_are_not_known_to_be_equal():
    score = np.arange(60) / 60
    change = changed_area(score >= 0.5, score, score**2)
    assert change.value == 0
    assert change.bound(0.05) < -0.05
    assert change.bound(0.95) > 0.05


def test_two_rankings_that_are_the_same_may_differ_on_rows_that_were_not_seen():
    score, positive, _ = drawn(500, 8)
    change = changed_area(positive, score, score)
    assert change.bound(0.05) <= -Rate(0, change.n).bound(0.95) + 1e-9


@pytest.mark.parametrize(("area", "rows", "margin"), [(0.999, 30, 0.005), (0.99, 30, 0.01)])
def test_a_ranking_that_is_worse_by_the_margin_seldom_passes(area, rows, margin):
    rng = np.random.default_rng(9)
    positive = np.arange(2 * rows) < rows
    apart = [np.sqrt(2) * NormalDist().inv_cdf(truth) * positive for truth in (area - margin, area)]
    runs = 300
    passed = sum(
        changed_area(positive, *(rng.standard_normal(2 * rows) + shift for shift in apart)).bound(0.05) >= -margin for _ in range(runs)
    )
    assert passed / runs < 0.08  # by normal theory alone .27 and .13


@pytest.mark.parametrize("piece", [2**15, 16])
def test_weights_cannot_push_a_perfect_ranking_beyond_one(monkeypatch, piece):
    monkeypatch.setattr(ranking, "_PIECE", piece)
    rng = np.random.default_rng(10)
    for rows in range(40, 140):
        positive = np.arange(rows) >= rows // 2
        weight = rng.random(rows) * 10.0 ** rng.integers(-6, 6)
        groups = Groups(rows, weight=weight)
        for order, expected in ((np.arange(rows), 1.0), (-np.arange(rows), None)):
            figures = rank_figures(rank(groups, rising(order), order.astype(float), positive), influence=True)
            for name, figure in figures.items():
                value, estimate = figure.value[0], figure.estimate(0)
                assert 0 <= value <= 1
                assert estimate.bound(0.05) < max(value, 1e-9), (name, rows)
                if expected is not None:
                    assert value == expected, (name, rows)
                    assert estimate.bound(0.05) < 0.97
                    change = paired_difference(groups, figure, figure).estimate(0)
                    assert change.bound(0.05) < -0.02
            assert expected is not None or figures["roc_auc"].value[0] == 0


def test_few_light_rows_above_many_heavy_ones_keep_their_precision():
    weight = np.concatenate([np.random.default_rng(11).random(5_000) * 1e9, np.full(40, 1e-6)])
    score = np.arange(5_040.0)
    found = average_precision(ranked(score, score >= 5_000, weight=weight)).value[0]
    assert found == 1
