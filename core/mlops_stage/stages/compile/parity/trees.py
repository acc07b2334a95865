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
    gives: Places
    """What a leaf adds to the answer: leaves with the same number add the same."""

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

    def visits(self, rows: NDArray[Any]) -> Iterator[tuple[Places, Places]]:
        """All rows, of shape (n, features), led down all trees: nodes, and the row that gets to each."""
        step = max(1, _AT_ONCE // max(len(self.roots), 1))
        for start in range(0, len(rows), step):
            row = np.repeat(np.arange(start, min(start + step, len(rows))), len(self.roots))
            here = np.tile(self.roots, len(row) // max(len(self.roots), 1))
            for _ in range(len(self.features)):  # no path is longer, whatever the file says
                going = self.modes[here] != LEAF
                here, row = here[going], row[going]
                if not len(here):
                    break
                yield here, row
                here = np.where(self.holds(here, rows[row, self.features[here]]), self.yes[here], self.no[here])

    def reached(self, rows: NDArray[Any]) -> Places:
        """For each inner node some row that gets there; -1 where none does."""
        found = np.full(len(self.features), -1, dtype=np.intp)
        for nodes, row in self.visits(rows):
            found[nodes] = row
        return found

    def decides(self, nodes: Places, rows: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether it makes a difference for a row, of shape (features,) each, which way it goes at its node: it then ends in leaves that add the same or not."""
        left, right = (self.gives[self._end(start[nodes], rows)] for start in (self.yes, self.no))
        return np.asarray(left != right)

    def _end(self, nodes: Places, rows: NDArray[Any]) -> Places:
        """The leaf in which each row ends that starts at its node."""
        here = nodes.copy()
        for _ in range(len(self.features)):
            going = np.flatnonzero(self.modes[here] != LEAF)
            if not len(going):
                break
            inner = here[going]
            here[going] = np.where(self.holds(inner, rows[going, self.features[inner]]), self.yes[inner], self.no[inner])
        return here


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
        yes, no = (_followers(place, trees, nexts, inner) for nexts in (yes, no))
    except KeyError:
        return None
    ends = [one for one in ("class", "target") if len(_whole(given, f"{one}_nodeids"))]
    gives = np.zeros(count, dtype=np.intp)
    if ends:
        of_tree, of_node, what = (_whole(given, f"{ends[0]}_{name}") for name in ("treeids", "nodeids", "ids"))
        leaves = [place.get(key, -1) for key in zip(of_tree.tolist(), of_node.tolist(), strict=True)]
        gives = _alike(count, np.array(leaves), what, _numbers(given, f"{ends[0]}_weights"))
    roots = np.setdiff1d(np.arange(count), np.append(yes[inner], no[inner]))
    missing = _whole(given, "nodes_missing_value_tracks_true")
    return Forest(
        tensor,
        features,
        values,
        codes,
        yes,
        no,
        missing.astype(bool) if len(missing) == count else np.zeros(count, dtype=bool),
        roots,
        gives,
    )


def _followers(place: Mapping[tuple[int, int], int], trees: Places, nexts: Places, inner: NDArray[np.bool_]) -> Places:
    """The places of the next nodes; of a leaf its own. KeyError where a node leads to none."""
    each = enumerate(zip(trees.tolist(), nexts.tolist(), inner.tolist(), strict=True))
    return np.array([place[tree, one] if branches else index for index, (tree, one, branches) in each], dtype=np.intp)


def _by_place(tensor: str, given: Mapping[str, Any]) -> Forest | None:
    """The operator of ai.onnx.ml 5, which names nodes by their place and keeps leaves apart; here they stand behind the nodes."""
    features, yes, no, roots = (
        _whole(given, name) for name in ("nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids", "tree_roots")
    )
    values, modes = _numbers(given, "nodes_splits"), _whole(given, "nodes_modes")
    yes_leaf, no_leaf = (_whole(given, name).astype(bool) for name in ("nodes_trueleafs", "nodes_falseleafs"))
    what, weights = _whole(given, "leaf_targetids"), _numbers(given, "leaf_weights")
    count, leaves = len(features), len(weights)
    if {len(one) for one in (yes, no, values, modes, yes_leaf, no_leaf)} != {count} or len(what) != leaves:
        return None
    inner, ends = [*yes[~yes_leaf].tolist(), *no[~no_leaf].tolist(), *roots.tolist()], [*yes[yes_leaf].tolist(), *no[no_leaf].tolist()]
    if not all(0 <= one < count for one in inner) or not all(0 <= one < leaves for one in ends) or not set(modes.tolist()) <= set(range(6)):
        return None
    missing = _whole(given, "nodes_missing_value_tracks_true")
    known = missing.astype(bool) if len(missing) == count else np.zeros(count, dtype=bool)
    whole, behind = count + leaves, np.arange(count, count + leaves)
    return Forest(
        tensor,
        np.append(features, np.zeros(leaves, dtype=np.intp)),
        np.append(values, np.zeros(leaves)),
        np.append(modes, np.full(leaves, LEAF)),
        np.append(np.where(yes_leaf, count + yes, yes), behind),
        np.append(np.where(no_leaf, count + no, no), behind),
        np.append(known, np.zeros(leaves, dtype=bool)),
        roots,
        _alike(whole, behind, what, weights),
    )


def _alike(count: int, nodes: Places, what: Places, weights: NDArray[np.float64]) -> Places:
    """For each node a number for what it adds: pairs of a target and a weight."""
    if not len(nodes) == len(what) == len(weights):
        return np.arange(count)
    held: list[list[tuple[int, float]]] = [[] for _ in range(count)]
    for node, target, weight in zip(nodes.tolist(), what.tolist(), weights.tolist(), strict=True):
        if node >= 0:
            held[node].append((target, weight))
    numbers: dict[tuple[tuple[int, float], ...], int] = {}
    return np.array([numbers.setdefault(tuple(sorted(one)), len(numbers)) for one in held], dtype=np.intp)


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
