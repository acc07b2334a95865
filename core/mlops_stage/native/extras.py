"""Which libraries of a stage's extra are not installed."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_stage.stage import Stage

_REQUIREMENT = re.compile(r"""(?P<name>[\w.-]+)\s*(?:\[(?P<extras>[^\]]*)\])?[^;]*;\s*extra\s*==\s*['"](?P<extra>[\w.-]+)['"]\s*$""")
"""One that holds for an extra on every machine; others are left out, for they may not hold here."""


def missing(stage: Stage) -> list[str]:
    """Names of distributions that the stage's extra asks for and that are absent; empty where nothing is, or nothing is known."""
    if not stage.extra:
        return []
    return sorted({name for name in _asked(stage.distribution, stage.extra, frozenset()) if not _installed(name)})


def _asked(distribution: str, extra: str, seen: frozenset[tuple[str, str]]) -> Iterator[str]:
    """Distributions of an extra, those of other extras of the same distribution among them."""
    try:
        lines = requires(distribution) or []
    except PackageNotFoundError:
        return
    for found in filter(None, map(_REQUIREMENT.match, lines)):
        if _plain(found["extra"]) != _plain(extra):
            continue
        if _plain(found["name"]) != _plain(distribution):
            yield found["name"]
            continue
        for other in (found["extras"] or "").split(","):
            if other.strip() and (distribution, other.strip()) not in seen:
                yield from _asked(distribution, other.strip(), seen | {(distribution, extra)})


def _installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
