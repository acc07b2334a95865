"""A further command, `mlops-stage size list`: how large the models of the project are, without judging any."""

from typing import Annotated

from pydantic import Field

from mlops_stage import Command, Reply, Verb, Workspace
from mlops_stage.fields import ARGUMENT


class ListParams(Verb):
    """A field marked ARGUMENT is given without an option's name."""

    pattern: Annotated[str, Field(description="files to list", json_schema_extra=ARGUMENT)] = "**/*.onnx"


def run(params: ListParams, workspace: Workspace) -> Reply:
    """Works in the stage's process, like `measure`; writes no report."""
    found = sorted(path for path in workspace.root.glob(params.pattern) if path.is_file())
    lines = [f"{path.stat().st_size / 1e6:.3g} MB  {path.relative_to(workspace.root)}" for path in found]
    return Reply(text="\n".join(lines) or "no file matches", code=0 if lines else 1)


LIST = Command(
    summary="List model files with their sizes", params="mlops_stage_size.listing:ListParams", run="mlops_stage_size.listing:run"
)
