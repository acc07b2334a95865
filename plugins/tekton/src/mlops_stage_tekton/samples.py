"""Samples: a Pipeline to cut down, and how each object is started or referred to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage_tekton.objects import USER, image_param, metadata

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_stage.adapter import Layout
    from mlops_stage.host import Catalogue

_OUT = "mlops-out/$(context.pipelineRun.name)"
"""Of one PipelineRun: on a volume that outlives it, none reads what an earlier one left."""


def pipeline(name: str, catalogue: Catalogue, layout: Layout) -> dict[str, Any]:
    """Stages that read nobody's report side by side, then those that read theirs, and one page of all; a sample to cut down."""
    first = [stage.name for stage in catalogue.stages.values() if not stage.consumes]
    later = [stage.name for stage in catalogue.stages.values() if stage.consumes and "oidc" not in stage.needs]
    image = {"name": "image", "value": "$(params.image)"}
    source = [{"name": "source", "workspace": "source"}]
    judge = {
        "name": "judge",
        "taskRef": {"name": "mlops-run"},
        "params": [image],
        "matrix": {"include": [{"name": stage, "params": _values(stages=stage, out=f"{_OUT}/{stage}")} for stage in first]},
        "workspaces": source,
    }
    account = {
        "name": "account",
        "runAfter": ["judge"],
        "taskRef": {"name": "mlops-run"},
        "params": [
            image,
            *_values(stages=",".join(later), out=f"{_OUT}/account", reports=":".join(f"{_OUT}/{stage}" for stage in first)),
        ],
        "workspaces": source,
    }
    spec = {
        "description": "Every stage in a TaskRun of its own, then what reads their reports, then one page. Keep the entries that mlops.yaml names.",
        "params": [image_param(layout)],
        "workspaces": [{"name": "source", "description": "model, data and mlops.yaml"}],
        "tasks": [judge, account],
        "finally": [_page(first, source)],
    }
    return {"apiVersion": "tekton.dev/v1", "kind": "Pipeline", "metadata": metadata(name, "evaluate", layout), "spec": spec}


def _page(first: Sequence[str], source: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """One page whatever the verdicts: `finally` runs also when a Task has failed, and what a Task never wrote is told."""
    folders = [f"{_OUT}/{name}" for name in (*first, "account")]
    return {
        "name": "page",
        "taskRef": {"name": "mlops-merge"},
        "params": [
            *_values(image="$(params.image)", out=f"{_OUT}/all", require=",".join(first)),
            {"name": "folders", "value": folders},
        ],
        "workspaces": list(source),
    }


def task_run(made: Mapping[str, Any], image: str) -> dict[str, Any]:
    """A TaskRun of the Task; nobody publishes an image, so its name stands for your own."""
    name = made["metadata"]["name"]
    lists = [item["name"] for item in made["spec"]["params"] if item["type"] == "array"]
    params = [
        {"name": _named(made["spec"]["steps"][0]["image"]), "value": image},
        *({"name": item, "value": ["mlops-out/data", "mlops-out/quality"]} for item in lists),
    ]
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "TaskRun",
        "metadata": {"generateName": f"{name}-"},
        "spec": {"taskRef": {"name": name}, "params": params, "podTemplate": _group(), "workspaces": [_claim()]},
    }


def pipeline_run(made: Mapping[str, Any], image: str) -> dict[str, Any]:
    """A PipelineRun of the Pipeline."""
    name = made["metadata"]["name"]
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {"generateName": f"{name}-"},
        "spec": {
            "pipelineRef": {"name": name},
            "params": _values(image=image),
            "taskRunTemplate": {"podTemplate": _group()},
            "workspaces": [_claim()],
        },
    }


def task_with_step(made: Mapping[str, Any], image: str) -> dict[str, Any]:
    """A Task of somebody's own with the StepAction in it; it hands the outcome on."""
    name = made["metadata"]["name"]
    given = {made["spec"]["image"]: image, made["spec"]["workingDir"]: "$(workspaces.source.path)"}
    step = {"name": "evaluate", "ref": {"name": name}, "params": [{"name": _named(key), "value": value} for key, value in given.items()]}
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "Task",
        "metadata": {"name": f"with-{name}"},
        "spec": {
            "workspaces": [{"name": "source"}],
            "results": [{"name": "outcome", "value": "$(steps.evaluate.results.outcome)"}],
            "steps": [step],
        },
    }


def _named(reference: str) -> str:
    """`image` of `$(params.image)`."""
    return reference.removeprefix("$(params.").removesuffix(")")


def _values(**given: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in given.items()]


def _group() -> dict[str, Any]:
    """The volume of the workspace belongs to the group of the image's user, who may then write."""
    return {"securityContext": {"fsGroup": USER}}


def _claim() -> dict[str, Any]:
    return {"name": "source", "persistentVolumeClaim": {"claimName": "models"}}
