"""Operators of the standard as bounds, and bounds in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.errors import nearest
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.data.contract.standard import OPERATORS
from mlops_stage.stages.data.rules import Bound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.stages.data.contract.reading import Place
    from mlops_stage.stages.data.rules import Op, Scalar, Unit

NONE = Bound(op="==", low=0)
"""Not one."""
_OPS: Mapping[str, Op] = dict(
    zip(OPERATORS, ("==", "!=", ">", ">=", "<", "<=", "between", "not between"), strict=True)  # in the order of the standard
)
_WORDS: Mapping[Op, str] = {"==": "exactly", "!=": "anything but", ">": "more than", ">=": "at least", "<": "less than", "<=": "at most"}
_WHOLE_PERCENT = 100


def bound_of(rule: Mapping[str, Any], place: Place, unit: Unit, default: Bound | None = None) -> Bound | None:
    """The bound that a rule's operator sets; None where there is none to be had, which then is a problem or the default.

    Args:
        rule: the mapping that holds the operator: the rule, or the `implementation` of one of ours.
        place: where that mapping stands.
        unit: what the figure is counted in.
        default: the bound of a rule without an operator.
    """
    given = [operator for operator in OPERATORS if operator in rule]
    if not given:
        if default is None:
            place.problem("the rule has no operator: it demands nothing", f"add one of {', '.join(OPERATORS)}")
        return default
    if len(given) > 1:
        hint = "keep one; a range is mustBeBetween: [low, high], both ends included"
        place.below(given[1]).problem(f"the rule has {len(given)} operators ({', '.join(given)})", hint)
        return None
    operator = given[0]
    here = place.below(operator)
    ends = _ends(rule[operator], operator, here)
    if ends is None or not all(_is_possible(end, unit, here) for end in ends):
        return None
    return Bound(op=_OPS[operator], low=ends[0], high=ends[1] if len(ends) > 1 else None, unit=unit)


def _ends(value: Any, operator: str, here: Place) -> tuple[float, ...] | None:
    two = operator.endswith("Between")
    ends = value if two and isinstance(value, list) else [value]
    if len(ends) != 1 + two or not all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends):
        wanted = "two numbers, [low, high]" if two else "a number"
        here.problem(f"{operator}: {shown(value)!r} is not {wanted}", f"write {wanted}")
        return None
    if two and ends[0] >= ends[1]:
        here.problem(f"{operator}: {shown(ends)} is empty", "write the smaller number first")
        return None
    return tuple(ends)


def _is_possible(end: float, unit: Unit, here: Place) -> bool:
    """Whether a figure in this unit can have anything to do with that number."""
    if unit != "value" and end < 0:
        here.problem(f"{number(end)} {unit}: a count is never negative", "write 0 or more")
    elif unit == "rows" and end != int(end):
        here.problem(f"{number(end)} rows: rows are counted whole", "for a share of the rows write `unit: percent`, from 0 to 100")
    elif unit == "percent" and end > _WHOLE_PERCENT:
        here.problem(f"{number(end)} percent is more than all rows", "write a number from 0 to 100")
    elif unit == "share" and end > 1:
        here.problem(f"a share of {number(end)} is more than all rows", "write a number from 0 to 1, or add `unit: percent`")
    else:
        return True
    return False


def unit_of(given: Any, place: Place, allowed: tuple[Unit, ...]) -> Unit:
    """The unit that a rule names; the first allowed one where it names none."""
    if given is None:
        return allowed[0]
    found = next((unit for unit in allowed if unit == given), None)
    if found is None:
        place.below("unit").problem(f"unit {shown(given)!r} has no meaning for this rule", nearest(str(given), allowed))
    return found or allowed[0]


def number(value: float) -> str:
    """A number for a sentence: `1,000`, `0.25`."""
    return f"{int(value):,}" if value == int(value) else f"{value:,.10g}"


def plain(value: Scalar, limit: int = 30) -> str:
    """A declared value for a sentence."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "empty text" if value == "" else shown(value, limit)


def amount(bound: Bound, one: str, many: str) -> tuple[str, bool]:
    """How many of something: (`at most 5 cells`, plural)."""
    if bound.unit == "rows" and (bound.op, bound.low) in {("==", 0), ("<=", 0), ("<", 1)}:
        return f"no {one}", False
    if bound.unit != "rows":
        if bound.op in {"==", "<="} and bound.low == 0:
            return f"no {one}", False
        return f"{figure(bound)} of the {many}", True
    words = figure(bound).replace("less than", "fewer than")
    return (f"{words} {one}", False) if bound.op in {"==", "<=", ">="} and bound.low == 1 else (f"{words} {many}", True)


def figure(bound: Bound) -> str:
    """What a figure must be: `at most 1 %`, `between 1,000 and 2,000`."""
    times, mark = (100, " %") if bound.unit == "share" else (1, " %" if bound.unit == "percent" else "")
    low = number(round(bound.low * times, 10))
    if bound.high is not None:
        return f"{'not ' if bound.op == 'not between' else ''}between {low} and {number(round(bound.high * times, 10))}{mark}"
    return f"{_WORDS[bound.op]} {low}{mark}"
