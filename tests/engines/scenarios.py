"""What every CI system is asked to do, and how it answers: the same table for all engines and the bare command line."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

State = Literal["passed", "failed", "amber"]
"""What the CI system shows for the job: green, red, or what it has for "a person must look"."""

ENGINES = ("cli", "github", "gitlab", "jenkins", "tekton")
"""Folders here; each joins with an `engine.py` that offers `start(bench: Bench) -> System`."""


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

    def report(self, name: str = "trial") -> dict[str, Any]:
        """The report of that id."""
        return json.loads((self.out / name / "report.json").read_text(encoding="utf-8"))


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What an engine may be started with."""

    engine: Callable[[str, str], Path]
    """The folder that .ci/engines.sh filled, by the engine's name and a program in it; skips the test without it."""
    release: Path
    """What a tag of this repository holds."""
    machine: Mapping[str, str]
    """Variables of the machine that jobs run on."""
    trial: Path
    """The repository of the trial plugin, with native files."""
    image: Callable[[], Any]
    """Builds, once for all, the image of this release with that plugin in it: `Image` of image/engine.py."""
    home: Path
    """For the engine's own files."""


class System(Protocol):
    """A started engine."""

    def run(self, project: Path, jobs: Sequence[Job], keep: Path) -> dict[str, list[Ran]]:
        """Execute the jobs in a project; how each of their calls ended, by job."""
        ...


TRACE = Path(tempfile.gettempdir(), f"mlops-stage-{os.getuid()}-PWNED")
"""What a value would leave that was executed somewhere, beside a file `PWNED` in the folder of the job."""
HOSTILE = {
    "spaces": "  two  spaces, at both ends ",
    "quotes": f"""it's "quoted" `touch PWNED {TRACE}`""",
    "shell": f"; touch PWNED {TRACE} && $(touch PWNED {TRACE}) ${{HOME}} $HOME $$ \\ | > PWNED",
    "lines": "one\ntwo\n\n::error::spoofed\noutcome=passed\n",
    "commands": "::error file=x::spoofed ##[error]x ::add-mask::e",
    "brackets": f"]] && touch PWNED {TRACE} [[ $[[ inputs.model ]] %(x)s {{{{ x }}}}",
    "yaml": "- x: {a: b} # c\n---\n!!python/object x",
    "unicode": "äö中 %0A %25 \u202e \t tab",
}
"""Values that must arrive letter for letter, with nothing executed on the way."""


def traces(*folders: Path) -> list[str]:
    """What hostile values left that were executed: in these folders, or where the value itself says."""
    return [str(path) for folder in folders for path in folder.rglob("PWNED")] + [str(TRACE)] * TRACE.exists()
