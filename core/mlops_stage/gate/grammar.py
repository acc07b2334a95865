"""Gates as text: `metric[column=value] op number`, or `metric op baseline ± number`, and nothing more."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, NoReturn, cast, get_args

from mlops_stage.errors import UsageError
from mlops_stage.report import Criterion, Level, NoFinding, Op, metric_label

if TYPE_CHECKING:
    from collections.abc import Iterable

_FORM = "write it as `accuracy >= 0.8`, `recall[sex=female] >= 0.7` or `roc_auc >= baseline - 0.01`"
_MARKS = "<>=!~≤≥≠"
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAME = re.compile(rf'[^\s\[\],"\\{_MARKS}]+')
_PART = re.compile(r'[^,=\[\]"\\]+')  # an unquoted column or value; it may hold spaces and `<`
_OPERATOR = re.compile(f"[{_MARKS}]+")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?(?![\w.,]|\s*%)", re.ASCII | re.IGNORECASE)
_BASELINE = re.compile(r"baseline\b(?:\s*([+-])\s*(?=[\d.]))?")
_MEANT = {"≥": ">=", "=>": ">=", "≤": "<=", "=<": "<="}


def parse(text: str, source: str = "gates") -> Criterion:
    """The criterion that the text spells.

    Args:
        text: `metric[column=value,"odd, column"="odd value"] op number`, or `baseline`, `baseline + number`,
            `baseline - number` in place of the number; op is one of `>=`, `>`, `<=`, `<`; quoted parts are JSON strings.
        source: where the gate was declared.

    Raises:
        UsageError: anything else; the message quotes the gate and says what is wrong.
    """
    return _Reader(text).criterion(source)


def parse_all(texts: Iterable[str], source: str = "gates") -> tuple[Criterion, ...]:
    """The criteria of a list of gates; one that stands there twice counts once."""
    return tuple(dict.fromkeys(parse(text, source) for text in texts))


def spell(criterion: Criterion | NoFinding) -> str:
    """The canonical text of a criterion; `parse` reads it back (the few words for findings are for people only)."""
    if isinstance(criterion, NoFinding):
        above = "" if criterion.level is Level.ERROR else " or above"
        return f"no finding of level {criterion.level}{above}" + (f" by {criterion.rule}" if criterion.rule else "")
    name = criterion.metric if _NAME.fullmatch(criterion.metric) else json.dumps(criterion.metric, ensure_ascii=False)
    right = spell_number(criterion.number)
    if criterion.baseline:
        sign = "-" if criterion.number < 0 else "+"
        right = f"baseline {sign} {spell_number(abs(criterion.number))}" if criterion.number else "baseline"
    return f"{metric_label(name, criterion.slice)} {criterion.op} {right}"


def spell_number(number: float) -> str:
    """The shortest text that reads back as the same number."""
    number = float(number)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)  # noqa: PLR2004  (whole floats are exact up to there)


class _Reader:
    """One gate, read from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self.at = 0

    def criterion(self, source: str) -> Criterion:
        if not self.text:
            self.wrong("is empty")
        metric = self.name()
        where = self.slice() if self.take("[") else ()
        op = self.operator()
        baseline, number = self.right_side(op)
        return Criterion(metric=metric, op=op, number=number, slice=where, baseline=baseline, source=source)

    def wrong(self, what: str, hint: str = _FORM) -> NoReturn:
        shown = repr(self.text if len(self.text) <= 120 else self.text[:117] + "...")  # noqa: PLR2004  (one line of a terminal)
        raise UsageError(f"gate {shown} {what}", hint)

    def rest(self) -> str:
        return self.text[self.at :].strip()

    def take(self, mark: str) -> bool:
        """Step over the mark if it comes next."""
        start = len(self.text) - len(self.text[self.at :].lstrip())
        found = self.text.startswith(mark, start)
        if found:
            self.at = start + len(mark)
        return found

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What comes next, leading space aside, if it has that form."""
        start = len(self.text) - len(self.text[self.at :].lstrip())
        found = pattern.match(self.text, start)
        if found:
            self.at = found.end()
        return found

    def string(self) -> str | None:
        found = self.match(_STRING)
        if found is None:
            if self.rest().startswith('"'):
                self.wrong("has a quotation mark without its partner")
            return None
        try:
            return cast("str", json.loads(found[0]))
        except ValueError:
            self.wrong(f"has a quoted part that is no JSON string: {found[0]!r}", 'inside quotation marks write \\" and \\\\')

    def name(self) -> str:
        quoted = self.string()
        if quoted:
            return quoted
        found = self.match(_NAME)
        if found is None:
            self.wrong("does not begin with the name of a metric")
        if _NUMBER.fullmatch(found[0]):
            self.wrong("begins with a number", "the metric stands on the left: `accuracy >= 0.8`")
        return found[0]

    def slice(self) -> tuple[tuple[str, str], ...]:
        pairs: dict[str, str] = {}
        while True:
            column = self.part("column")
            if not self.take("="):
                self.wrong(f"has no `=` after the column {column!r} in its brackets" if self.rest() else "has a bracket that is not closed")
            if column in pairs:
                self.wrong(f"names the column {column!r} twice")
            pairs[column] = self.part("value")
            if self.take("]"):
                return tuple(pairs.items())
            if not self.take(","):
                self.wrong(
                    "has a bracket that is not closed", "close it: `recall[sex=female] >= 0.7`; quote values that hold any of , = [ ]"
                )

    def part(self, what: str) -> str:
        quoted = self.string()
        if quoted is not None:
            return quoted
        found = self.match(_PART)
        if found is None:
            self.wrong(f"has no {what} in its brackets" if self.rest() else "has a bracket that is not closed")
        return found[0].strip()

    def operator(self) -> Op:
        found = self.match(_OPERATOR)
        if found is None:
            rest = self.rest()
            self.wrong(f"has {rest[:40]!r} where one of >=, >, <=, < is expected" if rest else "has no operator and no number")
        if found[0] not in get_args(Op):
            meant = _MEANT.get(found[0])
            hint = f"write `{meant}`" if meant else "the operators are >=, >, <= and <"
            self.wrong(f"has the unknown operator {found[0]!r}", hint)
        return cast("Op", found[0])

    def right_side(self, op: Op) -> tuple[bool, float]:
        baseline = self.match(_BASELINE)
        number = 0.0
        if baseline is None or baseline[1]:
            found = self.match(_NUMBER)
            if found is None:
                self.bad_number(op)
            number = float(found[0]) * (-1 if baseline and baseline[1] == "-" else 1)
            if not math.isfinite(number):
                self.wrong(f"has a number that is too large: {found[0]}")
        if self.rest():
            hint = "one criterion per gate, without arithmetic: " + (
                "`baseline - 0.01`" if baseline else "write two gates for two criteria"
            )
            self.wrong(f"says more than a gate can: {self.rest()[:40]!r}", hint)
        return baseline is not None, number + 0.0  # no negative zero

    def bad_number(self, op: Op) -> NoReturn:
        rest = self.rest()
        if not rest:
            self.wrong(f"has nothing after {op}")
        percent = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", rest, re.ASCII)
        comma = re.fullmatch(r"\d+,\d+", rest, re.ASCII)
        hint = f"write {rest} as {float(percent[1]) / 100:g}" if percent else _FORM
        self.wrong(f"has {rest[:40]!r} where a number or baseline is expected", f"write {rest.replace(',', '.')}" if comma else hint)
