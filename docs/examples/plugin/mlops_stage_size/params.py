"""What the stage is asked; light, for the parent process imports it."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from mlops_stage import Params
from mlops_stage.params import Model


class SizeParams(Params):
    """Every field is an option, a key of mlops.yaml and an environment variable."""

    model: Model = None
    budget: Annotated[float, Field(gt=0, description="largest size allowed, in MB (1,000,000 bytes)")] = 100.0


def init(root: Path) -> dict[str, str | float] | None:
    """What `mlops-stage init` writes: the first ONNX file, with the default budget to change."""
    found = sorted(root.rglob("*.onnx"))
    return {"model": found[0].relative_to(root).as_posix(), "budget": 100} if found else None
