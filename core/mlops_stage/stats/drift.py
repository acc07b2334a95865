"""How far one distribution lies from another, both as counts: distances with bounds that hold whatever the shape of the change."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.estimates import Difference, NotEstimable, Rate, Sampled

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mlops_stage.estimates import Estimate

    Counts = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Distance = Callable[[Floats, Floats], Floats]
    """Counts of shape (…, bins), earlier and now, to distances of shape (…)."""

THRESHOLD = {"ks": 0.08, "linf": 0.08, "cramers_v": 0.1, "psi": 0.2, "js": 0.1, "wasserstein": 0.1}
"""What a distance may be where nobody declared it."""
NEW_SHARE = 0.01
"""What share of cells may hold a category that the profile does not know, where nobody declared it."""
EDGES = 200
"""Bins of numbers that hold about equal shares of the profile; values that hold more have bins of their own beside them."""
BANDS = 10
"""Bins of PSI, JS and Wasserstein, by convention deciles of the profile."""
_DRAWS = 2000
_NOTHING = "no value to compare, on one side or both"


def ks(earlier: Counts, now: Counts, points: Flags | None = None) -> Estimate:
    """Kolmogorov and Smirnov's distance: the largest difference of the shares at or below a value.

    At the edges of the bins it is exact. Between two of them it may be larger, by no more than the profile's share of that bin: by nothing in a bin of a
    single value, by up to .01 in a profile of 200 bins or more. The value is that at the edges; upper bounds are of the largest that the counts allow.

    Lower bounds take the one-sided Smirnov bound off, exp(-2 λ²), scaled by sqrt(1/n + 1/m), which holds at the largest of all differences whatever
    its place (Smirnov 1939; two samples: Hodges 1958, Ark Mat 3:469). Upper bounds need none of that, for every single difference must lie
    below them: they are the largest of the pointwise ones (intersection-union).

    Args:
        earlier: counts of the profile, shape (bins,), in order.
        now: counts of the data in the same bins.
        points: which bins hold a single value, their upper edge; by default none.
    """
    if not earlier.sum() or not now.sum():
        return NotEstimable(float(min(earlier.sum(), now.sum())), _NOTHING)
    n, m = float(now.sum()), float(earlier.sum())
    f, g = np.cumsum(now) / n, np.cumsum(earlier) / m
    gap = np.abs(f - g)
    inside = np.maximum(f - np.append(0.0, g[:-1]), g - np.append(0.0, f[:-1]))  # all of one before any of the other
    most = np.where(np.zeros(len(gap), dtype=np.bool_) if points is None else points, gap, inside)
    spread = np.sqrt(f * (1 - f) / n + g * (1 - g) / m)
    spread = np.maximum(spread, np.append(0.0, spread[:-1]))  # of both edges of the bin
    distance, scale = float(gap.max()), math.sqrt(1 / n + 1 / m)
    floor = np.maximum(spread, 2 / min(n, m))  # where no row was seen, three in n may still hide

    def limit(score: float) -> float:
        if score < 0:
            below = NormalDist().cdf(score)
            return max(distance - math.sqrt(-math.log(below) / 2) * scale, 0.0)
        return min(float((most + score * floor).max()), 1.0)

    return Sampled.from_limits(distance, min(n, m), limit)


def linf(earlier: Counts, now: Counts) -> Estimate:
    """The largest change of a category's share.

    Bounds are Newcombe's for a difference of shares; the lower ones at a level that the categories share (Bonferroni), for the largest is looked for
    among them. Upper bounds need no such level (intersection-union).

    Args:
        earlier: counts of the profile, shape (categories,).
        now: counts of the data, of the same categories.
    """
    if not earlier.sum() or not now.sum():
        return NotEstimable(float(min(earlier.sum(), now.sum())), _NOTHING)
    n, m = int(now.sum()), int(earlier.sum())
    changes = [Difference(Rate(int(b), n), Rate(int(a), m)) for a, b in zip(earlier, now, strict=True) if a or b]
    distance = max(abs(change.value) for change in changes)

    def limit(score: float) -> float:
        if score < 0:
            shared = NormalDist().inv_cdf(NormalDist().cdf(score) / len(changes))
            return min(distance, max(0.0, *(side for one in changes for side in (one.limit(shared), -one.limit(-shared)))))
        return max(distance, *(side for one in changes for side in (one.limit(score), -one.limit(-score))))

    return Sampled.from_limits(distance, min(n, m), limit)


def culprit(earlier: Counts, now: Counts) -> int:
    """The bin whose share changed most."""
    return int(np.argmax(np.abs(now / max(now.sum(), 1) - earlier / max(earlier.sum(), 1))))


def cramers_v(earlier: Counts, now: Counts, seed: int) -> Estimate:
    """Cramér's V of the table of both counts, corrected for its bias (Bergsma 2013, J Korean Stat Soc 42:323)."""
    return _drawn(_cramers_v, earlier, now, seed, corrected=True)


def psi(earlier: Counts, now: Counts, seed: int) -> Estimate:
    """Population stability index, smoothed by half a row in each bin (Jeffreys) and less its expectation where nothing changed.

    Uncorrected, it is (bins - 1) (1/n + 1/m) on average without any drift (Yurdakul 2018): with 100 rows and deciles .18.
    """
    return _drawn(_psi, earlier, now, seed)


def js(earlier: Counts, now: Counts, seed: int) -> Estimate:
    """Jensen and Shannon's distance: the root of the divergence to base 2, between 0 and 1; corrected for its bias."""
    return _drawn(_js, earlier, now, seed)


def wasserstein(earlier: Counts, now: Counts, edges: Floats, seed: int) -> Estimate:
    """Wasserstein's distance between the first and last edge in units of the profile's standard deviation, both from the binned counts."""
    widths = np.diff(edges)
    middles = np.concatenate([edges[:1], (edges[:-1] + edges[1:]) / 2, edges[-1:]])
    total = max(float(earlier.sum()), 1.0)
    mean = float((earlier * middles).sum()) / total
    sigma = math.sqrt(float((earlier * (middles - mean) ** 2).sum()) / total)
    if not len(widths) or sigma <= 0:
        return NotEstimable(float(earlier.sum()), "the profile holds a single value")

    def distance(a: Floats, b: Floats) -> Floats:
        gap = np.cumsum(a, -1) / a.sum(-1, keepdims=True) - np.cumsum(b, -1) / b.sum(-1, keepdims=True)
        found: Floats = np.abs(gap[..., :-2]) @ widths / sigma  # of the last two bins one ends nowhere, and one at the last edge
        return found

    return _drawn(distance, earlier, now, seed)


def merged(counts: Counts, bands: int = BANDS) -> list[tuple[int, int]]:
    """Neighbouring bins put together to about equal shares: (first, one past the last) of each band."""
    places = [0]
    total, run, due = max(int(counts.sum()), 1), 0, 1
    for place, count in enumerate(counts.tolist()):
        run += count
        if run * bands >= total * due and place + 1 < len(counts):
            places.append(place + 1)
            due = run * bands // total + 1
    return [(a, b) for a, b in zip(places, [*places[1:], len(counts)], strict=True) if b > a]


def banded(counts: Counts, bands: list[tuple[int, int]]) -> Counts:
    """The counts of the bands."""
    return np.array([int(counts[a:b].sum()) for a, b in bands], dtype=np.int64)


def _psi(a: Floats, b: Floats) -> Floats:
    bins = a.shape[-1]
    p = (a + 0.5) / (a.sum(-1, keepdims=True) + 0.5 * bins)
    q = (b + 0.5) / (b.sum(-1, keepdims=True) + 0.5 * bins)
    found: Floats = ((q - p) * np.log(q / p)).sum(-1)
    return found


def _js(a: Floats, b: Floats) -> Floats:
    p, q = a / a.sum(-1, keepdims=True), b / b.sum(-1, keepdims=True)
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log2(p / middle), 0.0) + np.where(q > 0, q * np.log2(q / middle), 0.0)
    found: Floats = np.sqrt(np.maximum(terms.sum(-1) / 2, 0.0))
    return found


def _cramers_v(a: Floats, b: Floats) -> Floats:
    n, m = a.sum(-1, keepdims=True), b.sum(-1, keepdims=True)
    total = (n + m)[..., 0]
    both = a + b
    with np.errstate(divide="ignore", invalid="ignore"):
        square = np.where(both > 0, (a * m - b * n) ** 2 / (both * n * m), 0.0).sum(-1)
    bins = np.maximum((both > 0).sum(-1), 2)
    share = np.maximum(square / total - (bins - 1) / (total - 1), 0.0)
    least = np.minimum(bins - (bins - 1) ** 2 / (total - 1), 2 - 1 / (total - 1)) - 1
    found: Floats = np.minimum(np.sqrt(share / np.maximum(least, 1e-12)), 1.0)
    return found


def _drawn(distance: Distance, earlier: Counts, now: Counts, seed: int, *, corrected: bool = False) -> Estimate:
    """A distance with bounds by a multinomial bootstrap of both counts; its bias, as the draws show it, is taken off value and bounds."""
    n, m = int(now.sum()), int(earlier.sum())
    if not n or not m:
        return NotEstimable(float(min(n, m)), _NOTHING)
    plain = float(distance(earlier.astype(np.float64), now.astype(np.float64)))
    rng = np.random.Generator(np.random.Philox(seed))
    a = rng.multinomial(m, earlier / m, size=_DRAWS).astype(np.float64)
    b = rng.multinomial(n, now / n, size=_DRAWS).astype(np.float64)
    draws = distance(a, b)
    bias = 0.0 if corrected else min(max(float(draws.mean()) - plain, 0.0), plain)
    again = float(draws.mean()) - plain + (0.0 if corrected else bias)
    return Sampled.from_draws(plain - bias, min(n, m), [max(float(draw) - again, 0.0) for draw in draws])
