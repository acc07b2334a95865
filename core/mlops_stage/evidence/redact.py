"""What must not be shown: small counts, and text that would break a line or a page."""

from __future__ import annotations

import hashlib
import math
import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from mlops_stage.estimates import NotEstimable, Point, Sampled

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from mlops_stage.estimates import Estimate

_CREDENTIALS = re.compile(r"(\w://)\S+@")  # up to the last @: a password may hold slashes and further @
_TAIL = re.compile(r"(\w://[^\s?#;]*[?#;])\S+")

_LEAST_WIDTH = 4
"""A hidden count may be one of five numbers, by bounds sum after sum; in 366 small tables it then was one of three at least for a reader who solves all sums at once."""
MINIMUM_COUNT = 10
"""Counts below this name people more than groups; the threshold most statistical offices use."""


def masked_levels(counts: Mapping[str, int], minimum: int = MINIMUM_COUNT) -> frozenset[str]:
    """The levels whose counts must be hidden where the total of all counts is known.

    Primary: every count from 1 to `minimum - 1`; a zero names nobody. Complementary: what is hidden can be found by subtraction as a sum, so the
    next smallest levels are hidden too until at least two are and their sum reaches `minimum`. Ties go by name.
    """
    occupied = sorted((level for level, count in counts.items() if count > 0), key=lambda level: (counts[level], level))
    hidden = [level for level in occupied if counts[level] < minimum]
    if not hidden:
        return frozenset()
    for level in occupied[len(hidden) :]:
        if len(hidden) > 1 and sum(counts[name] for name in hidden) >= minimum:
            break
        hidden.append(level)
    return frozenset(hidden)


HIDDEN = NotEstimable(None, f"masked, for fewer than {MINIMUM_COUNT} rows could be told from it")
"""A figure that is masked."""


def masked(figures: Mapping[str, Estimate], kept: Collection[str] = ()) -> dict[str, Estimate]:
    """The figures of one slice or class with small counts in it: all are hidden but those in `kept`, and those of no rows at all."""
    return {
        name: figure if name in kept or (isinstance(figure, NotEstimable) and figure.n == 0) else HIDDEN for name, figure in figures.items()
    }


def masked_cells(counts: Sequence[Sequence[int]]) -> frozenset[tuple[int, int]]:
    """The cells (row, column) of a table that must be hidden where the sums of its rows and columns are known.

    Primary: every count from 1 to 9. Complementary: where a single cell of a row or column is hidden, the next smallest there is too,
    until none can be found by subtraction.
    """
    hidden = {(i, j) for i, row in enumerate(counts) for j, count in enumerate(row) if 0 < count < MINIMUM_COUNT}
    if not hidden:
        return frozenset()
    rows, columns = range(len(counts)), range(len(counts[0]))
    lines = [*([(i, j) for j in columns] for i in rows), *([(i, j) for i in rows] for j in columns)]
    alone = [line for line in lines if len(hidden.intersection(line)) == 1 < len(line)]
    while alone:
        others = (cell for cell in alone[0] if cell not in hidden)
        hidden.add(min(others, key=lambda cell: (counts[cell[0]][cell[1]] == 0, counts[cell[0]][cell[1]], cell)))
        alone = [line for line in lines if len(hidden.intersection(line)) == 1 < len(line)]
    return frozenset(hidden)


Cell: TypeAlias = frozenset[tuple[str, str]]
"""Rows that have a value on each of some axes: `{("sex", "female"), ("race", "Black")}`; the empty one is all rows."""


class Withheld(NamedTuple):
    """What must not be told exactly, of a set of counts that are published together."""

    hidden: frozenset[Cell]
    """Small counts: nothing is told of them."""
    blurred: frozenset[Cell]
    """Counts from which a hidden one could be worked out: what is told of them is rounded."""


def withheld(counts: Mapping[Cell, int]) -> Withheld:
    """What to withhold of counts by one axis, by several, and in all, that are published together.

    Hidden is every count from 1 to 9; a zero names nobody. Blurred, and told as the ten numbers among which they are, are others, the smallest first:
    until in every sum that a reader could do (the counts along one axis make their total) either nothing is unknown or two things are, and until all
    bounds that follow from one sum after another leave at least five numbers that a hidden count may be. All rows together are always told.

    Args:
        counts: of cells, and of the totals that are published: the cell without one of its axes.
    """
    hidden = frozenset(cell for cell, count in counts.items() if 0 < count < MINIMUM_COUNT)
    sums = _sums(counts)
    through: dict[Cell, list[int]] = defaultdict(list)
    for place, members in enumerate(sums):
        for cell in members:
            through[cell].append(place)
    unknown: set[Cell] = set()
    added = set(hidden)
    while added:
        _paired(unknown, added, counts, sums, through)
        ranges = _deduced(
            {cell: count_range(counts[cell], hidden=cell in hidden, blurred=cell in unknown) for cell in counts}, sums, through
        )
        exposed = sorted((cell for cell in hidden if ranges[cell][1] - ranges[cell][0] < _LEAST_WIDTH), key=sorted)
        added = {found for cell in exposed if (found := _another(cell, unknown, counts, sums, through)) is not None}
    return Withheld(hidden, frozenset(unknown - hidden))


def count_range(count: int, *, hidden: bool, blurred: bool) -> tuple[int, int]:
    """The numbers between which a count lies, as far as it is told."""
    if hidden:
        return 1, MINIMUM_COUNT - 1
    return (count // 10 * 10, count // 10 * 10 + 9) if blurred else (count, count)


def _paired(
    unknown: set[Cell],
    added: set[Cell],
    counts: Mapping[Cell, int],
    sums: Sequence[tuple[Cell, ...]],
    through: Mapping[Cell, Sequence[int]],
) -> None:
    """Make cells unknown, and others with them, until no sum has a single unknown one."""
    unknown |= added
    waiting = [place for cell in sorted(added, key=sorted) for place in through[cell]]
    while waiting:
        members = sums[waiting.pop()]
        if len(unknown.intersection(members)) == 1:
            chosen = _smallest(members, unknown, counts)
            if chosen is not None:
                unknown.add(chosen)
                waiting += through[chosen]


def _another(
    cell: Cell, unknown: set[Cell], counts: Mapping[Cell, int], sums: Sequence[tuple[Cell, ...]], through: Mapping[Cell, Sequence[int]]
) -> Cell | None:
    """One more cell to make unknown, in a sum with the cell, else in one with a cell that it shares a sum with."""
    near = [other for place in through[cell] for other in sums[place]]
    found = _smallest(near, unknown, counts)
    return (
        found
        if found is not None
        else _smallest([last for one in near if one in unknown for place in through[one] for last in sums[place]], unknown, counts)
    )


def _smallest(cells: Iterable[Cell], unknown: set[Cell], counts: Mapping[Cell, int]) -> Cell | None:
    return min(
        (cell for cell in cells if cell and cell not in unknown and counts[cell] > 0),
        key=lambda cell: (counts[cell], sorted(cell)),
        default=None,
    )


def _deduced(
    ranges: dict[Cell, tuple[int, int]], sums: Sequence[tuple[Cell, ...]], through: Mapping[Cell, Sequence[int]]
) -> dict[Cell, tuple[int, int]]:
    """What follows from all sums about each count, by tightening its bounds until nothing changes."""
    waiting = {place for cell, (low, high) in ranges.items() if low < high for place in through[cell]}
    while waiting:
        total, *parts = sums[waiting.pop()]
        low, high = (sum(ranges[part][end] for part in parts) for end in (0, 1))
        least, most = ranges[total]
        found = {total: (max(least, low), min(most, high))}
        for part in parts:
            own_low, own_high = ranges[part]
            found[part] = (max(own_low, least - (high - own_high)), min(own_high, most - (low - own_low)))
        for cell, told in found.items():
            if told != ranges[cell]:
                ranges[cell] = told
                waiting.update(through[cell])
    return ranges


def _sums(counts: Mapping[Cell, int]) -> list[tuple[Cell, ...]]:
    """Every total that is among the counts, together with the cells that make it up."""
    found: dict[tuple[Cell, str], list[Cell]] = defaultdict(list)
    for cell in sorted(counts, key=sorted):
        for pair in cell:
            found[cell - {pair}, pair[0]].append(cell)
    return [(total, *members) for (total, _), members in found.items() if total in counts]


def blurred(estimate: Estimate) -> Estimate:
    """The estimate as told where its exact denominator would tell a hidden count.

    The denominator is rounded down to tens; value and bounds, the bounds outwards, to a step of 1, 2 or 5 times a power of ten that is at least 0.4
    divided by the denominator: then several denominators fit what is told.
    """
    if isinstance(estimate, NotEstimable):
        return HIDDEN
    if isinstance(estimate, Point):
        return HIDDEN if estimate.n is None else Point(_nearest(estimate.value, _step(estimate.n)), _tens(estimate.n))
    step = _step(estimate.n)

    def limit(score: float) -> float:
        steps = round(estimate.limit(score) / step, 6)
        return _short((math.floor(steps) if score < 0 else math.ceil(steps) if score > 0 else round(steps)) * step)

    if not math.isfinite(estimate.limit(_FAR)):
        return HIDDEN
    return Sampled.from_limits(_nearest(estimate.value, step), _tens(estimate.n), limit)


_FAR = 4.0
"""A normal score beyond all that are kept of an estimate."""


def _step(n: float) -> float:
    smallest = 0.4 / max(n, 1.0)
    power = 10.0 ** math.floor(math.log10(smallest))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= smallest * (1 - 1e-12))


def _nearest(value: float, step: float) -> float:
    return _short(round(value / step) * step)


def _short(value: float) -> float:
    """Without the last digits, which come of computing."""
    return float(f"{value:.12g}")


def _tens(n: float) -> float:
    return max(float(MINIMUM_COUNT), n // 10 * 10)


def shown(value: object, limit: int = 80) -> str:
    """Text of unknown origin for one line of a message: no control characters, and shortened in the middle."""
    raw = str(value)
    if len(raw) > 4 * limit:
        raw = raw[: 2 * limit] + raw[-2 * limit :]
    text = "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in raw)
    half = (limit - 1) // 2
    return text if len(text) <= limit else f"{text[:half]}…{text[-half:]}"


def without_credentials(text: str) -> str:
    """The text with user, password, query, parameters and fragment of every address in it masked: `https://***@host/path?***`."""
    return _TAIL.sub(r"\1***", _CREDENTIALS.sub(r"\1***@", text))


def shape_of(value: str, limit: int = 40) -> str:
    """What a value looks like, without what it says: a letter is `a`, `A` or `x`, a digit `9`; other marks stay."""
    marks = [
        "9"
        if mark.isdigit()
        else mark
        if mark.isascii() and not mark.isalpha()
        else "a"
        if "a" <= mark <= "z"
        else "A"
        if "A" <= mark <= "Z"
        else "x"
        for mark in value[: limit + 1]
    ]
    return "".join(marks[:limit]).translate(_UNPRINTABLE) + ("…" if len(marks) > limit else "")


_UNPRINTABLE = dict.fromkeys((*range(32), 127), "�")


def digest_of(value: str, salt: str) -> str:
    """Twelve digits of a salted digest: equal values have the same one.

    Whoever has the salt can try values until one fits: it keeps a value from being read, not from being guessed where few values are possible.
    """
    return hashlib.sha256(f"{salt}|{value}".encode("utf-8", "backslashreplace")).hexdigest()[:12]


def redacted(value: str | None, *, sensitive: bool = False) -> str:
    """A value of a cell for evidence: its shape, and no digest, for a published salt makes short values a matter of trying; `(missing)` for none.

    Of a sensitive column marks of a kind in a row are one, so that `yes` and `no` look the same.
    """
    if value is None:
        return "(missing)"
    return re.sub(r"([aAx9])\1+", r"\1", shape_of(value, len(value)))[:40] if sensitive else shape_of(value)


_SQL_LITERALS = re.compile(
    r"""(?P<kept>"(?:[^"]|"")*")|(?P<text>[eE]'(?:\\.|''|[^'\\])*'|'(?:[^']|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|--[^\n]*|/\*.*?\*/)"""
    r"|(?P<number>(?<![\w.])\.?\d[\w.]*)",
    re.DOTALL,
)


def without_literals(sql: str) -> str:
    """A part of an SQL statement with `'***'` for every text and comment and `***` for every number in it."""
    return _SQL_LITERALS.sub(lambda found: found[0] if found["kept"] else "***" if found["number"] else "'***'", sql)


_PERSONAL = (
    re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"),
    re.compile(r"[A-Z]{2}\d{2}[ ]?([A-Z0-9]{4}[ ]?){2,7}[A-Z0-9]{1,4}"),
    re.compile(r"\+?[\d ()/.-]{7,20}"),
    re.compile(r"\d{1,3}(\.\d{1,3}){3}"),
    re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_+/=-]{16,}"),
)
_PERSONAL_NAMES = re.compile(
    r"(^|_)(e?mail|phone|tel|mobile|iban|ssn|social_security|passport|tax_?id|credit_?card|card_number|account|address|street|zip|postcode|postal_code|"
    r"first_?name|last_?name|full_?name|surname|name|dob|birth_?date|date_of_birth|ip|ip_address|password|passwd|secret|token|api_?key|credential|user_?name)($|_)"
)


def personal(name: str, values: Iterable[str] = ()) -> bool:
    """Whether a column looks as if its values named people or opened doors: by its name, or because a value is like an address, account, number or key."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_").replace(" ", "_")
    return bool(_PERSONAL_NAMES.search(plain)) or any(pattern.fullmatch(value.strip()) for value in values for pattern in _PERSONAL)
