"""What every CI system is asked to do, and how it answers: the same table for all engines and the bare command line."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

State = Literal["passed", "failed", "amber"]
"""What the CI system shows for the job: green, red, or what it has for "a person must look"."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One native step: a stage (with hyphens), or `run` for what mlops.yaml names."""

    stage: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    """By their names with hyphens."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job in a checkout of the user's repository; its calls follow each other as steps."""

    name: str
    calls: tuple[Call, ...]


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How one call ended."""

    state: State
    exit_code: int
    outputs: Mapping[str, str]
    """Native outputs as a later step of the job sees them."""
    log: str
    out: Path
    """The output directory as it was kept."""

    def report(self, name: str = "trial"):
        """The report of that id."""
        return json.loads((self.out / name / "report.json").read_text(encoding="utf-8"))


HOSTILE = {
    "spaces": "  two  spaces, at both ends ",
    "quotes": """it's "quoted" `touch PWNED`""",
    "shell": "; touch PWNED && $(touch PWNED) ${HOME} $HOME $$ \\ | > PWNED",
    "lines": "one\ntwo\n\n::error::spoofed\noutcome=passed\n",
    "commands": "::error file=x::spoofed ##[error]x ::add-mask::e",
    "brackets": "]] && touch PWNED [[ $[[ inputs.model ]] %(x)s {{ x }}",
    "yaml": "- x: {a: b} # c\n---\n!!python/object x",
    "unicode": "äö中 %0A %25 \u202e \t tab",
}
"""Values that must arrive letter for letter, with nothing executed on the way."""
