"""What the stage `compile` is asked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mlops_stage.fields import EXECUTION, NAMES_VARIABLE, PATH
from mlops_stage.params import Columns, Data, Label, Model, Params, Reference, RowId, Sensitive, Targets, TextList, Train


class CompileParams(Params):
    """Give `model`; `data` makes the proof strong, and `train` allows whole numbers of eight bits."""

    model: Annotated[Model, Field(description="ONNX file to compile, or the folder that holds it")] = None
    data: Annotated[
        Data, Field(description="rows on which the compiled model must answer as the given one; unset: made-up rows, a weaker proof")
    ] = None
    train: Annotated[Train, Field(description="rows to learn the ranges of numbers from, for int8; never those of data")] = None
    reference: Annotated[Reference, Field(description="the same, where train must not be read")] = None
    target: Targets = ("host",)
    precision: Annotated[
        TextList, Field(description="precisions to try: fp32, fp16, int8; unset: those that the target allows. fp32 is always kept")
    ] = ()
    prefer: Annotated[
        Literal["latency", "size"],
        Field(description="which of the variants that pass ships: the fastest, or the smallest that is fast enough"),
    ] = "latency"
    rows: Annotated[int | None, Field(ge=1, description="most rows to compare; unset: by effort")] = None
    calibration_rows: Annotated[int, Field(ge=16, le=100_000, description="most rows to learn ranges from, for int8")] = 512
    drop: Annotated[
        float, Field(ge=0, lt=1, description="how much accuracy fp16 or int8 may cost, as a share of all rows", allow_inf_nan=False)
    ] = 0.005
    label: Label = "y_true"
    original: Annotated[
        str | None,
        Field(
            description="what the model answered in its own framework, row by row as in data: a table with the column y_pred, and y_score where there "
            "are scores; unset: what the export record beside the model names",
            json_schema_extra=PATH,
        ),
    ] = None
    row_id: RowId = None
    columns: Columns = Field(default_factory=dict)
    sensitive: Annotated[
        Sensitive, Field(description="columns that name groups of people: fp16 and int8 may cost none of them more than drop")
    ] = ()
    build_limit: Annotated[int, Field(ge=1, description="seconds that one build or one run of the proof may take")] = 600
    cache_key_env: Annotated[
        str | None,
        Field(
            description="environment variable with a secret; what the cache holds is then believed only if it was written with that secret",
            pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
            json_schema_extra={**NAMES_VARIABLE, **EXECUTION},
        ),
    ] = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets that were asked for, each once; this machine where none is named."""
        return tuple(dict.fromkeys(self.target or ("host",)))
