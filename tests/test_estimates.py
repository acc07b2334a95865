from __future__ import annotations

import json
import math
from itertools import pairwise, product

import jsonschema
import numpy as np
import pytest
from scipy import optimize, stats

from mlops_stage.estimates import (
    JSON_SCHEMA,
    LEVELS,
    Difference,
    NotEstimable,
    Paired,
    Point,
    Rate,
    Ratio,
    Sampled,
    from_json,
    holds,
    p_value,
    rows_needed,
    to_json,
)

BOUNDED = [
    Rate(80, 100),
    Rate(0, 30),
    Rate(30, 30),
    Rate(12.5, 40.25),
    Difference(Rate(56, 70), Rate(48, 80)),
    Difference(Rate(0, 10), Rate(0, 20)),
    Difference(Rate(56, 70), Sampled.from_normal(0.7, 90, 0.05)),
    Ratio(Rate(30, 60), Rate(40, 50)),
    Ratio(Rate(0, 60), Rate(40, 50)),
    Ratio(Rate(60, 60), Rate(50, 50)),
    Ratio(Sampled.from_normal(2.0, 40, 0.3), Rate(3, 50)),
    Paired(7, 1, 21),
    Paired(0, 0, 50),
    Paired(0, 4, 44),
    Paired(21, 0, 21),
    Paired(2.5, 7.25, 80.5),
    Sampled.from_normal(0.4, 100, 0.05),
    Sampled.from_logit(0.93, 50, 0.02),
    Sampled.from_logit(1.0, 50, 0.0),
]
ALL = [*BOUNDED, Point(0.8), Point(3, 12), NotEstimable(0, "no negatives in this group")]
CONFIDENCES = sorted({*LEVELS, 1e-6, 0.2, 0.45, 0.55, 0.8, 1 - 1e-6})


def two_sided(estimate):
    return estimate.bound(0.025), estimate.bound(0.975)


@pytest.mark.parametrize(("k", "n"), [(0, 1), (0, 30), (1, 30), (15, 30), (30, 30), (81, 263), (999_999, 1_000_000)])
def test_a_rate_has_wilsons_interval(k, n):
    interval = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert two_sided(Rate(k, n)) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_a_rate_stays_within_zero_and_one_exactly():
    assert Rate(0, 41).bound(0.01) == 0
    assert Rate(41, 41).bound(0.99) == 1
    assert Rate(0, 41).bound(0.99) > 0
    assert Rate(41, 41).bound(0.01) < 1


def wilson_tables(n):
    counts = np.arange(n + 1)
    return [np.array([Rate(int(k), n).bound(c) for k in counts]) for c in (0.025, 0.05, 0.95, 0.975)]


def test_the_exact_coverage_of_wilsons_interval():
    worst, total, cases = 1.0, 0.0, 0
    for n in range(20, 201, 3):
        low, _, _, high = wilson_tables(n)
        for p in np.arange(0.05, 0.501, 0.025):
            held = stats.binom.pmf(np.arange(n + 1), n, p)[(low <= p) & (p <= high)].sum()
            worst, total, cases = min(worst, held), total + held, cases + 1
    assert worst >= 0.9195  # .9198 at n=35, p=.1
    assert 0.948 <= total / cases <= 0.958


def test_two_halves_of_one_data_set_contradict_each_other_in_at_most_one_percent_exactly():
    # One half passes `>= p` and the other fails it, with p the truth: 2 P(pass) P(fail).
    for n in (30, 60, 100, 200, 1000):
        _, low, high, _ = wilson_tables(n)
        for p in (0.05, 0.1, 0.3, 0.5, 0.8, 0.9, 0.95):
            chance = stats.binom.pmf(np.arange(n + 1), n, p)
            assert 2 * chance[low >= p].sum() * chance[high < p].sum() <= 0.01


@pytest.mark.parametrize(
    ("a", "b", "low", "high"),
    [  # Newcombe 1998, Stat Med 17:873, table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_difference_of_rates_has_newcombes_interval(a, b, low, high):
    assert two_sided(Difference(Rate(*a), Rate(*b))) == pytest.approx((low, high), abs=5e-5)


def test_the_difference_of_normal_figures_adds_their_variances():
    difference = Difference(Sampled.from_normal(5.0, 40, 3.0), Sampled.from_normal(1.0, 90, 4.0))
    assert difference.value == 4
    assert difference.n == 40
    assert difference.bound(0.975) == pytest.approx(4 + 5 * stats.norm.ppf(0.975))
    assert difference.bound(0.05) == pytest.approx(4 + 5 * stats.norm.ppf(0.05))


def score_limit(gained, lost, n, z, side):
    """Tango's limit from the definition: the constrained maximum of the likelihood is searched for, not computed."""

    def share(delta):
        low, high = max(0.0, -delta), (1 - delta) / 2

        def minus_log_likelihood(q):
            cells = ((gained, q + delta), (lost, q), (n - gained - lost, 1 - 2 * q - delta))
            return -sum(count * math.log(max(chance, 1e-300)) for count, chance in cells if count)

        found = optimize.minimize_scalar(minus_log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-12})
        return found.x

    def excess(delta):
        variance = n * (2 * share(delta) + delta * (1 - delta))
        return (gained - lost - n * delta) / math.sqrt(variance) + side * z

    value = (gained - lost) / n
    inner = value + side * 1e-9
    outer = side * (1 - 1e-9)
    return optimize.brentq(excess, min(inner, outer), max(inner, outer), xtol=1e-10)


@pytest.mark.parametrize(("gained", "lost", "n"), [(1, 7, 21), (3, 3, 40), (25, 9, 300), (1, 0, 44), (0, 20, 21), (40, 62, 5000)])
@pytest.mark.parametrize("confidence", [0.95, 0.975])
def test_a_paired_difference_has_tangos_score_interval(gained, lost, n, confidence):
    z = stats.norm.ppf(confidence)
    paired = Paired(gained, lost, n)
    assert paired.bound(confidence) == pytest.approx(score_limit(gained, lost, n, z, 1), abs=2e-6)
    assert paired.bound(1 - confidence) == pytest.approx(score_limit(gained, lost, n, z, -1), abs=2e-6)


def test_a_published_example_of_tangos_interval():
    # Fagerland, Lydersen and Laake 2014, Stat Med 33:2850: airway responsiveness before and after transplantation.
    assert two_sided(Paired(1, 7, 21)) == pytest.approx((-0.517, -0.026), abs=5e-4)


def test_paired_rows_that_all_agree_still_leave_doubt():
    z = stats.norm.ppf(0.975)
    assert two_sided(Paired(0, 0, 50)) == pytest.approx((-z * z / (50 + z * z), z * z / (50 + z * z)))
    assert Paired(21, 0, 21).bound(0.99) == 1
    assert Paired(0, 21, 21).bound(0.01) == -1
    assert Paired(21, 0, 21).bound(0.025) == pytest.approx((21 - z * z) / (21 + z * z))


def test_the_ratio_of_large_rates_has_the_classic_log_interval():
    ratio = Ratio(Rate(6000, 10_000), Rate(7000, 10_000))
    error = math.sqrt(1 / 6000 - 1 / 10_000 + 1 / 7000 - 1 / 10_000)
    for confidence in (0.025, 0.05, 0.95, 0.975):
        assert ratio.bound(confidence) == pytest.approx(6 / 7 * math.exp(error * stats.norm.ppf(confidence)), rel=3e-4)


def test_the_exact_coverage_of_ratios_of_rates():
    for (n_a, n_b), (a, b) in product([(30, 30), (40, 160)], [(0.1, 0.1), (0.2, 0.5), (0.5, 0.5), (0.95, 0.9)]):
        chance = np.outer(stats.binom.pmf(np.arange(n_a + 1), n_a, a), stats.binom.pmf(np.arange(n_b + 1), n_b, b))
        below = above = chance[:, 0].sum()  # a denominator of 0 makes no claim
        for i, j in zip(*np.nonzero(chance > 1e-7), strict=True):
            if j:
                ratio = Ratio(Rate(int(i), n_a), Rate(int(j), n_b))
                below += chance[i, j] * (ratio.bound(0.05) <= a / b)
                above += chance[i, j] * (ratio.bound(0.95) >= a / b)
        assert below >= 0.93
        assert above >= 0.93


def test_a_ratio_with_nothing_in_the_numerator_has_bounds_all_the_same():
    ratio = Ratio(Rate(0, 40), Rate(20, 40))
    assert ratio.value == 0
    assert ratio.bound(0.025) == 0
    assert 0 < ratio.bound(0.975) < Rate(0, 40).bound(0.975) / Rate(20, 40).bound(0.025)


def test_a_ratio_whose_denominator_may_be_nothing_has_no_upper_bound():
    ratio = Ratio(Rate(20, 40), Sampled.from_normal(0.1, 40, 0.1))
    assert ratio.bound(0.975) == math.inf
    plain = to_json(ratio)
    assert plain["high"] is None
    assert from_json(json.loads(json.dumps(plain, allow_nan=False))) == ratio


@pytest.mark.parametrize("estimate", BOUNDED, ids=repr)
def test_bounds_rise_with_confidence_and_surround_the_value(estimate):
    bounds = [estimate.bound(confidence) for confidence in CONFIDENCES]
    assert all(earlier <= later + 1e-12 for earlier, later in pairwise(bounds))
    assert estimate.bound(0.5) == pytest.approx(estimate.value, abs=1e-9)
    assert bounds[0] <= estimate.value <= bounds[-1]


@pytest.mark.parametrize("estimate", BOUNDED, ids=repr)
def test_an_estimate_at_its_own_denominator_is_itself(estimate):
    assert estimate.at(estimate.n) == estimate


@pytest.mark.parametrize("estimate", BOUNDED, ids=repr)
def test_more_rows_narrow_the_interval_around_the_same_value(estimate):
    larger = estimate.at(4 * estimate.n)
    assert larger.n == pytest.approx(4 * estimate.n)
    assert larger.value == pytest.approx(estimate.value)
    assert larger.bound(0.95) - larger.bound(0.05) < estimate.bound(0.95) - estimate.bound(0.05)


def test_both_sides_of_a_difference_scale_alike():
    larger = Difference(Rate(5, 10), Rate(30, 40)).at(20)
    assert larger == Difference(Rate(10, 20), Rate(60, 80))


@pytest.mark.parametrize("estimate", ALL, ids=repr)
def test_json_brings_every_estimate_back(estimate):
    plain = json.loads(json.dumps(to_json(estimate), allow_nan=False))
    jsonschema.validate(plain, JSON_SCHEMA)
    assert from_json(plain) == estimate
    assert from_json(estimate) is estimate


def test_json_says_kind_value_denominator_and_interval():
    assert to_json(Rate(80, 100)) == {
        "kind": "rate",
        "value": 0.8,
        "n": 100,
        "low": pytest.approx(0.71117, abs=1e-5),
        "high": pytest.approx(0.86663, abs=1e-5),
        "k": 80,
    }
    assert to_json(NotEstimable(0, "no positives")) == {"kind": "not_estimable", "n": 0, "reason": "no positives"}


def nested(depth):
    plain = to_json(Rate(3, 9))
    for _ in range(depth):
        plain = {"kind": "difference", "a": plain, "b": to_json(Rate(1, 2))}
    return plain


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        (None, "must be an object"),
        ([], "must be an object"),
        ({}, "kind must be one of"),
        ({"kind": "guess"}, "kind must be one of"),
        ({"kind": ["rate"]}, "kind must be one of"),
        ({"kind": "rate", "k": 1}, "no n"),
        ({"kind": "rate", "k": 1, "n": 2, "sigma": 3}, "unknown field 'sigma'"),
        ({"kind": "rate", "k": 1, "n": 2, 3: 3}, "unknown field"),
        ({"kind": "rate", "k": "1", "n": 2}, "wrong type"),
        ({"kind": "rate", "k": True, "n": 2}, "wrong type"),
        ({"kind": "rate", "k": 1, "n": None}, "wrong type"),
        ({"kind": "rate", "k": 3, "n": 2}, "between 0 and n"),
        ({"kind": "rate", "k": 1, "n": 0}, "positive"),
        ({"kind": "rate", "k": 1, "n": math.nan}, "finite"),
        ({"kind": "rate", "k": 1, "n": 10**400}, "finite"),
        ({"kind": "rate", "k": 1, "n": 2, "value": 0.9}, "does not follow"),
        ({"kind": "rate", "k": 1, "n": 2, "value": None}, "wrong type"),
        ({"kind": "sampled", "value": 1, "n": 2, "quantiles": [1, 2]}, "17 numbers"),
        ({"kind": "sampled", "value": 1, "n": 2, "quantiles": 3}, "wrong type"),
        ({"kind": "sampled", "value": 1, "n": 2, "quantiles": [*range(16), 3]}, "must not fall"),
        ({"kind": "sampled", "value": 1, "n": 2, "quantiles": [math.inf] * 17}, "finite"),
        ({"kind": "difference", "a": {"kind": "point", "value": 1, "n": None}, "b": to_json(Rate(1, 2))}, "no bounds"),
        ({"kind": "ratio", "a": to_json(Rate(1, 2)), "b": to_json(Rate(0, 2))}, "denominator > 0"),
        ({"kind": "paired", "gained": 3, "lost": 3, "n": 5}, "within n"),
        ({"kind": "not_estimable", "n": 0, "reason": ""}, "reason"),
        ({"kind": "not_estimable", "n": 0, "reason": "x", "value": 1}, "does not follow"),
        (nested(9), "nested too deeply"),
    ],
)
def test_json_from_elsewhere_is_refused_in_words(plain, message):
    with pytest.raises(ValueError, match=message):
        from_json(plain)


def test_estimates_of_estimates_are_read_a_few_levels_deep():
    assert from_json(nested(3)).value == pytest.approx(1 / 3 - 1.5)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300])
def test_figures_that_are_not_finite_are_refused_when_built(bad):
    for build in (
        lambda: Rate(bad, 10),
        lambda: Rate(1, bad),
        lambda: Paired(bad, 0, 10),
        lambda: Paired(0, bad, 10),
        lambda: Point(bad),
        lambda: Point(1, bad),
        lambda: NotEstimable(bad, "x"),
        lambda: Sampled(bad, 10, (0.0,) * 17),
        lambda: Sampled(0.0, 10, (0.0,) * 16 + (bad,)),
        lambda: Sampled.from_normal(0.0, 10, bad),
        lambda: Sampled.from_draws(0.0, 10, [0.0] * 500 + [bad]),
        lambda: Sampled.from_transform(Rate(1, 2), lambda _: bad),
    ):
        with pytest.raises(ValueError, match=r"finite|negative"):
            build()


def test_impossible_counts_are_refused_but_roundings_are_not():
    for build in (lambda: Rate(-1, 10), lambda: Rate(11, 10), lambda: Rate(0, 0), lambda: Paired(6, 5, 10), lambda: Paired(-1, 0, 10)):
        with pytest.raises(ValueError, match=r"between|within|positive"):
            build()
    assert Rate(10.000000000001, 10).value == 1
    assert Rate(-1e-12, 10).value == 0


def test_numbers_of_numpy_become_plain_ones():
    rate = Rate(np.int64(3), np.float64(10))
    assert (type(rate.k), type(rate.n)) == (int, float)
    assert json.dumps(to_json(Sampled.from_draws(np.float32(0.5), np.int32(10), np.linspace(0, 1, 500))))


def test_a_sampled_estimate_is_a_line_in_the_normal_score_within_its_levels_and_beyond():
    sampled = Sampled.from_normal(10.0, 100, 2.0)
    for confidence in (1e-7, 0.0004, 0.03, 0.2, 0.62, 0.9999, 1 - 1e-7):
        assert sampled.bound(confidence) == pytest.approx(10 + 2 * stats.norm.ppf(confidence))
    assert sampled.at(400).bound(0.975) == pytest.approx(10 + stats.norm.ppf(0.975))


def test_bounds_are_kept_within_the_figures_own_range():
    sampled = Sampled.from_normal(0.98, 30, 0.02, low=0, high=1)
    assert sampled.bound(0.975) == 1
    assert sampled.bound(0.025) == pytest.approx(0.98 - 0.02 * stats.norm.ppf(0.975))


def test_the_logit_scale_keeps_bounds_within_zero_and_one():
    sampled = Sampled.from_logit(0.97, 40, 0.03)
    centre, step = math.log(0.97 / 0.03), 0.03 / (0.97 * 0.03)
    for level in (0.05, 0.95, 0.975):
        assert sampled.bound(level) == pytest.approx(1 / (1 + math.exp(-centre - step * stats.norm.ppf(level))))


def test_perfect_separation_is_not_certainty():
    assert Sampled.from_logit(1.0, 50, 0.0).bound(0.05) == pytest.approx(Rate(50, 50).bound(0.05))


def test_a_monotone_transform_carries_its_bounds_along():
    error = Sampled.from_transform(Rate(80, 100), lambda share: 1 - share)
    assert error.value == pytest.approx(0.2)
    assert two_sided(error) == pytest.approx(two_sided(Rate(20, 100)))
    square = Sampled.from_transform(Rate(80, 100), lambda share: share**2)
    assert square.bound(0.05) == pytest.approx(Rate(80, 100).bound(0.05) ** 2)
    assert square.n == 100


def test_draws_become_percentiles_and_tails_that_they_cannot_show_are_extrapolated():
    z = stats.norm.ppf((np.arange(1000) + 0.5) / 1000)
    sampled = Sampled.from_draws(0.0, 80, list(np.random.default_rng(1).permutation(z)))
    for level in LEVELS:
        assert sampled.bound(level) == pytest.approx(stats.norm.ppf(level), abs=0.02)
    assert sampled.bound(0.9995) > max(z)
    with pytest.raises(ValueError, match="at least 200 draws"):
        Sampled.from_draws(0.0, 80, [0.0] * 199)


def test_balanced_accuracy_is_a_sum_of_recalls():
    recalls = [Rate(45, 60), Rate(18, 20), Rate(30, 30)]
    balanced = Sampled.from_sum([(1 / 3, recall) for recall in recalls])
    assert balanced.value == pytest.approx((0.75 + 0.9 + 1.0) / 3)
    assert balanced.n == 20
    below = [recall.value - recall.bound(0.05) for recall in recalls]
    above = [recall.bound(0.95) - recall.value for recall in recalls]
    assert balanced.bound(0.05) == pytest.approx(balanced.value - math.hypot(*below) / 3)
    assert balanced.bound(0.95) == pytest.approx(balanced.value + math.hypot(*above) / 3)


def test_a_sum_with_a_negative_weight_is_a_difference():
    a, b = Rate(56, 70), Rate(48, 80)
    assert two_sided(Sampled.from_sum([(1, a), (-1, b)])) == pytest.approx(two_sided(Difference(a, b)))


@pytest.mark.parametrize(("value", "op", "expected"), [(1, ">=", True), (1, ">", False), (1, "<=", True), (1, "<", False)])
def test_a_value_on_the_threshold(value, op, expected):
    assert holds(value, op, 1) is expected


def test_the_p_value_of_a_rate_is_the_score_tests():
    for k, threshold in ((80, 0.85), (80, 0.9), (80, 0.7), (80, 0.8)):
        z = (k / 100 - threshold) / math.sqrt(threshold * (1 - threshold) / 100)
        assert p_value(Rate(k, 100), threshold, ">=") == pytest.approx(stats.norm.cdf(z), rel=1e-6)
        assert p_value(Rate(k, 100), threshold, "<=") == pytest.approx(stats.norm.sf(z), rel=1e-6)


@pytest.mark.parametrize("estimate", BOUNDED, ids=repr)
@pytest.mark.parametrize("op", [">=", "<="])
def test_p_values_agree_with_bounds(estimate, op):
    for alpha in (0.05, 0.01, 0.002):
        beyond = estimate.bound(1 - alpha if op == ">=" else alpha)
        if not math.isfinite(beyond) or beyond in {0, 1, -1}:
            continue
        outward = 1e-6 if op == ">=" else -1e-6
        assert p_value(estimate, beyond + outward, op) < alpha < p_value(estimate, beyond - outward, op)


def test_small_p_values_are_told_apart():
    assert 0 < p_value(Rate(395, 1000), 0.5, ">=") < p_value(Rate(400, 1000), 0.5, ">=") < 1e-9


@pytest.mark.parametrize(
    ("estimate", "threshold", "op"),
    [
        (Rate(28, 33), 0.8, ">="),
        (Rate(28, 33), 0.9, ">="),
        (Rate(3, 33), 0.2, "<"),
        (Paired(4, 3, 60), -0.01, ">="),
        (Difference(Rate(20, 30), Rate(50, 90)), 0.05, "<="),
        (Sampled.from_logit(0.72, 40, 0.06), 0.7, ">"),
    ],
)
def test_the_rows_needed_decide_and_one_row_fewer_does_not(estimate, threshold, op):
    needed = rows_needed(estimate, threshold, op)

    def decided(n):
        low, high = estimate.at(n).bound(0.05), estimate.at(n).bound(0.95)
        return (holds(low, op, threshold) and holds(high, op, threshold)) or not (holds(low, op, threshold) or holds(high, op, threshold))

    assert needed > estimate.n
    assert decided(needed)
    assert not decided(needed - 1)
    assert rows_needed(estimate, threshold, op, confidence=0.99) > needed


def test_no_number_of_rows_decides_on_the_threshold_itself():
    assert rows_needed(Rate(80, 100), 0.8, ">=") is None
    assert rows_needed(Rate(100, 100), 1, ">=") is None
    assert rows_needed(Rate(80, 100), 0.8 - 1e-12, ">=") is None


def test_a_decided_estimate_needs_no_more_rows_than_it_has():
    assert rows_needed(Rate(800, 1000), 0.5, ">=") < 10
