"""The record that describes a reporter: a run and its reports turned into text for one reader."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Reporter:
    """`render` is "module:attribute" of `(run) -> {path: text}`; the path `-` is the terminal, others lie in the output directory."""

    name: str
    summary: str
    render: str
    distribution: str = ""
    """Filled in by the host."""
