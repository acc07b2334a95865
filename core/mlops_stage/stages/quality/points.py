"""Figures that somebody else computed: `metrics.json`, flat, as DVC or as MLflow writes it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import InputError
from mlops_stage.estimates import Point
from mlops_stage.evidence.digest import sha256
from mlops_stage.evidence.paths import existing, relative
from mlops_stage.evidence.redact import shown
from mlops_stage.gate.ranges import outside
from mlops_stage.report import Finding, Level, Metric, Subject
from mlops_stage.stages.quality.metrics import DIRECTIONS, apart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mlops_stage.estimates import Estimate

_MOST_BYTES = 16 * 2**20
_MOST_FIGURES = 10_000
_DEEPEST = 16
_NAMED = 5
_LEAF = ({"value"}, {"value", "n"})
NO_INTERVAL = Finding(
    rule="quality/points",
    level=Level.NOTE,
    message="these figures were computed elsewhere: without the rows behind them there is no interval, and gates judge the bare values",
    hint="give predictions instead (columns y_true, y_pred, y_score): then every figure has an interval, slices and a paired comparison",
)


@dataclass(frozen=True)
class Points:
    """Figures by name, and what stands beside them in the file but is none."""

    figures: Mapping[str, Point]
    skipped: tuple[str, ...] = ()
    """Names of texts, and of files of DVC without figures."""

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What was skipped, if anything."""
        if not self.skipped:
            return ()
        listed = ", ".join(shown(name, 40) for name in self.skipped[:_NAMED]) + (", …" if len(self.skipped) > _NAMED else "")
        message = f"passed over, for they hold no number: {listed}"
        return (
            Finding(rule="quality/points", level=Level.NOTE, message=message, hint="write a figure as a number, without quotation marks"),
        )


def read_points(path: Path, what: str) -> Points:
    """The figures in a JSON file, by name; figures within objects are named by the path to them, `eval.accuracy`.

    A figure is a number, or `{"value": 0.9, "n": 1000}`. `dvc metrics show --json` and MLflow's list of `{"key", "value", "step"}`, of which the last
    step counts, are understood; text is passed over and named, truth values are passed over.

    Raises:
        InputError: not JSON of such a form, no figure in it, NaN or an infinity, a name that occurs twice, or a figure outside the range of its metric.
    """
    where = f"{what}: {shown(path.name)}"
    try:
        raw = path.read_bytes() if path.stat().st_size <= _MOST_BYTES else None
    except OSError as error:
        raise InputError(f"{where} cannot be read: {error.strerror}", "name a file of figures") from error
    if raw is None:
        raise InputError(f"{where} has more than {_MOST_BYTES // 2**20} MiB: it holds more than figures", "name a file of figures")
    try:
        plain = json.loads(raw, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not valid JSON: {shown(error)}", 'write {"accuracy": 0.93, "recall": 0.88}') from error
    found: dict[str, Point] = {}
    skipped: list[str] = []
    for name, point in _figures(_unwrapped(plain, where, skipped), "", 0, where):
        if point is None:
            skipped.append(name)
            continue
        if name in found:
            raise InputError(f"{where} has the figure {shown(name)!r} twice", "give every figure a name of its own")
        found[name] = _within_range(name, point, where)
        if len(found) > _MOST_FIGURES:
            raise InputError(f"{where} has more than {_MOST_FIGURES:,} figures", "name a file of figures")
    if not found:
        raise InputError(f"{where} holds no figure", 'write {"accuracy": 0.93, "recall": 0.88}')
    return Points(found, tuple(skipped))


def as_metrics(found: Mapping[str, Point], earlier: Mapping[str, Estimate]) -> list[Metric]:
    """Metrics of all rows; the difference to an earlier figure is a bare value too."""
    metrics = []
    for name, point in found.items():
        versus = apart(point, earlier[name]) if name in earlier else None
        metrics.append(Metric(name=name, estimate=point, direction=DIRECTIONS.get(name.rpartition(".")[2], ""), versus=versus))
    return metrics


def subject(path: Path, root: Path, role: str) -> Subject:
    """The file by digest."""
    return Subject(role=role, name=relative(root, path), sha256=sha256(path))


def named(source: str, root: Path, what: str) -> Path:
    """The file that a param names."""
    path = existing(root, source, what)
    if not path.is_file():
        raise InputError(f"{what}: {shown(source)} is a folder", "name the JSON file in it")
    return path


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has the same key twice")
    if not all(_is_unicode(key) for key in found):
        raise ValueError("a key holds half of a surrogate pair")
    return found


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= mark <= "\udfff" for mark in text)


def _unwrapped(plain: Any, where: str, skipped: list[str]) -> Any:
    """The figures in what `dvc metrics show --json` and `mlflow` wrap around them."""
    if isinstance(plain, dict) and len(plain) == 1:
        (outer,) = plain.values()
        if isinstance(outer, dict) and set(outer) == {"data"} and isinstance(outer["data"], dict):
            return _of_files(outer["data"], where, skipped)
    if (
        isinstance(plain, dict)
        and isinstance(plain.get("metrics"), dict | list)
        and not any(isinstance(v, int | float) for v in plain.values())
    ):
        return plain["metrics"]
    return plain


def _of_files(files: dict[str, Any], where: str, skipped: list[str]) -> dict[str, Any]:
    """The figures of DVC's files together; a file that it could not read is skipped."""
    found: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for path, file in files.items():
        figures = file.get("data") if isinstance(file, dict) else None
        if not isinstance(figures, dict):
            skipped.append(path)
            continue
        for name, figure in figures.items():
            if name in found:
                both = f"{shown(origin[name])} and {shown(path)}"
                raise InputError(f"{where} has {shown(name)!r} twice, from {both}", "name the one metrics file that you mean")
            found[name], origin[name] = figure, path
    return found


def _within_range(name: str, point: Point, where: str) -> Point:
    """The figure, if its metric can have that value."""
    metric = name.rpartition(".")[2]
    fault = outside(metric, point.value)
    if fault:
        raise InputError(f"{where}: {shown(name)!r} is {point.value:g}; {fault.message}", fault.hint)
    return point


def _figures(plain: Any, prefix: str, depth: int, where: str) -> Iterator[tuple[str, Point | None]]:
    """Name and figure; None for a text."""
    if depth > _DEEPEST:
        raise InputError(f"{where} is nested more than {_DEEPEST} deep", "write a flat object of figures")
    if isinstance(plain, list):
        yield from _logged(plain, where)
    elif isinstance(plain, dict):
        for key, value in plain.items():
            name = f"{prefix}{key}"
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield name, _point(name, value, None, where)
            elif isinstance(value, dict) and set(value) in _LEAF:
                yield name, _point(name, value["value"], value.get("n"), where)
            elif isinstance(value, str):
                yield name, None
            elif isinstance(value, dict):
                yield from _figures(value, f"{name}.", depth + 1, where)
    else:
        raise InputError(f"{where} is neither an object nor a list of figures", 'write {"accuracy": 0.93, "recall": 0.88}')


def _logged(entries: list[Any], where: str) -> Iterator[tuple[str, Point]]:
    """MLflow's list: of each key the entry with the last step, and of equal steps the last."""
    last: dict[str, tuple[tuple[float, float, int], Any]] = {}
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("key"), str) or "value" not in entry:
            raise InputError(f"{where}: entry {place + 1} of the list has no key and value", 'write {"accuracy": 0.93, "recall": 0.88}')
        step, stamp = (entry.get(name, 0) if isinstance(entry.get(name, 0), int | float) else 0 for name in ("step", "timestamp"))
        key = entry["key"]
        if key not in last or (step, stamp, place) > last[key][0]:
            last[key] = (step, stamp, place), entry["value"]
    for key, (_, value) in last.items():
        yield key, _point(key, value, None, where)


def _point(name: str, value: Any, n: Any, where: str) -> Point:
    for number in (value, 1 if n is None else n):
        if not isinstance(number, int | float) or isinstance(number, bool) or not _is_finite(number):
            told = "too large" if isinstance(number, int) and not isinstance(number, bool) else shown(number)
            raise InputError(f"{where}: {shown(name)!r} is no finite number: {told}", "leave it out where it could not be computed")
    try:
        return Point(value, n)
    except ValueError as error:
        raise InputError(f"{where}: {shown(name)!r}: {error}", "n is the number of rows behind the figure") from error


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number that no float holds
        return False
