"""Figures with their uncertainty: value, interval, p-value, and the rows that a verdict would need."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

LEVELS = (0.0005, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.9975, 0.9995)
"""The confidences at which a `Sampled` estimate holds its bounds."""

Op: TypeAlias = Literal[">=", ">", "<=", "<"]

_HUGE = 1e100  # squares and sums of anything smaller stay finite
_MOST_ROWS = 10**9  # more rows than this are no advice
_FARTHEST = 8.0  # normal score beyond which confidence is 1 for every purpose


@lru_cache(maxsize=256)
def _score(confidence: float) -> float:
    return NormalDist().inv_cdf(confidence)


_SCORES = tuple(_score(level) for level in LEVELS)


def _finite(what: str, number: float) -> float:
    """A plain Python number; whole numbers stay whole, so that they are written without a point."""
    if type(number) is not float and type(number) is not int:
        try:
            number = operator.index(number)  # type: ignore[arg-type]  # integers of other libraries
        except TypeError:
            number = float(number)
    if not -_HUGE < number < _HUGE:
        raise ValueError(f"{what} must be a finite number, not {number!r:.40}")
    return number


def _rows(number: float) -> float:
    number = _finite("n", number)
    if number < 1e-6:  # noqa: PLR2004  (with weights, n may be a fraction; zero rows are NotEstimable)
        raise ValueError(f"n must be positive, not {number!r}: without rows an estimate is NotEstimable")
    return number


class _Limits:
    """What all bounded estimates share; it holds no field and no property, which a dataclass field could not shadow."""

    def limit(self, score: float) -> float:
        """The bound whose confidence has this normal score."""
        raise NotImplementedError

    def bound(self, confidence: float) -> float:
        """The truth lies below it with that confidence, between 0 and 1; never less for a higher confidence."""
        return self.limit(_score(confidence))


@dataclass(frozen=True)
class Rate(_Limits):
    """`k` of `n`, with Wilson's score interval (Wilson 1927, JASA 22:209). With weights both are Kish-scaled."""

    k: float
    n: float

    def __post_init__(self) -> None:
        n = _rows(self.n)
        k = _finite("k", self.k)
        if not -1e-9 * n <= k <= n * (1 + 1e-9):
            raise ValueError(f"k must lie between 0 and n, not {k!r} of {n!r}")
        object.__setattr__(self, "n", n)
        object.__setattr__(self, "k", min(max(k, 0), n))  # weighted sums may be off by a rounding

    @property
    def value(self) -> float:
        """The share, between 0 and 1."""
        return self.k / self.n

    def limit(self, score: float) -> float:
        """The bound whose confidence has this normal score, between 0 and 1."""
        if score < 0:
            return _wilson_low(self.k / self.n, self.n, score)
        return 1.0 - _wilson_low((self.n - self.k) / self.n, self.n, score)

    def at(self, n: float) -> Rate:
        """The same share of `n` rows."""
        return Rate(self.k * (n / self.n), n)


def _wilson_low(share: float, n: float, score: float) -> float:
    """Wilson's lower bound, through the product of both bounds: exactly 0 at 0, and free of cancellation near it."""
    if share <= 0:
        return 0.0
    spread = score * score / n
    high = (share + spread / 2 + math.sqrt(spread * (share * (1 - share) + spread / 4))) / (1 + spread)
    return min(share * share / (high * (1 + spread)), 1.0)


@dataclass(frozen=True)
class Difference(_Limits):
    """`a - b` of two independent estimates, by square-and-add; for rates Newcombe's interval (1998, Stat Med 17:873, method 10)."""

    a: Bounded
    b: Bounded

    def __post_init__(self) -> None:
        _refuse_unbounded(self.a, self.b)

    @property
    def value(self) -> float:
        """The difference of the values."""
        return self.a.value - self.b.value

    @property
    def n(self) -> float:
        """The smaller of the two denominators."""
        return min(self.a.n, self.b.n)

    def limit(self, score: float) -> float:
        """The bound whose confidence has this normal score."""
        return _square_and_add(((1.0, self.a), (-1.0, self.b)), score)

    def at(self, n: float) -> Difference:
        """Both denominators scaled alike, the smaller to `n`."""
        factor = n / self.n
        return Difference(self.a.at(self.a.n * factor), self.b.at(self.b.n * factor))


def _square_and_add(terms: Iterable[tuple[float, Bounded]], score: float) -> float:
    """A bound on a weighted sum of independent estimates (MOVER; Zou and Donner 2008, Stat Med 27:1693)."""
    side = 1.0 if score >= 0 else -1.0
    value = 0.0
    reaches = []
    for weight, term in terms:
        value += weight * term.value
        reach = weight * (term.limit(score if weight > 0 else -score) - term.value)
        reaches.append(max(0.0, side * reach))
    return value + side * math.hypot(*reaches)


@dataclass(frozen=True)
class Ratio(_Limits):
    """`a / b` of two independent estimates that cannot be negative, by square-and-add on their logarithms.

    With Wilson's bounds no cell needs a constant added: a numerator of 0 has the lower bound 0, and the
    upper one of Donner and Zou (2012, Stat Methods Med Res 21:347), which needs no logarithm of it.
    """

    a: Bounded
    b: Bounded

    def __post_init__(self) -> None:
        _refuse_unbounded(self.a, self.b)
        if self.a.value < 0 or self.b.value <= 0 or not self.a.value / self.b.value < _HUGE:
            raise ValueError(f"a ratio needs a numerator >= 0 and a denominator > 0, not {self.a.value!r} / {self.b.value!r}")

    @property
    def value(self) -> float:
        """The ratio of the values."""
        return self.a.value / self.b.value

    @property
    def n(self) -> float:
        """The smaller of the two denominators."""
        return min(self.a.n, self.b.n)

    def limit(self, score: float) -> float:
        """The bound whose confidence has this normal score; infinite where the denominator may be 0."""
        a, b = self.a.value, self.b.value
        near, far = self.a.limit(score), self.b.limit(-score)
        if score < 0:
            if near <= 0:
                return 0.0
            return self.value * math.exp(-math.hypot(math.log(max(a / near, 1.0)), math.log(max(far / b, 1.0))))
        if far <= 0:
            return math.inf
        far = min(far, b)
        if a <= 0:
            return near / math.sqrt(far * (2 * b - far))
        return self.value * math.exp(math.hypot(math.log(max(near / a, 1.0)), math.log(b / far)))

    def at(self, n: float) -> Ratio:
        """Both denominators scaled alike, the smaller to `n`."""
        factor = n / self.n
        return Ratio(self.a.at(self.a.n * factor), self.b.at(self.b.n * factor))


@dataclass(frozen=True)
class Paired(_Limits):
    """`(gained - lost) / n` on the same rows, with Tango's score interval (1998, Stat Med 17:891).

    `gained` counts the rows that only this model gets right, `lost` those that only the baseline does.
    """

    gained: float
    lost: float
    n: float

    def __post_init__(self) -> None:
        n = _rows(self.n)
        gained, lost = _finite("gained", self.gained), _finite("lost", self.lost)
        if gained < 0 or lost < 0 or gained + lost > n * (1 + 1e-9):
            raise ValueError(f"gained and lost must be counts within n, not {gained!r} and {lost!r} of {n!r}")
        for name, number in (("gained", gained), ("lost", lost), ("n", n)):
            object.__setattr__(self, name, number)

    @property
    def value(self) -> float:
        """The difference of the two shares, between -1 and 1."""
        return (self.gained - self.lost) / self.n

    def limit(self, score: float) -> float:
        """The bound whose confidence has this normal score, between -1 and 1."""
        if score < 0:
            return -_tango_high(self.lost / self.n, self.gained / self.n, self.n, -score)
        return _tango_high(self.gained / self.n, self.lost / self.n, self.n, score)

    def at(self, n: float) -> Paired:
        """The same shares of `n` rows."""
        factor = n / self.n
        return Paired(self.gained * factor, self.lost * factor, n)


def _tango_high(gained: float, lost: float, n: float, score: float) -> float:
    """The difference of shares at which the score statistic is `-score`: Illinois' regula falsi between the estimate and 1."""

    def excess(delta: float) -> float:
        b = 2 - gained + lost
        b = b * delta - gained - lost
        c = -lost * delta * (1 - delta)
        root = math.sqrt(max(b * b - 8 * c, 0.0))
        share = -2 * c / (b + root) if b > 0 else (root - b) / 4  # the form without cancellation
        return gained - lost - delta + score * math.sqrt(max(2 * share + delta * (1 - delta), 0.0) / n)

    low, high = gained - lost, 1.0
    if score <= 0 or low >= high:
        return min(low, high)
    at_low, at_high = excess(low), excess(high)
    if at_high >= 0:
        return high
    for _ in range(100):
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        found = excess(middle)
        if abs(found) < 1e-13 or high - low < 1e-13:  # noqa: PLR2004  (a share has no more digits)
            return middle
        if found > 0:
            low, at_low, at_high = middle, found, at_high / 2
        else:
            high, at_high, at_low = middle, found, at_low / 2
    return high


@dataclass(frozen=True)
class Sampled(_Limits):
    """Any other figure: its bounds at `LEVELS`, linear in the normal score between them and beyond.

    `n` is the figure's own denominator (of an AUC: the smaller class).
    """

    value: float
    n: float
    quantiles: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", _rows(self.n))
        object.__setattr__(self, "value", _finite("value", self.value))
        quantiles = tuple(_finite("a quantile", quantile) for quantile in self.quantiles)
        if len(quantiles) != len(LEVELS):
            raise ValueError(f"quantiles must be {len(LEVELS)} numbers, not {len(quantiles)}")
        if any(later < earlier for earlier, later in pairwise(quantiles)):
            raise ValueError("quantiles must not fall")
        object.__setattr__(self, "quantiles", quantiles)

    def limit(self, score: float) -> float:
        """The bound whose confidence has this normal score."""
        return _line(_SCORES, self.quantiles, score)

    def at(self, n: float) -> Sampled:
        """The same value; its spread falls with the square root of `n`."""
        shrink = math.sqrt(self.n / n)
        if shrink == 1:
            return self
        return Sampled(self.value, n, tuple(self.value + (quantile - self.value) * shrink for quantile in self.quantiles))

    @classmethod
    def from_limits(cls, value: float, n: float, limit: Callable[[float], float]) -> Sampled:
        """From a function that gives the bound at a normal score."""
        return cls(value, n, _rising(limit(score) for score in _SCORES))

    @classmethod
    def from_normal(cls, value: float, n: float, se: float, *, low: float = -math.inf, high: float = math.inf) -> Sampled:
        """From a standard error; bounds are kept within `low` and `high`, the figure's own range."""
        _standard_error(se)
        return cls.from_limits(value, n, lambda score: min(max(value + score * se, low), high))

    @classmethod
    def from_logit(cls, value: float, n: float, se: float) -> Sampled:
        """A figure between 0 and 1 from its standard error, by the delta method on the logit scale.

        At 0 and 1, and where the standard error is 0, that scale says nothing: Wilson's bounds for `n` rows stand in.
        """
        _standard_error(se)
        if not 0 <= value <= 1:
            raise ValueError(f"value must lie between 0 and 1, not {value!r}")
        spread = value * (1 - value)
        if spread <= 0 or se <= 0:
            return cls.from_limits(value, n, Rate(value * n, n).limit)
        centre = math.log(value / (1 - value))
        return cls.from_limits(value, n, lambda score: _logistic(centre + score * se / spread))

    @classmethod
    def from_transform(cls, estimate: Bounded, function: Callable[[float], float]) -> Sampled:
        """A monotone function, rising or falling, of another estimate: its bounds are the function of the other's bounds."""
        images = [function(estimate.limit(score)) for score in _SCORES]
        if images[-1] < images[0]:
            images = [function(estimate.limit(-score)) for score in _SCORES]
        return cls(function(estimate.value), estimate.n, _rising(images))

    @classmethod
    def from_draws(cls, value: float, n: float, draws: Sequence[float]) -> Sampled:
        """Percentiles of draws, such as a bootstrap's; levels with fewer than five draws beyond them are extrapolated.

        Raises:
            ValueError: fewer than 200 draws, which cannot tell a 95 % interval.
        """
        if len(draws) < 200:  # noqa: PLR2004  (five of them lie beyond .025)
            raise ValueError(f"at least 200 draws are needed, not {len(draws)}")
        ordered = sorted(_finite("a draw", draw) for draw in draws)
        count = len(ordered)
        places = [(rank - 0.5) / count for rank in range(1, count + 1)]
        held = [level for level in LEVELS if min(level, 1 - level) * count >= 5]  # noqa: PLR2004  (see above)
        known = [_line(places, ordered, level) for level in held]
        return cls.from_limits(value, n, lambda score: _line([_score(level) for level in held], known, score))

    @classmethod
    def from_sum(cls, terms: Iterable[tuple[float, Bounded]], n: float | None = None) -> Sampled:
        """A weighted sum of independent estimates: `(weight, estimate)` each; `n` defaults to the smallest denominator.

        Balanced accuracy is the sum of the classes' recalls, each with weight 1 / classes.
        """
        terms = tuple(terms)
        value = math.fsum(weight * term.value for weight, term in terms)
        rows = min(term.n for _, term in terms) if n is None else n
        return cls.from_limits(value, rows, lambda score: _square_and_add(terms, score))


def _standard_error(se: float) -> None:
    if _finite("se", se) < 0:
        raise ValueError(f"a standard error cannot be negative: {se!r}")


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _rising(numbers: Iterable[float]) -> tuple[float, ...]:
    """The same numbers, without the falls that rounding leaves."""
    risen: list[float] = []
    for number in numbers:
        risen.append(number if not risen or number >= risen[-1] or number != number else risen[-1])  # noqa: PLR0124  (NaN stays, to be refused)
    return tuple(risen)


def _line(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    """Linear interpolation between points, and along the outermost pieces beyond them."""
    right = 1
    while right < len(xs) - 1 and xs[right] < x:
        right += 1
    left = right - 1
    return ys[left] + (ys[right] - ys[left]) * (x - xs[left]) / (xs[right] - xs[left])


@dataclass(frozen=True)
class Point:
    """A figure computed elsewhere: nothing is known of its uncertainty."""

    value: float
    n: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _finite("value", self.value))
        if self.n is not None:
            object.__setattr__(self, "n", _rows(self.n))


@dataclass(frozen=True)
class NotEstimable:
    """No figure, and why: "no negatives in this group"; `n` is the denominator that did not suffice."""

    n: float
    reason: str

    def __post_init__(self) -> None:
        n = _finite("n", self.n)
        if n < 0:
            raise ValueError(f"n must not be negative: {n!r}")
        if not self.reason:
            raise ValueError("a reason is needed")
        object.__setattr__(self, "n", n)


Bounded: TypeAlias = Rate | Difference | Ratio | Paired | Sampled
Estimate: TypeAlias = Rate | Difference | Ratio | Paired | Sampled | Point | NotEstimable


def _refuse_unbounded(*terms: Bounded) -> None:
    for term in terms:
        if not isinstance(term, _Limits):
            raise ValueError(f"{type(term).__name__} has no bounds to combine")  # noqa: TRY004  (one type of error for all that is refused)


def p_value(estimate: Bounded, threshold: float, op: Op) -> float:
    """How well the data agree with `truth op threshold`: one-sided, small when they refute it.

    It is at most `alpha` where the bound at confidence `1 - alpha` (for `>=`) or `alpha` (for `<=`) lies beyond the threshold.
    """
    sign = 1.0 if op in {">=", ">"} else -1.0
    low, high = -_FARTHEST, _FARTHEST
    for _ in range(60):
        middle = (low + high) / 2
        if sign * estimate.limit(sign * middle) < sign * threshold:
            low = middle
        else:
            high = middle
    return math.erfc(low / math.sqrt(2)) / 2


def holds(value: float, op: Op, threshold: float) -> bool:
    """Whether `value op threshold`."""
    if op == ">=":
        return value >= threshold
    if op == ">":
        return value > threshold
    return value <= threshold if op == "<=" else value < threshold


def rows_needed(estimate: Bounded, threshold: float, op: Op, *, confidence: float = 0.95) -> int | None:
    """The smallest denominator at which the same value would decide `truth op threshold`, either way.

    None when no denominator up to a thousand million would: the value sits on the threshold.
    """
    score = _score(confidence)
    kept = holds(estimate.value, op, threshold)
    side = -1.0 if kept == (op in {">=", ">"}) else 1.0

    def decided(n: int) -> bool:
        return holds(estimate.at(n).limit(side * score), op, threshold) == kept

    high = max(1, math.ceil(estimate.n))
    if estimate.value == threshold:
        return None
    while not decided(high):
        if high >= _MOST_ROWS:
            return None
        high *= 2
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high


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
_LOW, _HIGH = _score(0.025), _score(0.975)


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
    estimate: Estimate = kind(*(_field(field, plain[field], depth) for field in fields))
    if "value" in plain and not _same(getattr(estimate, "value", None), _field("value", plain["value"], depth)):
        raise ValueError(f"{name} has a value that does not follow from its other fields")
    return estimate


def _field(name: str, plain: object, depth: int) -> Any:
    if name in {"a", "b"}:
        return from_json(plain, depth=depth - 1)
    if name == "quantiles" and isinstance(plain, list):
        return tuple(_field("quantile", item, depth) for item in plain)
    if name == "reason" and isinstance(plain, str):
        return plain
    if name == "n" and plain is None:
        return None
    if type(plain) in {int, float} and name not in {"quantiles", "reason"}:
        return plain
    raise ValueError(f"{name} has the wrong type: {type(plain).__name__}")


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
        _schema("not_estimable", n=_COUNT, reason={"type": "string", "minLength": 1}),
    ],
}
