"""Stage `fairness`: do a model's decisions and errors differ between groups of people, beyond what chance explains."""

from __future__ import annotations

from mlops_stage.stage import Stage

STAGE = Stage(
    name="fairness",
    summary="Compare a model's decisions and errors across groups of people",
    params="mlops_stage.stages.fairness.params:FairnessParams",
    measure="mlops_stage.stages.fairness.measure:measure",
    criteria="mlops_stage.stages.fairness.criteria:criteria",
    init="mlops_stage.stages.fairness.init:init",
    plan="mlops_stage.stages.fairness.plan:plan",
    outputs={
        "rows": "number of rows judged",
        "groups": "number of groups compared, without the rows whose group is unknown",
        "worst_metric": "the gap in true or false positive rates that is largest beyond doubt, such as tpr_difference[by=sex]; empty where there is none",
        "worst_gap": "its value",
        "worst_groups": "the groups with the lowest and the highest rate in it, such as sex=female / sex=male",
    },
    extra="fairness",
)
