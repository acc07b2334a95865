"""What `mlops-stage run --plan` says: rows, cost, and what these rows can decide."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.errors import UsageError
from mlops_stage.estimates import Paired, Rate, rows_needed
from mlops_stage.evidence.redact import MINIMUM_COUNT
from mlops_stage.gate import parse_all, spell
from mlops_stage.gate.ranges import outside
from mlops_stage.inputs.arrays import is_arrays, open_arrays
from mlops_stage.inputs.fitting import refuse_unfit
from mlops_stage.inputs.roles import refuse_two
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.inputs.tables.query import numbers, rows, texts
from mlops_stage.inputs.task import binary_classes
from mlops_stage.report import Criterion, Plan
from mlops_stage.stages.quality.divisions import CLASS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlops_stage.inputs.tables.open import Table
    from mlops_stage.stages.quality.params import QualityParams
    from mlops_stage.workspace import Workspace

_ALL = {"accuracy", "selection_rate", "recall_weighted", "fixes", "breaks"}
_POSITIVES = {"recall", "tpr", "fnr"}
_NEGATIVES = {"tnr", "fpr"}
_BOTH = {"balanced_accuracy", "roc_auc", "average_precision", "matthews_corrcoef", "cohen_kappa"}
_NOT_BEFORE = "whether the rows suffice cannot be told before the answers are known"
_CHANGING = 0.05
_CONFIDENT = 0.95
_STEPS = 40


def plan(params: QualityParams, workspace: Workspace) -> Plan:
    """Rows and cost, and for every gate on a rate what would have to be observed; nothing is scored.

    Raises:
        UsageError: nothing to judge; a file or column that is not there; a gate that cannot be read.
        InputError: a table that cannot be read.
    """
    gates = parse_all(params.gates)
    for criterion in gates:
        fault = outside(criterion.metric, criterion.number, difference=criterion.baseline)
        if fault:
            raise UsageError(f"gate {spell(criterion)!r} can never decide: {fault.message}", fault.hint)
    refuse_two(params)
    if params.metrics:
        return Plan(rows=None, cost="less than a second", notes=("bare figures have no interval: gates judge the values",))
    source = params.predictions or params.data
    if not source:
        raise UsageError("there is nothing to judge", "give predictions, or model and data, or metrics")
    if is_arrays(source) and not params.predictions:
        return Plan(rows=open_arrays(source, workspace.root).rows, cost="the time that the model takes", notes=(_NOT_BEFORE,))
    table = open_table(source, workspace.root, "predictions" if params.predictions else "data")
    if params.model and not params.predictions:
        table.column(params.label, "label")
        refuse_unfit(params.model, table, params.columns, params.label, workspace.root)
    count = rows(table)
    seconds = 1 + count * (2 + len(params.slices)) / 3_000_000
    cost = f"about {seconds:.0f} s and {150 + count // 4000:,} MB" + ("" if params.predictions else ", and the time that the model takes")
    known = _Denominators(_with_columns(table, count, params, workspace), count, params)
    notes = [_note(criterion, known, params) for criterion in gates]
    if not gates:
        notes.append(f"no gates: the default one asks for better than a predictor that ignores its input; {known.smaller()}")
    if params.baseline and not gates:
        notes.append(_margin_note(count, params))
    return Plan(rows=count, cost=cost, notes=tuple(notes))


def _with_columns(table: Table, count: int, params: QualityParams, workspace: Workspace) -> Table:
    """The table that labels and slices stand in: predictions, or where they lack some, the data with as many rows."""
    wanted = {params.label, *params.slices, *([params.weight] if params.weight else [])}
    if not params.predictions or not params.data or wanted <= set(table.columns):
        return table
    data = open_table(params.data, workspace.root, "data")
    return data if rows(data) == count else table


class _Denominators:
    """How many rows each rate will have, as far as labels and slices tell before anything is scored."""

    def __init__(self, table: Table, count: int, params: QualityParams) -> None:
        self._table = table
        self._count = count
        self._params = params
        self._columns: dict[str, tuple[NDArray[np.int64], tuple[str, ...]]] = {}

    def of(self, criterion: Criterion) -> int | None:
        """The denominator; None for figures that are no rates, or that depend on the answers or on a join with the data."""
        wanted = np.ones(self._count, dtype=np.bool_)
        for column, value in criterion.slice:
            name = self._params.label if column == CLASS else column
            if self._elsewhere(name):
                return None
            wanted &= self._rows(name, value)
        if criterion.metric in _ALL or (criterion.metric == "recall" and criterion.slice[:1] and criterion.slice[0][0] == CLASS):
            return self._size(wanted)
        hit = self._positive() if criterion.metric in _POSITIVES | _NEGATIVES else None
        return None if hit is None else self._size(wanted & (hit if criterion.metric in _POSITIVES else ~hit))

    def smaller(self) -> str:
        """What can be told of figures that rest on the rows of each class, or on the answers."""
        hit = self._positive()
        if hit is None:
            return _NOT_BEFORE
        n = min(self._size(hit) or 0, self._size(~hit) or 0)
        told = f"{n:,}" if n >= MINIMUM_COUNT else f"fewer than {MINIMUM_COUNT}"
        few = f"; below {self._params.min_denominator} it stays inconclusive" if n < self._params.min_denominator else ""
        return f"the smaller class has {told} rows{few}; {_NOT_BEFORE}"

    def _size(self, wanted: NDArray[np.bool_]) -> int | None:
        """The number of rows; with weights, the effective one."""
        if not self._params.weight:
            return int(np.count_nonzero(wanted))
        if self._elsewhere(self._params.weight):
            return None
        weight = numbers(self._table, [self._params.weight], "weight")[self._params.weight][wanted]
        return int(weight.sum() ** 2 / square) if (square := float((weight**2).sum())) > 0 else 0

    def _positive(self) -> NDArray[np.bool_] | None:
        """The rows of the positive class; None where that cannot be told."""
        if self._params.label not in self._table.columns or self._params.task in {"multiclass", "regression"}:
            return None
        _, levels = self._column(self._params.label)
        if not 1 <= len(levels) <= 2:  # noqa: PLR2004  (binary)
            return None
        (_, positive), _ = binary_classes(levels, self._params.positive)
        return self._rows(self._params.label, positive)

    def _elsewhere(self, name: str) -> bool:
        """Whether only a join of predictions and data would tell; a run then finds the column, or says that it is nowhere."""
        return name not in self._table.columns and bool(self._params.predictions and self._params.data)

    def _rows(self, column: str, value: str) -> NDArray[np.bool_]:
        codes, levels = self._column(column)
        return codes == levels.index(value) if value in levels else np.zeros(self._count, dtype=np.bool_)

    def _column(self, name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        if name not in self._columns:
            codes, levels = texts(self._table, [name], "slices")[name]
            self._columns[name] = codes, levels
        return self._columns[name]


def _note(criterion: Criterion, known: _Denominators, params: QualityParams) -> str:
    """What would have to be observed for a verdict, or that this cannot be told beforehand."""
    n = known.of(criterion)
    if n is None:
        rests_on_both = not criterion.slice and criterion.metric in _BOTH
        return f"`{spell(criterion)}`: {known.smaller() if rests_on_both else _NOT_BEFORE}"
    rows_told = "effective rows" if params.weight else "rows"
    told = f"`{spell(criterion)}` on " + (f"{n:,} {rows_told}" if n >= MINIMUM_COUNT else f"fewer than {MINIMUM_COUNT} {rows_told}")
    if n < params.min_denominator:
        return f"{told}: stays inconclusive; at least {params.min_denominator} are needed"
    if criterion.baseline:
        return f"{told}: {_comparison(criterion, n)}"
    low, high = _decided(criterion, n)
    rising = criterion.op in {">=", ">"}
    passes = high if rising else low
    if passes is None:
        best = Rate(0 if not rising else 1, 1)
        needed = rows_needed(best, criterion.number, criterion.op) if 0 < criterion.number < 1 else None
        more = f"; {needed:,} rows could" if needed else ""
        return f"{told}: cannot pass, whatever is observed{more}; what they can carry: `{_carried(criterion, n)}`"
    fails = low if rising else high
    words = ("from", "up", "up to") if rising else ("up to", "", "from")
    told += f": passes {words[0]} {passes:.4g}{' ' + words[1] if words[1] else ''}"
    return told + ("" if fails is None else f", fails {words[2]} {fails:.4g}, between them it stays inconclusive")


def _decided(criterion: Criterion, n: int) -> tuple[float | None, float | None]:
    """The highest share of n rows whose upper bound lies below the criterion's number, and the lowest whose lower bound lies above it."""
    number = criterion.number

    def edge(bound: float) -> float:
        """The share at which that bound crosses the number."""
        low, high = 0.0, 1.0
        for _ in range(_STEPS):
            middle = (low + high) / 2
            low, high = (middle, high) if Rate(middle * n, n).bound(bound) < number else (low, middle)
        return high

    below = None if Rate(0, n).bound(_CONFIDENT) >= number else edge(_CONFIDENT)
    above = None if Rate(n, n).bound(1 - _CONFIDENT) < number else edge(1 - _CONFIDENT)
    return below, above


def _margin(n: int) -> float:
    """By how much a model may be shown not to be worse, if it is as good and few decisions change."""
    half = n * _CHANGING / 2
    return math.ceil(-100 * Paired(half, half, n).bound(1 - _CONFIDENT)) / 100


def _comparison(criterion: Criterion, n: int) -> str:
    """What rows that are compared with a baseline's, one by one, can show."""
    margin, asked = _margin(n), -criterion.number if criterion.op in {">=", ">"} else criterion.number
    enough = "they show that" if asked >= margin else f"they show only margins from {margin:g}, not that"
    return f"where 1 decision in 20 changes, half of them for the better, {enough}"


def _carried(criterion: Criterion, n: int) -> str:
    """Not worse than the baseline, by a margin that these rows can show."""
    rising = criterion.op in {">=", ">"}
    return spell(replace(criterion, op=">=" if rising else "<=", number=-_margin(n) if rising else _margin(n), baseline=True))


def _margin_note(count: int, params: QualityParams) -> str:
    """Rows that a comparison with the baseline needs, if both are equally good and few decisions change."""
    if params.comparison == "superior" or not params.margin:
        return f"better than the baseline: {count:,} rows tell two models apart that differ by about {2.5 * (_CHANGING / count) ** 0.5:.2g}"
    half = count * _CHANGING / 2
    needed = rows_needed(Paired(half, half, count), -params.margin, ">=")
    return (
        f"not worse than the baseline by {params.margin:g}: where 1 decision in 20 changes, half of them for the better, "
        f"about {needed:,} rows show it; there are {count:,}"
    )
