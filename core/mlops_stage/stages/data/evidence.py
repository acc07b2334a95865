"""What backs the report: every rule with its figure and SQL, rejects, and the first failing rows with redacted values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlops_stage.estimates import to_json
from mlops_stage.evidence.digest import sha256
from mlops_stage.evidence.paths import write_aside
from mlops_stage.evidence.redact import redacted
from mlops_stage.report import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mlops_stage.inputs.tables.rejects import Reading
    from mlops_stage.stages.data import rules as r
    from mlops_stage.stages.data.drift import Effect
    from mlops_stage.stages.data.outcomes import Checked, Example, Outcome

RULES, QUERIES, ROWS, REJECTS = "evidence/rules.json", "evidence/queries.sql", "evidence/failing-rows.json", "evidence/rejects.json"
REVEALED = "evidence/private/failing-rows.json"
"""With values; this folder is shown by no page and uploaded by no adapter."""


def write(out: Path, reading: Reading, checked: Checked, drifts: Iterable[Effect], contract: r.Contract | None) -> tuple[Evidence, ...]:
    """Write all files into the stage's folder; the same bytes for the same data, on any machine and with any number of threads."""
    scan, outcomes = reading.table.scan, checked.outcomes
    plain = [_rule(outcome, scan) for outcome in outcomes]
    found = [
        _json(
            out,
            RULES,
            {
                "data": {
                    "name": reading.subject.name,
                    "sha256": reading.subject.sha256,
                    "records": reading.records,
                    "rows": reading.rows,
                    "rejects": reading.rejected,
                },
                "contract": {"name": contract.source, "sha256": contract.sha256, "id": contract.id, "version": contract.version}
                if contract
                else None,
                "rules": plain,
                "drift": [{"column": one.column, "metric": one.name, "estimate": to_json(one.estimate)} for one in drifts],
            },
        ),
        _text(out, QUERIES, "".join(f"{sql.replace(scan, 'data')};\n" for sql in checked.sql)),
    ]
    if reading.rejected:
        told = [{"file": one.file, "line": one.line, "record": one.record, "reason": one.reason} for one in reading.rejects]
        found.append(_json(out, REJECTS, {"rejects": reading.rejected, "first": told}))
    failing = [(outcome, example) for outcome in outcomes for example in outcome.examples]
    if failing:
        rows = [_row(reading, outcome, example, checked, revealed=False) for outcome, example in failing]
        found.append(_json(out, ROWS, {"values": "shape", "rows": rows}))
    return tuple(found)


def reveal(out: Path, reading: Reading, checked: Checked) -> tuple[Evidence, ...]:
    """Write the first failing rows with their values, for whoever may see them."""
    rows = [_row(reading, outcome, example, checked, revealed=True) for outcome in checked.outcomes for example in outcome.examples]
    return (_json(out, REVEALED, {"rows": rows}),) if rows else ()


def _rule(outcome: Outcome, scan: str) -> dict[str, Any]:
    rule, bound = outcome.rule, outcome.rule.bound
    told = None if bound is None else {"op": bound.op, "low": bound.low, "high": bound.high, "unit": bound.unit}
    return {
        "id": rule.id,
        "where": rule.where,
        "sentence": rule.sentence,
        "severity": rule.severity,
        "columns": rule.columns,
        "figure": outcome.figure,
        "of": outcome.of,
        "bound": told,
        "reason": outcome.reason,
        "sql": outcome.sql.replace(scan, "data"),
    }


def _row(reading: Reading, outcome: Outcome, example: Example, checked: Checked, *, revealed: bool) -> dict[str, Any]:
    file, record = reading.place(example.row)

    def value(cell: str | None, columns: Iterable[str]) -> str | None:
        return cell if revealed else redacted(cell, sensitive=not checked.hidden.isdisjoint(columns))

    key = [value(cell, [name]) for name, cell in zip(checked.key, example.key, strict=False)]
    told: dict[str, Any] = {"rule": outcome.rule.id, "file": file, "row": record, "key": key}
    if example.like is not None:
        other, earlier = reading.place(example.like)
        told["same_key_as"] = {"file": other, "row": earlier}
    return {**told, "columns": outcome.rule.columns, "value": value(example.value, outcome.rule.columns)}


def _json(out: Path, name: str, plain: Any) -> Evidence:
    return _text(out, name, json.dumps(plain, ensure_ascii=False, indent=1, default=list) + "\n")


def _text(out: Path, name: str, text: str) -> Evidence:
    write_aside(out / name, text)
    return Evidence(path=name, sha256=sha256(out / name))
