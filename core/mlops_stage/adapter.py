"""The record that describes an adapter: the binding to one CI system."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """References are "module:attribute" and are resolved on first use.

    `present(root) -> bool` says whether the repository uses this CI system;
    `snippet(config) -> text` is what `mlops-stage init` tells the user to add to it.
    """

    name: str
    summary: str
    present: str
    snippet: str
    distribution: str = ""
    """Filled in by the host."""
