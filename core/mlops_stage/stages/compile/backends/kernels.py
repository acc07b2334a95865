"""What each release of ONNX Runtime can read and run on a processor, as its own kernels say; see kernels.json."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.stages.compile.targets import Target

Ranges = tuple[tuple[int, int | None], ...]


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """The newest that a runtime reads; None for no limit."""

    opset: int | None = None
    ml: int | None = None
    """Of `ai.onnx.ml`."""
    ir: int | None = None
    """The file format."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """One release of ONNX Runtime."""

    version: str
    opset: int
    """The newest operator set `ai.onnx` that it reads."""
    ml: int
    """The same of `ai.onnx.ml`."""
    ir: int
    """The newest file format of ONNX that it reads."""
    kernels: Mapping[str, Ranges] = field(repr=False)
    """`domain::Operator` -> versions of the operator that it runs, first and last."""

    def ceiling(self, target: Target) -> Ceiling:
        """The newest that a target of this release reads, unless the target says otherwise."""
        return Ceiling(opset=target.max_opset or self.opset, ml=self.ml, ir=target.max_ir or self.ir)

    def runs(self, operator: str, version: int) -> bool:
        """Whether it has a kernel for an operator as that version of it."""
        return any(first <= version and (last is None or version <= last) for first, last in self.kernels.get(operator, ()))


@cache
def releases() -> tuple[Release, ...]:
    """The releases that are known, oldest first; of one between two of them the older one's is true."""
    told = json.loads(Path(__file__).with_name("kernels.json").read_text(encoding="utf-8"))
    found: list[Release] = []
    kernels: dict[str, Ranges] = {}
    for version, limits in told["releases"].items():
        for ranges, operators in told["kernels"].get(version, {}).items():
            kernels |= dict.fromkeys(operators, tuple((first, last) for first, last in json.loads(ranges)))
        found.append(Release(version=version, kernels=dict(kernels), **limits))
    return tuple(found)


def oldest(specifier: str, installed: str) -> Release:
    """The oldest release that a target may have: its artefact must load there.

    Args:
        specifier: as pip writes it; empty for the release that is installed here.
        installed: the version that is installed here.
    """
    if not specifier:
        return _at(Version(installed))
    wanted = SpecifierSet(specifier)
    named = [Version(one.version.removesuffix(".*")) for one in wanted if one.operator in {"==", "===", ">=", ">", "~="}]
    if named:
        return _at(max(named))
    return next((release for release in releases() if wanted.contains(f"{release.version}.0")), releases()[0])


def _at(version: Version) -> Release:
    """What is known of a version: that of the newest known release that is not newer; before all of them, the oldest."""
    before = [release for release in releases() if Version(release.version) <= Version(f"{version.major}.{version.minor}")]
    return before[-1] if before else releases()[0]
