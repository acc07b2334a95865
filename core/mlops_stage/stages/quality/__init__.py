"""Stage `quality`: is the model accurate enough, for every slice, and not worse than the one it replaces."""

from __future__ import annotations

from mlops_stage.stage import Stage

STAGE = Stage(
    name="quality",
    summary="Judge a model's accuracy against declared criteria and a baseline",
    params="mlops_stage.stages.quality.params:QualityParams",
    measure="mlops_stage.stages.quality.measure:measure",
    criteria="mlops_stage.stages.quality.criteria:criteria",
    init="mlops_stage.stages.quality.init:init",
    plan="mlops_stage.stages.quality.plan:plan",
    outputs={
        "rows": "number of rows judged",
        "primary_metric": "the figure that the default gates look at, such as balanced_accuracy",
        "primary_value": "its value",
        "primary_low": "lower end of its 95 % interval",
        "primary_high": "upper end of its 95 % interval",
        "better_than_baseline": "yes, no or unclear: whether the primary metric is better than the baseline's; empty without one",
    },
    extra="quality",
)
