"""`mlops-stage init`: a first mlops.yaml that works, with a comment on every line that a newcomer may want to change."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlops_stage.config.file import NAME, VERSION
from mlops_stage.errors import StageError, UsageError
from mlops_stage.evidence.paths import write_aside
from mlops_stage.fields import describe
from mlops_stage.host import resolve
from mlops_stage.params import CHOOSE, JUDGES, RUN_WIDE, Ask, Examples, RunWide, Way

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_stage.fields import Field
    from mlops_stage.host import Catalogue
    from mlops_stage.stage import Stage

_HEADER = f"""\
# What mlops-stage runs in this repository. `mlops-stage run` runs all of it, `mlops-stage run --plan` only says what it would do.
# Paths are relative to this file. Where it says {CHOOSE}, only you can know: write the value there.
version: {VERSION}
"""
NOTHING = "\nstages: {}\n"
"""How the file of a repository ends in which no stage finds anything."""
_SUBJECTS = ("model", "data")
_PLAIN = re.compile(r"[A-Za-z_./][\w./ *-]*")
_RESERVED = {"true", "false", "null", "~", "yes", "no", "on", "off", ""}


def write(root: Path, catalogue: Catalogue, *, force: bool) -> Path:
    """Write mlops.yaml into the root from what each stage finds there; returns its path.

    Raises:
        UsageError: it exists already, and `force` was not given.
    """
    path = root / NAME
    if path.exists() and not force:
        raise UsageError(f"{NAME} exists already and is left as it is", "--force replaces it")
    write_aside(path, text(root, catalogue))
    return path


def text(root: Path, catalogue: Catalogue) -> str:
    """The content of a first mlops.yaml."""
    found = [(stage, _found(stage, root)) for stage in catalogue.stages.values()]
    shared = _shared([(stage, one) for stage, one in found if isinstance(one, Mapping)], catalogue)
    own = [(stage, _own(one, shared)) for stage, one in found if isinstance(one, Mapping)]
    entries = [_block(stage, one, catalogue) for stage, one in own]
    judges = [stage.name for stage, _ in own if stage.measure]
    ways = [_way(stage, way, judges, catalogue) for stage, one in found if isinstance(one, tuple) for way in one]
    if not any(entries):
        return _HEADER + NOTHING
    top = [line.removeprefix("    ") for item in describe(RunWide) if item.name in shared for line in _entry(item, shared[item.name])]
    return (
        _HEADER
        + "".join(f"{line}\n" for line in ("", *top, *([""] if top else []), "stages:"))
        + "\n".join(filter(None, [*entries, *ways]))
    )


def snippets(root: Path, catalogue: Catalogue) -> list[tuple[str, str]]:
    """What to add to each CI system that this repository uses: (adapter, text)."""
    found: list[tuple[str, str]] = []
    for adapter in catalogue.adapters.values():
        owner = f"adapter '{adapter.name}' of {adapter.distribution}"
        if adapter.present and adapter.snippet and resolve(adapter.present, owner)(root):
            found.append((adapter.name, resolve(adapter.snippet, owner)(root)))
    return found


def _found(stage: Stage, root: Path) -> Mapping[str, Any] | tuple[Way, ...] | None:
    """What a stage says of this repository; None when it has nothing to say, or is broken."""
    try:
        return resolve(stage.init, f"stage '{stage.name}'")(root) if stage.init else None
    except StageError:
        return None


def _is_open(value: Any) -> bool:
    return isinstance(value, Ask) or value == CHOOSE


def _shared(found: list[tuple[Stage, Mapping[str, Any]]], catalogue: Catalogue) -> dict[str, Any]:
    """What stands once, at the top, where every stage reads it, and where an input of a CI system wins over it.

    That is what several stages ask alike, and none otherwise; and the model and the data, where all that can read them found the same.
    """
    asked = {name: [one[name] for _, one in found if name in one and _is_open(one[name])] for name in RUN_WIDE}
    for name in _SUBJECTS:
        asked[name] = [one.get(name) for stage, one in found if name in _known(stage, catalogue)]
    return {
        name: values[0]
        for name, values in asked.items()
        if len(values) > 1 and values[0] is not None and all(value == values[0] for value in values)
    }


def _known(stage: Stage, catalogue: Catalogue) -> set[str]:
    """The names of a stage's params; none where they are broken."""
    try:
        return {item.name for item in catalogue.fields(stage.name)}
    except StageError:
        return set()


def _own(values: Mapping[str, Any], shared: Mapping[str, Any]) -> Mapping[str, Any]:
    """What remains for a stage's own part."""
    return {name: value for name, value in values.items() if name not in shared or not (name in _SUBJECTS or _is_open(value))}


def _block(stage: Stage, values: Mapping[str, Any], catalogue: Catalogue, *, gates: bool = True) -> str:
    """One stage's part; empty when its params are broken."""
    try:
        fields = {item.name: item for item in catalogue.fields(stage.name)}
    except StageError:
        return ""
    lines = [f"  {stage.name}:  # {stage.summary}"]
    for name, value in values.items():
        lines += _entry(fields[name], value)
    if gates and "gates" not in values:
        lines += [f"    # {fields['gates'].help}; without gates the stage's own default holds", "    # gates:", "    #   - ..."]
    return "\n".join(lines) + "\n"


def _way(stage: Stage, way: Way, judges: list[str], catalogue: Catalogue) -> str:
    """A whole part as comments: it becomes one when `# ` is taken from the beginning of its lines."""
    values = {name: judges if value is JUDGES else value for name, value in way.values.items()}
    lines = _block(stage, values, catalogue, gates=False).splitlines()
    return "".join(f"  # {line}\n" for line in (*way.when, *(line[2:] for line in lines))) if lines else ""


def _entry(item: Field, value: Any) -> list[str]:
    comment = f"    # {item.help}"
    if isinstance(value, Ask):
        first, second, *more = _entry(item, value.value)
        return [first, f"{second}  # {value.note}", *more]
    if isinstance(value, Examples):
        return [comment, f"    # {item.name}:", *(f"    #   {_scalar(key)}: {_scalar(one)}" for key, one in value.items())]
    if isinstance(value, list | tuple):
        return [comment, f"    {item.name}:", *(f"      - {_scalar(one)}" for one in value)]
    if isinstance(value, dict):
        return [comment, f"    {item.name}:", *(f"      {_scalar(key)}: {_scalar(one)}" for key, one in value.items())]
    return [comment, f"    {item.name}: {_scalar(value)}"]


def _scalar(value: Any) -> str:
    """A YAML 1.2 scalar; whatever is not plainly plain is written as JSON, which YAML reads too."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _RESERVED and value == value.strip():
        return value
    return json.dumps(value, ensure_ascii=False)
