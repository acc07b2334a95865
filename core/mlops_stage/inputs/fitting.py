"""Whether a table has what a model takes, told before either is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.inputs.arrays import Arrays
from mlops_stage.inputs.columns import map_columns
from mlops_stage.inputs.model import Model, open_model
from mlops_stage.inputs.oip.address import is_url

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_stage.inputs.tables.open import Table


def refuse_unfit(model: str | Model, table: Table | Arrays, columns: Mapping[str, str], label: str, root: Path) -> None:
    """Refuse, before anything is scored, a table in which a model would not find its columns; a served model is not asked, nor are arrays read.

    Args:
        model: what `open_model` takes, or what it gave.
        table: what the model would answer.
        columns: the param of that name.
        label: the column with the truth.
        root: the project.

    Raises:
        UsageError: a column or input that does not exist, or a matrix whose columns nobody declares.
        InputError: a model that cannot be used, or an input that no table can fill.
    """
    if isinstance(table, Arrays) or (not isinstance(model, Model) and is_url(model)):
        return
    found = model if isinstance(model, Model) else open_model(model, root)
    map_columns(found.inputs, table.columns, columns, found.metadata, label=label)
