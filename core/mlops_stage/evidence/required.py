"""What must be there: the run `quality`, `fairness=inconclusive` (that or better), or something of a predicate type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from mlops_stage.errors import UsageError, nearest
from mlops_stage.evidence.redact import shown
from mlops_stage.stage import NAME

ID = re.compile(NAME)
"""What the id of a run looks like."""
OUTCOMES = ("failed", "inconclusive", "passed")
"""From the worst to the best."""
_FORM = "write the id of a run, as in `data,fairness=inconclusive`, or a predicate type, as in `https://cyclonedx.org/bom`"


class Said(Protocol):
    """A statement, or a report, that may be what is required."""

    @property
    def id(self) -> str:
        """Of the run."""

    @property
    def predicate_type(self) -> str:
        """What kind of statement it is."""


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One report or statement that must be there."""

    id: str = ""
    """Of a run."""
    outcome: str = "passed"
    """The worst outcome of its report that will do."""
    predicate_type: str = ""
    """Anything of that type; `id` is empty then."""

    def matches(self, said: Said) -> bool:
        """Whether a statement is of the kind that is required, whatever came of it."""
        return said.id == self.id if self.id else said.predicate_type == self.predicate_type

    def suffices(self, outcome: str) -> bool:
        """Whether a report with that outcome will do."""
        return outcome in OUTCOMES and OUTCOMES.index(outcome) >= OUTCOMES.index(self.outcome)


def parse(text: str) -> Requirement:
    """The requirement that the text spells; a bare id means `passed`.

    Raises:
        UsageError: anything else.
    """
    plain = text.strip()
    if "://" in plain and " " not in plain:
        return Requirement(predicate_type=plain)
    name, equals, outcome = (part.strip() for part in plain.partition("="))
    name = name.replace("-", "_")
    if not ID.fullmatch(name):
        raise UsageError(f"require: {shown(plain)!r} names no run", _FORM)
    if equals and outcome not in OUTCOMES:
        raise UsageError(f"require: {shown(plain)!r} asks for an outcome that there is not", nearest(outcome, OUTCOMES))
    return Requirement(id=name, outcome=outcome if equals else "passed")
