"""Stage `sbom`: what is this model made of, and what is known of it."""

from __future__ import annotations

from mlops_stage.reporter import Reporter
from mlops_stage.stage import Stage

STAGE = Stage(
    name="sbom",
    summary="Write a bill of materials of the model: what it is made of, and what was found out about it",
    params="mlops_stage.stages.sbom.params:SbomParams",
    act="mlops_stage.stages.sbom.act:act",
    criteria="mlops_stage.stages.sbom.criteria:criteria",
    init="mlops_stage.stages.sbom.init:init",
    plan="mlops_stage.stages.sbom.plan:plan",
    commands={
        "diff": "mlops_stage.stages.sbom.commands:DIFF",
        "lint": "mlops_stage.stages.sbom.commands:LINT",
    },
    consumes=("data", "quality", "fairness", "scan", "adversarial", "compile"),
    hookspecs="mlops_stage.stages.sbom.hookspecs",
    needs=("ci",),
    outputs={
        "serial": "serial number of the document, which its content decides",
        "libraries": "number of libraries that it lists",
        "answered": "how many of the 50 elements that the G7 names for AI are answered in full",
    },
    extra="sbom",
)

REPORTER = Reporter(
    name="cyclonedx",
    summary="<id>.cdx.json, the bill of materials of each run of the stage sbom",
    render="mlops_stage.stages.sbom.reporter:render",
    evidence=True,
    stale="mlops_stage.stages.sbom.reporter:stale",
)
