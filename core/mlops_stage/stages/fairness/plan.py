"""What `mlops-stage run --plan` says: rows and cost, and whether the groups are large enough for a verdict."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.estimates import Difference, Rate, rows_needed
from mlops_stage.evidence.redact import MINIMUM_COUNT, shown
from mlops_stage.gate import parse_all
from mlops_stage.inputs.answers import Question
from mlops_stage.inputs.fitting import refuse_unfit
from mlops_stage.inputs.joined import Joined, beside
from mlops_stage.inputs.tables.query import rows
from mlops_stage.inputs.task import binary_classes
from mlops_stage.report import Level, Plan
from mlops_stage.stages.fairness.grouping import UNKNOWN
from mlops_stage.stages.fairness.reading import as_groups, opened_sources, sensitive_columns
from mlops_stage.stages.fairness.standards import DEFAULT, chosen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mlops_stage.inputs.tables.open import Table
    from mlops_stage.inputs.tables.values import Codes
    from mlops_stage.stages.fairness.params import FairnessParams
    from mlops_stage.stages.fairness.reading import Sources
    from mlops_stage.workspace import Workspace

_RATE = 0.7
"""A rate that both groups are taken to have when rows are counted that would show it; 0.5 would need 19 % more, 0.9 less than half."""
_GAP = 0.1


def plan(params: FairnessParams, workspace: Workspace) -> Plan:
    """Rows and cost, and for each sensitive column how many rows of each label its smallest group has, and would need; nothing is scored.

    Raises:
        UsageError: nothing to compare; a file or column that is not there; a gate or standard that cannot be read.
        InputError: a table that cannot be read.
    """
    parse_all(params.gates)
    chosen(params.standard or (DEFAULT,))
    sources = opened_sources(params, workspace)
    found = sensitive_columns(params, sources)
    count = rows(sources.main)
    cost = f"about {1 + count * (2 + len(found)) / 3_000_000:.0f} s and {150 + count // 4000:,} MB" + (
        "" if params.predictions else ", and the time that the model takes"
    )
    if not found:
        return Plan(rows=count, cost=cost, notes=("no column names groups of people: the stage would not apply",))
    label, columns = _columns(params, sources, found)
    if params.model and not params.predictions:
        refuse_unfit(params.model, sources.main, params.columns, params.label, workspace.root)
    groups, odd = as_groups(params, columns)
    positive = _positive(label, params)
    needed = rows_needed(Difference(Rate(_RATE * 100, 100), Rate(_RATE * 100, 100)), _GAP, "<=") or 0
    notes = [_note(name, column, positive, needed, params.min_denominator) for name, column in groups.items()]
    notes += [finding.message for finding in odd if finding.level is Level.WARNING]
    if positive is not None:
        notes.append(
            f"to show that the true or false positive rates of two groups differ by at most {_GAP:g}, where both are {_RATE:g}, "
            f"about {needed:,} rows of the label in question are needed in each of them"
        )
    return Plan(rows=count, cost=cost, notes=tuple(notes))


def _columns(params: FairnessParams, sources: Sources, found: Mapping[str, Table]) -> tuple[Codes, dict[str, Codes]]:
    """Labels, and each sensitive column, in the order of the rows."""
    own = tuple(name for name, table in found.items() if table is not sources.side)
    columns: dict[str, Codes] = {}
    with ExitStack() as stack:
        joined = Joined(stack, sources.main, sources.data, Question.of(params, own))
        joined.load([params.label, *own])
        columns = {name: joined.texts(name) for name in own}
        label, keys = joined.texts(params.label), joined.row_id
    aside = [name for name in found if name not in columns]
    if sources.side is not None and params.row_id and keys is not None and aside:
        columns |= beside(sources.side, aside, params.row_id, keys).columns
    return label, {name: columns[name] for name in found}


def _positive(label: Codes, params: FairnessParams) -> NDArray[np.bool_] | None:
    """The rows of the positive class, shape (n,); None where there are not two classes."""
    if params.task in {"multiclass", "regression"} or not 1 <= len(label.levels) <= 2:  # noqa: PLR2004  (binary)
        return None
    (_, positive), _ = binary_classes(label.levels, params.positive)
    hit: NDArray[np.bool_] = label.codes == (label.levels.index(positive) if positive in label.levels else -1)
    return hit


def _note(name: str, column: Codes, positive: NDArray[np.bool_] | None, needed: int, least: int) -> str:
    known = [place for place, level in enumerate(column.levels) if level != UNKNOWN]
    if len(known) < 2:  # noqa: PLR2004  (one group is compared with nobody)
        return f"{shown(name)}: {'one group' if known else 'no group'}, so there is nothing to compare"
    sizes = {"rows": np.bincount(column.codes, minlength=len(column.levels))}
    if positive is not None:
        sizes = {
            word: np.bincount(column.codes[of], minlength=len(column.levels))
            for word, of in (("positives", positive), ("negatives", ~positive))
        }
    told, fewest = [], int(column.codes.size)
    for word, counts in sizes.items():
        smallest = min(known, key=lambda place: (counts[place], place))
        fewest = min(fewest, int(counts[smallest]))
        told.append(f"{word} {_count(int(counts[smallest]))} in {shown(column.levels[smallest], 40)}")
    verdict = "too few for any verdict" if fewest < least else "few for a pass" if fewest < needed else "enough for a verdict"
    return f"{shown(name)}: {len(known)} groups; fewest {', '.join(told)}: {verdict}"


def _count(count: int) -> str:
    return f"{count:,}" if count >= MINIMUM_COUNT else f"fewer than {MINIMUM_COUNT}"
