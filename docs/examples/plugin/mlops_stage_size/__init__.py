"""Keep a model file within a size: the smallest stage that is worth having."""

from collections.abc import Iterable

from mlops_stage import Stage, hookimpl

STAGE = Stage(
    name="size",
    summary="Keep a model file within a size",
    params="mlops_stage_size.params:SizeParams",
    measure="mlops_stage_size.measure:measure",
    criteria="mlops_stage_size.measure:criteria",
    commands={"list": "mlops_stage_size.listing:LIST"},
    outputs={"bytes": "size of the model file in bytes"},
    init="mlops_stage_size.params:init",
)


@hookimpl
def mlops_stages() -> Iterable[Stage]:
    """Offer the stage; the host fills in the distribution."""
    return [STAGE]
