"""Stage `compile`: turn a model into what its hardware runs, and prove that it still answers the same."""

from __future__ import annotations

from mlops_stage.stage import Stage

STAGE = Stage(
    name="compile",
    summary="Compile a model for its hardware, and prove that it still answers the same",
    params="mlops_stage.stages.compile.params:CompileParams",
    act="mlops_stage.stages.compile.act:act",
    criteria="mlops_stage.stages.compile.criteria:criteria",
    init="mlops_stage.stages.compile.init:init",
    plan="mlops_stage.stages.compile.plan:plan",
    hookspecs="mlops_stage.stages.compile.hookspecs",
    outputs={
        "artefact": "file to deploy on the first target, as a path below this report's folder; empty where nothing was compiled for it",
        "sha256": "its SHA-256",
        "latency_ratio": "how long it takes, as a multiple of what the model as given takes; empty where it could not be measured here",
        "targets": "targets that something was compiled for, separated by commas",
    },
    reproducible=False,
    extra="compile",
)
