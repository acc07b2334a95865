"""Figures in the other sense: what is easier to see than to read."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.estimates import Rate
from mlops_stage.report import Bar, Bars, Curve, CurvePoint
from mlops_stage.stages.adversarial.results import SLACK, size
from mlops_stage.stages.adversarial.words import feature_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.report import Figure
    from mlops_stage.stages.adversarial.results import Results
    from mlops_stage.stages.adversarial.tabular import Tabular

_LOW, _HIGH = 0.025, 0.975
_BEYOND = (2, 5, 10)
"""The curve goes on to these multiples of the largest size."""
_MOST_BARS = 20
_BINS = 12


def drawn(results: Results, space: Tabular, epsilons: Sequence[float]) -> list[Figure]:
    """Robust accuracy by size, how large the smallest changes are, and which columns they change; nothing where there are no figures."""
    if results.silence or not len(results.right):
        return []
    return [curve(results, epsilons), *sizes(results), *changed(results, space, epsilons[-1])]


def curve(results: Results, epsilons: Sequence[float]) -> Figure:
    """What is left of the accuracy when changes of a size are allowed."""
    m = len(results.right)
    points = []
    for epsilon in (0.0, *epsilons, *(epsilons[-1] * times for times in _BEYOND)):
        rate = Rate(m - int(np.count_nonzero(results.broken(epsilon))) if epsilon else m, results.n)
        points.append(CurvePoint(x=epsilon, y=rate.value, low=rate.bound(_LOW), high=rate.bound(_HIGH), n=rate.n))
    return Curve(
        name="robust_accuracy",
        title="Robust accuracy by size of change",
        caption=f"Share of the rows that the model gets right and that no attack changed; at 0, as they are. Sizes up to {size(epsilons[-1])} were judged. "
        "Bars are 95 % intervals.",
        x_label="largest change, in standard deviations of a column",
        y_label="robust accuracy",
        points=tuple(points),
        diagonal=False,
    )


def sizes(results: Results) -> list[Figure]:
    """A histogram of the smallest change that each row needs."""
    found = results.distance[np.isfinite(results.distance) & (results.by >= 0)]
    if not len(found):
        return []
    edges = np.linspace(0, _tidy(float(np.quantile(found, 0.95))), _BINS + 1)
    counts = np.histogram(np.minimum(found, edges[-1]), edges)[0]
    labels = [f"{low:.2g}-{high:.2g}" for low, high in itertools.pairwise(edges)]
    labels[-1] = f"≥ {edges[-2]:.2g}"
    missing = int(np.count_nonzero(~np.isfinite(results.distance)))
    bars = [Bar(label=label, value=float(count)) for label, count in zip(labels, counts.tolist(), strict=True)]
    return [
        Bars(
            name="smallest_changes",
            title="The smallest change found for each row",
            caption="The further right, the larger the change that it takes to get another answer."
            + (f" For {missing:,} further rows no valid change was found." if missing else ""),
            x_label="size of the change",
            y_label="rows",
            bars=tuple([*bars, Bar(label="none found", value=float(missing))] if missing else bars),
        )
    ]


def changed(results: Results, space: Tabular, epsilon: float) -> list[Figure]:
    """How often each column is part of a change that succeeded."""
    broken = results.turned(epsilon)
    count = int(np.count_nonzero(broken))
    if not count:
        return []
    apart = (results.rows[broken] - results.originals[broken]) / np.where(space.continuous, space.scale, 1)
    moved = np.abs(apart) > SLACK
    shares = moved.mean(axis=0)
    order = [place for place in np.argsort(-shares, kind="stable") if shares[place] > 0][:_MOST_BARS]
    bars = tuple(Bar(label=feature_name(space.features[place]), value=float(shares[place]), n=count) for place in order)
    return [
        Bars(
            name="changed_columns",
            title="Columns that successful changes touch",
            caption=f"Of the {count:,} rows that a change of at most {size(epsilon)} turned, the share in which each column was changed.",
            x_label="column",
            y_label="share of these rows",
            bars=bars,
        )
    ]


def _tidy(number: float) -> float:
    """The next number of two digits above."""
    if number <= 0:
        return 1e-6
    grain = 10.0 ** (np.floor(np.log10(number)) - 1)
    return float(np.ceil(number / grain) * grain)
