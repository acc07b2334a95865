"""Jenkins for mlops-stage: the record of the adapter, and nothing heavier."""

from mlops_stage import Adapter, hookimpl

ADAPTER = Adapter(
    name="jenkins",
    summary="Jenkins: a shared library with one step per stage",
    native="mlops_stage_jenkins.native:native",
    present="mlops_stage_jenkins.project:present",
    snippet="mlops_stage_jenkins.project:snippet",
    detect="mlops_stage_jenkins.emission:detect",
    emit="mlops_stage_jenkins.emission:emit",
    anew=True,
)


@hookimpl
def mlops_adapters() -> tuple[Adapter, ...]:
    """One adapter."""
    return (ADAPTER,)
