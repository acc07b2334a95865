"""A model's answers for the rows of a table: computed once for each model, table and mapping, then kept.

Whoever can write the cache can write answers into it that no model gave: a job that restores the cache of a stranger's pull request, for one. No
digest beside them would tell. So before kept answers are believed, the model is asked again for 1,024 rows that nobody can foresee, and every one
must come out the same to the bit. That finds a changed share p of the rows with probability 1 - (1 - p)^1024: 64 % for one row in a thousand, 10 % for
one in ten thousand. It hardly ever finds a single changed row of many; whoever must rule that out does without the cache (effort deep).
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.errors import InputError, StageError
from mlops_stage.evidence.digest import of_json
from mlops_stage.inputs.answers import Answers
from mlops_stage.inputs.feeding import Columns, Fed, Piece, is_empty_note
from mlops_stage.inputs.kept import has_answers, keep_answers, kept_answers
from mlops_stage.inputs.onnx.session import CHUNK_ROWS, chunks
from mlops_stage.inputs.outputs import Labels, block, classes_of, outputs_of
from mlops_stage.inputs.served import NOTE, Served
from mlops_stage.inputs.tables.query import opened
from mlops_stage.words import counted
from mlops_stage.workspace import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mlops_stage.inputs.columns import Feed
    from mlops_stage.inputs.model import Model
    from mlops_stage.inputs.tables.open import Table
    from mlops_stage.inputs.tables.values import Codes

__all__ = ["DISBELIEVED", "answered", "answers_of", "outputs_of"]

DISBELIEVED = "the cache held other answers than the model gives: they were thrown away, and all rows were scored anew"
_FORMAT = 2


def answers_of(  # noqa: PLR0913, PLR0917  (each is one thing that the answers come from)
    model: Model | Served, table: Table, feeds: tuple[Feed, ...], rows: int, cache: Path | None, progress: Callable[[float, str], None]
) -> Answers:
    """The model's answers, from the cache if the very same were computed before and a sample of rows confirms them.

    Answers of a served model are never kept: what it is may change between two runs, and nothing would tell.

    Args:
        model: the model.
        table: the table.
        feeds: which columns each input of the model takes.
        rows: how many rows the table has.
        cache: the workspace's cache, or None to neither read nor write it.
        progress: told how far it is, from 0 to 1.

    Raises:
        InputError: a cell that the model cannot be given, or a model that fails on the data.
    """
    if cache is None or isinstance(model, Served):
        return answered(model, _held(table, feeds), progress)
    folder = cache / "scores" / _key(model, table, feeds)
    kept = kept_answers(folder, rows)
    if kept is not None and _confirmed(kept, model, table, feeds, rows):
        progress(1.0, "scores from the cache")
        return _with_classes(kept, model)
    disbelieved = has_answers(folder)
    found = _asked(model, _held(table, feeds), [*chunks(rows)], progress)
    with suppress(StageError, OSError):  # a full disk costs the next run time, not this one its verdict
        keep_answers(folder, found)
    named = _with_classes(found, model)
    return named._replace(notes=(*named.notes, DISBELIEVED)) if disbelieved else named


def _confirmed(kept: Answers, model: Model, table: Table, feeds: tuple[Feed, ...], rows: int) -> bool:
    """Whether the model, asked again for some rows, says to the bit what was kept for them."""
    sample, pieces = _sample(rows)
    try:
        found = _asked(model, _held(table.picked(np.sort(sample).tolist()), feeds), pieces, silent)
    except InputError:  # what was scored without a complaint cannot cause one now; scoring anew says it with the right row
        return False
    columns = [column for feed in feeds if feed.dtype == "string" for column in feed.columns]
    return (
        kept.classes == found.classes
        and all(is_empty_note(note, columns) for note in kept.notes)
        and _same_labels(kept.decision, found.decision, sample)
        and _same_numbers(kept.values, found.values, sample)
    )


def _sample(rows: int) -> tuple[NDArray[np.int64], list[NDArray[np.intp]]]:
    """Rows to ask again, and for each chunk to ask where its rows stand among the sorted ones.

    The last digits of a score depend on the row's place in its chunk and on the chunk's length (vector instructions take the last few numbers
    differently). So every row stands where it stood: one chunk that takes the row at each place from a full chunk drawn at random, and the last
    chunk, which is shorter, as a whole.
    """
    whole = rows // CHUNK_ROWS
    # not seeded by anything known: whoever can tell which rows are asked again leaves those as they are
    generator = np.random.default_rng(secrets.randbits(128))
    drawn = generator.integers(whole, size=CHUNK_ROWS) * CHUNK_ROWS + np.arange(CHUNK_ROWS) if whole else np.arange(0)
    sample = np.concatenate([drawn, np.arange(whole * CHUNK_ROWS, rows)])
    place = np.argsort(np.argsort(sample))
    return sample, [piece for piece in (place[: len(drawn)], place[len(drawn) :]) if len(piece)]


def _same_labels(kept: Codes | None, found: Codes | None, sample: NDArray[np.int64]) -> bool:
    if kept is None or found is None:
        return kept is found
    return [kept.levels[code] for code in kept.codes[sample].tolist()] == [found.levels[code] for code in found.codes.tolist()]


def _same_numbers(kept: NDArray[np.float64] | None, found: NDArray[np.float64] | None, sample: NDArray[np.int64]) -> bool:
    if kept is None or found is None:
        return kept is found
    return kept.shape[1] == found.shape[1] and kept[sample].tobytes() == found.tobytes()


def answered(model: Model | Served, held: Sequence[Fed], progress: Callable[[float, str], None]) -> Answers:
    """The model's answers for all rows, asked now.

    Raises:
        InputError: a model that fails on the data.
    """
    found = _with_classes(_asked(model, held, [*chunks(held[0].rows)], progress), model)
    return found._replace(notes=(*found.notes, NOTE)) if isinstance(model, Served) else found


def _held(table: Table, feeds: tuple[Feed, ...]) -> list[Fed]:
    with opened(table, [column for feed in feeds for column in feed.columns]) as selection:
        return [Columns(feed, selection) for feed in feeds]


def _asked(model: Model | Served, held: Sequence[Fed], pieces: Sequence[Piece], progress: Callable[[float, str], None]) -> Answers:
    """The model's answers to some chunks, one after the other; their classes only where the answers themselves name them."""
    label, numbers = outputs_of(model)
    session = model.session()
    wanted = [port.name for port in (label, numbers) if port is not None]
    labels = Labels()
    values: list[NDArray[np.float64]] = []
    keys: tuple[str, ...] = ()
    for done, piece in enumerate(pieces, 1):
        made = dict(zip(wanted, session.run({one.input: one.chunk(piece) for one in held}, wanted), strict=True))
        if label is not None:
            labels.add(made[label.name], model)
        if numbers is not None:
            keys, scores = block(made[numbers.name], keys, model)
            values.append(scores)
        progress(done / len(pieces), f"scoring {counted(held[0].rows, 'row')}")
    decision = labels.codes() if label is not None else None
    return Answers(decision, np.concatenate(values) if values else None, keys, tuple(note for one in held for note in one.notes))


def _with_classes(found: Answers, model: Model | Served) -> Answers:
    return found._replace(classes=found.classes or classes_of(model, found.decision, found.values))


def _key(model: Model, table: Table, feeds: tuple[Feed, ...]) -> str:
    """What the answers depend on."""
    libraries = {name: version(name) for name in ("onnxruntime", "numpy", "duckdb")}
    mapping = [[feed.input, feed.dtype, list(feed.columns), feed.rank] for feed in feeds]
    return of_json([_FORMAT, model.sha256, table.format, table.subject().sha256, mapping, libraries])
