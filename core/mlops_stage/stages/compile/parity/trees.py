"""The decision trees in an ONNX model: their nodes as arrays, and which rows reach which node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Places = NDArray[np.intp]
_DOMAIN = "ai.onnx.ml"
_BY_ID = ("TreeEnsembleClassifier", "TreeEnsembleRegressor")
_BY_PLACE = "TreeEnsemble"
OPERATORS = frozenset(f"{_DOMAIN}::{name}" for name in (*_BY_ID, _BY_PLACE))
"""Those that hold trees, as `OnnxFacts.operators` names them."""
_MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
LEAF = -1
_LEQ, _LT, _GTE, _GT, _EQ, _NEQ = range(6)
_AT_ONCE = 2**22
"""Rows times trees that are led down at a time."""


@dataclass(frozen=True, eq=False)
class Forest:
    """The nodes of all trees of one operator, numbered through; arrays of shape (nodes,)."""

    tensor: str
    """What it takes: (rows, features)."""
    features: Places
    values: NDArray[np.float64]
    modes: Places
    """Place in `_MODES`; `LEAF` for leaves."""
    yes: Places
    """The next node where the comparison holds."""
    no: Places
    missing: NDArray[np.bool_]
    """Whether NaN counts as yes."""
    roots: Places
    """One node per tree."""

    @property
    def inner(self) -> Places:
        """The nodes that compare."""
        return np.flatnonzero(self.modes != LEAF)

    def holds(self, nodes: Places, features: NDArray[Any], values: NDArray[np.float64] | None = None) -> NDArray[np.bool_]:
        """Whether the comparison of each node holds for a feature's value; `values` stand in for the nodes' own thresholds."""
        modes, limits = self.modes[nodes], self.values[nodes] if values is None else values
        with np.errstate(invalid="ignore"):
            found = np.select(
                [modes == _LEQ, modes == _LT, modes == _GTE, modes == _GT, modes == _EQ],
                [features <= limits, features < limits, features >= limits, features > limits, features == limits],
                features != limits,
            )
        return np.where(np.isnan(features), self.missing[nodes], found).astype(np.bool_)

    def reached(self, rows: NDArray[Any]) -> Places:
        """For each node the last of the rows, of shape (n, features), that gets there; -1 where none does."""
        found = np.full(len(self.features), -1, dtype=np.intp)
        step = max(1, _AT_ONCE // max(len(self.roots), 1))
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            here = np.broadcast_to(self.roots, (len(part), len(self.roots))).copy()
            which = np.broadcast_to(np.arange(len(part))[:, None], here.shape)
            for _ in range(len(self.features)):  # no path is longer, whatever the file says
                found[here] = which + start
                going = self.modes[here] != LEAF
                if not going.any():
                    break
                nodes, row = here[going], which[going]
                held = self.holds(nodes, part[row, self.features[nodes]])
                here[going] = np.where(held, self.yes[nodes], self.no[nodes])
        return found


def forests(model: onnx.ModelProto) -> Iterator[Forest]:
    """The forests of the main graph; those whose attributes contradict one another are left out."""
    for node in model.graph.node:
        if node.domain != _DOMAIN or node.op_type not in {*_BY_ID, _BY_PLACE}:
            continue
        given = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        found = _by_place(node.input[0], given) if node.op_type == _BY_PLACE else _by_id(node.input[0], given)
        if found is not None and len(found.inner):
            yield found


def _by_id(tensor: str, given: Mapping[str, Any]) -> Forest | None:
    """The operators of ai.onnx.ml 1 and 3, which name nodes by tree and number."""
    trees, ids, features, yes, no = (
        _whole(given, name) for name in ("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids")
    )
    values = _numbers(given, "nodes_values")
    modes = [mode.decode(errors="replace") for mode in given.get("nodes_modes", ())]
    count = len(trees)
    if {len(one) for one in (ids, features, yes, no, values, modes)} != {count} or not count:
        return None
    place = {key: index for index, key in enumerate(zip(trees.tolist(), ids.tolist(), strict=True))}
    codes = np.array([_MODES.index(mode) if mode in _MODES else LEAF for mode in modes])
    inner = codes != LEAF
    try:
        following = [
            [
                place[tree, one] if branches else index
                for index, (tree, one, branches) in enumerate(zip(trees.tolist(), nexts, inner, strict=True))
            ]
            for nexts in (yes.tolist(), no.tolist())
        ]
    except KeyError:
        return None
    targets = {one for nexts in following for index, one in enumerate(nexts) if inner[index]}
    roots = np.array([index for index in range(count) if index not in targets])
    missing = _whole(given, "nodes_missing_value_tracks_true")
    return Forest(
        tensor,
        features,
        values,
        codes,
        np.array(following[0]),
        np.array(following[1]),
        missing.astype(bool) if len(missing) == count else np.zeros(count, dtype=bool),
        roots,
    )


def _by_place(tensor: str, given: Mapping[str, Any]) -> Forest | None:
    """The operator of ai.onnx.ml 5, which names nodes by their place and keeps leaves apart; all leaves become one node here."""
    features, yes, no, roots = (
        _whole(given, name) for name in ("nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids", "tree_roots")
    )
    values, modes = _numbers(given, "nodes_splits"), _whole(given, "nodes_modes")
    yes_leaf, no_leaf = (_whole(given, name).astype(bool) for name in ("nodes_trueleafs", "nodes_falseleafs"))
    count = len(features)
    same = {len(one) for one in (yes, no, values, modes, yes_leaf, no_leaf)} == {count}
    nexts = [*yes[~yes_leaf].tolist(), *no[~no_leaf].tolist(), *roots.tolist()] if same else [-1]
    if not all(0 <= one < count for one in nexts) or not set(modes.tolist()) <= set(range(6)):
        return None
    missing = _whole(given, "nodes_missing_value_tracks_true")
    known = missing.astype(bool) if len(missing) == count else np.zeros(count, dtype=bool)
    return Forest(
        tensor,
        np.append(features, 0),
        np.append(values, 0.0),
        np.append(modes, LEAF),
        np.append(np.where(yes_leaf, count, yes), count),
        np.append(np.where(no_leaf, count, no), count),
        np.append(known, False),
        roots,
    )


def _whole(given: Mapping[str, Any], name: str) -> Places:
    return _array(given.get(name, ())).astype(np.intp)


def _numbers(given: Mapping[str, Any], name: str) -> NDArray[np.float64]:
    return _array(given.get(f"{name}_as_tensor", given.get(name, ()))).astype(np.float64)


def _array(value: Any) -> NDArray[Any]:
    """An attribute of numbers, be it a list or a tensor; empty where it is of another type."""
    if isinstance(value, onnx.TensorProto):
        value = onnx.numpy_helper.to_array(value)
    found = np.asarray(value).reshape(-1)
    return found if found.dtype.kind in "biuf" else np.empty(0)
