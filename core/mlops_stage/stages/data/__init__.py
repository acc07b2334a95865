"""Stage `data`: is the data what was agreed on, like the data it was learnt from, and apart from it."""

from __future__ import annotations

from mlops_stage.stage import Stage

STAGE = Stage(
    name="data",
    summary="Hold a table against its contract, and against the profile of earlier data",
    params="mlops_stage.stages.data.params:DataParams",
    measure="mlops_stage.stages.data.measure:measure",
    criteria="mlops_stage.stages.data.criteria:criteria",
    init="mlops_stage.stages.data.init:init",
    drafts="mlops_stage.stages.data.commands:drafts",
    plan="mlops_stage.stages.data.plan:plan",
    commands={
        "contract synth": "mlops_stage.stages.data.commands:SYNTH",
        "contract lint": "mlops_stage.stages.data.commands:LINT",
        "profile": "mlops_stage.stages.data.commands:PROFILE",
    },
    outputs={
        "rows": "number of rows judged",
        "rejects": "records that could not be read",
        "rules": "number of rules checked",
        "broken": "number of rules that do not hold",
        "drifted": "true, false or unclear: whether some column drifted from the profile; empty without a profile",
    },
    extra="data",
)
