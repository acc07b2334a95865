"""Discovery of stages, reporters and adapters: one loop that no broken plugin can stop."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pluggy

from mlops_stage import hookspecs
from mlops_stage.adapter import Adapter
from mlops_stage.errors import StageError, UsageError, nearest
from mlops_stage.hookspecs import Broken, Plugin, registered, told
from mlops_stage.reporter import Reporter
from mlops_stage.stage import NAME as PATTERN
from mlops_stage.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from importlib.metadata import Distribution, EntryPoint

    from mlops_stage.fields import Field
    from mlops_stage.params import Params

GROUP = "mlops_stage"
"""The entry-point group through which a distribution offers its module of hooks."""
ALLOW_LIST = "MLOPS_STAGE_PLUGINS"
"""Unset or empty: all installed plugins; `none`: the built-ins only; else exactly these entry-point names."""
RESERVED = frozenset(
    {"config", "explain_config", "help", "id", "if_changed", "in_process", "out", "plan", "quiet", "reports", "stages", "verbose"}
    | {"python", "requirements", "wheels"}
)
"""Options of the invocation, and what native steps are told of how to install; no stage may have a field of such a name."""
COMMANDS = frozenset({"adapters", "completion", "demo", "doctor", "init", "plugins", "report", "run"})
"""The suite's own commands."""
RESERVED_STAGES = COMMANDS | {"all", "comment", "core", "full_pipeline", "merge", "stage"}
"""No stage may have such a name: beside our own commands what native files and locks are called that belong to no stage."""
RESERVED_OUTPUTS = frozenset({"exit_code", "out", "outcome", "outputs"})
"""What every native step hands out; no stage may have an output of such a name."""
BUILTIN = ("mlops_stage.reporters", "mlops_stage.stages")

NAME = re.compile(PATTERN)
_WORDS = re.compile(r"[a-z][a-z0-9-]*( [a-z][a-z0-9-]*)*")


class Record(Protocol):
    """What the three kinds of record have in common."""

    @property
    def name(self) -> str:
        """Unique among records of its kind."""

    @property
    def summary(self) -> str:
        """One line."""

    @property
    def distribution(self) -> str:
        """Filled in by the host."""


AnyRecord = TypeVar("AnyRecord", bound="Stage | Reporter | Adapter")


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """All that is offered, sorted by name, and what is broken with the reason."""

    stages: Mapping[str, Stage] = field(default_factory=dict)
    reporters: Mapping[str, Reporter] = field(default_factory=dict)
    adapters: Mapping[str, Adapter] = field(default_factory=dict)
    broken: tuple[Broken, ...] = ()
    plugins: Mapping[str, str] = field(default_factory=dict)
    """Distribution -> version of everything that was loaded."""

    def stage(self, name: str) -> Stage:
        """The stage of that name, with hyphens or underscores.

        Raises:
            StageError: it is there but broken, or two plugins claim the name (exit 3).
            UsageError: there is none of that name.
        """
        wanted = name.replace("-", "_")
        if wanted in self.stages:
            return self.stages[wanted]
        for broken in self.broken:
            if broken.name == wanted:
                raise StageError(f"stage '{wanted}' of {broken.distribution} cannot be used: {broken.reason}", "see `mlops-stage plugins`")
        raise UsageError(f"unknown stage '{name}'", nearest(wanted, self.stages))

    def params(self, name: str) -> type[Params]:
        """The Params class of a stage.

        Raises:
            StageError: the stage is broken, or has a field with a reserved name.
        """
        stage = self.stage(name)
        owner = f"stage '{stage.name}' of {stage.distribution}"
        params: type[Params] = resolve(stage.params, owner)
        taken = sorted(RESERVED & set(params.model_fields))
        if taken:
            raise StageError(
                f"{owner} has a field '{taken[0]}', which names an option of every command or an input of every native step",
                "its author must rename that field",
            )
        return params

    def fields(self, name: str) -> tuple[Field, ...]:
        """The neutral description of a stage's params."""
        from mlops_stage.fields import describe

        return describe(self.params(name))


@cache
def resolve(reference: str, owner: str) -> Any:
    """The object behind "module:attribute".

    Raises:
        StageError: the module cannot be imported or lacks the attribute (exit 3).
    """
    module, _, attribute = reference.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:
        raise StageError(f"{owner} cannot load {reference}: {told(error)}", "reinstall or update that distribution") from error


def discover(env: Mapping[str, str]) -> Catalogue:
    """Load the built-ins and every plugin that `MLOPS_STAGE_PLUGINS` allows; what breaks is kept with its reason."""
    loaded: list[tuple[Plugin, Stage | Reporter | Adapter]] = []
    broken: list[Broken] = []
    plugins = [*_builtins(), *installed(env.get(ALLOW_LIST, ""), broken)]
    specs: list[str] = []
    for plugin in plugins:
        try:
            records = list(_records(plugin, specs))
        except (Exception, SystemExit) as error:  # noqa: BLE001  (a plugin may raise anything; it costs itself only)
            broken.append(Broken(name=plugin.name, distribution=plugin.distribution, reason=told(error)))
            continue
        specs += [record.hookspecs for record in records if isinstance(record, Stage) and record.hookspecs]
        for record in records:
            fault = _fault(record)
            if fault:
                name = str(getattr(record, "name", plugin.name))
                broken.append(Broken(name=name, distribution=plugin.distribution, reason=fault))
            else:
                loaded.append((plugin, replace(record, distribution=plugin.distribution)))
    return Catalogue(
        stages=_unique(Stage, loaded, broken),
        reporters=_unique(Reporter, loaded, broken),
        adapters=_unique(Adapter, loaded, broken),
        broken=tuple(sorted(broken, key=lambda item: (item.distribution, item.name, item.reason))),
        plugins={plugin.distribution: plugin.version for plugin in sorted(plugins, key=lambda item: item.distribution)},
    )


def _builtins() -> Iterator[Plugin]:
    from mlops_stage import __version__

    for module in BUILTIN:
        yield Plugin(name=module, distribution=hookspecs.OURS, version=__version__, load=partial(import_module, module))


def installed(allowed: str, broken: list[Broken]) -> Iterator[Plugin]:
    """Entry points of the group, sorted; those of our own distribution always, others as the allow-list says.

    A name on the list that is not installed is added to `broken`.
    """
    from importlib.metadata import entry_points

    names = {name.strip() for name in allowed.split(",") if name.strip()}
    found: set[str] = set()
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        found.add(point.name)
        if _distribution(point)[0] == hookspecs.OURS or not names or point.name in names:
            name, version = _distribution(point)
            yield Plugin(name=point.name, distribution=name, version=version, load=point.load)
    for name in sorted(names - found - {"none"}):
        reason = f"{ALLOW_LIST} names it, but no such plugin is installed; {nearest(name, found)}"
        broken.append(Broken(name=name, distribution="(not installed)", reason=reason))


def others(env: Mapping[str, str]) -> tuple[Plugin, ...]:
    """The plugins of other distributions that `MLOPS_STAGE_PLUGINS` allows, not yet loaded: for the hooks that a stage opens itself."""
    return tuple(plugin for plugin in installed(env.get(ALLOW_LIST, ""), []) if plugin.distribution != hookspecs.OURS)


def _distribution(point: EntryPoint) -> tuple[str, str]:
    return _named(point.dist) if point.dist else ("(unknown)", "")


@cache
def _named(distribution: Distribution) -> tuple[str, str]:
    """Its name and version: `.name` and `.version` would parse its whole description each, for every entry point anew."""
    told = distribution.metadata
    return told["Name"], told["Version"]


def _records(plugin: Plugin, specs: Iterable[str]) -> Iterator[Any]:
    """What one plugin offers; `specs` are the modules of hooks that the stages found so far open themselves."""
    manager = registered(hookspecs, plugin)
    _refuse_misspelt(manager, specs)
    for hook in (manager.hook.mlops_stages, manager.hook.mlops_reporters, manager.hook.mlops_adapters):
        for records in hook():
            yield from records


def _refuse_misspelt(manager: pluggy.PluginManager, specs: Iterable[str]) -> None:
    """A misspelt hook name is an error, not silence; the stages' own hooks are looked up only for a plugin that has more than the host's."""
    try:
        manager.check_pending()
    except pluggy.PluginValidationError:
        for module in specs:
            manager.add_hookspecs(import_module(module))
        manager.check_pending()


def _anything(value: object) -> bool:
    del value
    return True


_KINDS: Mapping[str, Callable[[Any], bool]] = {
    "str": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "tuple[str, ...]": lambda value: isinstance(value, tuple | list) and all(isinstance(one, str) for one in value),
    "Mapping[str, str]": lambda value: isinstance(value, dict) and all(isinstance(one, str) for pair in value.items() for one in pair),
}
"""What a field of a record may hold, by its annotation; records come from anybody, and nobody checked them."""


def _fault(record: object) -> str:
    """What is wrong with a record, in a few words; empty when nothing is."""
    if not isinstance(record, Stage | Reporter | Adapter):
        return f"its hook returned {type(record).__name__}, which is no Stage, Reporter or Adapter"
    mistyped = next((item.name for item in fields(record) if not _KINDS.get(str(item.type), _anything)(getattr(record, item.name))), "")
    if mistyped:
        return f"its {mistyped} is {type(getattr(record, mistyped)).__name__}, or holds what it must not; references are text, 'module:attribute'"
    if not NAME.fullmatch(record.name):
        return f"the name {record.name!r} is not lower-case words joined by underscores"
    if isinstance(record, Adapter):
        wrong = next(
            (
                one
                for one in (record.native, record.present, record.snippet, record.detect, record.emit, record.comment)
                if one and ":" not in one
            ),
            "",
        )
        return f"{wrong!r} is not of the form module:attribute" if wrong else ""
    return _fault_of_stage(record) if isinstance(record, Stage) else ""


def _fault_of_stage(record: Stage) -> str:
    if bool(record.measure) == bool(record.act):
        return "exactly one of measure and act must be given"
    wrong = [reference for reference in (record.params, record.work, *record.commands.values()) if ":" not in reference]
    if wrong:
        return f"{wrong[0]!r} is not of the form module:attribute"
    if record.name in RESERVED_STAGES:
        return f"the name {record.name!r} is taken: a command of the suite or a native step has it"
    taken = [name for name in record.outputs if name in RESERVED_OUTPUTS or not NAME.fullmatch(name)]
    if taken:
        return f"the output {taken[0]!r} is one that every step has, or not lower-case words joined by underscores"
    odd = [words for words in record.commands if not _WORDS.fullmatch(words)]
    return f"the command {odd[0]!r} is not lower-case words" if odd else ""


def _unique(
    kind: type[AnyRecord], loaded: Iterable[tuple[Plugin, Stage | Reporter | Adapter]], broken: list[Broken]
) -> dict[str, AnyRecord]:
    """Records of one kind by name; a name that is claimed twice belongs to nobody."""
    claims: dict[str, list[tuple[Plugin, AnyRecord]]] = {}
    for plugin, record in loaded:
        if isinstance(record, kind):
            claims.setdefault(record.name, []).append((plugin, record))
    for name, rivals in claims.items():
        if len(rivals) > 1:
            owners = sorted(plugin.distribution for plugin, _ in rivals)
            reason = f"the name is claimed by {' and by '.join(owners)}; uninstall one, or name the other in {ALLOW_LIST}"
            broken.append(Broken(name=name, distribution=" + ".join(owners), reason=reason))
    return {name: rivals[0][1] for name, rivals in sorted(claims.items()) if len(rivals) == 1}
