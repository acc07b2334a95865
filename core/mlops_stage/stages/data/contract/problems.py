"""What is wrong with a contract, all of it, each at its line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError

if TYPE_CHECKING:
    from mlops_stage.stages.data.contract.text import Document, Path


@dataclass(frozen=True, kw_only=True, order=True)
class Problem:
    """One mistake."""

    line: int
    message: str
    """One line, lower case, without a full stop."""
    hint: str = ""


@dataclass
class Problems:
    """The mistakes of one contract, as they are found."""

    source: str
    found: list[Problem] = field(default_factory=list)

    def add(self, line: int, message: str, hint: str = "") -> None:
        """Note a mistake; the same one at the same line only once."""
        problem = Problem(line=line, message=message, hint=hint)
        if problem not in self.found:
            self.found.append(problem)

    def at(self, document: Document, path: Path, message: str, hint: str = "") -> None:
        """Note a mistake in what stands at a path of the document."""
        self.add(document.line(path), message, hint)

    @property
    def ordered(self) -> list[Problem]:
        """By line."""
        return sorted(self.found)

    def refuse(self) -> None:
        """Refuse the contract if anything is wrong with it.

        Raises:
            UsageError: the first mistake, and how many more there are.
        """
        if not self.found:
            return
        first, *others = self.ordered
        more = f" (and {len(others)} more: `mlops-stage data contract lint {self.source}` shows all)" if others else ""
        raise UsageError(f"{self.source}:{first.line}: {first.message}{more}", first.hint or "mend that line")
