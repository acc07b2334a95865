"""A model's answers for the rows of a table: computed once for each model, table and mapping, then kept.

Whoever can write the cache can write answers into it that no model gave: a job that restores the cache of a stranger's pull request, for one. No
digest beside them would tell. So before kept answers are believed, the model is asked again for 1,024 rows that nobody can foresee, and every one
must come out the same to the bit. That finds a changed share p of the rows with probability 1 - (1 - p)^1024: 64 % for one row in a thousand, 10 % for
one in ten thousand. It hardly ever finds a single changed row of many; whoever must rule that out does without the cache (effort deep).
"""

from __future__ import annotations

import json
import re
import secrets
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlops_stage.errors import InputError, StageError
from mlops_stage.evidence.digest import of_json
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.answers import Answers
from mlops_stage.inputs.columns import NUMBERS, WHOLE_NUMBERS, Feed
from mlops_stage.inputs.kept import has_answers, keep_answers, kept_answers
from mlops_stage.inputs.onnx.session import CHUNK_ROWS, chunks
from mlops_stage.inputs.tables.query import opened
from mlops_stage.inputs.tables.values import Codes, canonical_text
from mlops_stage.workspace import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mlops_stage.inputs.model import Model
    from mlops_stage.inputs.onnx.facts import Port
    from mlops_stage.inputs.tables.open import Table
    from mlops_stage.inputs.tables.query import Selection

CLASSES_KEY = "mlops_stage.classes"
"""Key of the model's metadata that lists, as JSON, the classes in the order of its score columns."""
DISBELIEVED = "the cache held other answers than the model gives: they were thrown away, and all rows were scored anew"
_FORMAT = 2
Piece = slice | NDArray[np.intp]
"""Which rows one call of the model gets."""
_LABEL_TYPES = ("string", "bool", *WHOLE_NUMBERS)
_MATRIX = 2


def answers_of(  # noqa: PLR0913, PLR0917  (each is one thing that the answers come from)
    model: Model, table: Table, feeds: tuple[Feed, ...], rows: int, cache: Path | None, progress: Callable[[float, str], None]
) -> Answers:
    """The model's answers, from the cache if the very same were computed before and a sample of rows confirms them.

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
    if cache is None:
        return _with_classes(_asked(model, table, feeds, [*chunks(rows)], progress), model)
    folder = cache / "scores" / _key(model, table, feeds)
    kept = kept_answers(folder, rows)
    if kept is not None and _confirmed(kept, model, table, feeds, rows):
        progress(1.0, "scores from the cache")
        return _with_classes(kept, model)
    disbelieved = has_answers(folder)
    found = _asked(model, table, feeds, [*chunks(rows)], progress)
    with suppress(StageError, OSError):  # a full disk costs the next run time, not this one its verdict
        keep_answers(folder, found)
    named = _with_classes(found, model)
    return named._replace(notes=(*named.notes, DISBELIEVED)) if disbelieved else named


def _confirmed(kept: Answers, model: Model, table: Table, feeds: tuple[Feed, ...], rows: int) -> bool:
    """Whether the model, asked again for some rows, says to the bit what was kept for them."""
    sample, pieces = _sample(rows)
    try:
        found = _asked(model, table.picked(np.sort(sample).tolist()), feeds, pieces, silent)
    except InputError:  # what was scored without a complaint cannot cause one now; scoring anew says it with the right row
        return False
    columns = [column for feed in feeds if feed.dtype == "string" for column in feed.columns]
    return (
        kept.classes == found.classes
        and all(_is_empty_note(note, columns) for note in kept.notes)
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


def _asked(model: Model, table: Table, feeds: tuple[Feed, ...], pieces: Sequence[Piece], progress: Callable[[float, str], None]) -> Answers:
    """The model's answers to some chunks, one after the other; their classes only where the answers themselves name them."""
    label, numbers = outputs_of(model)
    session = model.session()
    wanted = [port.name for port in (label, numbers) if port is not None]
    labels = _Labels()
    values: list[NDArray[np.float64]] = []
    keys: tuple[str, ...] = ()
    with opened(table, [column for feed in feeds for column in feed.columns]) as selection:
        held = [_Held(feed, selection) for feed in feeds]
    for done, piece in enumerate(pieces, 1):
        made = dict(zip(wanted, session.run({one.feed.input: one.chunk(piece) for one in held}, wanted), strict=True))
        if label is not None:
            labels.add(made[label.name], model)
        if numbers is not None:
            keys, block = _block(made[numbers.name], keys, model)
            values.append(block)
        progress(done / len(pieces), f"scoring {held[0].rows:,} rows")
    decision = labels.codes() if label is not None else None
    return Answers(decision, np.concatenate(values) if values else None, keys, tuple(note for one in held for note in one.notes))


def _with_classes(found: Answers, model: Model) -> Answers:
    return found._replace(classes=found.classes or _classes(model, found.decision, found.values))


def _empty_note(count: str, column: str) -> str:
    return f"{count} empty cells of {column!r} were given to the model as empty text"


def _is_empty_note(note: str, columns: Sequence[str]) -> bool:
    count = re.match("[0-9,]{1,20}", note)
    return count is not None and any(note == _empty_note(count[0], column) for column in columns)


class _Held:
    """The columns of one input for all rows, as compact arrays; text is held as codes."""

    def __init__(self, feed: Feed, selection: Selection) -> None:
        self.feed = feed
        self.notes: tuple[str, ...] = ()
        found = selection.load(texts=feed.columns)[0] if feed.dtype == "string" else {}
        self._texts = [found[column] for column in feed.columns] if found else []
        self._matrix = np.empty((0, 0))
        if not self._texts:
            # one column at a time: float64 for a moment, then the type of the input
            self._matrix = np.empty((selection.count(), len(feed.columns)), dtype=np.dtype(feed.dtype))
            for place, column in enumerate(feed.columns):
                self._matrix[:, place] = self._checked(selection.load(numbers=[column])[1][column], column, selection)
        else:
            empty = {column: int(np.count_nonzero(text.codes < 0)) for column, text in zip(feed.columns, self._texts, strict=True)}
            self.notes = tuple(_empty_note(f"{count:,}", column) for column, count in empty.items() if count)
            self._levels = [np.array([*text.levels, ""], dtype=object) for text in self._texts]  # code -1, missing, is the last

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self._texts[0].codes) if self._texts else len(self._matrix)

    def chunk(self, piece: Piece) -> NDArray[Any]:
        """The tensor for some rows."""
        if self._texts:
            columns = [levels[text.codes[piece]] for text, levels in zip(self._texts, self._levels, strict=True)]
            tensor = np.stack(columns, axis=1)
        else:
            tensor = self._matrix[piece]
        return tensor[:, 0] if self.feed.rank == 1 else tensor

    def _checked(self, values: NDArray[np.float64], column: str, selection: Selection) -> NDArray[np.float64]:
        dtype = self.feed.dtype
        if dtype in NUMBERS:
            return values
        low, high = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        bad = ~(np.isfinite(values) & (values == np.trunc(values)) & (values >= low) & (values <= high))
        if bad.any():
            row = int(bad.argmax())
            told = "an empty cell" if np.isnan(values[row]) else f"{values[row]:g}"
            raise InputError(
                f"{selection.table.name}, row {row + 1}: {told} in column {shown(column)!r}, but model input {shown(self.feed.input)!r} is {dtype}",
                "fill the cell as it was filled when the model was trained",
            )
        return values


class _Labels:
    """A growing column of labels."""

    def __init__(self) -> None:
        self._codes: list[NDArray[np.int64]] = []
        self._place: dict[str, int] = {}

    def add(self, block: Any, model: Model) -> None:
        """Append the labels of one chunk: shape (rows,) or (rows, 1)."""
        array = np.asarray(block)
        if array.size != len(array):
            raise InputError(
                f"{shown(model.name)} gives {array.size // max(len(array), 1)} labels per row",
                "export one label per row, or give predictions instead",
            )
        distinct, inverse = np.unique(array.reshape(-1).astype(str if array.dtype == object else array.dtype), return_inverse=True)
        places = [self._place.setdefault(_label_text(value), len(self._place)) for value in distinct.tolist()]
        self._codes.append(np.array(places, dtype=np.int64)[inverse.reshape(-1)])

    def codes(self) -> Codes:
        """The whole column, its levels sorted."""
        levels = sorted(self._place)
        lookup = np.empty(len(levels), dtype=np.int64)
        for code, level in enumerate(levels):
            lookup[self._place[level]] = code
        return Codes(lookup[np.concatenate(self._codes)], tuple(levels))


def _label_text(value: Any) -> str:
    text = str(value)
    return canonical_text(text) or text


def outputs_of(model: Model) -> tuple[Port | None, Port | None]:
    """The output with labels and the one with numbers; where several could be meant, the one that is called so, else the first."""
    outputs = model.facts.outputs
    labels = [port for port in outputs if port.dtype in _LABEL_TYPES and (port.shape is None or len(port.shape) <= _MATRIX)]
    numbers = [
        port
        for port in outputs
        if port.dtype == "sequence" or (port.dtype in NUMBERS and (port.shape is None or len(port.shape) <= _MATRIX))
    ]
    if not labels and not numbers:
        told = ", ".join(f"{port.name}: {port.dtype}" for port in outputs)
        raise InputError(
            f"{shown(model.name)} has no output with labels or scores ({shown(told)})",
            "export labels and probabilities, or give predictions instead",
        )
    return _named(labels, ("label", "class", "pred")), _named(numbers, ("prob", "score"))


def _named(ports: Sequence[Port], words: tuple[str, ...]) -> Port | None:
    called = [port for port in ports if any(word in port.name.lower() for word in words)]
    return next(iter([*called, *ports]), None)


def _block(made: Any, keys: tuple[str, ...], model: Model) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Numbers of one chunk as (rows, k), and the classes of the columns where the model names them: a list of one mapping per row (ZipMap)."""
    if isinstance(made, list):
        names = list(made[0]) if made and isinstance(made[0], dict) else []
        if not names or any(list(row) != names for row in made):
            raise InputError(
                f"{shown(model.name)} gives scores that are neither a tensor nor a mapping of classes", "export with zipmap=False"
            )
        found = tuple(_label_text(name) for name in names)
        return found, np.array([[row[name] for name in names] for row in made], dtype=np.float64)
    array = np.asarray(made, dtype=np.float64)
    if array.ndim not in (1, _MATRIX):
        raise InputError(
            f"{shown(model.name)} gives scores of {array.ndim} dimensions",
            "export scores of shape (rows, classes), or give predictions instead",
        )
    return keys, array.reshape(len(array), -1)


def _classes(model: Model, decision: Codes | None, values: NDArray[np.float64] | None) -> tuple[str, ...]:
    """The classes of the score columns: from the metadata, else from the classifier's own list, else from the labels that the model gives.

    A list of the classifier is believed when it holds every label that the model gave; of several, the one that agrees with most labels.
    """
    if values is None or values.shape[1] == 1:
        return ()
    width = values.shape[1]
    declared = _declared_classes(model, width)
    if declared or decision is None:
        return declared
    given = set(decision.levels)
    best = values.argmax(axis=1)
    lists = [tuple(_label_text(name) for name in names) for names in model.facts.class_labels if len(names) == width]
    lists = [names for names in lists if given <= set(names)]
    if lists:
        return max(lists, key=lambda names: _agreement(names, decision, best))
    numbered = tuple(str(place) for place in range(width))
    return numbered if given <= set(numbered) and _agreement(numbered, decision, best) == len(best) else _followed(decision, best, width)


def _agreement(names: tuple[str, ...], decision: Codes, best: NDArray[np.intp]) -> int:
    place = np.array([names.index(level) for level in decision.levels])
    return int(np.count_nonzero(place[decision.codes] == best))


def _followed(decision: Codes, best: NDArray[np.intp], width: int) -> tuple[str, ...]:
    """The label that goes with each column wherever that column is the largest; nothing unless that is one for every column."""
    names: list[str] = []
    for column in range(width):
        codes = np.unique(decision.codes[best == column])
        if len(codes) != 1:
            return ()
        names.append(decision.levels[int(codes[0])])
    return tuple(names) if len(set(names)) == width else ()


def _declared_classes(model: Model, width: int) -> tuple[str, ...]:
    text = model.facts.metadata.get(CLASSES_KEY)
    if text is None:
        return ()
    names: Any = None
    with suppress(ValueError, RecursionError):
        names = json.loads(text)
    if not isinstance(names, list) or len(names) != width:
        raise InputError(
            f"the model's metadata {CLASSES_KEY} is no JSON list of {width} classes: {shown(text)}",
            'write ["no", "yes"], in the order of the scores',
        )
    return tuple(_label_text(name) for name in names)


def _key(model: Model, table: Table, feeds: tuple[Feed, ...]) -> str:
    """What the answers depend on."""
    libraries = {name: version(name) for name in ("onnxruntime", "numpy", "duckdb")}
    mapping = [[feed.input, feed.dtype, list(feed.columns), feed.rank] for feed in feeds]
    return of_json([_FORMAT, model.sha256, table.format, table.subject().sha256, mapping, libraries])
