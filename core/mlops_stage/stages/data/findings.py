"""What a reader should know, each at the contract's own line: broken rules with rows and hints, drift, records that cannot be read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_stage.estimates import NotEstimable
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables.delimited import headless
from mlops_stage.inputs.tables.rejects import remedy
from mlops_stage.report import Finding, Level
from mlops_stage.stages.data import drift
from mlops_stage.stages.data import rules as r
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_stage.inputs.tables.rejects import Reading
    from mlops_stage.report import Criterion
    from mlops_stage.stages.data.drift import Effect
    from mlops_stage.stages.data.outcomes import Checked, Outcome

_LEVELS: Mapping[str, Level] = {"error": Level.ERROR, "warning": Level.WARNING, "info": Level.NOTE}
_RULES: Mapping[type, str] = {
    r.Present: "data/column-absent",
    r.NoOthers: "data/undeclared-column",
    r.Typed: "data/wrong-type",
    r.Nulls: "data/missing-cells",
    r.NotNumber: "data/not-a-number",
    r.Infinite: "data/infinite",
    r.Empty: "data/empty-text",
    r.Sentinels: "data/sentinel",
    r.Range: "data/out-of-range",
    r.MultipleOf: "data/no-multiple",
    r.OneOf: "data/outside-set",
    r.Pattern: "data/pattern",
    r.Length: "data/length",
    r.DistinctItems: "data/repeated-items",
    r.Duplicates: "data/duplicate-key",
    r.RowCount: "data/row-count",
    r.Fresh: "data/not-fresh",
    r.ClassShare: "data/class-share",
    r.Sql: "data/query",
    r.Drift: "data/drift",
    r.NewCategories: "data/new-category",
    r.SharedRows: "data/shared-rows",
    r.SharedKeys: "data/shared-keys",
}
_NAMED = 5
_UNREADABLE = "data/unreadable-record"


def of_rules(outcomes: Iterable[Outcome], reading: Reading) -> list[Finding]:
    """A finding for every rule that is broken, and for every one that could not be evaluated."""
    return [finding for outcome in outcomes if (finding := _of_rule(outcome, reading)) is not None]


def _of_rule(outcome: Outcome, reading: Reading) -> Finding | None:
    rule = outcome.rule
    if outcome.figure is None and not isinstance(rule.check, r.Drift):
        message = f"{rule.sentence}: cannot be told, for {outcome.reason}"
        return Finding(
            rule="data/not-evaluated",
            level=min(_LEVELS[rule.severity], Level.WARNING, key=lambda one: one.gravity),
            message=message,
            location=rule.where,
            hint=_remedy(outcome) if isinstance(rule.check, r.Sql) else "",
        )
    if not outcome.broken:
        return _of_future(outcome)
    message = f"{rule.sentence}: {_measured(outcome)}{_where(outcome, reading)}"
    hint = "; ".join(f"{count:,} {'look' if count > 1 else 'looks'} like {told}" for told, count in outcome.looks)
    return Finding(rule=_RULES[type(rule.check)], level=_LEVELS[rule.severity], message=message, location=rule.where, hint=hint)


def _remedy(outcome: Outcome) -> str:
    """What to do about a query that gave nothing."""
    if "did not end" in outcome.reason:
        return "join the table with itself on equal keys only, or group it first"
    return "use try_cast, nullif and the like where a cell may be odd"


def _of_future(outcome: Outcome) -> Finding | None:
    """A note that some cells lie in the future, where the others are fresh enough."""
    if not outcome.later:
        return None
    message = f"{outcome.rule.sentence}: it is, but {_future(outcome)}"
    hint = "check the clocks and time zones of the systems that write them; a time without a zone is taken as UTC"
    return Finding(rule="data/not-fresh", level=Level.WARNING, message=message, location=outcome.rule.where, hint=hint)


def _future(outcome: Outcome) -> str:
    one = outcome.later == 1
    return f"{outcome.later:,} of {counted(outcome.of, 'cell')} {'lies' if one else 'lie'} in the future, and {'is' if one else 'are'} left out"


def _measured(outcome: Outcome) -> str:
    """What was found, in the words of the check."""
    check, figure = outcome.rule.check, outcome.figure or 0
    match check:
        case r.Present():
            told = "the table has no such column"
        case r.NoOthers():
            told = f"it has {shown(outcome.culprit, 120)} too"
        case r.RowCount():
            told = f"it has {counted(int(figure), 'row')}"
        case r.Fresh():
            told = f"the latest is {_span(figure)} old{f'; {_future(outcome)}' if outcome.later else ''}"
        case r.ClassShare():
            told = f"it is {figure:.4g}, of {counted(outcome.of, 'cell')}"
        case r.Sql():
            told = f"the query gives {figure:,.12g}"
        case r.Duplicates():
            told = f"{figure:,.0f} of {counted(outcome.of, 'row')} {'repeat' if figure != 1 else 'repeats'} the key of an earlier one"
        case _:
            share = f" ({figure / outcome.of:.2%})" if outcome.of else ""
            told = f"{figure:,.0f} of {counted(outcome.of, 'row')}{share} {'break' if figure != 1 else 'breaks'} it"
    return told


def _span(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if abs(seconds) >= size:
            return f"{seconds / size:,.1f} {unit}"
    return counted(round(seconds), "second")


def _where(outcome: Outcome, reading: Reading) -> str:
    """`; the first: data.csv, data rows 3, 17`, with the earlier row of a key; a file's first data row is 1, whatever stands above it."""
    places: dict[str, list[str]] = {}
    for example in outcome.examples[:_NAMED]:
        file, record = reading.place(example.row)
        like = f" (as data row {_row(reading, example.like, file)})" if example.like is not None else ""
        places.setdefault(file, []).append(f"{record}{like}")
    told = [f"{shown(file)}, data row{'s' if len(rows) > 1 else ''} {', '.join(rows)}" for file, rows in places.items()]
    return f"; the first: {'; '.join(told)}" if told else ""


def _row(reading: Reading, row: int, file: str) -> str:
    other, record = reading.place(row)
    return str(record) if other == file else f"{record} of {shown(other)}"


def of_reading(reading: Reading) -> list[Finding]:
    """Records that cannot be read, by what is wrong with them; and records that were lost."""
    found = []
    commonest = Counter(reading.reasons).most_common()
    for reason, count in commonest[:_NAMED]:
        places = [(one.file, one.line) for one in reading.rejects if one.reason == reason]
        files = list(dict.fromkeys(file for file, _ in places))
        lines = ", ".join(str(line) for file, line in places[:_NAMED] if file == files[0])
        where = f"of {shown(files[0])}" if len(files) == 1 else "of several files"
        message = f"{counted(count, 'record')} {where} cannot be read: {reason}" + (
            f" (line{'s' if ',' in lines else ''} {lines})" if lines else ""
        )
        location = f"{places[0][0]}:{places[0][1]}" if places else ""
        found.append(Finding(rule=_UNREADABLE, level=Level.ERROR, message=message, location=location, hint=remedy(reason)))
    rest = sum(count for _, count in commonest[_NAMED:])
    if rest:
        reasons = counted(len(commonest) - _NAMED, "other reason")
        message = f"{counted(rest, 'further record')} cannot be read, for {reasons}; see evidence/rejects.json"
        found.append(Finding(rule=_UNREADABLE, level=Level.ERROR, message=message, hint="check the step that wrote the files"))
    if reading.lost:
        message = (
            f"{counted(reading.records, 'record')} were counted, and {counted(reading.rows, 'row')} and {counted(reading.rejected, 'reject')} were read: "
            f"{reading.lost:,} are lost"
        )
        hint = "report this file's form as a bug, and convert it meanwhile"
        found.append(Finding(rule="data/lost-records", level=Level.ERROR, message=message, hint=hint))
    return found


def of_header(reading: Reading) -> list[Finding]:
    """A CSV file without the names of its columns: its first row was taken for them."""
    file, names = reading.parts[0].file, list(reading.table.columns)
    if ".csv" not in file.lower() or not headless(names):
        return []
    message = f"the first line of {shown(file)} looks like data, and was taken for the names of the columns"
    hint = "begin the file with the names of the columns"
    return [Finding(rule="data/no-header", level=Level.WARNING, message=message, location=f"{file}:1", hint=hint)]


def of_columns(checked: Checked, *, declared: bool) -> list[Finding]:
    """Columns in which every cell is missing; a contract says itself what may be missing."""
    empty = [name for name, nulls in checked.nulls.items() if nulls == checked.rows]
    level = Level.NOTE if declared else Level.ERROR
    return [
        Finding(
            rule="data/empty-column",
            level=level,
            message=f"every cell of the column {shown(name)!r} is missing",
            hint="drop the column, or mend the step that fills it",
        )
        for name in empty
    ]


@dataclass(frozen=True)
class Limit:
    """What a distance from the profile may be."""

    effect: Effect
    criterion: Criterion
    """Its source is where it was declared."""
    level: Level


def of_drift(broken: Iterable[Limit]) -> list[Finding]:
    """Columns that drifted beyond doubt."""
    found = []
    for limit in broken:
        effect = limit.effect
        message = f"{shown(effect.column)} {_DRIFTED.get(effect.name, 'has drifted from the profile')}{_distance(limit)}"
        rule = "data/new-category" if effect.name == drift.NEW else "data/drift"
        hint = "find out what changed upstream; if the change is right, train anew and write the profile anew"
        found.append(Finding(rule=rule, level=limit.level, message=message, location=limit.criterion.source, hint=hint))
    return found


_DRIFTED = {
    drift.NEW: "holds values that the profile does not know",
    drift.MISSING: "is missing more or less often than in the profile",
    drift.ODD: "holds no number more or less often than in the profile",
}
_DISTANCES = {"ks": "Kolmogorov-Smirnov distance", "linf": "largest change of a share", "psi": "population stability index"}


def _distance(limit: Limit) -> str:
    """Where the change is largest, how large it is, and how large it may be."""
    effect, most = limit.effect, limit.criterion.number
    told = f": {effect.culprit}" if effect.culprit else ""
    if isinstance(effect.estimate, NotEstimable):
        return told
    name = _DISTANCES.get(effect.name, "change" if effect.name in {drift.MISSING, drift.ODD} else "share")
    return f"{told} ({name} {effect.estimate.value:.3g}, at most {most:g} allowed)"


def of_contract(contract: r.Contract) -> list[Finding]:
    """What the contract declares and nobody checks."""
    levels = {"note": Level.NOTE, "warning": Level.WARNING}
    return [Finding(rule="data/not-checked", level=levels[one.level], message=one.what, location=one.where) for one in contract.unchecked]
