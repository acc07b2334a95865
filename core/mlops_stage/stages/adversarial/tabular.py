"""Rows of a table as an attack sees them: one number per feature, kept valid, and turned back into what the model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.stages.adversarial.schema import UNIT, Category, Number, OneHot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from mlops_stage.inputs.columns import Feed
    from mlops_stage.stages.adversarial.reading import Frame
    from mlops_stage.stages.adversarial.schema import Feature
    from mlops_stage.stages.adversarial.space import Flags, Floats, Rows

Cell = float | int | str | None
_SLACK = 1e-4
"""What rounding to single precision may take from a step of 1."""
_WIDE = frozenset({"float64", "int32", "uint32", "int64", "uint64"})
"""Types of inputs that hold more digits than single precision."""
_EXACT = 2.0**53
"""Whole numbers from here on are rounded when the table is read."""


class Tabular:
    """The space of valid rows of a table; see `space.Space`.

    An empty cell is held as a number below all others of its column: it stays empty, and nothing becomes empty.

    Args:
        features: from `schema.synthesised`.
        feeds: what the model takes.
        frames: all rows that will be encoded, to find room for empty cells.
        category_distance: how far another category is.
    """

    def __init__(
        self, features: Sequence[Feature], feeds: Sequence[Feed], frames: Sequence[Frame], *, category_distance: float = 1.0
    ) -> None:
        self.features = tuple(features)
        self._feeds = tuple(feeds)
        self.width = len(self.features)
        step = min(UNIT, 1 / category_distance) if category_distance else UNIT
        numbers = [isinstance(one, Number) for one in self.features]
        self.continuous: Flags = np.array(numbers, dtype=np.bool_)
        self.free: Flags = np.array([not one.fixed for one in self.features], dtype=np.bool_)
        self.scale: Floats = _floats([one.scale if isinstance(one, Number) else step for one in self.features])
        self.grid: Floats = _floats([0 if isinstance(one, Number) and not one.whole else 1 for one in self.features])
        self.low: Floats = _inwards([one.low if isinstance(one, Number) else 0 for one in self.features], np.inf)
        self.high: Floats = _inwards([one.high if isinstance(one, Number) else one.known - 1 for one in self.features], -np.inf)
        self._up: Flags = np.array([isinstance(one, Number) and one.way == "up" for one in self.features], dtype=np.bool_)
        self._down: Flags = np.array([isinstance(one, Number) and one.way == "down" for one in self.features], dtype=np.bool_)
        self._whole = np.flatnonzero([isinstance(one, Number) and one.whole for one in self.features])
        self._categories = np.flatnonzero(~self.continuous)
        self._absent: Floats = _floats([_stand_in(one, frames) for one in self.features])
        self._place = {column: place for place, one in enumerate(self.features) for column in one.columns}
        self._layouts = {feed.input: self._layout(feed) for feed in self._feeds if feed.dtype != "string"}

    def project(self, rows: Rows, originals: Rows) -> Rows:
        """The nearest valid rows of which no feature is farther from its original; in place. See `space.Space`."""
        low, high = self._bounds(originals)
        np.maximum(rows, low, out=rows)
        np.minimum(rows, high, out=rows)
        for column in self._whole:
            own = originals[..., column]
            steps = rows[..., column] - own
            rows[..., column] = own + np.trunc(steps + np.copysign(np.float32(_SLACK), steps))
        for column in self._categories:
            place = np.rint(rows[..., column])
            own = np.broadcast_to(originals[..., column], place.shape)
            rows[..., column] = np.where(place > self.high[column], own, place)
        return rows

    def satisfied(self, rows: Rows, originals: Rows) -> Flags:
        """Which rows (n, width) are valid beside the rows that they were made from: (n,)."""
        changed: Flags = rows != originals
        above, below = (rows >= self.low) | (rows >= originals), (rows <= self.high) | (rows <= originals)
        known = self.continuous | ((rows >= 0) & (rows <= self.high))
        stepped = (self.grid == 0) | (rows == np.rint(rows))
        turned = (self._up & (rows < originals)) | (self._down & (rows > originals))
        forbidden = ~self.free | self._missing(originals) | self._missing(rows)
        found: Flags = np.all(~changed | (above & below & known & stepped & ~turned & ~forbidden), axis=1)
        return found

    def complete(self, rows: Rows) -> Flags:
        """Which rows (n, width) have no empty cell of a number: (n,)."""
        found: Flags = np.all(~self._missing(rows), axis=1)
        return found

    def snapped(self, rows: Rows) -> Rows:
        """Rows within the ranges and on the grids, for whoever asks without an original: a copy."""
        inside = np.clip(rows, self.low, self.high)
        return np.where(self.grid > 0, np.rint(inside), inside).astype(np.float32)

    def feeds(self, rows: Rows) -> Mapping[str, NDArray[Any]]:
        """What the model is given for rows (n, width): input -> tensor."""
        return {feed.input: self._tensor(feed, rows) for feed in self._feeds}

    def encoded(self, frame: Frame) -> Rows:
        """The rows of a table as (n, width), float32."""
        rows = np.empty((frame.rows, self.width), dtype=np.float32)
        for place, feature in enumerate(self.features):
            if isinstance(feature, Number):
                values = frame.numbers[feature.column]
                rows[:, place] = np.where(np.isnan(values), self._absent[place], values)
            elif isinstance(feature, Category):
                rows[:, place] = _places(feature, frame)
            else:
                flags = [frame.numbers[level] if level else np.full(frame.rows, 0.5) for level in feature.levels]
                rows[:, place] = np.argmax(flags, axis=0)  # one half, of none of them, counts where no column is 1
        return rows

    def rounded(self, frame: Frame) -> Flags:
        """(n,) the rows of a table with a number that single precision changes, and that the model takes in more digits than that."""
        wide = {column for feed in self._feeds if feed.dtype in _WIDE for column in feed.columns}
        found: Flags = np.zeros(frame.rows, dtype=np.bool_)
        for column in wide & frame.numbers.keys():
            values = frame.numbers[column]
            found |= (values.astype(np.float32) != values) & ~np.isnan(values) | (np.abs(values) >= _EXACT)
        return found

    def cells(self, row: Rows) -> dict[str, Cell]:
        """One row (width,) as cells of the table: column -> value; None is an empty cell."""
        found: dict[str, Cell] = {}
        for column, place in self._place.items():
            feature, value = self.features[place], row[place]
            if isinstance(feature, OneHot):
                found[column] = int(feature.levels[int(value)] == column)
            elif isinstance(feature, Category):
                found[column] = feature.levels[int(value)] or None
            elif value == self._absent[place]:
                found[column] = None
            else:
                found[column] = int(value) if feature.whole else float(str(value))  # as short as single precision allows
        return found

    def _bounds(self, originals: Rows) -> tuple[Rows, Rows]:
        """What each feature of each row may reach; a row that lies beyond may stay, and an empty cell must."""
        low = np.where(self._up, originals, np.minimum(self.low, originals))
        high = np.where(self._down, originals, np.maximum(self.high, originals))
        kept = ~self.free | self._missing(originals)
        return np.where(kept, originals, low), np.where(kept, originals, high)

    def _missing(self, rows: Rows) -> Flags:
        found: Flags = rows == self._absent
        return found

    def _tensor(self, feed: Feed, rows: Rows) -> NDArray[Any]:
        if feed.dtype == "string":
            tensor = np.stack([self._texts(column, rows) for column in feed.columns], axis=1)
        else:
            tensor = self._matrix(feed, rows)
        return tensor[:, 0] if feed.rank == 1 else tensor

    def _matrix(self, feed: Feed, rows: Rows) -> NDArray[Any]:
        """Columns of numbers are taken all at once; what stands for more or less than itself is put right column by column."""
        places, groups, gaps = self._layouts[feed.input]
        matrix: NDArray[Any] = rows[:, places]
        for at, level in groups:
            matrix[:, at] = matrix[:, at] == level
        for at, absent in gaps:
            matrix[matrix[:, at] == absent, at] = np.nan
        return matrix.astype(np.dtype(feed.dtype), copy=False)

    def _layout(self, feed: Feed) -> tuple[NDArray[np.intp], list[tuple[int, int]], list[tuple[int, float]]]:
        """Which feature each column of an input comes from; columns of groups with their level there; and columns with empty cells with what stands for one."""
        places = np.array([self._place[column] for column in feed.columns], dtype=np.intp)
        features = [self.features[place] for place in places]
        groups = [(at, one.levels.index(feed.columns[at])) for at, one in enumerate(features) if isinstance(one, OneHot)]
        return places, groups, [(at, float(self._absent[place])) for at, place in enumerate(places) if not np.isnan(self._absent[place])]

    def _texts(self, column: str, rows: Rows) -> NDArray[Any]:
        place = self._place[column]
        feature = self.features[place]
        levels = np.array(feature.levels if isinstance(feature, Category) else (), dtype=object)
        found: NDArray[Any] = levels[rows[:, place].astype(np.int64)]
        return found


def _places(feature: Category, frame: Frame) -> NDArray[np.int64]:
    """The place of each cell's level; a level that the feature does not have is the first (pools are rows of the reference, which have none)."""
    codes = frame.texts[feature.column]
    place = {level: at for at, level in enumerate(feature.levels)}
    lookup = np.array([place.get(level, 0) for level in (*codes.levels, "")], dtype=np.int64)
    return lookup[codes.codes]


def _stand_in(feature: Feature, frames: Sequence[Frame]) -> float:
    """The number that stands for an empty cell of a column, below all others; NaN, which equals nothing, where no cell is empty."""
    if not isinstance(feature, Number):
        return np.nan
    values = [frame.numbers[feature.column] for frame in frames]
    if not any(np.isnan(one).any() for one in values):
        return np.nan
    least = min([feature.low, *(float(np.nanmin(one)) for one in values if not np.isnan(one).all())])
    return least - feature.scale - abs(least) / 1000


def _floats(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=np.float32)


def _inwards(values: Sequence[float], towards: float) -> Floats:
    """As single precision, rounded in one direction, so that a bound stays a bound."""
    found = _floats(values)
    beyond = found.astype(np.float64) < values if towards > 0 else found.astype(np.float64) > values
    found[beyond] = np.nextafter(found[beyond], np.float32(towards))
    return found
