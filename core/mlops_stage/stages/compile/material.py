"""The rows that the stage needs: to compare on, to learn ranges from, and with labels to see what a less exact form costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.errors import InputError, UsageError
from mlops_stage.evidence.digest import sha256
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.answers import Question
from mlops_stage.inputs.arrayed import blocks
from mlops_stage.inputs.arrays import Arrays, is_arrays, open_arrays
from mlops_stage.inputs.columns import map_columns
from mlops_stage.inputs.feeding import Columns
from mlops_stage.inputs.model import Served, open_model
from mlops_stage.inputs.tables import query
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.stages.compile import arrays
from mlops_stage.stages.compile.originals import matched, original_of
from mlops_stage.stages.compile.params import CompileParams
from mlops_stage.stages.compile.parity.rows import ROWS, probes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from mlops_stage.inputs.model import Model
    from mlops_stage.inputs.tables.open import Table
    from mlops_stage.report import Finding, Subject
    from mlops_stage.stages.compile.originals import Original
    from mlops_stage.stages.compile.parity.rows import Probes

    Rows = Table | Arrays
    Feeds = Mapping[str, NDArray[Any]]

_LABELLED = {"quick": 20_000, "standard": 100_000, "deep": 1_000_000}
"""Most rows whose labels are looked at, by effort."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled:
    """Rows with labels, as the model takes them."""

    table: Rows
    question: Question
    feeds: Path


@dataclass(frozen=True, kw_only=True, eq=False)
class Known:
    """Rows for which it is known what the model answered in the framework that trained it."""

    original: Original
    feeds: Path
    within: NDArray[np.intp]
    """Their places in `feeds`."""
    places: NDArray[np.intp]
    """Their places in the file of the original predictions."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """All rows, written to files of which workers read."""

    probes: Probes
    feeds: Path
    """Those of `probes`."""
    shapes: Mapping[str, tuple[int, ...]]
    """Of each input, after the first axis."""
    one: Path
    """One row, on which time is taken."""
    labelled: Labelled | None
    """None where no column of labels is known."""
    calibration: Path | None
    """Rows to learn ranges from; None where there are none that are not judged on."""
    calibration_sha256: str
    subjects: tuple[Subject, ...]
    """The tables by digest."""
    known: Known | None = None
    doubts: tuple[Finding, ...] = ()
    """Why original predictions that lie there are not used."""


def open_file(source: str, root: Path) -> Model:
    """The model, which must be a file.

    Raises:
        UsageError: nothing is there, or it is an address.
        InputError: not an ONNX model, corrupt, or refused by the screen.
    """
    model = open_model(source, root)
    if isinstance(model, Served):
        raise UsageError("a served model has no file to compile", "give model: an ONNX file")
    if not model.inputs:
        raise InputError(f"{shown(model.name)} takes no input, so there is nothing to ask it", "export the model with its inputs")
    return model


def opened(params: CompileParams, root: Path) -> tuple[Rows | None, Rows | None]:
    """The rows to compare on, and those to learn ranges from; neither is read yet.

    Raises:
        UsageError: nothing is there, a column of labels or groups that is absent, or both are the same file.
        InputError: a table that cannot be read.
    """
    table = _opened(params.data, root, "data")
    train = _opened(params.train, root, "train") or _opened(params.reference, root, "reference")
    if table is not None and train is not None and table.subject().sha256 == train.subject().sha256:
        raise UsageError(f"{train.name} is the same as data", f"give {train.what} as rows that nothing is judged on")
    if isinstance(table, Arrays):
        for name in params.sensitive:
            table.header(name, "sensitive")
    elif table is not None:
        if params.label != CompileParams.model_fields["label"].default:
            table.column(params.label, "label")
        for name in params.sensitive:
            table.column(name, "sensitive")
    return table, train


def _opened(source: str | None, root: Path, what: str) -> Rows | None:
    if not source:
        return None
    return open_arrays(source, root, what) if is_arrays(source) else open_table(source, root, what)


def gathered(params: CompileParams, model: Model, root: Path, folder: Path) -> Material:
    """All rows that the stage will need.

    Args:
        params: what was asked.
        model: the model whose inputs they fill.
        root: the project.
        folder: where they are written.

    Raises:
        UsageError: a file or column that is not there.
        InputError: cells that the model cannot be given.
    """
    table, train = opened(params, root)
    original, doubts = original_of(params, model, root, table)
    asked = probes(model, table, params.seed, params.rows or ROWS[params.effort], columns=params.columns, label=params.label)
    feeds, one = folder / "feeds.npz", folder / "one.npz"
    arrays.save(feeds, asked.feeds)
    arrays.save(one, {name: values[:1] for name, values in asked.feeds.items()})
    calibration = None
    if train is not None:
        calibration = folder / "calibration.npz"
        arrays.save(calibration, _feeds(model, train, params, params.calibration_rows))
    labelled, known = _others(params, model, table, original, folder) if table is not None else (None, None)
    return Material(
        probes=asked,
        feeds=feeds,
        one=one,
        shapes={name: values.shape[1:] for name, values in asked.feeds.items()},
        labelled=labelled,
        calibration=calibration,
        calibration_sha256=sha256(calibration) if calibration is not None else "",
        subjects=tuple(
            dict.fromkeys(one.subject() for one in (table, train, original.table if original is not None else None) if one is not None)
        ),
        known=known,
        doubts=doubts,
    )


def _others(
    params: CompileParams, model: Model, table: Rows, original: Original | None, folder: Path
) -> tuple[Labelled | None, Known | None]:
    """The same rows as those with labels and as those with original predictions, where there are any."""
    has_labels = params.label in (table.headers if isinstance(table, Arrays) else table.columns)
    if not has_labels and original is None:
        return None, None
    total = table.rows if isinstance(table, Arrays) else query.rows(table)
    most = total if isinstance(table, Arrays) else _LABELLED[params.effort]
    some = table if isinstance(table, Arrays) else _some(table, most, params.seed)
    feeds = folder / "others.npz"
    arrays.save(feeds, _feeds(model, some, params))
    question = Question(label=params.label, row_id=params.row_id, slices=params.sensitive, columns=params.columns)
    labelled = Labelled(table=some, question=question, feeds=feeds) if has_labels else None
    if original is None:
        return labelled, None
    drawn = _drawn(total, most, params.seed) if total > most else np.arange(total)
    within, places = matched(original.table, some, drawn, total, params.row_id)
    return labelled, Known(original=original, feeds=feeds, within=within, places=places)


def _some(table: Table, most: int, seed: int) -> Table:
    """At most so many rows, drawn at random, in the order of the table."""
    total = query.rows(table)
    return table if total <= most else table.picked(_drawn(total, most, seed).tolist())


def _drawn(total: int, most: int, seed: int) -> NDArray[np.intp]:
    return np.sort(np.random.Generator(np.random.PCG64(seed)).permutation(total)[:most])


def _feeds(model: Model, table: Rows, params: CompileParams, most: int | None = None) -> Feeds:
    """The rows of a table as the model takes them: all, or at most so many, drawn at random."""
    if isinstance(table, Arrays):
        piece = slice(None) if most is None else _drawn(table.rows, most, params.seed)
        return {one.input: one.chunk(piece) for one in blocks(model.inputs, table, params.columns)}
    feeds = map_columns(model.inputs, table.columns, params.columns, model.metadata, label=params.label)
    some = table if most is None else _some(table, most, params.seed)
    with query.opened(some, [column for feed in feeds for column in feed.columns]) as selection:
        return {feed.input: Columns(feed, selection).chunk(slice(None)) for feed in feeds}
