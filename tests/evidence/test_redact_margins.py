import math

import numpy as np
import pytest
from scipy.optimize import linprog

from mlops_stage.estimates import Difference, NotEstimable, Point, Rate, Ratio
from mlops_stage.evidence.redact import HIDDEN, blurred, withheld


def published(table, rows="abcdef", columns="uvwxyz"):
    """Counts by two axes, by each of them, and in all."""
    counts = {frozenset(): int(table.sum())}
    for i, row in enumerate(table):
        counts[frozenset({("row", rows[i])})] = int(row.sum())
        for j, count in enumerate(row):
            counts[frozenset({("row", rows[i]), ("column", columns[j])})] = int(count)
    for j, column in enumerate(table.T):
        counts[frozenset({("column", columns[j])})] = int(column.sum())
    return counts


def sums(counts):
    """What a reader can add up: (total, its parts)."""
    for total in counts:
        for axis in {axis for cell in counts for axis, _ in cell} - {axis for axis, _ in total}:
            parts = [cell for cell in counts if len(cell) == len(total) + 1 and total < cell and axis in dict(cell)]
            if parts:
                yield total, parts


def possible(counts, kept, cell):
    """Between which numbers a reader who does all sums at once knows a count to lie."""
    cells = list(counts)
    place = {one: index for index, one in enumerate(cells)}

    def told(one):
        count = counts[one]
        if one in kept.hidden:
            return 1, 9
        return (count // 10 * 10, count // 10 * 10 + 9) if one in kept.blurred else (count, count)

    equal = np.zeros((len(list(sums(counts))), len(cells)))
    for line, (total, parts) in enumerate(sums(counts)):
        equal[line, place[total]] = -1
        equal[line, [place[part] for part in parts]] = 1
    aim = np.zeros(len(cells))
    aim[place[cell]] = 1
    low, high = (linprog(sign * aim, A_eq=equal, b_eq=np.zeros(len(equal)), bounds=[told(one) for one in cells]) for sign in (1, -1))
    return math.ceil(low.fun - 1e-6), math.floor(-high.fun + 1e-6)


def test_no_small_count_can_be_worked_out_from_what_is_told_of_a_table_and_its_margins():
    rng = np.random.default_rng(0)
    looked = 0
    for _ in range(60):
        shape = tuple(rng.integers(2, 5, 2))
        table = rng.poisson(rng.choice([0, 1, 5, 9, 40, 300, 2_000], shape, p=[0.05, 0.1, 0.2, 0.1, 0.15, 0.2, 0.2]))
        if table.sum() < 20 or (table > 0).sum() < 3:
            continue
        counts = published(table)
        kept = withheld(counts)
        for cell in kept.hidden:
            low, high = possible(counts, kept, cell)
            nothing_left = len(kept.hidden | kept.blurred) == sum(count > 0 for one, count in counts.items() if one)
            looked += 1
            assert high - low >= 2 or nothing_left, (table, sorted(cell), low, high)
    assert looked > 150


def test_subtracting_the_margin_alone_would_tell():
    """What the test above would see without blurring."""
    counts = published(np.array([[3_000, 2_000], [3_500, 1_490], [4, 2]]))
    kept = withheld(counts)
    bare = kept._replace(blurred=frozenset())
    small = frozenset({("row", "c"), ("column", "u")})
    assert small in kept.hidden
    assert possible(counts, bare, small) == (4, 4)
    assert possible(counts, kept, small) != (4, 4)


def test_nothing_is_withheld_where_nothing_is_small():
    kept = withheld(published(np.array([[30, 0], [10, 500]])))
    assert not kept.hidden
    assert not kept.blurred


def test_one_small_group_beside_two_large_ones_is_hidden_and_the_smaller_of_them_blurred():
    kept = withheld({frozenset(): 10_008, frozenset({("s", "f")}): 4_005, frozenset({("s", "m")}): 6_000, frozenset({("s", "x")}): 3})
    assert kept.hidden == {frozenset({("s", "x")})}
    assert kept.blurred == {frozenset({("s", "f")})}


def test_what_is_withheld_does_not_depend_on_the_order_of_the_counts():
    counts = published(np.array([[3_000, 2_000, 7], [3_500, 1_490, 8], [4, 2, 11]]))
    backwards = dict(reversed(counts.items()))
    assert withheld(counts) == withheld(backwards)


@pytest.mark.parametrize(
    "estimate", [Rate(19, 60), Rate(0, 33), Rate(4_990, 4_990), Difference(Rate(40, 90), Rate(19, 60)), Ratio(Rate(40, 90), Rate(19, 60))]
)
def test_a_blurred_figure_is_near_the_exact_one_and_claims_no_more(estimate):
    told = blurred(estimate)
    assert told.n == estimate.n // 10 * 10
    step = 1 / estimate.n
    assert told.value == pytest.approx(estimate.value, abs=step)
    for level in (0.0005, 0.025, 0.05):
        assert estimate.bound(level) - 2 * step <= told.bound(level) <= estimate.bound(level) + 1e-9
        assert estimate.bound(1 - level) - 1e-9 <= told.bound(1 - level) <= estimate.bound(1 - level) + 2 * step


def test_several_denominators_fit_a_blurred_rate():
    for k, n in ((19, 60), (7, 23), (333, 1_234), (11, 98)):
        told = blurred(Rate(k, n))
        tens = range(n // 10 * 10, n // 10 * 10 + 10)
        fits = [m for m in tens if any(blurred(Rate(j, m)).value == told.value for j in range(m + 1))]
        assert len(fits) >= 4, (k, n, fits)


def test_what_has_no_figure_is_hidden_whole():
    assert blurred(NotEstimable(7, "no positives in this group")) == HIDDEN
    assert blurred(Point(0.123456, 47)) == Point(0.12, 40)
    assert blurred(Point(0.5)) == HIDDEN
