"""Every run first lets its attacks find what is known to be there: an attack that is too weak for that proves nothing by finding nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mlops_stage.errors import InternalError
from mlops_stage.stages.adversarial import words
from mlops_stage.stages.adversarial.affine import Affine
from mlops_stage.stages.adversarial.campaign import attack
from mlops_stage.stages.adversarial.oracle import Oracle
from mlops_stage.stages.adversarial.rng import normals, uniforms
from mlops_stage.stages.adversarial.space import box, distance
from mlops_stage.stages.adversarial.starts import Pool, labelled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from mlops_stage.stages.adversarial.campaign import Campaign, Outcome
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
_QUERIES = 300
"""Of Square: more would not change its code, only its time."""
_ROUNDING = 1e-3
_FOUND = 0.75
"""Share of the rows that must be turned where all can be."""


@dataclass(frozen=True, eq=False)
class Known:
    """A model whose nearest rows of another label are known."""

    session: Session
    rows: Rows
    nearest: NDArray[np.float64]
    """(n,) how far they are."""
    beyond: Rows
    """(k, width) rows of class 1 from which a search may begin."""
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

    One model is linear, so that the distance to its boundary is known (|w x + b| over the dual norm of w). In the other, class 1 lives in one
    corner of a box around each row alone: an example planted where only a search that keeps what helps will find it (after Zimmermann et al. 2022,
    arXiv 2206.13991).

    Raises:
        InternalError: an attack stays far behind the truth, or claims to be nearer than possible.
    """
    space = cast("Space", box(WIDTH, -_REACH, _REACH))
    for name in campaign.attacks:
        known = [linear(campaign.norm)] + ([] if name == "linear" else [planted(campaign.norm)])
        for one in known:
            fault = _fault(name, campaign, one, space)
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
    return Known(
        Session(lambda x: 1 / (1 + np.exp(-(x.astype(np.float64) @ weights + 0.1)))),
        rows,
        away,
        np.empty((0, WIDTH), dtype=np.float32),
        affine,
    )


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
    return Known(Session(score), rows, away, (0.7 * _REACH * ways[None]).astype(np.float32))


def _fault(name: Attack, campaign: Campaign, known: Known, space: Space) -> str:
    """What is wrong with an attack, or nothing."""
    oracle = Oracle(known.session, lambda rows: {"x": rows}, label="label", scores="scores")
    labels = oracle.labels(known.rows)
    epsilon = float(_ROOM * np.median(known.nearest))
    budget = replace(campaign.budget, restarts=1, queries=min(campaign.budget.queries, _QUERIES))
    own = replace(campaign, attacks=(name,), budget=budget, epsilons=(epsilon,), seed=_SEED, pool=_pool(oracle, known), affine=known.affine)
    found = attack(own, oracle, space, known.rows, labels, np.arange(ROWS))
    return _untrue(found, known, space, oracle, labels, campaign.norm) or _weak(name, found, known, epsilon)


def _pool(oracle: Oracle, known: Known) -> Pool:
    """Rows all over the box, and what the model is known to answer otherwise."""
    spread = _REACH * (2 * uniforms(_SEED, "pool", np.arange(_POOL), 0, WIDTH) - 1)
    return labelled(oracle, np.concatenate([spread.astype(np.float32), known.beyond]))


def _untrue(found: Outcome, known: Known, space: Space, oracle: Oracle, labels: NDArray[np.int64], norm: Norm) -> str:  # noqa: PLR0913, PLR0917  (all that a claim is held against)
    claimed = np.isfinite(found.distance)
    if not claimed.any():
        return "it found nothing"
    if (oracle.labels(found.rows[claimed]) == labels[claimed]).any():
        return "it reported rows that keep their label"
    far = distance(space, found.rows, known.rows, norm)[claimed]
    if not np.allclose(far, found.distance[claimed], rtol=_ROUNDING) or (far < known.nearest[claimed] * (1 - _ROUNDING)).any():
        return "it reported distances that cannot be"
    return ""


def _weak(name: Attack, found: Outcome, known: Known, epsilon: float) -> str:
    if name == "square":
        able = known.nearest <= epsilon / _ROOM
        turned = float((found.distance[able] <= epsilon).mean())
        return "" if turned >= _FOUND else f"it turned {turned:.0%} of rows that all can be turned"
    ratio = float(np.median(found.distance / known.nearest))
    room = 1 + _ROUNDING if name == "linear" else _BEHIND
    return "" if ratio <= room else f"its changes are {ratio:.2f} times as large as needed"
