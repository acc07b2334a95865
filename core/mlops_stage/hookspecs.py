"""The hooks of `mlops_stage`: each returns records; none has effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

    from mlops_stage.adapter import Adapter
    from mlops_stage.reporter import Reporter
    from mlops_stage.stage import Stage

PROJECT = "mlops_stage"
OURS = "mlops-stage"
"""The distribution that holds the built-ins."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def mlops_stages() -> Iterable[Stage]:
    """Offer stages. Called once per process; must not import anything heavy."""
    return ()


@hookspec
def mlops_reporters() -> Iterable[Reporter]:
    """Offer reporters. Called once per process; must not import anything heavy."""
    return ()


@hookspec
def mlops_adapters() -> Iterable[Adapter]:
    """Offer adapters to CI systems. Called once per process; must not import anything heavy."""
    return ()


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A module of hooks that was found, before it is loaded."""

    name: str
    distribution: str
    version: str
    load: Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A plugin, or one record of it, that cannot be used."""

    name: str
    distribution: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What one plugin gave through a hook."""

    distribution: str
    version: str
    record: Any


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """All that was offered through one hook, in the order of the plugins, and the plugins that could not answer."""

    offers: tuple[Offer, ...]
    broken: tuple[Broken, ...]


def registered(specs: ModuleType, plugin: Plugin) -> pluggy.PluginManager:
    """A manager with these hooks and this plugin alone, so that one that raises takes nothing else with it."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(specs)
    manager.register(plugin.load(), plugin.name)
    return manager


def gather(specs: ModuleType, hook: str, plugins: Iterable[Plugin]) -> Gathered:
    """What plugins offer through a hook that a stage opens itself (`Stage.hookspecs`); nobody checked these records.

    Args:
        specs: the stage's module of hook specifications.
        hook: one of them, which returns an iterable of records.
        plugins: the stage's own offer as a `Plugin`, then `workspace.plugins`.
    """
    offers: list[Offer] = []
    broken: list[Broken] = []
    for plugin in plugins:
        try:
            records = [record for answer in getattr(registered(specs, plugin).hook, hook)() for record in answer]
        except (Exception, SystemExit) as error:  # noqa: BLE001  (a plugin may raise anything; it costs itself only)
            broken.append(Broken(name=plugin.name, distribution=plugin.distribution, reason=told(error)))
            continue
        offers += [Offer(distribution=plugin.distribution, version=plugin.version, record=record) for record in records]
    return Gathered(offers=tuple(offers), broken=tuple(broken))


def told(error: BaseException) -> str:
    """An exception of a plugin in one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
