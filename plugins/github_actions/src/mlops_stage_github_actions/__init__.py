"""GitHub Actions for mlops-stage: the record of the adapter, and nothing heavier."""

from mlops_stage import Adapter, hookimpl

ADAPTER = Adapter(
    name="github_actions",
    summary="GitHub Actions: composite actions, annotations, job summary",
    native="mlops_stage_github_actions.native:native",
    present="mlops_stage_github_actions.project:present",
    snippet="mlops_stage_github_actions.project:snippet",
    detect="mlops_stage_github_actions.emission:detect",
    emit="mlops_stage_github_actions.emission:emit",
    comment="mlops_stage_github_actions.comment:publish",
)


@hookimpl
def mlops_adapters() -> tuple[Adapter, ...]:
    """One adapter."""
    return (ADAPTER,)
