"""Releases of runtimes: whether the one that is installed here is one that a target may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_stage.stages.compile.targets import Target


def other_release(target: Target, versions: Mapping[str, str]) -> str:
    """Why what runs here says nothing about a target: its runtime is another release than the one installed, or nobody can tell; empty if it is one of them.

    Args:
        target: what is compiled for.
        versions: as the backend tells them, its runtime first.
    """
    if not target.version:
        return ""
    name, installed = next(iter(versions.items()), (target.backend, ""))
    here = f"it is for {shown(name)} {target.version}, and {shown(name)} {shown(installed)} is installed here"
    if not installed:
        return f"it is for {shown(name)} {target.version}, and the backend does not say which release is installed here"
    try:
        return "" if SpecifierSet(target.version).contains(Version(installed), prereleases=True) else here
    except InvalidVersion:
        return f"{here}, which is no version number"


def nonsense(wanted: SpecifierSet) -> str:
    """Why no release can be meant; empty where one can."""
    for one in wanted:
        if not _is_version(one.version.removesuffix(".*")):
            return f"{shown(one.version)!r} is no version number"
    return "" if any(wanted.contains(one, prereleases=True) for one in _candidates(wanted)) else "no version can be all of that"


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _candidates(wanted: SpecifierSet) -> Iterator[Version]:
    """Every version at which what is wanted may begin or end, one a little newer, the next of its kind, the first and the last."""
    yield Version("0")
    yield Version("99999999!0")
    for one in wanted:
        named = Version(one.version.removesuffix(".*"))
        *before, last = named.release
        epoch = f"{named.epoch}!"
        yield named
        yield Version(f"{epoch}{'.'.join(map(str, (*named.release, 0, 0, 1)))}")
        yield Version(f"{epoch}{'.'.join(map(str, (*before, last + 1)))}")
