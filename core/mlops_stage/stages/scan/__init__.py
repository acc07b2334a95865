"""Stage `scan`: may this model file be opened at all."""

from __future__ import annotations

from mlops_stage.stage import Stage

STAGE = Stage(
    name="scan",
    summary="Look into model files for what is known to be dangerous, without loading them",
    params="mlops_stage.stages.scan.params:ScanParams",
    measure="mlops_stage.stages.scan.measure:measure",
    criteria="mlops_stage.stages.scan.criteria:criteria",
    init="mlops_stage.stages.scan.init:init",
    plan="mlops_stage.stages.scan.plan:plan",
    outputs={
        "files": "number of files that were examined",
        "findings": "number of findings of level warning or error",
        "errors": "number of findings of level error",
    },
    extra="scan",
)
