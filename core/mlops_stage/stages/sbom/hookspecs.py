"""The hook that the stage `sbom` opens: further extractors of facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_stage.hookspecs import hookspec

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """Something that reads facts from files; it must not run what it reads, write, or use the network."""

    name: str
    """`[a-z][a-z0-9-]*`, for messages."""
    summary: str
    """What it reads, in one line."""
    extract: str
    """"module:function"; `(scene) -> iterable of Claim, Ancestor, Usage, Interface, Table or Packages`, all of `mlops_stage.stages.sbom.extract.scene`.
    It is called in the stage's child process, and may import heavy libraries."""


@hookspec
def mlops_sbom_extractors() -> Iterable[Extractor]:
    """Offer extractors. Called once per run; must not import anything heavy."""
    return ()
