"""What the stage `quality` is asked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mlops_stage.params import AnsweredParams, Baseline, MetricsFile, Slices, Train


class QualityParams(AnsweredParams):
    """Give `predictions`, or `model` and `data`, or `metrics`."""

    train: Train = None
    metrics: MetricsFile = None
    slices: Slices = ()
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
