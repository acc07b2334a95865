"""What mlops.yaml says, as frozen types, and where it is looked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from mlops_stage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "mlops.yaml"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Sourced:
    """A value and where it stands."""

    value: Any
    source: str
    """`mlops.yaml:7`, `--label`, `MLOPS_INPUT_LABEL`."""


Values: TypeAlias = "Mapping[str, Sourced]"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One of `runs`, or a stage under `stages` where there are no `runs`."""

    id: str
    stage: str
    source: str
    values: Values = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Config:
    """What mlops.yaml says, not yet merged with anything else."""

    root: Path
    name: str = ""
    """The file that was read; empty when there was none."""
    run_wide: Values = field(default_factory=dict)
    stages: Mapping[str, Values] = field(default_factory=dict)
    stage_lines: Mapping[str, str] = field(default_factory=dict)
    """Stage -> where its block begins."""
    entries: tuple[Entry, ...] = ()
    """In the order of the file; the runner orders them by what they consume."""


def load(path: Path | None, cwd: Path) -> Config:
    """The config in `path`, or in ./mlops.yaml; an empty one when neither is there.

    Raises:
        UsageError: the file is absent though named, no valid YAML, or holds an unknown key.
    """
    file = path or cwd / NAME
    if not file.is_file():
        if path is None:
            return Config(root=cwd)
        if path.is_dir():
            raise UsageError(f"the config {path} is a folder", f"name the file in it: {path / NAME}")
        raise UsageError(f"there is no config file {path}", "`mlops-stage init` writes one")
    from mlops_stage.config.reading import read

    return read(file)
