"""Looking at the file, and what must hold when nobody wrote a gate."""

from collections.abc import Iterable

from mlops_stage import Criterion, Metric, NotApplicable, Observations, Point, Subject, UsageError, Workspace
from mlops_stage.evidence.digest import sha256
from mlops_stage_size.params import SizeParams


def measure(params: SizeParams, workspace: Workspace) -> Observations | NotApplicable:
    """Look and count; never judge."""
    if params.model is None:
        return NotApplicable("no model was named")
    path = workspace.root / params.model
    if not path.is_file():
        raise UsageError(f"model: {params.model} is not a file", "give the path of the model file")
    size = path.stat().st_size
    return Observations(
        metrics=(Metric(name="size", estimate=Point(size / 1e6), unit="MB", direction="lower"),),
        subjects=(Subject(role="model", name=params.model, sha256=sha256(path)),),
        outputs={"bytes": str(size)},
    )


def criteria(params: SizeParams, observations: Observations) -> Iterable[Criterion]:
    """The budget is the criterion; gates that the user writes replace it, for its source is `default`."""
    del observations
    return [Criterion(metric="size", op="<=", number=params.budget)]
