from __future__ import annotations

import numpy as np
import pytest

from mlops_stage.stats.classification import BINARY_RATES
from mlops_stage.stats.redrawn import between, rates, redrawn

COUNTS = np.array([[[30, 9], [4, 20]], [[50, 6], [9, 31]], [[8, 3], [2, 9]]])
"""Three groups, the smallest of 22 rows."""


def tables(draws=2_000, seed=0, counts=COUNTS):
    return np.concatenate(list(redrawn(counts, counts.sum(), draws, seed)))


def kolmogorov(a, b):
    """The p-value of the two-sample test of Kolmogorov and Smirnov, by its asymptotic distribution; conservative for figures with ties."""
    points = np.union1d(a, b)
    apart = np.abs(
        np.searchsorted(np.sort(a), points, side="right") / len(a) - np.searchsorted(np.sort(b), points, side="right") / len(b)
    ).max()
    scaled = apart * np.sqrt(len(a) * len(b) / (len(a) + len(b)))
    return 1.0 if scaled < 0.2 else min(1.0, 2 * sum((-1) ** (k - 1) * np.exp(-2 * (k * scaled) ** 2) for k in range(1, 101)))


def row_bootstrap(draws, seed):
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(COUNTS.size), COUNTS.ravel())
    drawn = [np.bincount(rng.choice(codes, len(codes)), minlength=COUNTS.size) for _ in range(draws)]
    return np.array(drawn).reshape(draws, *COUNTS.shape).astype(float)


def figures(found):
    every = []
    for name in ("selection_rate", "accuracy", "tpr", "fpr", "fnr", "precision"):
        by_group = rates(found, *BINARY_RATES[name][:2])
        every += [*between(by_group), *by_group.T]
    return every


def test_it_has_the_distribution_of_a_bootstrap_of_the_rows():
    """Thirty figures, three of them of sizes that vary: as alike as two bootstraps of rows are."""
    ours, theirs, again = figures(tables(3_000)), figures(row_bootstrap(3_000, 1)), figures(row_bootstrap(3_000, 2))
    compared = [kolmogorov(a, b) for a, b in zip(ours, theirs, strict=True)]
    noise = [kolmogorov(a, b) for a, b in zip(again, theirs, strict=True)]
    assert sum(p < 0.05 for p in compared) <= max(2, sum(p < 0.05 for p in noise))
    assert min(compared) > 0.05 / len(compared)


def test_a_distribution_that_is_another_is_told_apart():
    skewed = figures(tables(3_000, counts=COUNTS + np.array([[[0, 4], [0, 0]], [[0, 0], [0, 0]], [[0, 0], [0, 0]]])))
    assert min(kolmogorov(a, b) for a, b in zip(skewed, figures(row_bootstrap(3_000, 1)), strict=True)) < 1e-6


def test_every_draw_has_all_rows_and_the_seed_decides():
    first = tables(50)
    assert (first.sum(axis=(1, 2, 3)) == COUNTS.sum()).all()
    assert (first == tables(50)).all()
    assert (first != tables(50, seed=1)).any()


def test_many_cells_are_drawn_a_few_tables_at_a_time():
    wide = np.ones((300_000, 2, 2), dtype=np.int64)
    sizes = [len(piece) for piece in redrawn(wide, wide.sum(), 3, 0)]
    assert sum(sizes) == 3
    assert len(sizes) > 1


def test_a_share_of_nothing_is_no_number_and_is_left_out():
    counts = np.array([[[5.0, 5.0], [0.0, 0.0]], [[5.0, 5.0], [3.0, 9.0]], [[5.0, 5.0], [6.0, 6.0]]])
    found = rates(counts, *BINARY_RATES["tpr"][:2])
    assert np.isnan(found[0])
    assert found[1:].tolist() == [0.75, 0.5]
    difference, ratio = between(found)
    assert (difference, ratio) == (0.25, pytest.approx(2 / 3))
