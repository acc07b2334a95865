"""Tekton for mlops-stage: the record of the adapter, and nothing heavier."""

from mlops_stage import Adapter, hookimpl

ADAPTER = Adapter(
    name="tekton",
    summary="Tekton: Tasks, StepActions and a Pipeline",
    native="mlops_stage_tekton.native:native",
    present="mlops_stage_tekton.project:present",
    snippet="mlops_stage_tekton.project:snippet",
    detect="mlops_stage_tekton.emission:detect",
    emit="mlops_stage_tekton.emission:emit",
)


@hookimpl
def mlops_adapters() -> tuple[Adapter, ...]:
    """One adapter."""
    return (ADAPTER,)
