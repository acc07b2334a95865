"""CI/CD components: one for each stage, one that makes one page of several jobs, and one for the whole way to a verified signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.errors import StageError
from mlops_stage.native import bootstrapping, inputs, text
from mlops_stage_gitlab import pipeline, spec
from mlops_stage_gitlab.job import BILLS, REPORTS, job

if TYPE_CHECKING:
    from mlops_stage.adapter import Layout
    from mlops_stage.host import Catalogue
    from mlops_stage.stage import Stage

PIPELINE, MERGE = "full-pipeline", "merge"
_BILLS = "sbom"
"""The stage whose report GitLab reads as a bill of materials."""


def native(catalogue: Catalogue, layout: Layout) -> dict[str, str]:
    """`templates/<stage>.yml`, at the top of a repository of components and below `plugins/gitlab` in ours; `full-pipeline` and `merge` are ours alone.

    Raises:
        StageError: a field of a stage has the name of an input that every component has.
    """
    folder = "plugins/gitlab/templates" if layout.kind == "project" else "templates"
    made = {f"{folder}/{stage.kebab}.yml": _component(catalogue, layout, stage) for stage in catalogue.stages.values()}
    if layout.kind != "plugin":
        for name, documents in ((PIPELINE, pipeline.component(catalogue, layout)), (MERGE, _merge(layout))):
            made[f"{folder}/{name}.yml"] = text.heading(layout) + text.yaml(*documents)
    return made


def _component(catalogue: Catalogue, layout: Layout, stage: Stage) -> str:
    offered = tuple(item for item in inputs.of_stage(catalogue, stage) if item is not inputs.OUT)
    own = {**_named(stage.kebab, "test"), **spec.installing(layout)}
    taken = sorted(set(own) & {item.name for item in offered})
    if taken:
        raise StageError(
            f"stage '{stage.name}' of {stage.distribution} has a field '{taken[0]}', which names an input of every component of GitLab",
            "its author must rename that field",
        )
    made = job(layout, stage.kebab, {**REPORTS, **(BILLS if stage.name == _BILLS else {})})
    body: dict[str, Any] = {
        "stage": spec.asked("stage"),
        **made,
        "variables": {**made["variables"], **bootstrapping.settings(stage), **spec.given(offered)},
    }
    documents = (spec.header(f"{stage.summary}.", spec.declared(offered), own), {spec.asked("job-name"): body})
    return text.heading(layout) + text.yaml(*documents)


def _merge(layout: Layout) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and body of the job after all others; what they reported already is not reported twice."""
    header = spec.header(
        "Make one page and one verdict of the reports of all earlier jobs, also of those that failed.",
        spec.declared([inputs.REQUIRE]),
        _named(MERGE, ".post"),
        spec.installing(layout),
    )
    made = job(layout, "report merge mlops-out/*/", {})
    variables = {**made["variables"], **spec.given([inputs.REQUIRE])}
    return header, {spec.asked("job-name"): {"stage": spec.asked("stage"), "when": "always", **made, "variables": variables}}


def _named(name: str, stage: str) -> dict[str, Any]:
    return {
        "job-name": {"type": "string", "description": "name of the job", "default": f"mlops-{name}", "regex": "^.+$"},
        "stage": {"type": "string", "description": "stage of the pipeline that the job belongs to", "default": stage},
    }
