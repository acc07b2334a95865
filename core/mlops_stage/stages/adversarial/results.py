"""What the attacks did to each row, confirmed in a fresh session; and the figures that follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.estimates import NotEstimable, Point, Rate, Sampled
from mlops_stage.report import Metric
from mlops_stage.stages.adversarial.space import distance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from mlops_stage.estimates import Estimate
    from mlops_stage.stages.adversarial.campaign import Outcome
    from mlops_stage.stages.adversarial.oracle import Oracle
    from mlops_stage.stages.adversarial.space import Flags, Norm, Rows
    from mlops_stage.stages.adversarial.tabular import Tabular

SLACK = 1e-5
"""A change counts as of a size when it is larger by at most this share of it, which is what single precision takes."""
MOST_OPEN = 0.05
"""With a larger share of rows that a fresh session does not confirm there are no figures: answers that change by themselves hide what attacks find."""
EPSILON = "epsilon"
"""The name of the slice of figures at one size."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """n sampled rows, of which the model gets m right; those were attacked."""

    n: int
    right: NDArray[np.intp]
    """(m,) which of the sampled rows."""
    originals: Rows
    """(m, width)."""
    rows: Rows
    """(m, width) the nearest row of another label; the original where none was found."""
    labels: NDArray[np.int64]
    """(m,) the model's label of the original."""
    others: NDArray[np.int64]
    """(m,) the model's label of the row that was found."""
    distance: NDArray[np.float64]
    """(m,) infinite where no valid row of another label was found, 0 where it took no change: rows that a fresh session does not confirm."""
    by: NDArray[np.int64]
    """(m,) which attack found the row that counts; -1 for none."""
    queries: int
    """Of all attacks on all rows."""
    done: int
    """How many of the m rows were attacked before the time was over."""
    unconfirmed: int
    """Rows that a fresh session answers otherwise, as they are or as they were changed, and changed rows that are not valid; they count as broken at every size."""

    @property
    def complete(self) -> bool:
        """Whether every row was attacked."""
        return self.done == len(self.right)

    @property
    def silence(self) -> str:
        """Why there are no figures of robustness; empty where there are."""
        m = len(self.right)
        if not self.complete:
            return f"the time was over when {self.done:,} of {m:,} rows had been attacked"
        if self.unconfirmed > MOST_OPEN * m:
            return (
                f"asked again, the model answered otherwise for {self.unconfirmed:,} of {m:,} rows, so that nothing can be said of changes"
            )
        return ""

    def turned(self, epsilon: float) -> Flags:
        """(m,) the rows for which a change of at most that size was found and confirmed."""
        return self.broken(epsilon) & (self.by >= 0)

    def broken(self, epsilon: float) -> Flags:
        """(m,) the rows that a change of at most that size turned, or whose answer changes by itself."""
        return self.distance <= epsilon * (1 + SLACK)


def confirmed(  # noqa: PLR0913  (what was attacked, and with what)
    outcomes: Sequence[tuple[slice, Outcome | None]],
    *,
    n: int,
    right: NDArray[np.intp],
    originals: Rows,
    labels: NDArray[np.int64],
    space: Tabular,
    norm: Norm,
    fresh: Oracle,
) -> Results:
    """The outcomes of all blocks as one; only what is valid and what a fresh session confirms counts as found.

    A row that the fresh session answers otherwise than the attack saw it has withstood nothing: an answer that changes by itself counts as broken, or
    randomness in a model would pass for robustness.

    Args:
        outcomes: for each block its place among the m rows, and what was found; None where the time was over.
        n: sampled rows.
        right: (m,) which of them were attacked.
        originals: (m, width).
        labels: (m,) the model's labels of the originals.
        space: what is valid.
        norm: how distances are measured.
        fresh: an oracle over a session that no attack has used.
    """
    rows, by, queries, done = _joined(outcomes, originals)
    reported = by >= 0
    others = fresh.labels(rows)
    same = fresh.labels(originals) == labels
    kept = reported & (others != labels) & same & space.satisfied(rows, originals)
    undecided = ~kept & (reported | ~same)
    rows[~kept] = originals[~kept]
    far = distance(space, rows, originals, norm)
    return Results(
        n=n,
        right=right,
        originals=originals,
        rows=rows,
        labels=labels,
        others=np.where(kept, others, labels),
        distance=np.where(kept, far, np.where(undecided, 0.0, np.inf)),
        by=np.where(kept, by, -1),
        queries=queries,
        done=done,
        unconfirmed=int(np.count_nonzero(undecided)),
    )


def _joined(outcomes: Sequence[tuple[slice, Outcome | None]], originals: Rows) -> tuple[Rows, NDArray[np.int64], int, int]:
    """The rows of all blocks in their places, which attack found each, queries in all, and how many rows were attacked."""
    rows, by = originals.copy(), np.full(len(originals), -1)
    queries = done = 0
    for place, outcome in outcomes:
        if outcome is not None:
            rows[place], by[place] = outcome.rows, np.where(np.isfinite(outcome.distance), outcome.by, -1)
            queries += int(outcome.queries.sum())
            done += place.stop - place.start
    return rows, by, queries, done


def metrics(results: Results, epsilons: Sequence[float], least: float = 0.0) -> list[Metric]:
    """Clean accuracy, and for each size robust accuracy and the success of the attacks; the size that it takes, and what it cost.

    Args:
        results: what was found.
        epsilons: sizes of change.
        least: the smallest size at which any column can move; below it there is nothing to withstand, and so no figure.
    """
    by_size = {epsilon: _at(results, epsilon) if epsilon * (1 + SLACK) >= least else (_STILL, _STILL) for epsilon in epsilons}
    cost = Point(results.queries / results.done, results.done) if results.done else NotEstimable(0, "no row was attacked")
    return _listed(Rate(len(results.right), results.n), by_size, _median(results), cost)


def unmeasured(epsilons: Sequence[float], reason: str, clean: Estimate | None = None) -> list[Metric]:
    """The same metrics where nothing was attacked, and why."""
    none = NotEstimable(None, reason)
    return _listed(clean or none, dict.fromkeys(epsilons, (none, none)), none, none)


def _listed(clean: Estimate, by_size: Mapping[float, tuple[Estimate, Estimate]], median: Estimate, cost: Estimate) -> list[Metric]:
    """Metrics of their estimates: robust accuracy and success of the attacks by size."""
    found = [Metric(name="clean_accuracy", estimate=clean, direction="higher")]
    for epsilon, (robust, success) in by_size.items():
        where = ((EPSILON, size(epsilon)),)
        found.append(Metric(name="robust_accuracy", estimate=robust, slice=where, direction="higher"))
        found.append(Metric(name="attack_success_rate", estimate=success, slice=where, direction="lower"))
    return [
        *found,
        Metric(name="median_distance", estimate=median, direction="higher"),
        Metric(name="queries_per_row", estimate=cost),
    ]


_STILL = NotEstimable(None, "no column can change by so little: one step of each is more")


def least_step(space: Tabular) -> float:
    """The smallest size at which any column can move: 0 where one of them may take any number."""
    steps = (space.grid / space.scale)[space.free]
    return float(steps.min(initial=np.inf))


def size(epsilon: float) -> str:
    """A size as it stands in slices and sentences: `0.1`."""
    return f"{epsilon:.12g}"


def _at(results: Results, epsilon: float) -> tuple[Estimate, Estimate]:
    if results.silence:
        return NotEstimable(None, results.silence), NotEstimable(None, results.silence)
    m = len(results.right)
    broken = int(np.count_nonzero(results.broken(epsilon)))
    success = Rate(broken, m) if m else NotEstimable(0, "the model gets no row right")
    return Rate(m - broken, results.n), success


def _median(results: Results) -> Estimate:
    """Half of the attacked rows need a larger change; bounds are order statistics, which need no assumption (David and Nagaraja 2003)."""
    if results.silence:
        return NotEstimable(None, results.silence)
    rising = np.sort(results.distance)
    m = len(rising)
    if not m:
        return NotEstimable(0, "the model gets no row right")
    value = float((rising[(m - 1) // 2] + rising[m // 2]) / 2)
    if not np.isfinite(value):
        return NotEstimable(m, "for half of the rows or more no valid change was found")

    def limit(score: float) -> float:
        place = round(m / 2 + score * m**0.5 / 2) + (0 if score > 0 else -1)
        return value if score == 0 else float(rising[min(max(place, 0), m - 1)])

    if not np.isfinite(limit(4.0)):
        return Point(value, m)
    return Sampled.from_limits(value, m, limit)
