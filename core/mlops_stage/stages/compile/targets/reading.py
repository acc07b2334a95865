"""From a YAML file to a target; every mistake is told with its line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from mlops_stage.errors import InputError, UsageError, nearest
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.shallow import MaxDepthExceededError, parser
from mlops_stage.params import Size, TextList
from mlops_stage.stages.compile.targets import HOST, OTHER_WORDS, RESERVED, Target, canonical
from mlops_stage.stages.compile.targets.known import FEATURES, unknown_feature
from mlops_stage.stages.compile.targets.releases import nonsense

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

_LARGEST = 2**16
_STRICT = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)


class _Runtime(BaseModel):
    model_config = _STRICT
    version: str = ""
    max_opset: Annotated[int, Field(ge=7, le=100)] | None = None
    max_ir: Annotated[int, Field(ge=3, le=100)] | None = None

    @field_validator("version")
    @classmethod
    def _specifier(cls, value: str) -> str:
        try:
            wanted = SpecifierSet(value)
        except InvalidSpecifier as error:
            raise ValueError("write versions as pip does, such as '>=1.20,<1.32'") from error
        if fault := nonsense(wanted):
            raise ValueError(fault)
        return str(wanted)


class _Device(BaseModel):
    model_config = _STRICT
    arch: str = HOST
    features: TextList = ()


class _Budget(BaseModel):
    model_config = _STRICT
    artifact: Size | None = None
    ram: Size | None = None
    latency_ratio: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = 1.05

    @field_validator("artifact", "ram", mode="before")
    @classmethod
    def _positive(cls, value: Any) -> Any:
        if re.match(r"\s*(-|0+(\.0*)?\s*[a-z]*\s*$)", str(value), re.IGNORECASE):
            raise ValueError("must be more than nothing")
        return value


class _File(BaseModel):
    """What a target file may say."""

    model_config = _STRICT
    target: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$")]

    @field_validator("target")
    @classmethod
    def _apart(cls, value: str) -> str:
        """Beside the folder of a target lies a file of its name that ends in .json."""
        if value in RESERVED or value.endswith(".json"):
            raise ValueError(f"no target can be called {value!r}, for a file of this stage is")
        return value

    backend: Annotated[str, Field(min_length=1)]
    runtime: _Runtime = _Runtime()
    device: _Device = _Device()
    budget: _Budget = _Budget()
    precisions: tuple[Literal["fp32", "fp16", "int8"], ...] = ("fp32", "fp16", "int8")
    required: bool = False
    native: bool = False


def read(file: Path, source: str, taken: Container[str] = ()) -> Target:
    """The target that a file describes.

    Args:
        file: where it is.
        source: how messages name it.
        taken: names that other targets have.

    Raises:
        UsageError: no valid YAML, an unknown key, a value that makes no sense or a name that is taken; the message begins with `<source>:<line>`.
        InputError: it cannot be read.
    """
    top = _parsed(file, source)
    try:
        said = _File.model_validate(top)
    except ValidationError as error:
        raise _told(error, top, source) from None
    if said.target in taken:
        where = f"{shown(source)}:{_line(top, ['target'])}"
        raise UsageError(f"{where}: target: two targets are called {said.target!r}", "give this one another name")
    _check_device(said.device, top, source)
    return Target(
        name=said.target,
        backend=said.backend,
        version=said.runtime.version,
        max_opset=said.runtime.max_opset,
        max_ir=said.runtime.max_ir,
        arch=canonical(said.device.arch),
        features=said.device.features,
        artifact_bytes=said.budget.artifact,
        ram_bytes=said.budget.ram,
        latency_ratio=said.budget.latency_ratio,
        precisions=said.precisions,
        required=said.required,
        native=said.native,
        source=source,
    )


def _check_device(device: _Device, top: CommentedMap, source: str) -> None:
    """Refuse a processor that nobody knows.

    Raises:
        UsageError: such an architecture, or a feature that it does not have.
    """
    arch = canonical(device.arch)
    if arch not in {HOST, *FEATURES}:
        where = f"{shown(source)}:{_line(top, ['device', 'arch'])}"
        raise UsageError(f"{where}: device.arch: there is no architecture {shown(device.arch)!r}", nearest(arch, {HOST, *FEATURES}))
    feature, hint = unknown_feature(arch, device.features, OTHER_WORDS)
    if feature:
        where = f"{shown(source)}:{_line(top, ['device', 'features'])}"
        kind = "processor" if arch == HOST else f"{arch} processor"
        raise UsageError(f"{where}: device.features: no {kind} is known to have {feature!r}", hint)


def _parsed(file: Path, source: str) -> CommentedMap:
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"target: {shown(source)} cannot be read: {error.strerror}", "name a file that may be read") from error
    except UnicodeDecodeError as error:
        raise InputError(f"target: {shown(source)} is not UTF-8 text", "save the target as UTF-8") from error
    if len(content) > _LARGEST:
        raise InputError(f"target: {shown(source)} is larger than 64 KiB", "a target file has a dozen lines")
    if re.search(r"(^|[\s\[{,:-])[&*]\w", text, re.MULTILINE):
        raise UsageError(f"{shown(source)}: has an anchor or an alias", "write the values out")
    try:
        top = parser().load(text)
    except MaxDepthExceededError as error:
        raise UsageError(
            f"{shown(source)}:{error.problem_mark.line + 1}: is nested too deeply", "a target file has a dozen lines"
        ) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = str(error.problem or error.context).splitlines()[0]
        line = f":{mark.line + 1}" if mark else ""
        raise UsageError(
            f"{shown(source)}{line}: not valid YAML: {shown(problem, 120)}", "check indentation, colons and quotes there"
        ) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"{shown(source)}: not valid YAML: {shown(error, 120)}", "check the file") from error
    if not isinstance(top, CommentedMap):
        raise UsageError(f"{shown(source)}: holds no mapping", "begin with `target: <name>`")
    return top


def _told(error: ValidationError, top: CommentedMap, source: str) -> UsageError:
    """The first mistake, at its line; an unknown key before one that is missing, for it may be that one misspelt."""
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    path = [str(part) for part in first["loc"] if str(part) in _KEYS or first["type"] == "extra_forbidden"]
    where = f"{shown(source)}:{_line(top, path)}"
    key = ".".join(path) or "the file"
    if first["type"] == "extra_forbidden":
        known = _model(path[:-1]).model_fields
        inside = f" in {'.'.join(path[:-1])}" if path[:-1] else ""
        return UsageError(f"{where}: unknown key {shown(path[-1])!r}{inside}", nearest(path[-1], known))
    if first["type"] == "missing":
        return UsageError(f"{where}: {key} is missing", f"write `{path[-1]}: …`")
    said = _WORDS.get(first["type"]) or str(first["msg"]).removeprefix("Value error, ")
    return UsageError(f"{where}: {shown(key)}: {said[:1].lower()}{said[1:]}", _HINTS.get(key, _EXAMPLE))


def _line(top: Any, path: list[str]) -> int:
    """The line of a key, or of the nearest mapping above it."""
    block, line = top, 1
    for key in path:
        if not isinstance(block, CommentedMap) or key not in block:
            break
        line = block.lc.key(key)[0] + 1
        block = block[key]
    return int(line)


def _model(path: list[str]) -> type[BaseModel]:
    inner: dict[str, type[BaseModel]] = {"runtime": _Runtime, "device": _Device, "budget": _Budget}
    return inner[path[0]] if path else _File


_KEYS = frozenset(name for model in (_File, _Runtime, _Device, _Budget) for name in model.model_fields)
_EXAMPLE = "the how-to 'Add a target' (docs/how-to/add-a-target.md) has an example, and says what each key means"
_WORDS = {
    "string_pattern_mismatch": "a name has only lower-case letters, digits, dots and hyphens, at most 64",
    "model_type": "is no mapping",
}
_HINTS = {
    "target": "write a name such as edge-arm64",
    "precisions": "write a list of fp32, fp16 and int8",
}
