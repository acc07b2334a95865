"""Stage `adversarial`: how small a change of the inputs changes the model's answer."""

from __future__ import annotations

from mlops_stage.stage import Stage

STAGE = Stage(
    name="adversarial",
    summary="Attack a model with small, valid changes of its inputs",
    params="mlops_stage.stages.adversarial.params:AdversarialParams",
    measure="mlops_stage.stages.adversarial.measure:measure",
    criteria="mlops_stage.stages.adversarial.criteria:criteria",
    init="mlops_stage.stages.adversarial.init:init",
    plan="mlops_stage.stages.adversarial.plan:plan",
    outputs={
        "rows": "number of rows sampled, those that the model gets wrong among them",
        "epsilon": "the smallest size of change that was judged, in standard deviations",
        "clean_accuracy": "share of the rows that the model gets right as they are",
        "robust_accuracy": "share that it still gets right under every attack of that size",
        "robust_accuracy_low": "lower end of its 95 % interval",
        "robust_accuracy_high": "upper end of its 95 % interval",
    },
    extra="adversarial",
)
