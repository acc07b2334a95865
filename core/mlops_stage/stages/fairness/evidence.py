"""The counts that every figure follows from: whole ones as private evidence, and what may be told of them beside the report."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.evidence.paths import write_aside
from mlops_stage.report import Evidence, metric_label
from mlops_stage.stages.fairness.tallies import DECIDED, NEGATIVE, OTHERWISE, POSITIVE, ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlops_stage.inputs.predictions import Predictions
    from mlops_stage.stages.fairness.hiding import Counted, Secrets
    from mlops_stage.stages.fairness.telling import Telling

PRIVATE = "evidence/private/counts.json"
"""All counts; this folder is shown by no page and uploaded by no adapter."""
PUBLISHED = "evidence/counts.json"
"""The counts as they may be told."""
RATES = "evidence/rates.csv"
"""The rates of all groups, where there are more than the report tells one by one."""


def write_rates(out: Path, tellings: Sequence[Telling]) -> Evidence:
    """Write the rates of all groups, as they may be told, as a table for a spreadsheet: bounds of their 95 % intervals are rounded outwards to 6 decimals."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("groups_of", "group", "class", "metric", "n", "value", "low", "high"))
    for one in tellings:
        names = [_cell(metric_label("", one.grouping.slice(group))[1:-1]) for group in range(one.grouping.size)]
        for rate in one.rates:
            writer.writerows(
                (_cell(one.grouping.name), names[group], _cell(rate.label), rate.name, *numbers) for group, numbers in one.table(rate)
            )
    return _kept(out, RATES, text.getvalue().encode("utf-8", "backslashreplace"))


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def write_counts(out: Path, predictions: Predictions, counted: Sequence[Counted], secrets: Secrets) -> tuple[Evidence, ...]:
    """Write both files into the stage's folder; from the private one anybody can compute every figure again, without the data.

    Private: for each grouping its columns, and for each group its values and `rows[label][decision]`; with weights also `mass`, their sums, and
    `squares`, the sums of their squares. Published: for each group the rows, by label and by decision; a count that is small is `[1, 9]`, one that
    would tell a small count `[1490, 1499]`: the numbers between which it lies.

    The report publishes the digest of either file. Counts alone are few enough to be guessed by it, so the private file also holds a salt.
    """
    return (
        _written(
            out, PRIVATE, {"salt": _salt(predictions, counted), "classes": secrets.classes, "groupings": [_whole(one) for one in counted]}
        ),
        _written(out, PUBLISHED, {"classes": secrets.classes, "groupings": [_published(one, secrets) for one in counted]}),
    )


def _salt(predictions: Predictions, counted: Sequence[Counted]) -> str:
    """A digest of all rows in their order: the same for the same input, and as hard to guess as the input is.

    Chance would make every run another file. Whoever guesses rows until this digest fits can as well guess them by the digest of the input itself,
    which the report names among its subjects.
    """
    found = hashlib.sha256(b"mlops-stage fairness counts 1\0")
    columns = [predictions.label, predictions.prediction, *(one.grouping.codes for one in counted if len(one.grouping.columns) == 1)]
    for column in (*columns, predictions.score, predictions.weight, predictions.row_id):
        plain = np.empty(0) if column is None else np.ascontiguousarray(column)
        found.update(f"{plain.dtype.str} {plain.shape}\0".encode())
        found.update(plain.tobytes())
    return found.hexdigest()


def _whole(one: Counted) -> dict[str, Any]:
    cells, weighted = one.cells, one.cells.mass is not one.cells.rows
    groups = []
    for group, values in enumerate(one.grouping.levels):
        told: dict[str, Any] = {"values": values, "rows": cells.rows[group].tolist()}
        if weighted:
            told |= {"mass": cells.mass[group].tolist(), "squares": cells.squares[group].tolist()}
        groups.append(told)
    return {"columns": one.grouping.columns, "groups": groups}


def _published(one: Counted, secrets: Secrets) -> dict[str, Any]:
    groups, told_of = [], secrets.of(one.grouping)
    names = {"labels": (POSITIVE, NEGATIVE), "decisions": (DECIDED, OTHERWISE)}
    for group, values in enumerate(one.grouping.levels):
        told: dict[str, Any] = {"values": values, "rows": told_of.of(group, ROWS)}
        for name, kinds in names.items():
            told[name] = {of: told_of.of(group, secrets.tallies.of_class(*kinds, index)) for index, of in enumerate(secrets.classes)}
        groups.append(told)
    return {"columns": one.grouping.columns, "groups": groups}


def _written(out: Path, name: str, plain: dict[str, Any]) -> Evidence:
    """One group per line: it reads well, and the encoder in C is several times faster than indentation."""
    lines = [f" {_line(key)}: {_line(value)}" for key, value in plain.items() if key != "groupings"]
    by_grouping = ",\n".join(
        f'  {{"columns": {_line(one["columns"])}, "groups": [\n' + ",\n".join(f"   {_line(group)}" for group in one["groups"]) + "\n  ]}"
        for one in plain["groupings"]
    )
    return _kept(out, name, ("{\n" + ",\n".join([' "version": 1', *lines, f' "groupings": [\n{by_grouping}\n ]']) + "\n}\n").encode())


def _line(plain: Any) -> str:
    return json.dumps(plain, ensure_ascii=False)


def _kept(out: Path, name: str, content: bytes) -> Evidence:
    write_aside(out / name, content)
    return Evidence(path=name, sha256=hashlib.sha256(content).hexdigest())
