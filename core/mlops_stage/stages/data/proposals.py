"""What a contract should demand of a column, learnt from what is there, each rule with its reason."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from mlops_stage.evidence.redact import MINIMUM_COUNT, shown
from mlops_stage.inputs.tables.observed import pattern_of
from mlops_stage.stages.data import sensitive, widening
from mlops_stage.stages.data.contract.bounds import number

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from mlops_stage.inputs.tables.observed import Observed
    from mlops_stage.stages.data.rules import Scalar

MOST_LISTED = 50
"""Values that a list of allowed ones may have."""
_LONGEST = 100
"""Characters of a value that may stand in a list."""
_FEW_NUMBERS = 10
_RARE = 0.05
_SHAPED = 100
_LAST_YEAR = 9999
_ID = re.compile(r"(^|_)(id|uuid|guid|key|index|code|no|nr|number)$")
_NO_VALUE = {"n/a", "na", "#n/a", "null", "none", "nan", "?", "-", "--", "unknown", "missing", "not available", "undefined"}
_APART = 0.6
_LENGTHS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
_MARKS = {"A": 26, "a": 26, "9": 10}
_ROOM = 1000
"""Of n values drawn from more than so many times n², two are the same with a probability below a thousandth."""

Place = Literal["key", "option", "quality", "none"]


@dataclass(frozen=True, kw_only=True)
class Demand:
    """One line of a contract, or only a remark."""

    place: Place
    """A key of the column, one of its logicalTypeOptions, or an item of its quality; `none` for a remark."""
    why: str
    key: str = ""
    value: Scalar = ""
    rule: Mapping[str, object] = field(default_factory=dict)
    """The item of quality."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What is proposed for one column."""

    name: str
    kind: str
    """The logical type; empty where none fits."""
    physical: str
    """The type that the file itself declares; empty where it declares none."""
    restricted: str
    """Why its values must not be shown; empty where they may be."""
    demands: tuple[Demand, ...]


def propose(column: Observed, *, label: str | None, row_id: str | None, named: Collection[str], form: str = "csv") -> Proposal:
    """What to demand of a column.

    Args:
        column: what is known of it.
        label: the column with the truth.
        row_id: the column that identifies rows.
        named: columns that the user calls sensitive.
        form: of the table's files: `csv`, `jsonl` or `parquet`.
    """
    why = sensitive.reason(column, named)
    demands = [*_presence(column, label, row_id)]
    if column.present >= widening.ENOUGH:
        demands += _uniqueness(column, row_id)
        demands += [] if why else _values(column, label, form, unique=column.unique and _identifies(column))
    elif column.present:
        demands.append(_remark(f"Only {column.present} cells are filled in: too few to learn anything about values."))
    physical = "" if column.stored in {"VARCHAR", '"NULL"'} else column.stored
    return Proposal(name=column.name, kind=_KINDS.get(column.kind, column.kind), physical=physical, restricted=why, demands=tuple(demands))


_KINDS = {"bytes": ""}


def _remark(text: str) -> Demand:
    return Demand(place="none", why=text)


def _presence(column: Observed, label: str | None, row_id: str | None) -> Iterator[Demand]:
    """How many cells may be missing."""
    if not column.present:
        yield _remark("Every cell is missing, so nothing can be learnt here.")
        return
    if not column.missing:
        reason = {
            label: "The label: a row without the truth can neither train nor judge a model.",
            row_id: "It identifies rows, so every row needs one.",
        }.get(column.name, f"None of the {number(column.rows)} rows lacks it.")
        yield Demand(place="key", key="required", value=True, why=reason)
        return
    limit = widening.most(column.missing, column.rows)
    told = _percent(column.missing, column.rows)
    why = f"{_first(told)} of the rows lack it; room is left for chance. Where that grows, ask whoever fills it in."
    yield _cells("nullValues", limit, why)


def _cells(metric: str, limit: float, why: str, **more: object) -> Demand:
    return Demand(place="quality", why=why, rule={"metric": metric, **more, "mustBeLessOrEqualTo": limit, "unit": "percent"})


def _ours(check: str, why: str, unit: str = "", **implementation: object) -> Demand:
    rule: dict[str, object] = {"type": "custom", "engine": "mlops-stage"}
    if unit:
        rule["unit"] = unit
    return Demand(place="quality", why=why, rule={**rule, "implementation": {"check": check, **implementation}})


def _uniqueness(column: Observed, row_id: str | None) -> Iterator[Demand]:
    if column.name == row_id:
        if column.unique:
            yield Demand(place="key", key="primaryKey", value=True, why="No two rows share it.")
        else:
            yield _remark(
                "It was named as identifying rows, but some rows share a value or have none: find out why, then add `primaryKey: true`."
            )
    elif column.unique and _identifies(column):
        yield Demand(place="key", key="unique", value=True, why="Every value stands there once, and not by chance.")


def _identifies(column: Observed) -> bool:
    """Whether a column whose values all differ does so by design, and will in more rows: by its name, or because chance would have repeated some."""
    if column.rows < _SHAPED:
        return False
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.name).lower()
    possible = math.prod(_MARKS.get(mark, 1) for mark in column.shape[column.prefix :])
    return bool(_ID.search(plain)) or (column.kind == "string" and possible > _ROOM * column.rows**2)


def _values(column: Observed, label: str | None, form: str, *, unique: bool) -> Iterator[Demand]:
    """Ranges, lists, lengths: what depends on values."""
    if column.kind == "number":
        yield from _odd_numbers(column)
    if len(column.counts) == 1 or (column.largest and column.largest[0] == column.smallest[0]):
        yield _remark("Every cell holds the same value, so there is nothing to learn, here and for a model.")
        return
    if unique and column.kind == "integer":
        yield _remark("No range: later rows get other numbers.")
        return
    sentinels = list(_sentinels(column))
    yield from sentinels
    listed = list(_listed(column, form, is_label=column.name == label))
    yield from listed
    if not listed and column.kind in {"integer", "number"}:
        yield from _range(column)
    elif column.kind in {"date", "timestamp"}:
        yield from _since(column)
    elif not listed and column.kind == "string":
        yield from _text(column)
    if column.name == label:
        yield from _classes(column)


def _odd_numbers(column: Observed) -> Iterator[Demand]:
    for check, cells, what in (("nan", column.not_a_number, "NaN"), ("infinite", column.infinite, "infinite")):
        if cells:
            limit = widening.most(cells, column.rows)
            why = f"{_first(_percent(cells, column.rows))} of the cells are {what}, which is neither missing nor a number: better leave them empty."
            yield _ours(check, why, "percent", mustBeLessOrEqualTo=limit)
        elif column.stored in {"FLOAT", "DOUBLE"}:  # text holds them only where somebody wrote them
            why = (
                f"No cell is {what}: one of them would turn every mean of the column into {what}."
                if check == "nan"
                else "Nor is one infinite."
            )
            yield _ours(check, why, mustBe=0)


def _sentinels(column: Observed) -> Iterator[Demand]:
    """Values that stand for a missing one."""
    if column.kind == "string":
        marks = {mark: cells for mark, cells in column.counts.items() if mark.strip().lower() in _NO_VALUE and cells >= MINIMUM_COUNT}
        for mark, cells in marks.items():
            why = f"{shown(mark)!r} stands in {_percent(cells, column.rows)} of the rows and seems to mean that nobody knows. An empty cell would say so."
            yield _ours("sentinels", why, "percent", values=[mark], mustBeLessOrEqualTo=widening.most(cells, column.rows))
        if column.empty:
            why = f"{_first(_percent(column.empty, column.rows))} of the cells are blank text, which is not the same as missing."
            yield _ours("empty", why, "percent", mustBeLessOrEqualTo=widening.most(column.empty, column.rows))
        return
    for number_mark in _apart(column):
        cells = column.sentinels[number_mark]
        why = (
            f"{number_mark} stands in {_percent(cells, column.rows)} of the rows, far from all other values: it seems to mean missing, or more than could be "
            "written. Therefore no bound is set on that side."
        )
        yield _ours("sentinels", why, "percent", values=[number_mark], mustBeLessOrEqualTo=widening.most(cells, column.rows))


def _apart(column: Observed) -> list[int]:
    """Sentinel numbers that lie apart from all other values."""
    found = []
    for mark, cells in column.sentinels.items():
        if cells < MINIMUM_COUNT or 0 < len(column.counts) <= _FEW_NUMBERS:
            continue
        ends = column.largest if mark > 0 else column.smallest
        beyond = [float(value) for value in ends if abs(float(value)) > abs(mark) and (float(value) > 0) == (mark > 0)]
        others = [float(value) for value in ends if float(value) != mark]
        gap = not others or abs(others[0]) < _APART * abs(mark) or (others[0] > 0) != (mark > 0)
        if not beyond and gap and (mark < 0 or abs(mark) > _FEW_NUMBERS):
            found.append(mark)
    return found


def _listed(column: Observed, form: str, *, is_label: bool) -> Iterator[Demand]:
    """The list of allowed values, where there are few and hardly any was seen only a few times."""
    if column.kind not in {"string", "integer"} or not column.counts or len(column.counts) > MOST_LISTED:
        return
    often = {value: cells for value, cells in column.counts.items() if cells >= MINIMUM_COUNT}
    rare = column.present - sum(often.values())
    few = len(column.counts) <= _FEW_NUMBERS
    if not often or max(map(len, often)) > _LONGEST or rare > _RARE * column.present or (column.kind == "integer" and (rare or not few)):
        return
    values = [int(value) if column.kind == "integer" else value for value in often]
    allowed = sorted(values, key=lambda value: (isinstance(value, str), value))
    if not rare:
        why = (
            "These are the classes."
            if is_label
            else "Few values, and each of them often: a new one is a misspelling, or news that the model must hear of."
        )
        yield Demand(place="quality", why=why, rule={"metric": "invalidValues", "arguments": {"validValues": allowed}, "mustBe": 0})
        return
    limit = widening.most(rare, column.present)
    why = (
        f"The values seen at least {MINIMUM_COUNT} times; {_percent(rare, column.present)} of the cells hold others, too rare to be listed."
    )
    arguments: dict[str, object] = {"validValues": allowed}
    if form == "jsonl":
        why += " As a pattern, for other tools take a list to allow no exception in JSON files."
        arguments = {"pattern": f"^({'|'.join(_literal(str(value)) for value in allowed)})$"}
    yield _cells("invalidValues", limit, why, arguments=arguments)


def _literal(text: str) -> str:
    """A pattern that only the text itself matches."""
    return re.sub(r"[\\^$.|?*+()\[\]{}]", r"\\\g<0>", text)


def _range(column: Observed) -> Iterator[Demand]:
    largest, smallest = [float(value) for value in column.largest], [float(value) for value in column.smallest]
    if not largest or not all(map(math.isfinite, (*largest, *smallest))):
        return
    marks, span = _apart(column), largest[0] - smallest[0]
    low = None if any(mark < 0 for mark in marks) else widening.lower(largest, smallest)
    odd = column.not_a_number + column.infinite > 0
    high = None if odd or any(mark > 0 for mark in marks) else widening.upper(largest, smallest)
    whole = column.kind == "integer"
    if low is not None:
        why = "Nothing below 0 was seen, and hardly can be." if low == 0 else "Below everything seen, with room for later rows."
        yield Demand(place="option", key="minimum", value=_end(widening.outward(low, span, up=False), whole=whole), why=why)
    elif not any(mark < 0 for mark in marks):
        yield _remark("No minimum: a few values lie far below the others, so any bound would be a guess.")
    if high is not None:
        why = "Above everything seen, with room for later rows. Where you know the true limit, write it."
        yield Demand(place="option", key="maximum", value=_end(widening.outward(high, span, up=True), whole=whole), why=why)
    elif odd:
        yield _remark("No maximum while some cells are NaN or infinite: several tools count those as larger than any number.")
    elif not any(mark > 0 for mark in marks):
        yield _remark("No maximum: a few values lie far above the others, so any bound would be a guess.")


def _end(value: float, *, whole: bool) -> float | int:
    return int(value) if whole else value


def _since(column: Observed) -> Iterator[Demand]:
    """Times have a beginning; later rows come later."""
    year = 0 if "BC" in column.earliest else int(column.earliest.partition("-")[0] or 0) - 1
    if 1 < year < _LAST_YEAR:
        value = f"{year}-01-01" if column.kind == "date" else f"{year}-01-01T00:00:00"
        why = "A year before everything seen: earlier ones are mistakes such as 1900 or 1970. No maximum: later rows come later."
        yield Demand(place="option", key="minimum", value=value, why=why)


def _text(column: Observed) -> Iterator[Demand]:
    """Length, and the shape where all cells share one."""
    if column.shape and column.present >= _SHAPED:
        yield Demand(place="option", key="pattern", value=f"^{pattern_of(column.shape)}$", why="Every cell has this shape.")
    length = next((length for length in _LENGTHS if length >= 2 * column.longest), None)
    if length:
        yield Demand(
            place="option", key="maxLength", value=length, why="Twice as long as anything seen: longer text is probably a shifted column."
        )


def _classes(column: Observed) -> Iterator[Demand]:
    """How often each class must occur."""
    often = {value: cells for value, cells in column.counts.items() if cells >= MINIMUM_COUNT}
    if not often or len(column.counts) > _FEW_NUMBERS or len(often) < 2:  # noqa: PLR2004  (two classes make a classification)
        return
    shown_classes = list(often.items()) if len(column.counts) > 2 else [min(often.items(), key=lambda one: (one[1], one[0]))]  # noqa: PLR2004  (of two, one says all)
    for value, cells in shown_classes:
        low, high = widening.around(cells, column.present)
        typed = int(value) if column.kind == "integer" else value == "true" if column.kind == "boolean" else value
        why = f"{_first(_percent(cells, column.present))} of the rows; where that changes much, a model's threshold and its metrics change with it."
        yield _ours("class_share", why, value=typed, mustBeBetween=[low, high])


def _percent(cells: int, rows: int) -> str:
    """A share in a comment; of few cells only that they are few."""
    if cells < MINIMUM_COUNT:
        return f"fewer than {MINIMUM_COUNT}"
    share = 100 * cells / rows
    return f"{share:.0f} %" if share >= 1 else "less than 1 %"


def _first(text: str) -> str:
    """With a capital letter, to begin a sentence."""
    return text[:1].upper() + text[1:]
