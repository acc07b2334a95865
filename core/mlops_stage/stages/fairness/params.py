"""What the stage `fairness` is asked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mlops_stage.params import AnsweredParams, Sensitive, SensitiveData, Standard, TextList, TextMapping


class FairnessParams(AnsweredParams):
    """Give `predictions`, or `model` and `data`; and, where names do not tell, which columns name groups (`sensitive`)."""

    sensitive: Sensitive = ()
    sensitive_data: SensitiveData = None
    standard: Standard = ()
    reference_group: Annotated[
        TextMapping,
        Field(description="column=value: a group that each other group is compared with as well"),
    ] = Field(default_factory=dict)
    intersections: Annotated[
        int, Field(ge=1, le=3, description="how many sensitive columns are crossed at most: 1 for each alone, 2 for all pairs as well")
    ] = 2
    library_metrics: Annotated[
        TextList,
        Field(
            description="metrics of scikit-learn or Fairlearn to report by group as well, such as f1_score or fairlearn.metrics.mean_prediction"
        ),
    ] = ()
    bootstrap: Annotated[
        bool, Field(description="whether to add what a bootstrap of rows says of the gaps between groups; it informs, and is not judged")
    ] = False
    cross_check: Annotated[
        Literal["none", "fairlearn"],
        Field(description="recompute every share and gap with Fairlearn, and refuse to report where they differ"),
    ] = "none"
