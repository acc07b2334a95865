"""Params that contradict one another, refused before anything is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from mlops_stage.params import AnsweredParams


def refuse_two(params: AnsweredParams) -> None:
    """Refuse predictions beside a model: only one of them would be judged, and nobody could say which.

    Raises:
        UsageError: both were given.
    """
    if params.predictions and params.model:
        hint = "give one of them; a model for other stages is declared below those stages in mlops.yaml, not for the whole run"
        raise UsageError("predictions and model were both given", hint)


def answers_in(params: AnsweredParams) -> dict[str, str]:
    """The columns that hold answers, by param; a model's own answers stand in no column."""
    return {"prediction": params.prediction, "score": params.score} if params.predictions else {}


def check_roles(params: AnsweredParams) -> None:
    """One column cannot be the truth and something else.

    Raises:
        UsageError: the label is also named as something else.
    """
    answers = answers_in(params)
    for role, column in {**answers, "weight": params.weight, "row_id": params.row_id}.items():
        of_class = role == "score" and params.label.startswith(f"{column}_")
        if column == params.label or of_class:
            why = ": a model would be judged by its own answers" if role in answers else ""
            raise UsageError(
                f"label and {role} are the same column, {shown(params.label)!r}{why}",
                f"name the column with the truth with label, and another one with {role}",
            )
