"""Which value wins: from command line, environment and mlops.yaml to one request per id."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from mlops_stage import gate
from mlops_stage.config.file import NAME, Config, Entry, Sourced, Values
from mlops_stage.errors import StageError, UsageError, alike, nearest
from mlops_stage.evidence.redact import held_in, spared
from mlops_stage.fields import describe
from mlops_stage.params import CHOOSE, RUN_WIDE, Params, Refusal, Request, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pydantic import BaseModel

    from mlops_stage.fields import Field
    from mlops_stage.host import Catalogue
    from mlops_stage.stage import Stage

Asked = TypeVar("Asked", Params, Verb)

PREFIX = "MLOPS_INPUT_"
INVOCATION = ("config", "out", "reports", "stages", "id", "if_changed")
"""Inputs of the invocation itself; the command line reads their variables."""


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """What was asked on the command line and in the environment."""

    cwd: Path
    env: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options that were given, by field name; the highest precedence."""
    subcommand: bool = False
    """Whether the command names one stage (`mlops-stage quality`), so that `MLOPS_INPUT_<FIELD>` speaks to that stage alone."""


def requests(config: Config, entries: Iterable[Entry], catalogue: Catalogue, invocation: Invocation) -> tuple[Request | Refusal, ...]:
    """One request per entry, every value from the source that wins.

    Raises:
        UsageError: an unknown key, a value out of range, a gate that cannot be parsed, a value still marked CHOOSE.
    """
    for name, line in config.stage_lines.items():
        _known_stage(name, line, catalogue)
    return tuple(_request(config, entry, catalogue, invocation) for entry in entries)


def warnings(catalogue: Catalogue, entries: Iterable[Entry], invocation: Invocation) -> list[str]:
    """One line for every `MLOPS_INPUT_…` variable that nobody reads."""
    entries = list(entries)
    known = {PREFIX + name.upper() for name in INVOCATION} | {PREFIX + name.upper() for name in RUN_WIDE if not invocation.subcommand}
    for entry in entries:
        try:
            fields = catalogue.fields(entry.stage)
        except StageError:
            continue
        known |= {_own_variable(entry.id, item) for item in fields}
        known |= {item.variable for item in fields if invocation.subcommand}
    unknown = sorted(name for name in invocation.env if name.startswith(PREFIX) and name not in known)
    return [f"nothing reads the variable {name}; {_instead(name, known, entries)}" for name in unknown]


def overruled(asked: Iterable[Request | Refusal], invocation: Invocation) -> list[str]:
    """One line for every `MLOPS_INPUT_…` variable that changes nothing, because mlops.yaml says something else to every stage that has the key."""
    told: list[str] = []
    for name in () if invocation.subcommand else RUN_WIDE:
        variable = PREFIX + name.upper()
        sources = {request.id: request.sources[name] for request in asked if isinstance(request, Request) and name in request.sources}
        places = [f"{source} ({key})" for key, source in sources.items() if not source.startswith(PREFIX)]
        if invocation.env.get(variable) and places and variable not in sources.values():
            said = f"{', '.join(places)} {'comes' if len(places) == 1 else 'come'} first"
            told.append(f"{variable} changes nothing: {said}; move the key to the top level of {NAME}, over which it wins")
    return told


def _instead(name: str, known: set[str], entries: list[Entry]) -> str:
    """What to write: the variable of one id where the field belongs to one stage, such as gates."""
    plain = {PREFIX + variable.removeprefix(f"{PREFIX}{entry.id.upper()}__") for entry in entries for variable in known}
    meant = alike(name, plain) or name
    own = [PREFIX + entry.id.upper() + "__" + meant.removeprefix(PREFIX) for entry in entries]
    found = [] if meant in known else [variable for variable in own if variable in known]
    return f"write {found[0]}" if found else nearest(name, known)


def explain(asked: Iterable[Request | Refusal]) -> str:
    """Where each value of each id came from, for `--explain-config`."""
    lines: list[str] = []
    for request in asked:
        lines.append(f"{request.id} (stage {request.stage})")
        if isinstance(request, Refusal):
            lines.append(f"  cannot be used: {request.error.message}")
            continue
        rows = [(name, _shown(spared(value)), request.sources[name]) for name, value in request.params.as_recorded().items()]
        wide = max(len(name) for name, _, _ in rows)
        broad = min(48, max(len(value) for _, value, _ in rows))
        lines += [f"  {name:<{wide}}  {value:<{broad}}  {source}" for name, value, source in rows]
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    import json

    return "(unset)" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _request(config: Config, entry: Entry, catalogue: Catalogue, invocation: Invocation) -> Request | Refusal:
    _known_stage(entry.stage, entry.source, catalogue)
    try:
        params = catalogue.params(entry.stage)
    except StageError as error:
        return Refusal(id=entry.id, stage=entry.stage, error=error)
    fields = describe(params)
    block = config.stages.get(entry.stage, {})
    for values in (entry.values, block):
        _check_keys(values, fields, entry.stage)
    chosen = _chosen(fields, entry, block, config, invocation)
    return Request(
        id=entry.id,
        stage=entry.stage,
        params=_validated(params, chosen),
        sources={item.name: chosen[item.name].source if item.name in chosen else "default" for item in fields},
    )


def verb(config: Config, stage: Stage, params: type[Verb], invocation: Invocation) -> Verb:
    """What a command of a stage is asked; what nobody gave comes from the stage's entry, where a param of the same name stands.

    Raises:
        UsageError: a value out of range, or still marked CHOOSE.
    """
    found = [entry for entry in config.entries if entry.stage == stage.name]
    entry = next((entry for entry in found if entry.id == stage.name), found[0] if len(found) == 1 else None)
    entry = entry or Entry(id=stage.name, stage=stage.name, source="the command line")
    fields = describe(params)
    return _validated(params, _chosen(fields, entry, config.stages.get(stage.name, {}), config, invocation))


def _chosen(fields: tuple[Field, ...], entry: Entry, block: Values, config: Config, invocation: Invocation) -> dict[str, Sourced]:
    """The value of each field from the source that wins."""
    own = {item.name: _own_variable(entry.id, item) for item in fields}
    plain = {item.name: item.variable for item in fields}
    wide = {name: variable for name, variable in plain.items() if name in RUN_WIDE}
    layers: list[Values] = [
        {name: Sourced(value=value, source=_option(fields, name)) for name, value in invocation.options.items() if name in own},
        _from_env(invocation.env, own),
        _from_env(invocation.env, plain) if invocation.subcommand else {},
        {name: value for name, value in entry.values.items() if name in own},
        {name: value for name, value in block.items() if name in own},
        {} if invocation.subcommand else _from_env(invocation.env, wide),
        {name: value for name, value in config.run_wide.items() if name in own},
    ]
    chosen: dict[str, Sourced] = {}
    for layer in reversed(layers):
        chosen.update(layer)
    for item in fields:
        if item.path and item.name in chosen:
            _check_path(item, chosen[item.name], (config.root, invocation.cwd))
    from_here = {
        item.name for item in fields if item.path and (item.name in layers[0] or chosen.get(item.name, _UNSET).source.startswith(PREFIX))
    }
    return {name: _rooted(item, name in from_here, config.root, invocation.cwd) for name, item in chosen.items()}


def _check_path(item: Field, given: Sourced, places: tuple[Path, Path]) -> None:
    """Refuse a file's content in the place of its path, before anything repeats it: a private key or a token would stand in reports and logs."""
    texts = given.value if isinstance(given.value, list | tuple) else [given.value]
    held = next((what for text in texts if isinstance(text, str) and (what := held_in(text))), "")
    if held and any(isinstance(text, str) and _is_there(place, text) for text in texts for place in places):
        raise UsageError(f"{_who(item, given)}: a name of a file with a line break in it is not accepted", "rename the file")
    if held:
        message = f"{_who(item, given)} holds {held}, not the path of a file"
        raise UsageError(message, f"write it to a file and name that, or give {item.option} <(...)")


def _is_there(place: Path, text: str) -> bool:
    """Whether that is the name of a file, however odd."""
    try:
        return os.path.lexists(place / text)
    except ValueError:  # a NUL in it
        return False


def _who(item: Field, given: Sourced) -> str:
    """Where a value comes from and what it is called, each once: an option and a variable carry the name themselves."""
    if given.source == item.variable:
        return f"input '{item.kebab}' ({given.source})"
    named = given.source == item.option or given.source.startswith(PREFIX)
    return given.source if named else f"{given.source}: {item.name}"


_UNSET = Sourced(value=None, source="default")


def _known_stage(name: str, source: str, catalogue: Catalogue) -> None:
    """Refuse a name that no plugin offers, and point at the line; a broken stage is told apart later."""
    if name not in catalogue.stages and name not in {broken.name for broken in catalogue.broken}:
        raise UsageError(f"{source}: unknown stage '{name}'", nearest(name, catalogue.stages))


def _own_variable(entry: str, item: Field) -> str:
    return f"{PREFIX}{entry.upper()}__{item.name.upper()}"


def _option(fields: tuple[Field, ...], name: str) -> str:
    return next(item.option for item in fields if item.name == name)


def _from_env(env: Mapping[str, str], variables: Mapping[str, str]) -> Values:
    """Values of the variables that are set; an empty one means unset."""
    return {name: Sourced(value=env[variable], source=variable) for name, variable in variables.items() if env.get(variable)}


def _check_keys(values: Values, fields: tuple[Field, ...], stage: str) -> None:
    known = tuple(item.name for item in fields)
    for key, item in values.items():
        if key not in known:
            raise UsageError(f"{item.source}: stage {stage} has no key '{key}'", nearest(key, known))


def _rooted(item: Sourced, from_here: bool, root: Path, cwd: Path) -> Sourced:  # noqa: FBT001  (private, named at its one call)
    """A path given where the command runs, as seen from the root of the config; URLs and git: references stay."""
    text = item.value
    if not from_here or root == cwd or not isinstance(text, str) or "://" in text or text.startswith(("git:", "/")):
        return item
    return Sourced(value=os.path.relpath(cwd / text, root), source=item.source)


def _as_text(params: type[BaseModel], name: str, value: Any) -> Any:
    """YAML's true and false where a text is asked: a label may be called so."""
    if not isinstance(value, bool) or params.model_fields[name].annotation not in {str, str | None}:
        return value
    return str(value).lower()


def _encodable(text: str) -> bool:
    """Whether it is Unicode; bytes of a command line that are none arrive as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _validated(params: type[Asked], chosen: Values) -> Asked:
    for name, item in chosen.items():
        if isinstance(item.value, str) and not _encodable(item.value):
            raise UsageError(f"{item.source}: {name} is no valid text", "write it in UTF-8")
        if item.value == CHOOSE or (isinstance(item.value, dict) and CHOOSE in item.value.values()):
            info = params.model_fields[name]
            raise UsageError(f"{item.source}: {name} is still {CHOOSE}", f"write the {info.description or name}")
    try:
        made = params.model_validate({name: _as_text(params, name, item.value) for name, item in chosen.items()})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        item = chosen.get(name, _UNSET)
        if any(other.name == name and other.names_variable for other in describe(params)):
            raise UsageError(
                f"{item.source}: {name} takes the name of a variable", "give the variable's name, never the token itself"
            ) from error
        inner = ".".join(str(part) for part in first["loc"][1:] if isinstance(part, str) and part.isidentifier())
        message = first["msg"].removeprefix("Value error, ")
        got = "" if first["type"] == "missing" else f" (got {_shown(spared(item.value))})"
        field = next((other for other in describe(params) if other.name == name), None)
        who = _who(field, item) if field and item is not _UNSET else name
        text = f"{who}{'.' + inner if inner else ''}: {message[0].lower()}{message[1:]}{got}"
        raise UsageError(text, params.model_fields[name].description or "" if name in params.model_fields else "") from error
    for text in made.gates if isinstance(made, Params) else ():
        try:
            gate.parse(text)
        except UsageError as error:
            item, field = chosen["gates"], next(other for other in describe(params) if other.name == "gates")
            of_text = isinstance(item.value, str)
            several = f"{'; ' if error.hint else ''}write one gate per line, or a JSON list" if of_text else ""
            who = _who(field, item) if of_text else item.source
            raise UsageError(f"{who}: {error.message}", error.hint + several) from error
    return made
