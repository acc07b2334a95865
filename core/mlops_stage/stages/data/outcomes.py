"""What a table is held against, and what each rule came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_stage.stages.data import rules as r

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray

    from mlops_stage.estimates import Estimate
    from mlops_stage.inputs.tables import profile as profiles


@dataclass(frozen=True, kw_only=True)
class Example:
    """A row that breaks a rule."""

    row: int
    """In the table, from 1."""
    value: str | None
    key: tuple[str | None, ...] = ()
    like: int | None = None
    """The earlier row with the same key."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a rule came to."""

    rule: r.Rule
    figure: float | None
    """A count of rows or columns, or the value that the check is of; None where there is none."""
    of: int = 0
    """Rows that were looked at."""
    reason: str = ""
    """Why there is no figure."""
    sql: str = ""
    estimate: Estimate | None = None
    """Where the figure is of more than these rows."""
    culprit: str = ""
    later: int = 0
    """Of freshness: cells that lie in the future, which say nothing about the age."""
    examples: tuple[Example, ...] = ()
    looks: tuple[tuple[str, int], ...] = ()
    """What failing cells look like, in words with what to do, and how many do."""

    @property
    def broken(self) -> bool:
        """Whether the bound does not hold for the bare figure."""
        value = self.value
        return value is not None and self.rule.bound is not None and not self.rule.bound.holds(value)

    @property
    def value(self) -> float | None:
        """The figure in the unit of the bound."""
        bound = self.rule.bound
        if self.figure is None or bound is None or isinstance(self.rule.check, r.ClassShare | r.RowCount):
            return self.figure if bound is None or bound.unit != "percent" or self.figure is None else 100 * self.figure
        return {"percent": 100 / max(self.of, 1), "share": 1 / max(self.of, 1)}.get(bound.unit, 1) * self.figure


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What one table came to."""

    rows: int
    nulls: Mapping[str, int]
    """Missing cells by column."""
    outcomes: tuple[Outcome, ...]
    bins: Mapping[str, tuple[NDArray[Any], int, int]]
    """By column of the profile: counts of its bins, nulls, odd or new cells."""
    sql: tuple[str, ...]
    """The statements, in order."""
    key: tuple[str, ...] = ()
    """The columns of `Example.key`."""
    hidden: frozenset[str] = frozenset()
    """As in `Demands`."""


@dataclass(frozen=True, kw_only=True)
class Demands:
    """What a table is held against."""

    contract: r.Contract | None
    """Without one, only missing cells are counted."""
    profile: profiles.Profile | None
    """Bins to count into."""
    key: tuple[str, ...] = ()
    """Columns that name a row in evidence."""
    now: datetime
    """What freshness is measured from."""
    spill: Path
    """A folder for what does not fit into memory."""
    beside: tuple[r.Rule, ...] = ()
    """Rules that no contract declares."""
    hidden: frozenset[str] = frozenset()
    """Sensitive columns: no value of theirs, and no value that is looked for in them, stands in evidence."""
    threads: int | None = None
    """By default one for each core."""
