"""What `mlops-stage run --plan` says: rows, cost, and what these rows can decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.errors import UsageError
from mlops_stage.estimates import Paired, Rate, rows_needed
from mlops_stage.evidence.redact import MINIMUM_COUNT
from mlops_stage.gate import parse_all, spell
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.inputs.tables.query import rows, texts
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
    if params.metrics:
        return Plan(rows=None, cost="less than a second", notes=("bare figures have no interval: gates judge the values",))
    source = params.predictions or params.data
    if not source:
        raise UsageError("there is nothing to judge", "give predictions, or model and data, or metrics")
    table = open_table(source, workspace.root, "predictions" if params.predictions else "data")
    count = rows(table)
    seconds = 1 + count * (2 + len(params.slices)) / 3_000_000
    cost = f"about {seconds:.0f} s and {150 + count // 4000:,} MB" + ("" if params.predictions else ", and the time that the model takes")
    known = _Denominators(table, count, params)
    notes = [note for criterion in gates if (note := _note(criterion, known, params))]
    if params.baseline and not gates:
        notes.append(_margin_note(count, params))
    if not gates and not params.baseline:
        notes.append("no gates: the default one asks for better than a predictor that ignores its input")
    return Plan(rows=count, cost=cost, notes=tuple(notes))


class _Denominators:
    """How many rows each rate will have, as far as labels and slices tell before anything is scored."""

    def __init__(self, table: Table, count: int, params: QualityParams) -> None:
        self._table = table
        self._count = count
        self._params = params
        self._columns: dict[str, tuple[NDArray[np.int64], tuple[str, ...]]] = {}

    def of(self, criterion: Criterion) -> int | None:
        """The denominator; None for figures that are no rates, or that depend on the answers."""
        wanted = np.ones(self._count, dtype=np.bool_)
        for column, value in criterion.slice:
            wanted &= self._rows(self._params.label if column == CLASS else column, value)
        if criterion.metric in _ALL or (criterion.metric == "recall" and criterion.slice[:1] and criterion.slice[0][0] == CLASS):
            return int(np.count_nonzero(wanted))
        if criterion.metric not in _POSITIVES | _NEGATIVES or self._params.label not in self._table.columns:
            return None
        _, levels = self._column(self._params.label)
        if not 1 <= len(levels) <= 2:  # noqa: PLR2004  (binary)
            return None
        (_, positive), _ = binary_classes(levels, self._params.positive)
        hit = self._rows(self._params.label, positive)
        return int(np.count_nonzero(wanted & (hit if criterion.metric in _POSITIVES else ~hit)))

    def _rows(self, column: str, value: str) -> NDArray[np.bool_]:
        codes, levels = self._column(column)
        return codes == levels.index(value) if value in levels else np.zeros(self._count, dtype=np.bool_)

    def _column(self, name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        if name not in self._columns:
            codes, levels = texts(self._table, [name], "slices")[name]
            self._columns[name] = codes, levels
        return self._columns[name]


def _note(criterion: Criterion, known: _Denominators, params: QualityParams) -> str:
    """What would have to be observed for a verdict; empty where that cannot be told beforehand."""
    if criterion.baseline:
        return ""
    n = known.of(criterion)
    if n is None:
        return ""
    told = f"`{spell(criterion)}` on {n:,} rows" if n >= MINIMUM_COUNT else f"`{spell(criterion)}` on fewer than {MINIMUM_COUNT} rows"
    if n < params.min_denominator:
        return f"{told}: stays inconclusive; at least {params.min_denominator} are needed"
    low, high = _decided(criterion, n)
    rising = criterion.op in {">=", ">"}
    passes = high if rising else low
    if passes is None:
        best = Rate(0 if not rising else 1, 1)
        needed = rows_needed(best, criterion.number, criterion.op) if 0 < criterion.number < 1 else None
        more = f"; {needed:,} rows could" if needed else ""
        return f"{told}: cannot pass, whatever is observed{more}"
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
