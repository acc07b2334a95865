"""How near is near enough: what each tier allows and refuses, what a tie is, and that nothing is passed without rows to show it."""

import numpy as np
import pytest

from mlops_stage.estimates import NotEstimable, Rate
from mlops_stage.stages.compile.parity.near import noise
from mlops_stage.stages.compile.parity.rows import probes
from mlops_stage.stages.compile.parity.tiers import MOST_NAMED, TIERS, agree

ROWS = 3_000


def scored(rows=ROWS, seed=0, classes=3):
    """Labels and probabilities of a model that is mostly sure."""
    logits = np.random.default_rng(seed).normal(0, 3, (rows, classes))
    share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return {"label": share.argmax(axis=1), "probabilities": share.astype(np.float32)}


def moved(outputs, by):
    """The same with other probabilities, labels as they follow from them."""
    share = (outputs["probabilities"].astype(np.float64) + by).astype(np.float32)
    return {"label": share.argmax(axis=1), "probabilities": share}


@pytest.mark.parametrize("tier", ["exact", "reduced", "quantised"])
def test_the_same_answers_pass(tier):
    found = agree(scored(), scored(), tier)
    assert found.passed
    assert found.largest == 0
    assert found.labels == Rate(ROWS - found.ties, ROWS - found.ties)
    assert not found.reasons
    assert not found.failing_rows


def test_rounding_passes_as_exact():
    noise = np.random.default_rng(1).normal(0, 1e-6, (ROWS, 3))
    found = agree(scored(), moved(scored(), noise), "exact")
    assert found.passed
    assert 0 < found.worst.of_allowed < 1


def test_one_number_too_far_fails_as_exact():
    other = scored()
    other["probabilities"][17, 1] += 2e-4
    found = agree(scored(), other, "exact")
    assert found.verdict == "failed"
    assert found.failing_rows == (17,)
    assert (found.worst.output, found.worst.row) == ("probabilities", 17)
    assert found.worst.of_allowed > 1
    assert found.reasons == ("numbers differ by more than the tier 'exact' allows in 1 row of 3,000",)
    assert agree(scored(), other, "reduced").passed


def test_one_other_label_fails_as_exact_though_scores_agree():
    other = scored()
    other["label"][5] = (other["label"][5] + 1) % 3
    found = agree(scored(), other, "exact")
    assert found.verdict == "failed"
    assert found.failing_rows == (5,)
    assert found.labels.value < 1
    assert "the decision is another in 1 row" in found.reasons[0]


def test_a_tie_is_left_out_and_counted():
    tied = scored()
    tied["probabilities"][7] = [0.5, 0.5, 0]
    tied["label"][7] = 0
    other = {"label": tied["label"].copy(), "probabilities": tied["probabilities"].copy()}
    other["probabilities"][7] += np.float32([-3e-7, 3e-7, 0])
    other["label"][7] = 1
    found = agree(tied, other, "exact")
    assert found.passed
    assert found.ties >= 1
    assert found.labels.n == ROWS - found.ties


@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_a_tie_of_a_lone_score(threshold):
    score = np.random.default_rng(2).random((200, 1)).astype(np.float32) - (0.5 if threshold == 0 else 0)
    score[3] = threshold
    label = np.array(["no", "yes"], dtype=object)[(score[:, 0] > threshold).astype(int)]
    flipped = label.copy()
    flipped[3] = "yes"
    found = agree({"label": label, "score": score}, {"label": flipped, "score": score}, "exact")
    assert found.ties == 1
    assert found.passed
    flipped[4] = "no" if flipped[4] == "yes" else "yes"
    assert agree({"label": label, "score": score}, {"label": flipped, "score": score}, "exact").verdict == "failed"


def test_labels_that_no_threshold_parts_have_no_ties():
    label = np.arange(200) % 2
    score = np.full((200, 1), 0.7, dtype=np.float32)
    found = agree({"label": label, "score": score}, {"label": label, "score": score}, "exact")
    assert found.ties == 0


def test_the_largest_of_several_scores_decides_where_there_are_no_labels():
    scores = scored()["probabilities"]
    other = scores.copy()
    other[9] = other[9][::-1] if other[9].argmax() != 1 else np.roll(other[9], 1)
    found = agree({"logits": scores}, {"logits": other}, "quantised")
    assert found.labels.k == found.labels.n - 1
    assert agree({"logits": scores}, {"logits": other}, "quantised", decides=False).labels.n == 0


def test_a_quantity_has_no_decisions():
    values = np.linspace(-5, 900, 100, dtype=np.float32).reshape(-1, 1)
    found = agree({"y": values}, {"y": values * np.float32(1 + 1e-5)}, "exact")
    assert isinstance(found.labels, NotEstimable)
    assert found.passed
    assert agree({"y": values}, {"y": values * np.float32(1.001)}, "exact").verdict == "failed"
    assert agree({"y": values}, {"y": values * np.float32(1.001)}, "reduced").passed
    assert agree({"y": values}, {"y": values * np.float32(1.1)}, "reduced").verdict == "failed"


def test_scores_of_classes_are_measured_by_the_largest_of_the_row():
    logits = np.tile(np.float32([[12.0, 0.001, -7]]), (ROWS, 1))
    label, other = np.zeros(ROWS, dtype=np.int64), logits.copy()
    other[:, 1] += 0.05
    assert agree({"label": label, "logits": logits}, {"label": label, "logits": other}, "reduced").passed
    other[:, 1] += 0.1
    assert agree({"label": label, "logits": logits}, {"label": label, "logits": other}, "reduced").verdict == "failed"


@pytest.mark.parametrize("tier", ["exact", "reduced", "quantised"])
def test_every_other_column_is_measured_by_its_own_size(tier):
    draw = np.random.default_rng(6)
    amounts = np.stack([draw.normal(2e4, 4e3, ROWS), draw.random(ROWS)], axis=1).astype(np.float32)
    assert agree({"y": amounts}, {"y": amounts * np.float32(1 + 1e-6)}, tier).passed
    lost = amounts * np.float32([1, 0])
    assert agree({"y": amounts}, {"y": lost}, tier, decides=False).verdict == "failed"
    assert agree({"y": amounts}, {"y": lost}, tier).verdict == "failed"


@pytest.mark.parametrize("tier", ["exact", "reduced", "quantised"])
@pytest.mark.parametrize("scale", [9e-6, 1e-12])
def test_small_numbers_are_no_excuse_for_nothing(tier, scale):
    small = (np.random.default_rng(7).random((ROWS, 1)) * scale).astype(np.float32)
    assert agree({"y": small}, {"y": small * np.float32(1 + 1e-6)}, tier).passed
    assert agree({"y": small}, {"y": np.zeros_like(small)}, tier).verdict == "failed"


@pytest.mark.parametrize("tier", ["exact", "reduced", "quantised"])
def test_one_number_does_not_stand_for_all_where_they_vary_little(tier):
    years = (2000 + np.random.default_rng(8).normal(0, 0.05, (ROWS, 1))).astype(np.float32)
    found = agree({"y": years}, {"y": np.full_like(years, years.mean())}, tier)
    assert found.verdict == "failed"
    assert "of its variance in noise" in found.reasons[0]
    assert agree({"y": years}, {"y": years + np.float32(2e-3)}, tier).passed
    constant = np.full_like(years, 7)
    assert agree({"y": constant}, {"y": constant * np.float32(1 + 1e-6)}, tier).passed


@pytest.mark.parametrize("tier", ["exact", "reduced", "quantised"])
def test_rows_without_a_number_show_nothing(tier):
    empty = np.full((ROWS, 2), np.nan, dtype=np.float32)
    found = agree({"y": empty}, {"y": empty}, tier, decides=False)
    assert (found.verdict, found.reasons) == (
        "inconclusive",
        ("output 'y' holds no finite number in any row, so these rows show nothing of it",),
    )


@pytest.mark.parametrize("tier", ["exact", "reduced", "quantised"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_must_stay(tier, value):
    odd = scored()
    odd["probabilities"][2, 2] = value
    assert agree(odd, {name: values.copy() for name, values in odd.items()}, tier).verdict != "failed"
    for one, two in ((odd, scored()), (scored(), odd)):
        found = agree(one, two, tier)
        assert found.verdict == "failed"
        assert found.failing_rows[0] == 2
        assert "NaN or infinite" in found.reasons[0]
        assert np.isfinite(found.largest)


def test_infinities_of_other_signs_are_not_the_same():
    one, other = scored(), scored()
    one["probabilities"][2, 2], other["probabilities"][2, 2] = np.inf, -np.inf
    assert agree(one, other, "reduced").verdict == "failed"


@pytest.mark.parametrize(
    ("tier", "rows", "differing", "verdict"),
    [
        ("reduced", 3_000, 0, "passed"),
        ("reduced", 2_000, 0, "inconclusive"),
        ("reduced", 3_000, 3, "inconclusive"),
        ("reduced", 3_000, 12, "failed"),
        ("quantised", 300, 0, "passed"),
        ("quantised", 200, 0, "inconclusive"),
        ("quantised", 3_000, 18, "passed"),
        ("quantised", 3_000, 30, "inconclusive"),
        ("quantised", 3_000, 60, "failed"),
    ],
)
def test_shares_of_decisions_are_judged_by_their_bounds(tier, rows, differing, verdict):
    label = np.arange(rows) % 2
    other = label.copy()
    other[:differing] = 1 - other[:differing]
    found = agree({"label": label}, {"label": other}, tier)
    assert found.verdict == verdict
    assert bool(found.reasons) == (verdict != "passed")


def test_only_ties_show_nothing_about_decisions():
    label, scores = np.zeros(50, dtype=np.int64), np.full((50, 2), 0.5, dtype=np.float32)
    found = agree({"label": label, "s": scores}, {"label": 1 - label, "s": scores}, "exact")
    assert (found.ties, found.labels) == (50, NotEstimable(0, "two classes are as good as equal in every row"))
    assert (found.verdict, found.reasons) == (
        "inconclusive",
        ("two classes are as good as equal in every row, so these rows show nothing of decisions",),
    )


def test_outputs_that_cannot_be_compared():
    one = scored(10)
    lacking = agree(one, {"label": one["label"]}, "exact")
    assert lacking.reasons == ("output 'probabilities' is missing",)
    assert (
        agree(one, {**one, "probabilities": one["probabilities"][:, :2]}, "exact")
        .reasons[0]
        .startswith("output 'probabilities' has the shape")
    )
    assert agree(one, {**one, "label": one["label"].astype(str)}, "exact").reasons == ("output 'label' holds text, not int64",)
    assert {lacking.verdict, agree(one, {}, "quantised").verdict} == {"failed"}


def test_many_failing_rows_are_counted_and_some_named():
    other = moved(scored(), 0.3)
    other["label"][50] = (other["label"][50] + 1) % 3
    found = agree(scored(), other, "exact")
    assert found.failing == ROWS
    assert len(found.failing_rows) == MOST_NAMED
    assert found.failing_rows[0] == 50


@pytest.mark.parametrize("tier", ["exact", "reduced", "quantised"])
def test_an_output_of_another_type_is_named(tier):
    one = scored()
    half = {"label": one["label"], "probabilities": one["probabilities"].astype(np.float16)}
    assert agree(one, half, tier).reasons == ("output 'probabilities' holds float16, not float32",)
    narrow = {"label": one["label"].astype(np.int32), "probabilities": one["probabilities"]}
    assert agree(one, narrow, tier).reasons == ("output 'label' holds int32, not int64",)


@pytest.mark.parametrize("tier", ["exact", "reduced", "quantised"])
@pytest.mark.parametrize("kind", [np.int32, np.bool_, np.object_, np.uint8])
def test_outputs_beside_the_label_must_be_the_same(tier, kind):
    further = (np.arange(ROWS * 2) % 2).reshape(ROWS, 2)
    one = {**scored(), "further": further.astype(str).astype(object) if kind is np.object_ else further.astype(kind)}
    assert agree(one, one, tier).passed
    other = {**one, "further": one["further"].copy()}
    other["further"][17] = other["further"][17][::-1]
    found = agree(one, other, tier)
    assert found.verdict == "failed"
    assert found.failing_rows == (17,)
    assert found.reasons == ("output 'further' is another in 1 row of 3,000",)


def test_outputs_that_follow_from_a_tie_or_another_decision_are_excused():
    one = scored()
    one["probabilities"][7] = [0.5, 0.5, 0]
    one = {**one, "name": np.array(["a", "b", "c"], dtype=object)[one["label"]]}
    other = {name: values.copy() for name, values in one.items()}
    other["label"][[7, 9]] = (one["label"][[7, 9]] + 1) % 3
    other["name"][[7, 9]] = np.array(["a", "b", "c"], dtype=object)[other["label"][[7, 9]]]
    found = agree(one, other, "quantised")
    assert found.passed
    assert found.failing_rows == (9,)
    assert agree(one, other, "exact").failing_rows == (9,)


def noisy(values, share, seed=5):
    """An output to whose variance that share is added."""
    return values + np.random.default_rng(seed).normal(0, values.std() * share**0.5, values.shape).astype(np.float32)


@pytest.mark.parametrize(
    ("share", "rows", "verdict"),
    [(0.0, 3_000, "passed"), (0.007, 3_000, "passed"), (0.014, 3_000, "failed"), (0.01, 300, "inconclusive"), (0.007, 20, "inconclusive")],
)
def test_numbers_of_eight_bits_are_judged_by_their_noise(share, rows, verdict):
    """Also where the model decides on a class: a quantity beside the classes, or probabilities that mean something."""
    values = np.random.default_rng(3).normal(50, 20, (rows, 1)).astype(np.float32)
    found = agree({"y": values}, {"y": noisy(values, share)}, "quantised")
    assert found.verdict == verdict
    assert bool(found.reasons) == (verdict != "passed")
    if share:
        assert found.noise["y"].value == pytest.approx(share, rel=0.3)
    both = agree({**scored(rows), "y": values}, {**scored(rows), "y": noisy(values, share)}, "quantised")
    assert both.verdict == (verdict if rows >= 300 else "inconclusive")


def test_numbers_that_the_tier_reduced_allows_are_no_noise():
    values = np.full((3_000, 1), 100, dtype=np.float32)
    assert agree({"y": values}, {"y": values + np.float32(0.5)}, "quantised").passed
    found = agree({"y": values}, {"y": values + np.float32(5)}, "quantised")
    assert found.verdict == "inconclusive"
    assert "it is the same in every row" in found.reasons[0]


def test_noise_is_judged_from_the_least_denominator_on():
    values = np.random.default_rng(3).normal(50, 20, (100, 1)).astype(np.float32)
    assert agree({"y": values}, {"y": noisy(values, 0.001)}, "quantised").passed
    assert agree({"y": values}, {"y": noisy(values, 0.001)}, "quantised", fewest=101).verdict == "inconclusive"


def test_the_bounds_of_noise_hold():
    """90 % of the intervals between the one-sided bounds cover the truth, as far as 300 draws tell."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        values = rng.normal(0, 1, (200, 1))
        found = noise(values, values + rng.normal(0, 0.1, (200, 1)))
        held += found.bound(0.05) <= 0.01 <= found.bound(0.95)
    assert 0.84 <= held / 300 <= 0.95


def test_every_precision_has_a_tier():
    assert TIERS == {"fp32": "exact", "fp16": "reduced", "bf16": "reduced", "int8": "quantised"}


def even(model, forest_of):
    """Leaves of 1/3 and 2/3 of a vote: sums of them in another order differ by rounding, and many come out near one half."""
    given = forest_of(model)
    weights = np.array(given["class_weights"].floats)
    del given["class_weights"].floats[:]
    given["class_weights"].floats.extend(np.where(weights > weights.max() / 2, 2 / 90, 1 / 90).astype(np.float32).tolist())
    return model


def test_other_numbers_of_threads_are_no_alarm(door, run, forest_of):
    """Row 3, a small part of it: the same forest on one thread and on several."""
    one = door("forest")
    model = even(one.proto(), forest_of)
    for seed in range(4):
        feeds = probes(one.model, one.table, seed, 200).feeds
        found = agree(run(model, feeds), run(model, feeds, threads=2 + seed % 3), "exact")
        assert found.passed, found.reasons
