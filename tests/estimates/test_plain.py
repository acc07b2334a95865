from __future__ import annotations

import json
import math

import jsonschema
import pytest

from mlops_stage.estimates import JSON_SCHEMA, NotEstimable, Rate, from_json, to_json


def test_json_brings_every_estimate_back(estimate):
    plain = json.loads(json.dumps(to_json(estimate), allow_nan=False))
    jsonschema.validate(plain, JSON_SCHEMA)
    assert from_json(plain) == estimate
    assert from_json(estimate) is estimate


def test_json_says_kind_value_denominator_and_interval():
    assert to_json(Rate(80, 100)) == {
        "kind": "rate",
        "value": 0.8,
        "n": 100,
        "low": pytest.approx(0.71117, abs=1e-5),
        "high": pytest.approx(0.86663, abs=1e-5),
        "k": 80,
    }
    assert to_json(NotEstimable(0, "no positives")) == {"kind": "not_estimable", "n": 0, "reason": "no positives"}


def nested(depth):
    plain = to_json(Rate(3, 9))
    for _ in range(depth):
        plain = {"kind": "difference", "a": plain, "b": to_json(Rate(1, 2))}
    return plain


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        (None, "must be an object"),
        ([], "must be an object"),
        ({}, "kind must be one of"),
        ({"kind": "guess"}, "kind must be one of"),
        ({"kind": ["rate"]}, "kind must be one of"),
        ({"kind": "rate", "k": 1}, "no n"),
        ({"kind": "rate", "k": 1, "n": 2, "sigma": 3}, "unknown field 'sigma'"),
        ({"kind": "rate", "k": 1, "n": 2, 3: 3}, "unknown field"),
        ({"kind": "rate", "k": "1", "n": 2}, "wrong type"),
        ({"kind": "rate", "k": True, "n": 2}, "wrong type"),
        ({"kind": "rate", "k": 1, "n": None}, "wrong type"),
        ({"kind": "rate", "k": 3, "n": 2}, "between 0 and n"),
        ({"kind": "rate", "k": 1, "n": 0}, "positive"),
        ({"kind": "rate", "k": 1, "n": math.nan}, "finite"),
        ({"kind": "rate", "k": 1, "n": 10**400}, "finite"),
        ({"kind": "rate", "k": 1, "n": 2, "value": 0.9}, "does not follow"),
        ({"kind": "rate", "k": 1, "n": 2, "value": None}, "wrong type"),
        ({"kind": "sampled", "value": 1, "n": 2, "quantiles": [1, 2]}, "17 numbers"),
        ({"kind": "sampled", "value": 1, "n": 2, "quantiles": 3}, "wrong type"),
        ({"kind": "sampled", "value": 1, "n": 2, "quantiles": [*range(16), 3]}, "must not fall"),
        ({"kind": "sampled", "value": 1, "n": 2, "quantiles": [math.inf] * 17}, "finite"),
        ({"kind": "difference", "a": {"kind": "point", "value": 1, "n": None}, "b": to_json(Rate(1, 2))}, "no bounds"),
        ({"kind": "ratio", "a": to_json(Rate(1, 2)), "b": to_json(Rate(0, 2))}, "denominator > 0"),
        ({"kind": "paired", "gained": 3, "lost": 3, "n": 5}, "within n"),
        ({"kind": "not_estimable", "n": 0, "reason": ""}, "reason"),
        ({"kind": "not_estimable", "n": 0, "reason": "x", "value": 1}, "does not follow"),
        (nested(9), "nested too deeply"),
    ],
)
def test_json_from_elsewhere_is_refused_in_words(plain, message):
    with pytest.raises(ValueError, match=message):
        from_json(plain)


def test_estimates_of_estimates_are_read_a_few_levels_deep():
    assert from_json(nested(3)).value == pytest.approx(1 / 3 - 1.5)
