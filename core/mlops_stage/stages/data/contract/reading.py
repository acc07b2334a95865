"""Where one is while a contract is read, and what has been found so far."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import nearest
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.data.rules import Rule, Unchecked

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Literal

    from mlops_stage.stages.data.contract.problems import Problems
    from mlops_stage.stages.data.contract.text import Document, Path
    from mlops_stage.stages.data.rules import Bound, Check, Column, Severity

_LONGEST = 300
"""Characters of a sentence; names and values in it are of unknown origin."""


@dataclass
class Found:
    """The rules of one table, as they are found."""

    table: str
    sensitive: Collection[str] = ()
    """Columns that are sensitive whatever the contract says, by the table's names."""
    columns: Mapping[str, Column] = field(default_factory=dict)
    """By the name that the contract gives them, which need not be the table's."""
    rules: list[Rule] = field(default_factory=list)
    unchecked: list[Unchecked] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)

    def id(self, wanted: str) -> str:
        """An id that no other rule has."""
        plain = re.sub(r"[^\w.<>=-]+", "-", wanted).strip("-") or "rule"
        unique, turn = plain, 1
        while unique in self._ids:
            turn += 1
            unique = f"{plain}-{turn}"
        self._ids.add(unique)
        return unique


@dataclass(frozen=True, kw_only=True)
class Place:
    """A path in a document that is being read."""

    document: Document
    problems: Problems
    found: Found
    path: Path
    column: Column | None = None
    """The column that one is below."""

    @property
    def where(self) -> str:
        """`contract.odcs.yaml:31`."""
        return self.document.where(self.path)

    def below(self, *steps: str | int, column: Column | None = None) -> Place:
        """A place further in."""
        return replace(self, path=(*self.path, *steps), column=column or self.column)

    def problem(self, message: str, hint: str = "") -> None:
        """Note a mistake here."""
        self.problems.at(self.document, self.path, message, hint)

    def unchecked(self, what: str, level: Literal["note", "warning"] = "warning") -> None:
        """Note that something here is not checked."""
        self.found.unchecked.append(Unchecked(where=self.where, what=shown(what, _LONGEST), level=level))

    def rule(  # noqa: PLR0913  (the fields of a rule)
        self,
        check: Check,
        bound: Bound | None,
        sentence: str,
        *,
        id: str,  # noqa: A002  (the field's own name)
        columns: tuple[str, ...] = (),
        severity: Severity = "error",
    ) -> None:
        """Note a rule that is declared here."""
        self.found.rules.append(
            Rule(
                id=self.found.id(id),
                check=check,
                bound=bound,
                severity=severity,
                where=self.where,
                sentence=shown(sentence, _LONGEST),
                columns=columns,
            )
        )

    def columns_named(self, names: Any) -> tuple[str, ...]:
        """The table's names of columns that the contract names here; unknown ones are problems."""
        found = []
        for place, name in enumerate(names):
            column = self.found.columns.get(str(name))
            if column is None:
                self.below(place).problem(
                    f"{shown(self.found.table)!r} declares no column {shown(name)!r}", nearest(str(name), self.found.columns)
                )
            else:
                found.append(column.name)
        return tuple(found)
