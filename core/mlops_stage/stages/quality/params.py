"""What the stage `quality` is asked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mlops_stage.params import (
    Baseline,
    Columns,
    Data,
    Label,
    MetricsFile,
    Model,
    ModelTokenEnv,
    Params,
    Prediction,
    PredictionsFile,
    RowId,
    Score,
    Slices,
    Task,
    Threshold,
    Train,
    Weight,
)


class QualityParams(Params):
    """Give `predictions`, or `model` and `data`, or `metrics`."""

    model: Model = None
    model_token_env: ModelTokenEnv = None
    data: Data = None
    train: Train = None
    predictions: PredictionsFile = None
    metrics: MetricsFile = None
    label: Label = "y_true"
    prediction: Prediction = "y_pred"
    score: Score = "y_score"
    row_id: RowId = None
    weight: Weight = None
    columns: Columns = Field(default_factory=dict)
    slices: Slices = ()
    task: Task = "auto"
    positive: Annotated[str | None, Field(description="the label that counts as positive, in a binary task")] = None
    threshold: Threshold = None
    doubts: Annotated[
        Literal["fail", "report"],
        Field(
            description="whether findings of level error, which put figures in doubt, fail the run beside every gate, or are reported only"
        ),
    ] = "fail"
    baseline: Baseline = None
    comparison: Annotated[
        Literal["non_inferior", "superior"],
        Field(description="what the default gate asks of the model beside its baseline: not worse by more than margin, or better"),
    ] = "non_inferior"
    margin: Annotated[
        float, Field(ge=0, description="how much worse than the baseline still counts as not inferior", allow_inf_nan=False)
    ] = 0.01
