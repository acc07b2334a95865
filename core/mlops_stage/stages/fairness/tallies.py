"""The counts of a group that rates are made of, one class against all others, and which of them add up to which."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Counts: TypeAlias = NDArray[np.int64]
"""Shape (G, C): each kind of count of each group."""

ROWS, RIGHT, WRONG = range(3)
"""Kinds of counts that no class has of its own."""
_FIRST = 3
_KINDS = 8
POSITIVE, NEGATIVE, DECIDED, OTHERWISE, HIT, MISSED, FALSE, CORRECT = range(_KINDS)
"""Kinds of each class: labelled so or otherwise; decided so or otherwise; and the four cells, (POSITIVE, DECIDED) being a hit."""
_INSIDE: Mapping[int, tuple[int, int]] = {
    HIT: (POSITIVE, DECIDED),
    MISSED: (POSITIVE, OTHERWISE),
    FALSE: (NEGATIVE, DECIDED),
    CORRECT: (NEGATIVE, OTHERWISE),
}
"""Each cell with the two sums that it is a part of."""
_RATES: Mapping[str, tuple[int, int, int]] = {
    "tpr": (HIT, MISSED, POSITIVE),
    "fnr": (MISSED, HIT, POSITIVE),
    "fpr": (FALSE, CORRECT, NEGATIVE),
    "tnr": (CORRECT, FALSE, NEGATIVE),
    "precision": (HIT, FALSE, DECIDED),
}


@dataclass(frozen=True)
class Tallies:
    """The kinds of counts in a task of K classes: C = 3 + 8 for a binary one, of which class 1 is looked at, else 3 + 8 K."""

    classes: int

    @classmethod
    def of_size(cls, size: int) -> Tallies:
        """The one with C kinds."""
        classes = (size - _FIRST) // _KINDS
        return cls(2 if classes == 1 else classes)

    @property
    def binary(self) -> bool:
        """Whether there are two classes."""
        return self.classes == 2  # noqa: PLR2004  (binary)

    @property
    def looked_at(self) -> Sequence[int]:
        """The classes that rates are reported of."""
        return (1,) if self.binary else range(self.classes)

    @property
    def size(self) -> int:
        """The number of kinds C."""
        return _FIRST + _KINDS * len(self.looked_at)

    def of(self, kind: int, index: int = 1) -> int:
        """The place of a class's kind."""
        return _FIRST + _KINDS * (0 if self.binary else index) + kind

    def of_class(self, kind: int, opposite: int, index: int) -> int:
        """The place of any class's kind; in a binary task that of class 0 is the opposite of class 1's."""
        return self.of(opposite) if self.binary and index == 0 else self.of(kind, index)

    def every(self, *kinds: int) -> list[int]:
        """The places of some kinds of all classes."""
        return [self.of(kind, index) for index in self.looked_at for kind in kinds]

    def rate(self, name: str, index: int = 1) -> tuple[int, int, int]:
        """The places of what a rate counts, of what it does not count, and of both together, its denominator."""
        if name == "accuracy":
            return RIGHT, WRONG, ROWS
        if name == "selection_rate":
            return self.of(DECIDED, index), self.of(OTHERWISE, index), ROWS
        part, rest, whole = (self.of(kind, index) for kind in _RATES[name])
        return part, rest, whole

    def count(self, rows: NDArray[np.int64]) -> Counts:
        """All kinds of groups with these cells, shape (G, K, K): group, label, decision."""
        found = np.zeros((len(rows), self.size), dtype=np.int64)
        found[:, ROWS] = rows.sum(axis=(1, 2))
        found[:, RIGHT] = np.trace(rows, axis1=1, axis2=2)
        found[:, WRONG] = found[:, ROWS] - found[:, RIGHT]
        for index in self.looked_at:
            label, decision, hit = rows[:, index, :].sum(axis=1), rows[:, :, index].sum(axis=1), rows[:, index, index]
            total, first = found[:, ROWS], self.of(0, index)
            kinds = [label, total - label, decision, total - decision, hit, label - hit, decision - hit, total - label - decision + hit]
            found[:, first : first + _KINDS] = np.stack(kinds, axis=1)
        return found

    @cached_property
    def sums(self) -> tuple[tuple[int, tuple[int, ...]], ...]:
        """Every kind that others add up to, with those."""
        return tuple(self._sums())

    def _sums(self) -> Iterator[tuple[int, tuple[int, ...]]]:
        yield ROWS, (RIGHT, WRONG)
        for index in self.looked_at:
            yield ROWS, (self.of(POSITIVE, index), self.of(NEGATIVE, index))
            yield ROWS, (self.of(DECIDED, index), self.of(OTHERWISE, index))
            for total in (POSITIVE, NEGATIVE, DECIDED, OTHERWISE):
                yield self.of(total, index), tuple(self.of(cell, index) for cell, sides in _INSIDE.items() if total in sides)
        if self.binary:
            yield RIGHT, (self.of(HIT), self.of(CORRECT))
            yield WRONG, (self.of(MISSED), self.of(FALSE))
            return
        for total, kind in ((ROWS, POSITIVE), (ROWS, DECIDED), (RIGHT, HIT), (WRONG, MISSED), (WRONG, FALSE)):
            yield total, tuple(self.every(kind))

    def inside(self) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Every kind but the rows themselves, with those that it is a part of."""
        yield RIGHT, (ROWS,)
        yield WRONG, (ROWS,)
        for index in self.looked_at:
            for side in (POSITIVE, NEGATIVE, DECIDED, OTHERWISE):
                yield self.of(side, index), (ROWS,)
            for cell, sides in _INSIDE.items():
                yield self.of(cell, index), (ROWS, *(self.of(side, index) for side in sides))

    def unknown_with(self, hidden: NDArray[np.bool_], counts: Counts, depth: int = 0) -> NDArray[np.bool_]:
        """What cannot be told beside hidden counts of the same group, because it would tell them; shape (G, C), as the arguments.

        Rows of one label that were decided differently: what was decided of that label, and so how many decisions were right. Other labels: those too.
        Other rows: everything. Then what is hidden can be larger or smaller, with all that is told of the group staying as it is.

        Args:
            hidden: the hidden ones.
            counts: of the groups.
            depth: 1 to give up labels wherever anything is hidden, 2 to give up everything.
        """
        unknown = hidden.copy()
        some: NDArray[np.bool_] = np.logical_or.reduce(hidden, axis=1)
        whole = hidden[:, ROWS] | (some if depth > 1 else False)
        sides = [hidden[:, self.of(side, index)] for index in self.looked_at for side in (POSITIVE, NEGATIVE)]
        labels: NDArray[np.bool_] = whole | np.logical_or.reduce(sides) | (some if depth else False)
        decisions = [RIGHT, WRONG, *self.every(DECIDED, OTHERWISE)]
        unknown[:, decisions] |= some[:, None]
        if self.binary and not depth:
            self._beside(unknown, hidden, counts)
        else:
            unknown[:, self.every(HIT, MISSED, FALSE, CORRECT)] |= some[:, None]
        unknown[:, self.every(POSITIVE, NEGATIVE)] |= labels[:, None]
        unknown[whole] = True
        return unknown

    def _beside(self, unknown: NDArray[np.bool_], hidden: NDArray[np.bool_], counts: Counts) -> None:
        """In a binary task as little as need be: one label's decisions, and of the other label, where labels are hidden, the more frequent decision."""
        for side, own, others in ((POSITIVE, (HIT, MISSED), (FALSE, CORRECT)), (NEGATIVE, (FALSE, CORRECT), (HIT, MISSED))):
            mine, theirs = ([self.of(kind) for kind in kinds] for kinds in (own, others))
            few = hidden[:, self.of(side)]
            unknown[:, mine] |= (few | np.logical_or.reduce(hidden[:, mine], axis=1))[:, None]
            larger = counts[:, theirs[1]] >= counts[:, theirs[0]]
            unknown[:, theirs[1]] |= few & larger
            unknown[:, theirs[0]] |= few & ~larger
