"""The model behind an oracle: opened where it is needed, its classes numbered as its scores are, and a clock that ends what takes too long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.errors import LimitError
from mlops_stage.inputs.model import Model, open_model
from mlops_stage.inputs.tables.values import canonical_text
from mlops_stage.stages.adversarial.oracle import CHUNK_ROWS, Oracle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from mlops_stage.inputs.served import Served
    from mlops_stage.stages.adversarial.oracle import Asked
    from mlops_stage.stages.adversarial.tabular import Tabular


REMOTE_ROWS = 4096
"""Rows in a request to a served model: its answer takes as long as a thousand rows, whatever it is asked."""


class OutOfTimeError(LimitError):
    """The time that the guard allows is over."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """How to open the model, here or in another process."""

    model: Model | Served | None
    """As it was opened; None in another process, which opens it anew."""
    source: str
    root: Path
    env: Mapping[str, str]
    token_env: str | None
    label: str | None
    """Output with labels."""
    scores: str | None
    """Output with scores."""
    classes: tuple[str, ...]
    """Names of the classes, in the order of the scores where that is known."""
    deadline: float
    clock: Callable[[], float]

    def in_overtime(self) -> Target:
        """The same without a deadline, for what little is left to do after it."""
        return replace(self, deadline=inf)

    def elsewhere(self) -> Target:
        """The same for another process."""
        return replace(self, model=None)

    def oracle(self, space: Tabular) -> Oracle:
        """An oracle over a session of its own.

        Raises:
            InputError: the model cannot be opened.
        """
        model = self.model or open_model(self.source, self.root, env=self.env, token_env=self.token_env)
        session = Timed(model.session(), self)
        rows = CHUNK_ROWS if isinstance(model, Model) else REMOTE_ROWS
        return Oracle(session, space.feeds, label=self.label, scores=self.scores, classes=self.classes, rows_per_call=rows)


class Timed:
    """A session that stops at the deadline, and gives labels as places among the classes."""

    def __init__(self, session: Asked, target: Target) -> None:
        self._session = session
        self._target = target
        self._places = {name: place for place, name in enumerate(target.classes)}

    def run(self, inputs: Mapping[str, NDArray[Any]], outputs: list[str]) -> list[Any]:
        """As the session's own.

        Raises:
            OutOfTimeError: the deadline has passed.
        """
        if self._target.clock() > self._target.deadline:
            raise OutOfTimeError("the attacks were stopped, for their time was over", "raise limits wall, or lower effort")
        made = self._session.run(inputs, outputs)
        return [self._numbered(one) if name == self._target.label else one for name, one in zip(outputs, made, strict=True)]

    def _numbered(self, made: Any) -> NDArray[np.int64]:
        values, places = np.asarray(made).reshape(-1).tolist(), self._places
        return np.array([places[value] if value in places else self._place(value) for value in values], dtype=np.int64)

    def _place(self, value: Any) -> int:
        place = self._places.get(value)
        if place is None:  # raw texts are remembered beside their canonical ones; a class that nobody named comes last
            text = str(value)
            named = canonical_text(text) or text
            place = self._places[value] = self._places.setdefault(named, len(self._places))
        return place
