"""What the stage `adversarial` is asked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from mlops_stage.fields import EXECUTION
from mlops_stage.params import (
    Columns,
    Data,
    Label,
    Model,
    ModelTokenEnv,
    Params,
    PredictionsFile,
    Reference,
    RowId,
    Task,
    TextList,
    TextMapping,
    Train,
)

Attack = Literal["linear", "hop_skip_jump", "square"]
"""Attacks that gates look at."""
WAYS = ("up", "down")
"""Which way a monotone column may change."""


def _numbers(value: Any) -> Any:
    """`0.05,0.1`, a list, or one number."""
    if isinstance(value, str):
        return [part.strip() for part in value.strip("[] ").split(",") if part.strip()]
    return [value] if isinstance(value, int | float) else value


def _ascending(value: tuple[float, ...]) -> tuple[float, ...]:
    if not value:
        raise ValueError("give at least one size of change, such as 0.1")
    return tuple(sorted(set(value)))


def _ways(value: TextMapping) -> TextMapping:
    for column, way in value.items():
        if way not in WAYS:
            raise ValueError(f"{column} may go up or down, not {way!r}")
    return value


class AdversarialParams(Params):
    """Give `model` and `data`; `reference` (or `train`) says what valid rows look like."""

    model: Model = None
    model_token_env: ModelTokenEnv = None
    data: Data = None
    predictions: PredictionsFile = None
    label: Label = "y_true"
    row_id: RowId = None
    columns: Columns = Field(default_factory=dict)
    reference: Reference = None
    train: Train = None
    task: Task = "auto"
    epsilons: Annotated[
        tuple[Annotated[float, Field(gt=0, lt=1e6, allow_inf_nan=False)], ...],
        BeforeValidator(_numbers),
        AfterValidator(_ascending),
        Field(description="sizes of change to judge, in standard deviations of each column"),
    ] = (0.05, 0.1, 0.2)
    norm: Annotated[
        Literal["linf", "l2"],
        Field(description="what a size limits: the change of every column (linf), or the root of the sum of squares over columns (l2)"),
    ] = "linf"
    immutable: Annotated[TextList, Field(description="columns that nobody can change, such as an age or a place of birth")] = ()
    monotone: Annotated[
        TextMapping,
        AfterValidator(_ways),
        Field(description="column=up or column=down: columns that can change in one direction only"),
    ] = Field(default_factory=dict)
    category_distance: Annotated[
        float,
        Field(
            ge=0,
            lt=1e6,
            allow_inf_nan=False,
            description="the size that a change of category counts as; 0 lets attacks change categories freely",
        ),
    ] = 1.0
    attacks: Annotated[
        tuple[Attack, ...],
        BeforeValidator(lambda value: [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value),
        Field(description="linear, hop_skip_jump, square; unset: all that the model allows"),
    ] = ()
    art: Annotated[
        TextList,
        Field(
            description="attacks of the Adversarial Robustness Toolbox to run as well, such as ZooAttack; they inform and decide nothing"
        ),
    ] = ()
    rows: Annotated[int | None, Field(ge=1, description="rows to sample and attack; unset: 100, 400 or 1,000 by effort")] = None
    processes: Annotated[
        int,
        Field(
            ge=1,
            le=256,
            description="processes that share the work; the result is the same for every number",
            json_schema_extra=EXECUTION,
        ),
    ] = 1
