"""What a variant costs on labelled rows: paired, by group, and judged by bounds."""

from dataclasses import replace

import numpy as np
import pytest

from mlops_stage.errors import InputError, UsageError
from mlops_stage.estimates import NotEstimable, Paired, Sampled
from mlops_stage.inputs.answers import Predictions, Question
from mlops_stage.inputs.model import open_model
from mlops_stage.inputs.predictions import score
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.inputs.tables.values import Codes
from mlops_stage.stages.compile.parity.drop import measured_drop, predictions_of


def answered(rows=4_000, wrong=0.1, seed=0, groups=("a", "b")):
    """Predictions of a classifier, and a column of groups."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, rows)
    return Predictions(
        task="binary",
        label=label,
        prediction=np.where(rng.random(rows) < wrong, 1 - label, label),
        classes=("no", "yes"),
        slices={"g": Codes(np.arange(rows) % len(groups), groups)},
    )


def spoilt(source, places):
    """The same with right answers made wrong at these places."""
    prediction = source.prediction.copy()
    prediction[places] = 1 - source.label[places]
    return replace(source, prediction=prediction)


def right(source, group=None):
    """Places of right answers, of one group if one is named."""
    chosen = source.prediction == source.label
    if group is not None:
        chosen &= source.slices["g"].codes == group
    return np.flatnonzero(chosen)


def test_the_same_answers_lose_nothing():
    found = measured_drop(answered(), answered())
    assert found.passed
    assert found.estimate == Paired(0, 0, 4_000)
    assert [where for where, _ in found.by_group] == [(("g", "a"),), (("g", "b"),)]


def test_gains_and_losses_are_paired():
    source = answered()
    other = spoilt(source, right(source)[:8])
    wrong = np.flatnonzero(source.prediction != source.label)[:3]
    other.prediction[wrong] = source.label[wrong]
    found = measured_drop(source, other)
    assert found.estimate == Paired(8, 3, 4_000)
    assert found.estimate.value == pytest.approx(5 / 4_000)
    assert found.passed


def test_a_large_loss_fails_on_evidence():
    source = answered()
    found = measured_drop(source, spoilt(source, right(source)[:60]))
    assert found.verdict == "failed"
    assert "all rows lose 1.50%, more than 0.50%" in found.reasons[0]


def test_too_few_rows_decide_nothing_and_say_how_many_would():
    found = measured_drop(answered(200), answered(200))
    assert found.verdict == "inconclusive"
    assert "200 rows do not show that less than 0.50% is lost; it takes about 539 rows like these" in found.reasons[0]


def test_one_group_that_loses_more_vetoes():
    source = answered(20_000, groups=tuple("abcdefgh"))
    found = measured_drop(source, spoilt(source, right(source, 3)[:50]))
    assert found.estimate.bound(0.95) <= 0.005
    assert found.verdict == "failed"
    assert found.reasons == ("g=d loses 2.00%, more than 0.50%",)


def test_chance_in_many_groups_does_not_veto():
    """Row errors spread evenly, at half of the budget, over 40 groups: Holm keeps false vetoes rare."""
    source = answered(40_000, groups=tuple(f"g{place}" for place in range(40)))
    vetoes = 0
    for seed in range(20):
        places = np.random.default_rng(seed).permutation(right(source))[:100]
        vetoes += measured_drop(source, spoilt(source, places)).verdict == "failed"
    assert vetoes <= 2


def grouped(few, rows=2_000):
    """A large group and a small one."""
    return replace(answered(rows), slices={"g": Codes(np.where(np.arange(rows) < few, 1, 0), ("many", "few"))})


def test_small_groups_are_masked_and_leave_the_verdict_open():
    source = grouped(4)
    found = measured_drop(source, source)
    assert all(isinstance(one, NotEstimable) and "masked" in one.reason for _, one in found.by_group)
    assert found.verdict == "inconclusive"
    assert found.reasons[0].startswith("g=many: masked")


def test_a_group_below_the_least_denominator_leaves_the_verdict_open():
    """However bad it is for it; a pass needs every comparison."""
    source = grouped(20)
    found = measured_drop(source, source)
    assert dict(found.by_group)[("g", "few"),].reason == "fewer than 30 rows"
    assert (found.verdict, found.reasons) == ("inconclusive", ("g=few: fewer than 30 rows",))


def test_a_group_too_small_to_show_so_little_leaves_the_verdict_open():
    source = grouped(100)
    found = measured_drop(source, source)
    assert found.estimate.bound(0.95) <= found.budget
    assert found.verdict == "inconclusive"
    assert found.reasons == ("100 rows of g=few do not show that less than 0.50% is lost; it takes about 539 rows like these",)


def test_the_least_denominator_is_that_of_the_run():
    source = answered(2_000, groups=("a",))
    assert measured_drop(source, source, fewest=2_000).passed
    assert measured_drop(source, source, fewest=2_001).verdict == "inconclusive"
    assert dict(measured_drop(grouped(20), grouped(20), fewest=20).by_group)[("g", "few"),] == Paired(0, 0, 20)


def test_weights_count():
    source = replace(answered(), weight=np.where(np.arange(4_000) % 2, 1.0, 3.0))
    found = measured_drop(source, spoilt(source, right(source, 0)[:10]))
    assert found.estimate.value == pytest.approx(30 / 8_000)
    assert found.estimate.n == pytest.approx(3_200)


def test_classes_in_another_order_are_the_same_classes():
    source = answered()
    other = replace(source, classes=("yes", "no"), prediction=1 - source.prediction, label=1 - source.label)
    assert measured_drop(source, other).estimate == Paired(0, 0, 4_000)


def quantity(rows=2_000, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.normal(50, 5, rows)
    return Predictions(task="regression", label=label, prediction=label + noise * rng.normal(size=rows))


def test_the_error_of_a_quantity_rises():
    source = quantity()
    same = measured_drop(source, source)
    assert (same.metric, same.estimate.value, same.passed) == ("mean_absolute_error", 0, True)
    worse = replace(source, prediction=source.label + (source.prediction - source.label) * 1.1)
    found = measured_drop(source, worse)
    assert isinstance(found.estimate, Sampled)
    assert found.estimate.value == pytest.approx(0.1)
    assert found.verdict == "failed"


def test_the_bounds_of_a_rise_hold():
    """90 % of the intervals between the one-sided bounds cover the truth, as far as 300 draws tell."""
    truth, held = None, 0
    for seed in range(300):
        source = quantity(400, seed=seed)
        noise = np.random.default_rng([seed, 1]).normal(0, 0.5, 400)
        found = measured_drop(source, replace(source, prediction=source.prediction + noise)).estimate
        truth = np.sqrt(1.25) - 1
        held += found.bound(0.05) <= truth <= found.bound(0.95)
    assert 0.85 <= held / 300 <= 0.95


def test_no_error_at_all_cannot_rise():
    source = quantity(noise=0)
    found = measured_drop(source, source)
    assert isinstance(found.estimate, NotEstimable)
    assert found.verdict == "inconclusive"


@pytest.fixture
def income():
    """The demo's model and 2,000 of its rows."""
    from pathlib import Path

    root = Path(__file__).parents[4] / "docs" / "examples" / "income"
    table = open_table("data/test.parquet", root).picked(range(2_000))
    return open_model("candidate.onnx", root), table, Question(label="income", slices=("sex",))


def test_predictions_are_those_of_the_stages_that_judge(income, run):
    model, table, question = income
    from mlops_stage.inputs.columns import map_columns
    from mlops_stage.inputs.feeding import Columns
    from mlops_stage.inputs.tables.query import opened

    feeds = map_columns(model.inputs, table.columns, {}, model.metadata, label="income")
    with opened(table, [column for feed in feeds for column in feed.columns]) as selection:
        rows = {feed.input: Columns(feed, selection).chunk(slice(None)) for feed in feeds}
    ours, theirs = predictions_of(model, run(model.path, rows), table, question), score(model, table, None, question)
    assert np.array_equal(ours.prediction, theirs.prediction)
    assert np.allclose(ours.score, theirs.score, atol=1e-6)
    assert ours.classes == theirs.classes
    assert {column for ((column, _),) in (where for where, _ in measured_drop(ours, theirs).by_group)} == {"sex"}


def test_a_label_that_is_not_there(income):
    model, table, _ = income
    outputs = {"label": np.array(["a"]), "probabilities": np.ones((1, 2), dtype=np.float32)}
    with pytest.raises((UsageError, InputError), match="no column"):
        predictions_of(model, outputs, table, Question(label="nothing"))
