"""What is judged: answers from a file, or of a model; and what it was trained on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.inputs.arrays import Arrays, is_arrays, open_arrays
from mlops_stage.inputs.model import open_model
from mlops_stage.inputs.oip.address import is_url, same_origin
from mlops_stage.inputs.predictions import Predictions, Question, read, score
from mlops_stage.inputs.roles import check_roles, refuse_two
from mlops_stage.inputs.tables.open import Table, open_table
from mlops_stage.inputs.tables.overlap import Overlap, shared_rows

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_stage.inputs.model import Model, Served
    from mlops_stage.stages.quality.params import QualityParams
    from mlops_stage.workspace import Workspace


def candidate(params: QualityParams, workspace: Workspace) -> Predictions:
    """The answers to judge.

    Raises:
        UsageError: neither predictions nor model and data were given.
    """
    data = open_data(params.data, workspace.root) if params.data else None
    refuse_two(params)
    check_roles(params)
    if params.predictions:
        workspace.progress(0.05, "reading predictions")
        if isinstance(data, Arrays):
            raise UsageError(
                f"{data.name} is no table in which rows of predictions can be looked up", "write the labels into the predictions"
            )
        return read(params.predictions, workspace.root, Question.of(params, params.slices), data=data)
    if not params.model:
        raise UsageError("there is nothing to judge", "give predictions, or model and data, or metrics")
    if data is None:
        raise UsageError("a model alone cannot be judged", "give data: a table with labels and the model's inputs; or predictions")
    return scored(model_of(params.model, params, workspace), data, Question.of(params, params.slices), workspace, params.effort)


def open_data(source: str, root: Path, what: str = "data") -> Table | Arrays:
    """A table, or named arrays for a model that takes more than a table can hold."""
    return open_arrays(source, root, what) if is_arrays(source) else open_table(source, root, what)


def model_of(source: str, params: QualityParams, workspace: Workspace, what: str = "model") -> Model | Served:
    """A model from a file or a server; `model_token_env` is the token of `model`, and of a baseline that is served in the same place."""
    elsewhere = source != params.model and is_url(params.model or "") and not same_origin(source, params.model or "")
    token_env = None if elsewhere else params.model_token_env
    return open_model(source, workspace.root, env=workspace.env, token_env=token_env, what=what)


def scored(model: Model | Served, table: Table | Arrays, asked: Question, workspace: Workspace, effort: str) -> Predictions:
    """The answers of a model for a table; with effort deep for every row anew, whatever is kept."""
    cache = None if effort == "deep" else workspace.cache
    return score(model, table, cache, asked, progress=lambda done, told: workspace.progress(0.05 + 0.4 * done, told))


def trained(params: QualityParams, workspace: Workspace, judged: Predictions) -> Predictions | None:
    """The answers for the training data; None where there are none."""
    if not params.train:
        return None
    table = open_data(params.train, workspace.root, "train")
    asked = alike(Question.of(params), judged, table)
    if params.predictions and isinstance(table, Table):
        answered = params.prediction in table.columns or bool(_scores(table, params.score))
        return read(params.train, workspace.root, asked, what="train") if answered and params.label in table.columns else None
    return scored(model_of(params.model, params, workspace), table, asked, workspace, params.effort) if params.model else None


def alike(asked: Question, judged: Predictions, table: Table | Arrays) -> Question:
    """The same question to another table: the task and the positive class are settled, and what the table lacks is not asked."""
    return replace(
        asked,
        task=judged.task,
        positive=judged.classes[1] if judged.task == "binary" else None,
        weight=asked.weight if asked.weight in table.columns else None,
        row_id=asked.row_id if asked.row_id in table.columns else None,
    )


def overlap(params: QualityParams, workspace: Workspace) -> Overlap | None:
    """The rows that training data and data to judge on share; None where there is nothing to compare them by."""
    judged = params.data or params.predictions
    if not params.train or not judged or is_arrays(params.train) or is_arrays(judged):
        return None
    train = open_table(params.train, workspace.root, "train")
    table = open_table(judged, workspace.root, "data" if params.data else "predictions")
    names = [name for name in table.columns if name in train.columns]
    answers = {params.prediction, params.weight, params.row_id}
    scores = {*_scores(train, params.score), *_scores(table, params.score)}
    told = [name for name in names if name not in answers and name not in scores]
    if told == [params.label] or not told:
        told = [name for name in names if name == params.row_id]
    if not told:
        return None
    workspace.progress(0.5, "looking for shared rows")
    return shared_rows(train, table, told)


def _scores(table: Table, stem: str) -> list[str]:
    """The columns of scores: the one of that name, else one for each class; `size` is none because the stem is `s`."""
    return [stem] if stem in table.columns else [name for name in table.columns if name.startswith(f"{stem}_")]
