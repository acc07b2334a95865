"""What gates say to a reader who is no developer."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from mlops_stage.estimates import Difference, NotEstimable, Point
from mlops_stage.gate.case import ALPHA
from mlops_stage.gate.grammar import spell_number
from mlops_stage.report import COUNT_UNITS, Level, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.estimates import Bounded, Op
    from mlops_stage.gate.case import Case, Ruling
    from mlops_stage.report import Finding, Gate, NoFinding, Slice

_NAMES = {
    "brier_score_loss": "Brier score",
    "cisa_2025": "share of components with the field that CISA asks for",
    "cohen_kappa": "Cohen's kappa",
    "cramers_v": "Cramér's V",
    "element": "share that tell the element",
    "f1": "F1 score",
    "fnr": "false negative rate",
    "fpr": "false positive rate",
    "js": "Jensen-Shannon distance",
    "ks": "Kolmogorov-Smirnov distance from the profile",
    "linf": "largest change of a category's share since the profile",
    "matthews_corrcoef": "Matthews correlation",
    "missing_shift": "change of the share of missing cells since the profile",
    "odd_shift": "change of the share of cells that are no numbers since the profile",
    "new_category_share": "share of cells with a value that the profile does not know",
    "ntia": "share of components with the field that NTIA asks for",
    "psi": "population stability index",
    "r2": "R²",
    "roc_auc": "ROC AUC",
    "tnr": "true negative rate",
    "tpr": "true positive rate",
    "calibration": "share of positives at the same score (calibration)",
    "equal_opportunity": "true positive rate (equal opportunity)",
    "demographic_parity": "selection rate (demographic parity)",
    "equalized_odds": "true or false positive rate (equalized odds)",
}
"""Metrics whose name is not simply their key with spaces."""

_ROWS = {
    "average_precision": "positive row{s}",
    "balanced_accuracy": "row{s} of the smallest class",
    "cohen_kappa": "row{s} of the smallest class",
    "calibration": "row{s} of the same score",
    "equal_opportunity": "positive row{s}",
    "equalized_odds": "row{s} of the rarer label",
    "f1": "row{s} labelled or predicted positive",
    "f1_macro": "row{s} of the smallest class",
    "fnr": "positive row{s}",
    "fpr": "negative row{s}",
    "latency_ratio": "round{s}",
    "matthews_corrcoef": "row{s} of the smallest class",
    "precision": "row{s} predicted positive",
    "precision_macro": "row{s} predicted as the rarest class",
    "recall": "positive row{s}",
    "recall_macro": "row{s} of the smallest class",
    "roc_auc": "row{s} of the smaller class",
    "roc_auc_ovr": "row{s} of the smallest class",
    "tnr": "negative row{s}",
    "tpr": "positive row{s}",
}
"""Metrics whose denominator is a kind of rows."""

BY = "by"
"""The column that figures between all groups of something are reported under: `tpr_difference[by=sex]`."""
_KINDS = {"difference": "largest difference in", "ratio": "smallest ratio of"}

_LIMIT = {">=": "at least", ">": "more than", "<=": "at most", "<": "less than"}
_OPPOSITE = {">=": "at most", ">": "less than", "<=": "at least", "<": "more than"}
_NO_SHIFT = {">=": "not lower", ">": "higher", "<=": "not higher", "<": "lower"}
_MOST_DECIMALS = 9


class Named(Protocol):
    """What has the name and the slice of a metric."""

    @property
    def name(self) -> str: ...  # noqa: D102  (as in Metric)
    @property
    def slice(self) -> Slice: ...  # noqa: D102


def sentence(case: Case, ruling: Ruling) -> str:
    """Value, interval and rows, what is required, and what that leaves open."""
    if case.criterion.claim and isinstance(case.estimate, Point):
        return f"{_claimed(case, case.estimate, ruling)}."
    named, estimate, required = subject(case.metric), case.estimate, f"required: {_required(case)}"
    if isinstance(estimate, NotEstimable):
        return sentence_case(f"{named} cannot be estimated: {one_line(estimate.reason)}; {required}.")
    digits = _digits(case, estimate, ruling)
    if _is_count(case) or case.metric.exact:
        ground = "counted"
    elif isinstance(estimate, Point):
        ground = "a single figure, so no interval is possible" + (f", {_counted(case, estimate.n)}" if estimate.n else "")
    else:
        ground = f"{_interval(case, estimate, digits)}, {_counted(case, estimate.n)}"
    told = f"{named} {_is(case, estimate.value, digits)}{_between(case)} ({ground}); {required}."
    return sentence_case(told + _rest(case, estimate, ruling, digits))


def brief(case: Case, ruling: Ruling) -> str:
    """The same for a summary, without the numbers in brackets."""
    named, estimate = subject(case.metric), case.estimate
    if case.criterion.claim and isinstance(estimate, Point):
        return _claimed(case, estimate, ruling)
    if isinstance(estimate, NotEstimable):
        return f"{named} cannot be estimated: {one_line(estimate.reason)}"
    if ruling.verdict is not Verdict.INCONCLUSIVE:
        value = _is(case, estimate.value, _digits(case, estimate, ruling))
        return f"{named} {value}{_between(case)}, required: {_required(case)}"
    if ruling.ground == "part":
        return f"{named} is known in part only: {one_line(case.metric.incomplete)}"
    required = _required(case) + (" than the baseline's" if case.criterion.baseline else "")
    if ruling.needed is None:
        return f"{named} sits so close to what is required, {required}, that no number of rows would tell"
    return f"not enough {_rows(case)} to tell whether {named} is {required}"


def summary(judged: Sequence[tuple[Gate, str]]) -> str:
    """One plain sentence over all gates."""
    if not judged:
        return "No gate was declared, so there is no verdict."
    by = {verdict: [told for gate, told in judged if gate.verdict is verdict] for verdict in Verdict}
    passed, failed, open_ = by[Verdict.PASSED], by[Verdict.FAILED], by[Verdict.INCONCLUSIVE]
    if len(judged) == 1:
        verdict = "passed" if passed else "failed" if failed else "is inconclusive"
        return f"The gate {verdict}: {(passed + failed + open_)[0]}."
    if len(passed) == len(judged):
        return "Both gates passed." if len(judged) == 2 else f"All {len(judged)} gates passed."  # noqa: PLR2004  (two are both)
    counts = [f"{len(part)} {word}" for part, word in ((failed, "failed"), (passed, "passed")) if part]
    if open_:
        counts.append(f"{len(open_)} {'is' if len(open_) == 1 else 'are'} inconclusive")
    first, *others = counts
    count, rest = first.split(" ", 1)
    worst = failed or open_
    more = f" (and {len(worst) - 1} more)" if len(worst) > 1 else ""
    return f"{', '.join([f'{count} of {len(judged)} gates {rest}', *others])}: {worst[0]}{more}."


def findings(criterion: NoFinding, found: Sequence[Finding]) -> str:
    """How many there are, and the first."""
    above = "" if criterion.level is Level.ERROR else " or above"
    of = f"of level {criterion.level}{above}" + (f" by {criterion.rule}" if criterion.rule else "")
    if not found:
        return f"no finding {of}"
    if criterion.source == "validity":
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        return f"a grave error was found: {one_line(found[0].message).rstrip('.')}{more}"
    count = "1 finding" if len(found) == 1 else f"{len(found)} findings"
    return f"{count} {of}: {one_line(found[0].message).rstrip('.')}" + (" (and more)" if len(found) > 1 else "")


def sentence_case(text: str) -> str:
    """With a capital first letter."""
    return text[:1].upper() + text[1:]


def one_line(text: str) -> str:
    """Text from outside, without line breaks and control characters."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())


def _claimed(case: Case, estimate: Point, ruling: Ruling) -> str:
    """The criterion's own words, whether they are true, and the figure that tells; a claim may begin with a column's name, which stays as it is."""
    claim, name = one_line(case.criterion.claim), subject(replace(case.metric, slice=()))
    true = {Verdict.PASSED: "", Verdict.FAILED: "Not true that ", Verdict.INCONCLUSIVE: "It cannot be told whether "}[ruling.verdict]
    return f"{true}{claim} ({name}: {_number(estimate.value, _digits(case, estimate, ruling))}{_unit(case, estimate.value)}; required: {_required(case)})"


def subject(metric: Named) -> str:
    """A metric in plain words: `largest difference in true positive rate between groups of sex`."""
    stem, kind = _gap(metric)
    name = _NAMES.get(stem) or one_line(stem.replace("_", " "))
    if kind:
        columns = next(value for column, value in metric.slice if column == BY)
        name = f"{_KINDS[kind]} {name} between groups of {one_line(columns)}"
    where = ", ".join(f"{one_line(column)} = {one_line(value)}" for column, value in metric.slice if not (kind and column == BY))
    return f"{name} ({where})" if where else name


def _between(case: Case) -> str:
    """`, lowest for 'female' and highest for 'male'`: which groups are that far apart; and in what, where the metric looks at several things."""
    between = case.metric.between
    if between is None or case.criterion.baseline:
        return ""
    stem, _ = _gap(case.metric)
    name, figure = (_NAMES.get(one) or one_line(one.replace("_", " ")) for one in (stem, between.figure))
    told = not between.label or any(value == between.label for column, value in case.metric.slice if column != BY)
    what = ("" if name.startswith(figure) else f"{figure} ") + ("" if told else f"of class {one_line(between.label)!r} ")
    low, high = (one_line(", ".join(value for _, value in end)) for end in (between.low, between.high))
    return f", {what}lowest for {low!r} and highest for {high!r}"


def _gap(metric: Named) -> tuple[str, str]:
    """`tpr_difference[by=sex]` compares the groups of sex: the figure, and how they are compared; else the metric's own name, and nothing."""
    stem, _, kind = metric.name.rpartition("_")
    return (stem, kind) if stem and kind in _KINDS and any(column == BY for column, _ in metric.slice) else (metric.name, "")


def _is(case: Case, value: float, digits: int) -> str:
    """`is 0.861`, or `is 0.004 lower (worse) than the baseline's`."""
    if not case.criterion.baseline:
        return f"is {_number(value, digits)}{_unit(case, value)}"
    if value == 0:
        return "is the same as the baseline's"
    better = {"higher": value > 0, "lower": value < 0}.get(case.metric.direction)
    worth = "" if better is None else " (better)" if better else " (worse)"
    return f"is {_shift(value, digits, _unit(case))}{worth} than the baseline's"


def _required(case: Case) -> str:
    number = float(case.criterion.number)
    shown = abs(number) if case.criterion.baseline else number
    exact = f"{shown:,.0f}" if number.is_integer() else spell_number(shown)
    if len(exact) > len("-0.12345") and not number.is_integer():
        exact = f"{shown:.4g}"  # a third has no end
    return _limit(case, case.criterion.op, number, exact)


def _limit(case: Case, op: Op, number: float, text: str) -> str:
    """`at least 0.8`, or against a baseline `at most 0.01 lower`."""
    if not case.criterion.baseline:
        return f"{_LIMIT[op]} {text}{_unit(case, number)}"
    if number == 0:
        return _NO_SHIFT[op]
    return f"{(_LIMIT if number > 0 else _OPPOSITE)[op]} {text}{_unit(case)} {'higher' if number > 0 else 'lower'}"


def _interval(case: Case, estimate: Bounded, digits: int) -> str:
    low, high = estimate.bound(0.025), estimate.bound(0.975)
    shown = _shift if case.criterion.baseline else _number
    return f"95 % interval {shown(low, digits)} " + (f"to {shown(high, digits)}" if high < math.inf else "and above")


def _counted(case: Case, n: float) -> str:
    """`12,345 rows`, and how they were compared."""
    effective = "" if float(n).is_integer() else "effective "  # weighted rows count less than whole ones
    unpaired = case.criterion.baseline and isinstance(case.estimate, Difference)
    return f"{n:,.0f} {effective}{_rows(case, n)}" + (", not compared row by row" if unpaired else "")


def _rows(case: Case, n: float = 2) -> str:
    stem, kind = _gap(case.metric)
    return _ROWS.get(stem, "row{s}").format(s="" if n == 1 else "s") + (" of the smallest group" if kind else "")


def _unit(case: Case, number: float = 2) -> str:
    """The unit of a number: of one row `row`."""
    unit = case.metric.unit_for(number)
    return f" {one_line(unit)}" if unit else ""


def _rest(case: Case, estimate: Bounded | Point, ruling: Ruling, digits: int) -> str:
    """What interval and requirement alone would leave open."""
    if ruling.ground == "part":
        rows = f" To decide takes at least {ruling.needed:,} {_rows(case)}." if ruling.needed else ""
        return f" It is known in part only: {one_line(case.metric.incomplete)}.{rows}"
    if ruling.verdict is Verdict.INCONCLUSIVE:
        if ruling.needed is None:
            return " No number of rows would tell: the value sits on what is required."
        return f" Not enough {_rows(case)} to tell: {estimate.n or 0:,.0f} of {ruling.needed:,} needed."
    if isinstance(estimate, Point) or ruling.bound is None:
        return "" if isinstance(estimate, Point) else " Judged by the value alone."
    if not estimate.bound(0.025) <= case.criterion.number <= estimate.bound(0.975):
        return ""
    rising = case.criterion.op in {">=", ">"}
    passed = ruling.verdict is Verdict.PASSED
    percent = 100 * (1 - (ALPHA if passed else case.alpha))
    bound = abs(ruling.bound) if case.criterion.baseline else ruling.bound
    told = _limit(case, ">=" if rising == passed else "<=", ruling.bound, _number(bound, digits))
    return f" With {percent:.4g} % confidence it is {told}."


def _is_count(case: Case) -> bool:
    """Whether the figure is a whole number of things that were all counted."""
    estimate = case.estimate
    return isinstance(estimate, Point) and case.metric.unit in COUNT_UNITS and float(estimate.value).is_integer()


def _digits(case: Case, estimate: Bounded | Point, ruling: Ruling) -> int:
    """Decimals that show the interval to two digits, the value to three, and no two different numbers as the same."""
    bounds = () if isinstance(estimate, Point) else (estimate.bound(0.025), estimate.bound(0.975))
    if _is_count(case):
        return 0
    size = max(abs(estimate.value), abs(case.criterion.number), 1e-12)
    digits = 3 - max(0, math.floor(math.log10(size)))
    if not bounds and estimate.value:
        digits = max(digits, 1 - math.floor(math.log10(abs(estimate.value))))
    elif bounds and 0 < bounds[1] - bounds[0] < math.inf:
        digits = max(digits, 1 - math.floor(math.log10(bounds[1] - bounds[0])))
    digits = min(max(digits, 0), _MOST_DECIMALS)
    apart = [number for number in (estimate.value, ruling.bound) if number is not None and number != case.criterion.number]
    while digits < _MOST_DECIMALS and any(round(number, digits) == round(case.criterion.number, digits) for number in apart):
        digits += 1
    return digits


def _number(number: float, digits: int) -> str:
    text = f"{number:,.{digits}f}"
    return text if text.strip("-0.,") else text.lstrip("-")


def _shift(number: float, digits: int, unit: str = "") -> str:
    return f"{_number(abs(number), digits)}{unit} {'lower' if number < 0 else 'higher'}"
