"""Files that back the report: what counted as valid, and the rows that changed the model's answer."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.evidence.paths import write_aside
from mlops_stage.evidence.redact import masked_levels
from mlops_stage.report import Evidence
from mlops_stage.stages.adversarial.schema import Category, Number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from mlops_stage.stages.adversarial.reading import Frame, Material
    from mlops_stage.stages.adversarial.results import Results
    from mlops_stage.stages.adversarial.schema import Feature
    from mlops_stage.stages.adversarial.tabular import Cell, Tabular

ROWS = "evidence/private/adversarial-rows.csv"
"""Every changed row beside its original; this folder is shown by no page and uploaded by no adapter."""
SCHEMA = "evidence/valid-rows.json"
"""What counted as valid."""
_DIGITS = 6


def write_schema(out: Path, material: Material, space: Tabular, category_distance: float) -> Evidence:
    """What counted as valid, feature by feature: what an attack could reach, and the size of one unit.

    Levels of fewer than ten rows of the reference are counted, not named.
    """
    plain = {
        "learned_from": material.of_reference,
        "rows": material.reference.rows,
        "category_distance": category_distance,
        "features": [_feature(one, material.reference) for one in space.features],
    }
    return _written(out, SCHEMA, json.dumps(plain, ensure_ascii=False, indent=1) + "\n")


def _feature(feature: Feature, reference: Frame) -> dict[str, Any]:
    kept = {"fixed": feature.fixed} if feature.fixed else {}
    if isinstance(feature, Number):
        if feature.fixed:
            return {"column": feature.column, "kind": "number", **kept}
        way = {"may_only_go": feature.way} if feature.way != "both" else {}
        kind = "whole number" if feature.whole else "number"
        return {"column": feature.column, "kind": kind, "low": feature.low, "high": feature.high, "unit": _short(feature.scale), **way}
    if isinstance(feature, Category):
        codes = reference.texts[feature.column]
        counts = np.bincount(codes.codes[codes.codes >= 0], minlength=len(codes.levels))
        sizes = dict(zip(codes.levels, counts.tolist(), strict=True))
        hidden = masked_levels(sizes)
        named = [level for level in codes.levels if level not in hidden]
        more = {"levels_of_few_rows": len(hidden)} if hidden else {}
        return {"column": feature.column, "kind": "category", "levels": named, **more, **kept}
    none = {"or_none": True} if "" in feature.levels[: feature.known] else {}
    return {"columns": list(feature.columns), "kind": "one of these columns is 1", **none, **kept}


def write_rows(out: Path, material: Material, results: Results, space: Tabular, attacks: Sequence[str]) -> Evidence | None:
    """Every row for which a change was found, the smallest change first: two lines each, the row as it is and as it was changed."""
    found = np.flatnonzero(results.by >= 0)
    if not len(found):
        return None
    columns = [column for feature in space.features for column in feature.columns]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["row", *(["row_id"] if material.names else []), "version", "label", "distance", "attack", *columns])
    for place in found[np.argsort(results.distance[found], kind="stable")]:
        at = results.right[place]
        name = [int(material.ids[at]) + 1, *([material.names[at]] if material.names else [])]
        answer = material.answers.classes[int(material.answers.label[at])]
        other = _class(material, results, int(place))
        far, by = f"{results.distance[place]:.{_DIGITS}g}", attacks[results.by[place]]
        writer.writerow([*name, "original", answer, "", "", *_cells(space.cells(results.originals[place]), columns)])
        writer.writerow([*name, "changed", other, far, by, *_cells(space.cells(results.rows[place]), columns)])
    return _written(out, ROWS, stream.getvalue())


def _class(material: Material, results: Results, place: int) -> str:
    other = int(results.others[place])
    return material.classes[other] if other < len(material.classes) else f"another ({other})"


def _cells(row: dict[str, Cell], columns: Iterable[str]) -> list[Cell]:
    return [row[column] for column in columns]


def _short(number: float) -> float:
    return float(f"{number:.{_DIGITS}g}")


def _written(out: Path, name: str, text: str) -> Evidence:
    content = text.encode()
    write_aside(out / name, content)
    return Evidence(path=name, sha256=hashlib.sha256(content).hexdigest())
