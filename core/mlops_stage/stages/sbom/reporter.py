"""Publishes bills of materials beside the pages, where scanners and uploads look for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping
    from pathlib import Path

    from mlops_stage.report import Evidence, Report, Run

PREDICATE = "https://cyclonedx.org/bom"
"""The in-toto predicate type of a CycloneDX document."""


def render(run: Run, read: Callable[[Report, Evidence], bytes]) -> Mapping[str, str]:
    """`<id>.cdx.json` for each report that holds one: the published edition."""
    return {
        f"{report.id}.cdx.json": read(report, evidence).decode()
        for report in run.reports
        for evidence in report.evidence
        if evidence.predicate_type == PREDICATE
    }


def stale(ids: Iterable[str], pages: Container[str], out: Path) -> Iterable[Path]:
    """Bills of those ids that no report holds any longer."""
    return [out / name for name in (f"{one}.cdx.json" for one in ids) if name not in pages]
