"""Every run first lets its attacks find what is known to be there: an attack that is too weak for that proves nothing by finding nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mlops_stage.errors import InternalError
from mlops_stage.stages.adversarial import words
from mlops_stage.stages.adversarial.affine import Affine
from mlops_stage.stages.adversarial.campaign import Block, attack
from mlops_stage.stages.adversarial.oracle import Oracle
from mlops_stage.stages.adversarial.rng import normals, uniforms
from mlops_stage.stages.adversarial.selftest_table import table
from mlops_stage.stages.adversarial.space import box, distance
from mlops_stage.stages.adversarial.starts import labelled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from mlops_stage.stages.adversarial.campaign import Campaign, Outcome
    from mlops_stage.stages.adversarial.oracle import Asked
    from mlops_stage.stages.adversarial.params import Attack
    from mlops_stage.stages.adversarial.space import Norm, Rows, Space

WIDTH = 8
ROWS = 16
_POOL = 64
_REACH = 4.0
_SEED = 20220418
"""Fixed: whether an attack works does not depend on the run's seed."""
_PLANTED = 0.5
"""How far the planted rows are from their originals, in the largest change of a feature."""
_ROOM = 1.5
"""The size that Square is given, over the median distance to the boundary."""
_BEHIND = 1.15
"""How much further than the truth HopSkipJump may end in the median; with three iterations it ends at 1.00 to 1.06."""
_BEHIND_ON_AVERAGE = 1.3
"""The same for the mean; on the table, where one step more is half of the way, it ends at 1.10 to 1.18."""
_QUERIES = 150
"""Of Square: more would not change its code, only its time."""
_ROUNDING = 1e-3
_FOUND = 0.75
"""Share of the rows that must be turned where all can be."""


@dataclass(frozen=True, eq=False)
class Known:
    """A model whose nearest rows of another label are known."""

    session: Asked
    space: Space
    feeds: Callable[[Rows], Mapping[str, NDArray[Any]]]
    rows: Rows
    nearest: NDArray[np.float64]
    """(n,) how far they are."""
    pool: Rows
    """(k, width) rows from which a search may begin, some of another label."""
    affine: Affine | None = None


class Session:
    """A model made of one function of rows to the score of class 1."""

    def __init__(self, score: Callable[[Rows], NDArray[np.float64]]) -> None:
        self._score = score

    def run(self, inputs: Mapping[str, NDArray[Any]], outputs: list[str]) -> list[Any]:
        """`label` (n,) and `scores` (n, 2)."""
        score = self._score(inputs["x"])
        both = {"label": (score >= 0.5).astype(np.int64), "scores": np.stack([1 - score, score], axis=1)}  # noqa: PLR2004  (the even score)
        return [both[name] for name in outputs]


def check(campaign: Campaign) -> None:
    """Let every attack of a campaign, with its own budget, find known rows.

    One model is linear, so that the distance to its boundary is known (|w x + b| over the dual norm of w). In another, class 1 lives in one
    corner of a box around each row alone: an example planted where only a search that keeps what helps will find it (after Zimmermann et al. 2022,
    arXiv 2206.13991). The third answers a table of whole numbers, a category and a one-hot group, of which every valid row was tried.

    Raises:
        InternalError: an attack stays far behind the truth, or claims to be nearer than possible.
    """
    norm = campaign.norm
    for name in campaign.attacks:
        for one in [linear(norm), *([] if name == "linear" else [planted(norm)]), tabular(norm, categories=name != "linear")]:
            fault = _fault(name, campaign, one)
            if fault:
                raise InternalError(
                    f"the self-test of the attack {words.ATTACKS[name]} failed: {fault}; what it does not find proves nothing",
                    "this is a bug: report it with the versions of mlops-stage and numpy",
                )


def linear(norm: Norm) -> Known:
    """A logistic model of weights that differ, and rows on both sides of its boundary."""
    weights = normals(_SEED, "weights", [0], 0, WIDTH)[0]
    affine = Affine(inputs=("x",), weights=np.stack([-weights, weights], axis=1), intercepts=np.array([-0.1, 0.1]), told="self-test")
    rows = normals(_SEED, "rows", np.arange(ROWS), 0, WIDTH).astype(np.float32)
    away = np.abs(rows.astype(np.float64) @ weights + 0.1) / (
        np.abs(weights).sum() if norm == "linf" else np.sqrt(np.square(weights).sum())
    )
    session = Session(lambda x: 1 / (1 + np.exp(-(x.astype(np.float64) @ weights + 0.1))))
    return Known(session, _box(), _fed, rows, away, _spread(), affine)


def planted(norm: Norm) -> Known:
    """A model that answers 1 only where every feature went its own way by `_PLANTED`; its score counts how many did."""
    ways = np.where(normals(_SEED, "ways", [0], 0, WIDTH)[0] > 0, 1.0, -1.0)
    rows = (0.1 * (uniforms(_SEED, "planted", np.arange(ROWS), 0, WIDTH) - 0.5)).astype(np.float32)

    def score(x: Rows) -> NDArray[np.float64]:
        gone = np.clip(x.astype(np.float64) * ways / _PLANTED, -1, 1)
        found: NDArray[np.float64] = np.where((gone >= 1).all(axis=1), 0.9, 0.2 + 0.2 * gone.mean(axis=1))
        return found

    missing = np.maximum(_PLANTED - rows.astype(np.float64) * ways, 0)
    away = missing.max(axis=1) if norm == "linf" else np.sqrt(np.square(missing).sum(axis=1))
    beyond = (0.7 * _REACH * ways[None]).astype(np.float32)
    return Known(Session(score), _box(), _fed, rows, away, np.concatenate([_spread(), beyond]))


def tabular(norm: Norm, *, categories: bool) -> Known:
    """A table as the attacks meet it in earnest, in which categories may change or may not."""
    one = table(norm, ROWS, categories=categories)
    return Known(one.session, one.space, one.space.feeds, one.rows, one.nearest, one.every[:: len(one.every) // _POOL], one.affine)


def _box() -> Space:
    return cast("Space", box(WIDTH, -_REACH, _REACH))


def _fed(rows: Rows) -> Mapping[str, NDArray[Any]]:
    return {"x": rows}


def _spread() -> Rows:
    """Rows all over the box."""
    spread = _REACH * (2 * uniforms(_SEED, "pool", np.arange(_POOL), 0, WIDTH) - 1)
    return spread.astype(np.float32)


def _fault(name: Attack, campaign: Campaign, known: Known) -> str:
    """What is wrong with an attack, or nothing."""
    oracle = Oracle(known.session, known.feeds, label="label", scores="scores")
    labels = oracle.labels(known.rows)
    epsilon = float(_ROOM * np.median(known.nearest))
    budget = replace(campaign.budget, restarts=1, queries=min(campaign.budget.queries, _QUERIES))
    pool = labelled(oracle, known.pool)
    own = replace(campaign, attacks=(name,), budget=budget, epsilons=(epsilon,), seed=_SEED, pool=pool, affine=known.affine)
    found = attack(own, oracle, known.space, Block(rows=known.rows, labels=labels, ids=np.arange(len(known.rows))))
    return _untrue(found, known, oracle, labels, campaign.norm) or _weak(name, found, known, epsilon)


def _untrue(found: Outcome, known: Known, oracle: Oracle, labels: NDArray[np.int64], norm: Norm) -> str:
    claimed = np.isfinite(found.distance)
    if not claimed.any():
        return "it found nothing"
    if (oracle.labels(found.rows[claimed]) == labels[claimed]).any():
        return "it reported rows that keep their label"
    far = distance(known.space, found.rows, known.rows, norm)[claimed]
    if not np.allclose(far, found.distance[claimed], rtol=_ROUNDING) or (far < known.nearest[claimed] * (1 - _ROUNDING)).any():
        return "it reported distances that cannot be"
    return ""


def _weak(name: Attack, found: Outcome, known: Known, epsilon: float) -> str:
    if name == "square":
        able = known.nearest <= epsilon / _ROOM
        turned = float((found.distance[able] <= epsilon).mean())
        return "" if turned >= _FOUND else f"it turned {turned:.0%} of rows that all can be turned"
    ratios = found.distance / known.nearest
    typical, mean = float(np.median(ratios)), float(np.mean(ratios))
    room = 1 + _ROUNDING if name == "linear" else _BEHIND
    if typical > room:
        return f"its changes are {typical:.2f} times as large as needed"
    return "" if mean <= _BEHIND_ON_AVERAGE else f"its changes are on average {mean:.2f} times as large as needed"
