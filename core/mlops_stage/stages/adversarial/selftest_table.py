"""A table whose nearest rows of another label are known because every valid row was tried: whole numbers, a category and a one-hot group."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.inputs.columns import Feed
from mlops_stage.inputs.tables.values import Codes
from mlops_stage.stages.adversarial.affine import Affine
from mlops_stage.stages.adversarial.reading import Frame
from mlops_stage.stages.adversarial.rng import uniforms
from mlops_stage.stages.adversarial.schema import Category, Number, OneHot
from mlops_stage.stages.adversarial.space import distance
from mlops_stage.stages.adversarial.tabular import Tabular

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mlops_stage.stages.adversarial.schema import Feature
    from mlops_stage.stages.adversarial.space import Norm, Rows

_SEED = 20220418
_REACH = 4
"""Whole numbers go from minus this to this."""
_NUMBERS = ("age", "years", "children")
_SCALES = (2.0, 3.0, 1.5)
_TOWNS = ("Aix", "Bonn", "Ulm")
_JOBS = ("job_clerk", "job_cook", "job_smith")
_WEIGHTS = np.array([0.7, -0.4, 0.9])
_BY_TOWN = np.array([0.0, 1.1, -0.6])
_BY_JOB = np.array([-0.5, 0.2, 0.8])
_SHIFT = 0.05
"""No row stands on the boundary."""


class Answers:
    """A logistic model of the table, asked with what a model in production would be given."""

    def __init__(self, by_town: NDArray[np.float64], by_job: NDArray[np.float64]) -> None:
        self._by_town = by_town
        self._weights = np.concatenate([_WEIGHTS, by_job])

    def run(self, inputs: Mapping[str, NDArray[Any]], outputs: list[str]) -> list[Any]:
        """`label` (n,) and `scores` (n, 2)."""
        towns = np.searchsorted(np.array(_TOWNS), inputs["town"].astype(str))
        score = 1 / (1 + np.exp(-(inputs["x"].astype(np.float64) @ self._weights + self._by_town[towns] + _SHIFT)))
        both = {"label": (score >= 0.5).astype(np.int64), "scores": np.stack([1 - score, score], axis=1)}  # noqa: PLR2004  (the even score)
        return [both[name] for name in outputs]


@dataclass(frozen=True, eq=False)
class Table:
    """The model, its space, some rows, and how far each is from the nearest row of another label."""

    session: Answers
    space: Tabular
    rows: Rows
    nearest: NDArray[np.float64]
    """(n,)."""
    every: Rows
    """(k, width) all valid rows."""
    affine: Affine


@cache
def table(norm: Norm, rows: int, *, categories: bool) -> Table:
    """The table in which categories may change, at half a unit, or may not.

    Args:
        norm: how distances are measured.
        rows: how many of the rows are attacked.
        categories: False for attacks that do not change them; then they have no weight, either.
    """
    session = Answers(_BY_TOWN * categories, _BY_JOB * categories)
    space = _space(fixed="" if categories else "not changed by this attack")
    every = _every()
    drawn = uniforms(_SEED, "table", np.arange(len(every)), 0, 1)[:, 0]
    some = every[np.sort(np.argsort(drawn, kind="stable")[:rows])]
    labels, own = (session.run(space.feeds(one), ["label"])[0] for one in (every, some))
    nearest = np.array([_nearest(space, row, every[labels != label], norm) for row, label in zip(some, own, strict=True)])
    weights = np.concatenate([_WEIGHTS, _BY_JOB * categories])
    affine = Affine(("x",), np.stack([-weights, weights], axis=1) / 2, np.array([-_SHIFT, _SHIFT]) / 2, "self-test")
    return Table(session, space, some, nearest, every, affine)


def _space(fixed: str) -> Tabular:
    numbers = [
        Number(column=name, low=-_REACH, high=_REACH, scale=scale, whole=True) for name, scale in zip(_NUMBERS, _SCALES, strict=True)
    ]
    features: list[Feature] = [
        *numbers,
        Category(column="town", levels=_TOWNS, known=3, fixed=fixed),
        OneHot(levels=_JOBS, known=3, fixed=fixed),
    ]
    feeds = [
        Feed(input="x", dtype="float32", columns=(*_NUMBERS, *_JOBS), rank=2),
        Feed(input="town", dtype="string", columns=("town",), rank=1),
    ]
    return Tabular(features, feeds, [_frame()], category_distance=0.5)


def _frame() -> Frame:
    """A row without empty cells."""
    numbers = {name: np.zeros(1) for name in (*_NUMBERS, *_JOBS)}
    return Frame(columns=(*numbers, "town"), numbers=numbers, texts={"town": Codes(np.zeros(1, dtype=np.int64), _TOWNS)}, rows=1)


def _every() -> Rows:
    steps = range(-_REACH, _REACH + 1)
    return np.array(list(product(steps, steps, steps, range(3), range(3))), dtype=np.float32)


def _nearest(space: Tabular, row: Rows, others: Rows, norm: Norm) -> float:
    if not space.free.all():
        others = others[(others[:, ~space.free] == row[~space.free]).all(axis=1)]
    return float(distance(space, others, np.broadcast_to(row, others.shape), norm).min(initial=np.inf))
