"""Rows and keys that the data share with what a model was trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.estimates import Difference, NotEstimable, Point, Rate
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables.overlap import Overlap, shared_rows
from mlops_stage.report import Criterion, Finding, Level, Metric
from mlops_stage.stages.data import rules as r
from mlops_stage.words import counted

if TYPE_CHECKING:
    from mlops_stage.estimates import Estimate
    from mlops_stage.inputs.tables.rejects import Reading
    from mlops_stage.stages.data.params import DataParams

ROWS, KEYS = "shared_rows", "shared_keys"
MOST_SHARED = 0.01
"""A larger share of rows that stand in both is no accident."""
_COARSE = 0.05
"""Where more rows stand in their own table again, equal rows need not be the same case."""
_CHANCE = 1.645
"""The normal score of 95 %."""


@dataclass(frozen=True, kw_only=True)
class Leak:
    """What two tables share by some columns."""

    overlap: Overlap
    columns: tuple[str, ...]
    """The columns of the key; empty where whole rows are compared."""

    @property
    def coarse(self) -> bool:
        """Whether some rows are shared, more than may be, but equal rows are so common that they need not be the same case."""
        return not self.columns and self._by_chance.value > _COARSE and self.overlap.shared > MOST_SHARED * self.overlap.of

    @property
    def beyond(self) -> Difference:
        """How much more of the data stands in the training data than would where nothing leaked."""
        return Difference(Rate(self.overlap.shared, self.overlap.of), self._by_chance)

    @property
    def _by_chance(self) -> Rate:
        """The share of further rows that would stand in the training data already: so many of its own do (Good and Turing; 1953, Biometrika 40:237)."""
        one = self.overlap
        rates = [Rate(one.recurring, one.earlier), Rate(one.repeated, one.of)]
        return max(rates, key=lambda rate: rate.value)

    @property
    def estimate(self) -> Estimate:
        """The share of the data's rows."""
        if self.coarse:
            if self.beyond.limit(-_CHANCE) > MOST_SHARED:
                return self.beyond
            return NotEstimable(
                self.overlap.of, "many rows stand in their own table again, so equal rows need not be the same case; name a key with keys"
            )
        return Point(self.overlap.shared / max(self.overlap.of, 1))

    @property
    def metric(self) -> Metric:
        """As a report shows it."""
        name = KEYS if self.columns else ROWS
        where = (("columns", ",".join(self.columns)),) if self.columns else ()
        return Metric(name=f"{name}_share", estimate=self.estimate, slice=where, direction="lower")

    def criteria(self) -> tuple[Criterion, ...]:
        """The default gate: no shared key, and at most one row in a hundred."""
        number = 0.0 if self.columns else MOST_SHARED
        what = "no " + " and ".join(self.columns) if self.columns else "hardly any row"
        claim = f"{what} stands in the training data too"
        return (Criterion(metric=self.metric.name, op="<=", number=number, slice=self.metric.slice, source="train", claim=claim),)

    def finding(self, reading: Reading) -> Finding | None:
        """The culprits by name."""
        if not self.overlap.shared:
            return None
        shared, of = self.overlap.shared, self.overlap.of
        file = reading.parts[0].file if len(reading.parts) == 1 else reading.table.source
        rows = ", ".join(str(reading.place(row)[1]) for _, row in self.overlap.examples)
        stand, first = ("stands", f"data row {rows}") if shared == 1 else ("stand", f"the first are data rows {rows}")
        if self.coarse:
            told = f"{shared:,} of {counted(of, 'row')} ({shared / of:.1%}) also {stand} in the training data; by chance {self._by_chance.value:.1%} would"
            leaked = isinstance(self.estimate, Difference)
            return Finding(
                rule="data/shared-rows" if leaked else "data/coarse-rows",
                level=Level.ERROR if leaked else Level.WARNING,
                message=f"{told}, for so many stand in their own table again" + ("" if leaked else ": whether they leaked cannot be told"),
                location=file,
                hint="leave them out of one of both" if leaked else "name the columns of a key with keys",
            )
        if self.columns:
            names = ", ".join(shown(repr(name), 40) for name in self.columns)
            message = f"{shared:,} of {counted(of, 'row')} {'has' if shared == 1 else 'have'} a {names} that also stands in the training data: {first}"
            hint = "split by that key, so that all rows of one stand on one side"
            return Finding(rule="data/shared-keys", level=Level.ERROR, message=message, location=file, hint=hint)
        message = f"{shared:,} of {counted(of, 'row')} ({shared / of:.2%}) also {stand} in the training data: {first}"
        level = Level.ERROR if shared > MOST_SHARED * of else Level.WARNING
        return Finding(rule="data/shared-rows", level=level, message=message, location=file, hint="leave them out of one of both")


def leaks(params: DataParams, contract: r.Contract | None, data: Reading, train: Reading) -> list[Leak]:
    """Whole rows, each key that the params name, and those of the contract's rules.

    Raises:
        UsageError: a key that one of the tables lacks.
    """
    found = []
    common = [name for name in data.table.columns if name in train.table.columns and name != params.row_id]
    if common:
        found.append(Leak(overlap=shared_rows(train.table, data.table, common), columns=()))
    keys: list[tuple[str, ...]] = [(name,) for name in params.keys]
    if params.row_id and params.row_id in train.table.columns and params.row_id not in params.keys:
        keys.append((params.row_id,))
    keys += [rule.columns for rule in (contract.rules if contract else ()) if isinstance(rule.check, r.SharedKeys)]
    for columns in dict.fromkeys(keys):
        # a missing key is nobody's: those of the training data are left out, so that none of the data meets them
        present = " AND ".join(f"{train.table.column(name, 'keys')} IS NOT NULL" for name in columns)
        keyed = replace(train.table, scan=f"(SELECT * FROM {train.table.scan} WHERE {present})")
        found.append(Leak(overlap=shared_rows(keyed, data.table, columns), columns=columns))
    if not found:
        raise UsageError(f"{train.table.name} and {data.table.name} have no column in common", "name the columns alike in both tables")
    return found
