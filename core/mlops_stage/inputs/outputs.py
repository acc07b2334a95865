"""What the outputs of a model mean: which are labels and which scores, and whose classes the scores are."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.columns import NUMBERS, WHOLE_NUMBERS
from mlops_stage.inputs.tables.values import Codes, canonical_text
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mlops_stage.inputs.model import Model
    from mlops_stage.inputs.onnx.facts import Port
    from mlops_stage.inputs.served import Served

CLASSES_KEY = "mlops_stage.classes"
"""Key of the model's metadata that lists, as JSON, the classes in the order of its score columns."""
_LABEL_TYPES = ("string", "bool", *WHOLE_NUMBERS)
_MATRIX = 2


class Labels:
    """A growing column of labels."""

    def __init__(self) -> None:
        self._codes: list[NDArray[np.int64]] = []
        self._place: dict[str, int] = {}

    def add(self, block: Any, model: Model | Served) -> None:
        """Append the labels of one chunk: shape (rows,) or (rows, 1)."""
        array = np.asarray(block)
        if array.size != len(array):
            raise InputError(
                f"{shown(model.name)} gives {counted(array.size // max(len(array), 1), 'label')} per row",
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


def outputs_of(model: Model | Served) -> tuple[Port | None, Port | None]:
    """The output with labels and the one with numbers; where several could be meant, the one that is called so, else the first."""
    outputs = model.outputs
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


def block(made: Any, keys: tuple[str, ...], model: Model | Served) -> tuple[tuple[str, ...], NDArray[np.float64]]:
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


def classes_of(model: Model | Served, decision: Codes | None, values: NDArray[np.float64] | None) -> tuple[str, ...]:
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
    lists = [tuple(_label_text(name) for name in names) for names in model.class_labels if len(names) == width]
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


def _declared_classes(model: Model | Served, width: int) -> tuple[str, ...]:
    text = model.metadata.get(CLASSES_KEY)
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
