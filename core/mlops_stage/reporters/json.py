"""run.json: the complete record of a run, for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.report import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.report import Run


def render(run: Run) -> Mapping[str, str]:
    """The record under the published JSON Schema; the only page that holds time, cost and host."""
    # A name that is no valid Unicode is written as JSON's own escape, which UTF-8 can hold.
    return {"run.json": to_json(run).encode("utf-8", "backslashreplace").decode()}
