"""GitLab CI/CD for mlops-stage: the record of the adapter, and nothing heavier."""

from mlops_stage import Adapter, hookimpl

ADAPTER = Adapter(
    name="gitlab",
    summary="GitLab CI/CD: components with reports and artifacts",
    native="mlops_stage_gitlab.native:native",
    present="mlops_stage_gitlab.project:present",
    snippet="mlops_stage_gitlab.project:snippet",
    detect="mlops_stage_gitlab.emission:detect",
    emit="mlops_stage_gitlab.emission:emit",
    anew=True,
)


@hookimpl
def mlops_adapters() -> tuple[Adapter, ...]:
    """One adapter."""
    return (ADAPTER,)
