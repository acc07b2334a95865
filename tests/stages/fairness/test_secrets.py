"""What a reader can work out who solves all that is published at once."""

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from mlops_stage.estimates import Rate
from mlops_stage.evidence.redact import HIDDEN
from mlops_stage.inputs.predictions import Predictions
from mlops_stage.inputs.tables.values import Codes
from mlops_stage.stages.fairness.counting import count
from mlops_stage.stages.fairness.estimating import metrics_of, overall
from mlops_stage.stages.fairness.fairlearn import library_metrics
from mlops_stage.stages.fairness.grouping import groupings
from mlops_stage.stages.fairness.hiding import Counted, secrets
from mlops_stage.stages.fairness.tallies import DECIDED, Tallies
from mlops_stage.stages.fairness.terms import Terms


def rows_of(table):
    """One row for each that the table, shape (*levels, label, decision), counts: the places on all axes."""
    return np.repeat(np.argwhere(np.ones(table.shape, dtype=bool)), table.ravel(), axis=0)


def answers(table):
    """Such rows as answers, and the groupings of them with their cells."""
    *groups, label, decision = rows_of(table).T
    size = table.shape[-1]
    predictions = Predictions(
        task="binary" if size == 2 else "multiclass",
        label=label,
        prediction=decision,
        score=None,
        weight=None,
        row_id=None,
        slices={},
        classes=tuple("abcdef"[:size]),
        subjects=(),
    )
    columns = {f"c{place}": Codes(codes, tuple(f"v{level}" for level in range(table.shape[place]))) for place, codes in enumerate(groups)}
    counted = [Counted(one, count(predictions, one)) for one in groupings(columns, len(columns))]
    return predictions, counted


class Reader:
    """All tables that agree with everything that is told."""

    def __init__(self, table):
        predictions, self.counted = answers(table)
        self.told = secrets(self.counted, predictions.classes)
        self.tallies = Tallies(table.shape[-1])
        cells = list(np.ndindex(*table.shape))
        rows, low, high = [], [], []
        self.places = {}
        for columns, ranges in self.told.ranges.items():
            levels = [()] if not columns else next(one.grouping.levels for one in self.counted if one.grouping.columns == columns)
            for group, values in enumerate(levels):
                where = {int(column[1:]): int(value[1:]) for column, value in zip(columns, values, strict=True)}
                inside = np.array([all(cell[axis] == value for axis, value in where.items()) for cell in cells])
                unit = self.tallies.count(np.eye(table.shape[-1] ** 2, dtype=np.int64).reshape(-1, *table.shape[-2:]))
                kinds = np.array([unit[np.ravel_multi_index(cell[-2:], table.shape[-2:])] for cell in cells]).T * inside
                for kind in range(self.tallies.size):
                    self.places[columns, group, kind] = len(rows)
                    rows.append(kinds[kind])
                    low.append(ranges.low[group, kind])
                    high.append(ranges.high[group, kind])
        self.sums, self.low, self.high = np.array(rows), np.array(low, dtype=float), np.array(high, dtype=float)

    def table(self, place, value):
        """A table in which a count is that number; None where there is none."""
        low, high = self.low.copy(), self.high.copy()
        low[place] = high[place] = value
        size = self.sums.shape[1]
        asked = LinearConstraint(csr_array(self.sums), low, high)
        found = milp(np.zeros(size), constraints=asked, integrality=np.ones(size), bounds=Bounds(0, np.inf))
        return None if found.x is None else np.rint(found.x).astype(np.int64)

    def candidates(self, place, enough):
        """How many numbers a count can be, counted no further than that."""
        found = 0
        for value in range(int(self.low[place]), int(self.high[place]) + 1):
            found += self.table(place, value) is not None
            if found >= enough:
                break
        return found


def tables(shape, count, seed, sizes=(0, 2, 5, 9, 14, 40, 300), odds=(0.05, 0.1, 0.15, 0.1, 0.1, 0.2, 0.3)):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield rng.poisson(rng.choice(sizes, shape, p=odds))


@pytest.mark.parametrize(
    ("shape", "number"), [((2, 2, 2), 12), ((3, 2, 2), 6), ((2, 2, 2, 2), 3), ((3, 2, 2, 2), 2), ((3, 3, 3), 5)], ids=str
)
def test_no_hidden_count_can_be_worked_out_by_whoever_solves_everything_at_once(shape, number):
    looked = 0
    for table in tables(shape, number, seed=sum(shape)):
        reader = Reader(table)
        for columns, ranges in reader.told.ranges.items():
            for group, kind in np.argwhere(ranges.hidden):
                place = reader.places[columns, group, kind]
                truth = int(reader.sums[place] @ table.ravel())
                assert reader.low[place] <= truth <= reader.high[place]
                if reader.high[place] == 0:
                    continue  # a zero that follows from a zero that is told names nobody
                looked += 1
                assert reader.candidates(place, 3) >= 3, (table, columns, group, kind, truth)
    assert looked > 15


def figures(table, told, names, *, bootstrap=False):
    """All figures of a table of which no more than this is told."""
    predictions, counted = answers(table)
    found = overall(counted[0].cells, predictions.classes, told.total)
    for one in counted:
        terms = Terms(
            draws=20,
            reference=0,
            bootstrap=bootstrap,
            hidden=told.groups(one.grouping),
            least=10,
            told=told.of(one.grouping),
            total=told.total,
        )
        found += metrics_of(one.cells, one.grouping, predictions.classes, terms)
    return found + library_metrics(names, predictions, counted, told)


@pytest.mark.parametrize("shape", [(3, 2, 2), (2, 2, 2, 2), (3, 3, 3)], ids=str)
def test_every_figure_is_the_same_for_all_tables_that_agree_with_the_counts_as_told(shape):
    """So that no figure, whatever its kind, says more of a hidden count than the published counts do."""
    names = (
        ("f1_score", "accuracy_score") if shape[-1] > 2 else ("f1_score", "accuracy_score", "equalized_odds_difference", "mean_prediction")
    )
    others = 0
    for table in tables(shape, 2 if len(shape) == 3 else 1, seed=7, sizes=(3, 8, 60, 400), odds=(0.1, 0.1, 0.4, 0.4)):
        reader = Reader(table)
        mine = figures(table, reader.told, names, bootstrap=shape == (3, 2, 2))
        hidden = [(columns, place) for columns, ranges in reader.told.ranges.items() for place in np.argwhere(ranges.hidden).tolist()]
        for columns, (group, kind) in hidden[:: len(hidden) // 3 or 1]:
            place = reader.places[columns, group, kind]
            truth = int(reader.sums[place] @ table.ravel())
            for value in [int(reader.high[place] if truth < reader.high[place] else reader.low[place])]:
                other = reader.table(place, value)
                if other is not None and (other.reshape(table.shape).sum(axis=(-2, -1)) > 0).all():
                    others += 1
                    theirs = figures(other.reshape(table.shape), reader.told, names, bootstrap=shape == (3, 2, 2))
                    assert [(one.label, one.estimate, one.incomplete) for one in theirs] == [
                        (one.label, one.estimate, one.incomplete) for one in mine
                    ]
    assert others > 0


def test_a_small_count_of_decisions_stands_in_no_share():
    """7 of 40 decisions, and three wrong answers: hidden in the counts, and so in the rates that are made of them."""
    table = np.array([[[200, 50], [30, 100]], [[150, 40], [20, 90]], [[33, 3], [0, 4]]])
    reader = Reader(table)
    shares = {one.label: one.estimate for one in figures(table, reader.told, ("accuracy_score",))}
    assert reader.told.of(reader.counted[0].grouping).of(2, reader.tallies.of(DECIDED)) == (1, 9)
    for name in ("selection_rate", "accuracy", "fpr"):
        estimate = shares[f"{name}[c0=v2]"]
        assert not isinstance(estimate, Rate), name
        assert estimate.bound(0.025) < 0.1 or estimate.bound(0.975) > 0.9
    assert shares["tpr[c0=v2]"] == HIDDEN
    assert shares["sklearn.metrics.accuracy_score[c0=v2]"] == HIDDEN


def test_bounds_of_ranges_reach_outwards_and_a_group_of_hundreds_is_still_judged():
    table = np.array([[[4_000, 300], [200, 900]], [[3_800, 290], [180, 850]], [[397, 3], [30, 170]]])
    told = {one.label: one.estimate for one in figures(table, Reader(table).told, ())}
    fpr = told["fpr[c0=v2]"]
    assert fpr.n == 400
    assert fpr.bound(0.05) <= Rate(1, 400).bound(0.05)
    assert fpr.bound(0.95) >= Rate(9, 400).bound(0.95)
    assert fpr.bound(0.975) - fpr.bound(0.025) < 0.05
    assert told["fpr_difference[by=c0]"].bound(0.95) < 0.1, "three false positives of 400 and 7 % elsewhere: surely less than 0.1 apart"
    assert told["tpr[c0=v2]"] == Rate(170, 200), "what no hidden count follows from stays exact"
