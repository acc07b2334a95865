"""What the stage `scan` is asked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mlops_stage.params import Model, Params, TextList


class ScanParams(Params):
    """Give `model`: any file or folder, also of formats that no other stage opens."""

    model: Annotated[Model, Field(description="file or folder of a model, of any format; of a served model nothing can be looked into")] = (
        None
    )
    trusted: Annotated[
        TextList,
        Field(description="packages, or full names such as functools.partial, that pickles may import because you vouch for them"),
    ] = ()
    fail_on: Annotated[
        Literal["error", "warning"],
        Field(description="findings of this level or above fail the run; warning fails every pickle that runs a library's code"),
    ] = "error"
