"""From the text of mlops.yaml to a Config; apart from its types because the YAML library is dear to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from mlops_stage.config.file import VERSION, Config, Entry, Sourced, Values
from mlops_stage.errors import UsageError, nearest
from mlops_stage.host import NAME
from mlops_stage.inputs.shallow import MaxDepthExceededError, parser
from mlops_stage.params import RUN_WIDE

if TYPE_CHECKING:
    from pathlib import Path

_MOST = 100_000
"""Values in one file; aliases of aliases make billions of a few lines."""


def read(file: Path) -> Config:
    """The config in a file that exists.

    Raises:
        UsageError: no valid YAML, or it holds an unknown key; the message begins with `mlops.yaml:<line>`.
    """
    return _Reader(file).config()


class _Reader:
    """One file being read; holds the name that errors begin with."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._left = _MOST

    def config(self) -> Config:
        top = self._parse()
        self._check_keys(top, ("version", "stages", "runs", *RUN_WIDE), "at the top level")
        version = top.get("version")
        if version != VERSION:
            said = "has no version" if version is None else f"has version {version!r}"
            raise UsageError(f"{self.at(top, 'version')}: the file {said}", f"write `version: {VERSION}`")
        stages = {name: self.values(block) for name, block in self._mappings(top, "stages")}
        return Config(
            root=self.file.resolve().parent,
            name=self.file.name,
            stage_lines={name: self.at(top["stages"], name) for name in stages},
            run_wide={key: item for key, item in self.values(top).items() if key in RUN_WIDE},
            stages=stages,
            entries=self._entries(top, stages),
        )

    def _parse(self) -> CommentedMap:
        try:
            top = parser().load(self.file.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise UsageError(f"{self.file.name}: not UTF-8 text at byte {error.start}", "save the file as UTF-8") from error
        except OSError as error:
            raise UsageError(f"{self.file.name}: cannot be read: {error.strerror}", "check its permissions") from error
        except MaxDepthExceededError as error:
            line = error.problem_mark.line + 1
            raise UsageError(f"{self.file.name}:{line}: is nested too deeply", "a configuration has four levels, or a few more") from error
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f":{mark.line + 1}" if mark else ""
            problem = str(error.problem or error.context).splitlines()[0]
            raise UsageError(f"{self.file.name}{line}: not valid YAML: {problem}", "check indentation, colons and quotes there") from error
        except YAMLError as error:
            raise UsageError(f"{self.file.name}: not valid YAML: {str(error).splitlines()[0]}", "check the file") from error
        if not isinstance(top, CommentedMap):
            raise UsageError(f"{self.file.name}: holds no mapping", f"begin with `version: {VERSION}`")
        return top

    def _entries(self, top: CommentedMap, stages: Mapping[str, Values]) -> tuple[Entry, ...]:
        runs = top.get("runs")
        if runs is None:
            return tuple(Entry(id=name, stage=name, source=self.at(top["stages"], name)) for name in stages)
        if not isinstance(runs, CommentedSeq):
            raise UsageError(f"{self.at(top, 'runs')}: runs is no list", "write `runs:` and below it `- stage: quality`")
        entries: dict[str, Entry] = {}
        for number, item in enumerate(runs):
            entry = self._entry(item, f"{self.file.name}:{runs.lc.item(number)[0] + 1}")
            if entry.id in entries:
                raise UsageError(
                    f"{entry.source}: the id '{entry.id}' is taken by {entries[entry.id].source}", "give each run an id of its own"
                )
            entries[entry.id] = entry
        return tuple(entries.values())

    def _entry(self, item: Any, source: str) -> Entry:
        if not isinstance(item, CommentedMap):
            raise UsageError(f"{source}: a run is a mapping", "write `- stage: quality`, then `id:` and `with:` if needed")
        self._check_keys(item, ("id", "stage", "with"), "in a run")
        stage = item.get("stage")
        if not isinstance(stage, str):
            raise UsageError(f"{source}: the run names no stage", "write `- stage: quality`")
        name = item.get("id", stage)
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise UsageError(
                f"{source}: the id {name!r} is not lower-case words joined by underscores", "write an id such as against_baseline"
            )
        block = item.get("with")
        if block is not None and not isinstance(block, CommentedMap):
            raise UsageError(f"{self.at(item, 'with')}: `with` is no mapping", "write one `key: value` per line below it")
        return Entry(id=name, stage=stage, source=source, values=self.values(block or CommentedMap()))

    def _mappings(self, top: CommentedMap, key: str) -> list[tuple[str, CommentedMap]]:
        block = top.get(key)
        if block is None:
            return []
        if not isinstance(block, CommentedMap):
            raise UsageError(f"{self.at(top, key)}: {key} is no mapping", "write one `<stage>:` per line below it")
        for name, inner in block.items():
            if inner is not None and not isinstance(inner, CommentedMap):
                raise UsageError(f"{self.at(block, name)}: {name} is no mapping", "write one `key: value` per line below it")
        return [(str(name), inner or CommentedMap()) for name, inner in block.items()]

    def _check_keys(self, block: CommentedMap, known: tuple[str, ...], where: str) -> None:
        for key in block:
            if key not in known:
                raise UsageError(f"{self.at(block, key)}: unknown key '{key}' {where}", nearest(str(key), known))

    def values(self, block: CommentedMap) -> dict[str, Sourced]:
        """The values of a mapping with their lines; null and the empty string mean unset."""
        return {
            str(key): Sourced(value=self._plain(value), source=self.at(block, key))
            for key, value in block.items()
            if value is not None and value != ""
        }

    def _plain(self, value: Any) -> Any:
        """YAML's own classes as plain Python values."""
        self._left -= 1
        if self._left < 0:
            raise UsageError(
                f"{self.file.name}: holds more than {_MOST:,} values", "write out what its aliases repeat, or put it in a file of its own"
            )
        if isinstance(value, Mapping):
            return {str(key): self._plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._plain(item) for item in value]
        for kind in (bool, int, float, str):
            if isinstance(value, kind):
                return kind(value)
        return (
            None if value is None else str(getattr(value, "value", value))
        )  # a date, or a scalar with a tag: the text of it, never an object

    def at(self, block: CommentedMap, key: Any) -> str:
        """`mlops.yaml:7`."""
        try:
            line = block.lc.key(key)[0]
        except (KeyError, TypeError):
            line = block.lc.line
        return f"{self.file.name}:{line + 1}"
