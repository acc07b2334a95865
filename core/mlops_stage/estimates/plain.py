"""The JSON form of estimates, which may come back from anywhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlops_stage.estimates.counts import Paired, Rate
from mlops_stage.estimates.kinds import Difference, Estimate, NotEstimable, Point, Ratio
from mlops_stage.estimates.limits import LEVELS, score_of
from mlops_stage.estimates.sampled import Sampled

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELDS: Mapping[str, tuple[type, tuple[str, ...]]] = {
    "rate": (Rate, ("k", "n")),
    "difference": (Difference, ("a", "b")),
    "ratio": (Ratio, ("a", "b")),
    "paired": (Paired, ("gained", "lost", "n")),
    "sampled": (Sampled, ("value", "n", "quantiles")),
    "point": (Point, ("value", "n")),
    "not_estimable": (NotEstimable, ("n", "reason")),
}
_KINDS = {kind: name for name, (kind, _) in _FIELDS.items()}
KINDS: tuple[type[Estimate], ...] = tuple(_KINDS)
"""All classes of estimates."""
_LOW, _HIGH = score_of(0.025), score_of(0.975)


def to_json(estimate: Estimate) -> dict[str, Any]:
    """Kind, value, n, low and high (95 %, two-sided), and the kind's own fields; an infinite bound is None."""
    plain: dict[str, Any] = {"kind": _KINDS[type(estimate)]}
    if isinstance(estimate, NotEstimable):
        return plain | {"n": estimate.n, "reason": estimate.reason}
    plain |= {"value": estimate.value, "n": estimate.n}
    if isinstance(estimate, Point):
        return plain
    low, high = estimate.limit(_LOW), estimate.limit(_HIGH)
    plain |= {"low": low, "high": high if high < math.inf else None}
    if isinstance(estimate, Difference | Ratio):
        return plain | {"a": to_json(estimate.a), "b": to_json(estimate.b)}
    if isinstance(estimate, Rate):
        return plain | {"k": estimate.k}
    if isinstance(estimate, Paired):
        return plain | {"gained": estimate.gained, "lost": estimate.lost}
    return plain | {"quantiles": list(estimate.quantiles)}


def from_json(plain: object, *, depth: int = 4) -> Estimate:
    """The estimate that `to_json` wrote, from a source that is not trusted; an estimate is returned as it is.

    Bounds are computed again from the estimate's own fields; a value that does not follow from them is refused.

    Raises:
        ValueError: anything else.
    """
    if type(plain) in _KINDS:
        return plain  # type: ignore[return-value]  # narrowed by the table of kinds
    if not isinstance(plain, dict) or depth < 0:
        raise ValueError("an estimate must be an object with a kind" if depth >= 0 else "an estimate is nested too deeply")
    name = plain.get("kind")
    if not isinstance(name, str) or name not in _FIELDS:
        raise ValueError(f"kind must be one of {', '.join(_FIELDS)}, not {name!r:.40}")
    kind, fields = _FIELDS[name]
    unknown = plain.keys() - {"kind", "value", "n", "low", "high", *fields}
    missing = [field for field in fields if field not in plain]
    if unknown or missing:
        raise ValueError(f"{name} has {'no ' + missing[0] if missing else 'an unknown field ' + repr(min(map(str, unknown)))}")
    estimate: Estimate = kind(*(_field(name, field, plain[field], depth) for field in fields))
    if "value" in plain and not _same(getattr(estimate, "value", None), _field(name, "value", plain["value"], depth)):
        raise ValueError(f"{name} has a value that does not follow from its other fields")
    return estimate


def _field(kind: str, name: str, plain: object, depth: int) -> Any:
    if name in {"a", "b"}:
        return from_json(plain, depth=depth - 1)
    if name == "quantiles" and isinstance(plain, list):
        return tuple(_field(kind, "quantile", item, depth) for item in plain)
    if name == "reason" and isinstance(plain, str):
        return plain
    if name == "n" and kind in {"point", "not_estimable"} and plain is None:
        return None
    if type(plain) in {int, float} and name not in {"quantiles", "reason"}:
        return plain
    raise ValueError(f"{kind} has {name} of the wrong type: {type(plain).__name__}")


def _same(a: float | None, b: float) -> bool:
    return a is not None and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)


_NUMBER = {"type": "number"}
_ROWS = {"type": "number", "exclusiveMinimum": 0}
_COUNT = {"type": "number", "minimum": 0}
_TERM = {
    "type": "object",
    "description": "An estimate of any kind with bounds",
    "required": ["kind", "value", "n"],
    "properties": {"kind": {"enum": ["rate", "difference", "ratio", "paired", "sampled"]}, "value": _NUMBER, "n": _ROWS},
}


def _schema(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "title": name,
        "properties": {"kind": {"const": name}, **fields},
        "required": ["kind", *fields],
        "additionalProperties": False,
    }


_BOUNDED = {"value": _NUMBER, "n": _ROWS, "low": _NUMBER, "high": {"type": ["number", "null"]}}
JSON_SCHEMA: dict[str, Any] = {
    "description": "A figure with its denominator and its 95 % interval",
    "oneOf": [
        _schema("rate", **_BOUNDED, k=_COUNT),
        _schema("difference", **_BOUNDED, a=_TERM, b=_TERM),
        _schema("ratio", **_BOUNDED, a=_TERM, b=_TERM),
        _schema("paired", **_BOUNDED, gained=_COUNT, lost=_COUNT),
        _schema("sampled", **_BOUNDED, quantiles={"type": "array", "items": _NUMBER, "minItems": len(LEVELS), "maxItems": len(LEVELS)}),
        _schema("point", value=_NUMBER, n={"type": ["number", "null"], "exclusiveMinimum": 0}),
        _schema("not_estimable", n={"type": ["number", "null"], "minimum": 0}, reason={"type": "string", "minLength": 1}),
    ],
}
