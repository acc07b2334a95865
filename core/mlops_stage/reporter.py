"""The record that describes a reporter: a run and its reports turned into text for one reader."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Reporter:
    """`render` is "module:attribute" of `(run) -> {path: text}`; the path `-` is the terminal, others lie in the output directory.

    With `evidence`, it is called `(run, read)`: `read(report, evidence)` gives the bytes of a file that backs a report, if they are still those of its digest.
    """

    name: str
    summary: str
    render: str
    evidence: bool = False
    stale: str = ""
    """"module:attribute" of `(ids, pages, out) -> iterable of paths`: files in the output directory that speak of those ids and that no page of this run
    renews; the host takes them away, for who finds them would take them for the answer."""
    carried: str = ""
    """"module:attribute" of `(home) -> iterable of paths`: files in that output directory that belong to its pages and that nobody can render anew, such as
    signatures; `report merge` takes them along, each to the same place in its own output directory."""
    distribution: str = ""
    """Filled in by the host."""
