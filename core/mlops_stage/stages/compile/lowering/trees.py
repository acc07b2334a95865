"""TreeEnsembleClassifier and TreeEnsembleRegressor: all trees of all rows walked at once, level by level, with Gather and Where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from mlops_stage.stages.compile.lowering.scores import answer_of, of_one_score, of_scores, transform_of, transformed

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    from mlops_stage.stages.compile.lowering.builder import Attributes, Builder

_MODES = ("LEAF", "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_GTE", "BRANCH_EQ", "BRANCH_NEQ")
_EQUAL = ("BRANCH_EQ", "BRANCH_NEQ")
_SWAPPED = ("BRANCH_GT", "BRANCH_GTE", "BRANCH_NEQ")
"""Modes that are another one with its children exchanged."""
_BEFORE = ("BRANCH_LT", "BRANCH_GTE")
"""Modes that hold below a threshold, not at it."""


@dataclass(frozen=True, kw_only=True)
class _Forest:
    """All nodes of all trees in a row; every test is `<=`, or `=` where `equal` says so, and a leaf leads to itself."""

    features: NDArray[np.int64]
    thresholds: NDArray[Any]
    true: NDArray[np.int64]
    false: NDArray[np.int64]
    equal: NDArray[np.bool_]
    missing: NDArray[np.bool_]
    """Whether NaN goes the way of true."""
    leaf: NDArray[np.bool_]
    roots: NDArray[np.int64]
    depth: int
    places: dict[tuple[int, int], int]
    """(Tree, node) as the source names them -> place in the row."""


@dataclass(frozen=True, kw_only=True)
class _Weights:
    """What leaves add: for each weight its leaf, its class or target, and the number."""

    places: NDArray[np.int64]
    classes: NDArray[np.int64]
    values: NDArray[Any]


def classifier(node: onnx.NodeProto, said: Attributes, build: Builder) -> None:
    """Label (n,) and scores (n, K)."""
    answer = answer_of(node, said)
    count = len(answer.classes)
    forest = _forest(node, said, build)
    weights = _weights(said, "class", forest)
    base = said.numbers("base_values")
    transform = transform_of(said)
    alone = count == 2 and len(set(weights.classes.tolist())) == 1  # noqa: PLR2004  (two classes, one score)
    if alone:
        if transform == "SOFTMAX" or len(base) > 1:
            raise said.refuse("has two classes, one score, and a softmax or two base values")
        table = _table(forest, replace(weights, classes=np.zeros_like(weights.classes)), 1)
        score = _based(build, _sums(node, build, forest, table), base)
        of_one_score(build, score, transform, answer, share=bool((weights.values >= 0).all()))
        return
    if count <= 2:  # noqa: PLR2004  (what ONNX Runtime does with these follows no rule that could be told)
        raise said.refuse("gives two classes a score each")
    table = _table(forest, weights, count)
    of_scores(build, _based(build, _sums(node, build, forest, table), base), transform, answer)


def regressor(node: onnx.NodeProto, said: Attributes, build: Builder) -> None:
    """Targets (n, T)."""
    forest = _forest(node, said, build)
    weights = _weights(said, "target", forest)
    count = int(said.number("n_targets", 1))
    how = said.word("aggregate_function", "SUM")
    if how not in {"SUM", "AVERAGE"}:
        raise said.refuse(f"has aggregate_function {how}")
    sums = _sums(node, build, forest, _table(forest, weights, count))
    if how == "AVERAGE":
        sums = build.add("Div", [sums, build.constant(np.array(len(forest.roots), np.float32))])
    transformed(build, _based(build, sums, said.numbers("base_values")), transform_of(said), node.output[0])


def _forest(node: onnx.NodeProto, said: Attributes, build: Builder) -> _Forest:
    said.ignore("nodes_hitrates", "nodes_hitrates_as_tensor")
    trees, ids = said.numbers("nodes_treeids", np.int64), said.numbers("nodes_nodeids", np.int64)
    modes = np.array(said.words("nodes_modes"))
    if unknown := set(modes.tolist()) - set(_MODES):
        raise said.refuse(f"has the mode {min(unknown)}")
    double = build.element(node.input[0]) == TensorProto.DOUBLE
    dtype = np.float64 if double else np.float32
    values = said.numbers("nodes_values").astype(dtype)
    places = {key: place for place, key in enumerate(zip(trees.tolist(), ids.tolist(), strict=True))}
    if not len(values) == len(modes) == len(places) == len(trees):
        raise said.refuse("lists its nodes wrongly")
    leaf = modes == "LEAF"
    true, false = (_children(said, places, trees, leaf, name) for name in ("nodes_truenodeids", "nodes_falsenodeids"))
    missing = said.numbers("nodes_missing_value_tracks_true", np.int64).astype(bool)
    missing = missing if len(missing) else np.zeros(len(trees), dtype=bool)
    swapped = np.isin(modes, _SWAPPED)
    below = np.isin(modes, _BEFORE)
    called = np.zeros(len(trees), dtype=bool)
    called[true[~leaf]] = called[false[~leaf]] = True
    roots = np.flatnonzero(~called)
    forest = _Forest(
        features=np.where(leaf, 0, said.numbers("nodes_featureids", np.int64)),
        thresholds=np.where(below, np.nextafter(values, dtype(-np.inf)), values),
        true=np.where(swapped, false, true),
        false=np.where(swapped, true, false),
        equal=np.isin(modes, _EQUAL),
        missing=~leaf & (modes != "BRANCH_NEQ") & (missing ^ swapped),  # NaN differs from every number
        leaf=leaf,
        roots=roots,
        depth=_depth(said, true, false, leaf, roots),
        places=places,
    )
    if len(roots) != len(set(trees.tolist())):
        raise said.refuse("has a tree without a root, or with two")
    return forest


def _children(
    said: Attributes, places: dict[tuple[int, int], int], trees: NDArray[np.int64], leaf: NDArray[np.bool_], name: str
) -> NDArray[np.int64]:
    """The place of each node's child; a leaf is its own."""
    ids = said.numbers(name, np.int64)
    try:
        return np.array(
            [
                place if leaf[place] else places[tree, child]
                for place, (tree, child) in enumerate(zip(trees.tolist(), ids.tolist(), strict=True))
            ]
        )
    except (KeyError, ValueError) as error:
        raise said.refuse("names a child that is not there") from error


def _depth(said: Attributes, true: NDArray[np.int64], false: NDArray[np.int64], leaf: NDArray[np.bool_], roots: NDArray[np.int64]) -> int:
    """Most tests on the way to a leaf."""
    level, depth = roots[~leaf[roots]], 0
    while len(level):
        depth += 1
        if depth > len(leaf):
            raise said.refuse("has a circle in a tree")
        below = np.unique(np.concatenate([true[level], false[level]]))
        level = below[~leaf[below]]
    return depth


def _weights(said: Attributes, what: str, forest: _Forest) -> _Weights:
    """What leaves add to the sums."""
    trees, ids = said.numbers(f"{what}_treeids", np.int64), said.numbers(f"{what}_nodeids", np.int64)
    classes, weights = said.numbers(f"{what}_ids", np.int64), said.numbers(f"{what}_weights")
    places = np.array([forest.places.get(key, -1) for key in zip(trees.tolist(), ids.tolist(), strict=True)], dtype=np.int64)
    if not len(places) == len(classes) == len(weights) or (places < 0).any() or not forest.leaf[places].all():
        raise said.refuse("has a weight that belongs to no leaf")
    return _Weights(places=places, classes=classes, values=weights)


def _table(forest: _Forest, weights: _Weights, count: int) -> NDArray[np.float32]:
    """Weights (nodes, classes)."""
    table = np.zeros((len(forest.leaf), count), dtype=np.float64)
    np.add.at(table, (weights.places, weights.classes), weights.values)
    return table.astype(np.float32)


def _sums(node: onnx.NodeProto, build: Builder, forest: _Forest, table: NDArray[Any]) -> str:
    """The sum over trees of the weights at the leaves that rows reach, (n, classes)."""
    kind = build.element(node.input[0])
    x = node.input[0] if kind == TensorProto.DOUBLE else build.floats(node.input[0])
    rows = build.add("Shape", [x], start=0, end=1)
    shape = build.add("Concat", [rows, build.constant(np.array([1]))], axis=0)
    at = build.add("Expand", [build.constant(forest.roots.reshape(1, -1), "roots"), shape])
    held = {
        name: build.constant(values, name)
        for name, values in (
            ("features", forest.features),
            ("thresholds", forest.thresholds),
            ("true", forest.true),
            ("false", forest.false),
        )
    }
    masks = {name: build.constant(values, name) for name, values in (("equal", forest.equal), ("missing", forest.missing)) if values.any()}
    for _ in range(forest.depth):
        value = build.add("GatherElements", [x, build.add("Gather", [held["features"], at])], axis=1)
        threshold = build.add("Gather", [held["thresholds"], at])
        holds = build.add("LessOrEqual", [value, threshold])
        if "equal" in masks:
            asked = build.add("Gather", [masks["equal"], at])
            same = build.add("And", [asked, build.add("Equal", [value, threshold])])
            holds = build.add("Or", [same, build.add("And", [build.add("Not", [asked]), holds])])
        if "missing" in masks:
            gone = build.add("And", [build.add("IsNaN", [value]), build.add("Gather", [masks["missing"], at])])
            holds = build.add("Or", [holds, gone])
        at = build.add("Where", [holds, build.add("Gather", [held["true"], at]), build.add("Gather", [held["false"], at])])
    found = build.add("Gather", [build.constant(table, "weights"), at], axis=0)
    return build.add("ReduceSum", [found, build.constant(np.array([1]))], keepdims=0)


def _based(build: Builder, sums: str, base: NDArray[Any]) -> str:
    return build.add("Add", [sums, build.constant(base.astype(np.float32), "base")]) if len(base) else sums
