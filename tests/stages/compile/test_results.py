"""Which variant ships: fp32, unless another is better beyond doubt."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from mlops_stage.stages.compile.backends.backend import Footprint
from mlops_stage.stages.compile.latency import Latency
from mlops_stage.stages.compile.results import Compiled, Variant, chosen
from mlops_stage.stages.compile.targets import Target


@dataclass
class Said:
    """As much of an agreement as the choice looks at."""

    passed: bool = True


def variant(precision, ratio=None, spread=0.02, size=100, *, passed=True, failure="", control=1.0):
    latency = None
    if ratio is not None:
        latency = Latency(
            ratio=ratio, low=ratio - spread, high=ratio + spread, quantiles=(), control=control, rounds=30, seconds=(1.0, ratio), verdict="passed"
        )  # fmt: skip
    return Variant(
        precision=precision,
        failure=failure,
        artefact=Path(precision),
        agreement=Said(passed),
        latency=latency,
        footprint=Footprint(artifact_bytes=size, ram_bytes=size),
    )


def ships(*variants, prefer="latency", foreign="", limit=1.05):
    one = Compiled(target=Target(name="host", backend="ort", latency_ratio=limit), foreign=foreign, variants=variants)
    found = chosen(one, prefer)
    return found.precision if found else None


FULL = variant("fp32", 1.0)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (variant("int8", 0.6), "int8"),
        (variant("int8", 0.99), "fp32"),  # its upper bound is not below
        (variant("int8", 0.97), "fp32"),  # it is below the ratio of fp32, and not below its lower bound
        (variant("int8", 0.6, passed=False), "fp32"),
        (variant("int8", 0.6, failure="costs too much"), "fp32"),
        (variant("int8", 0.6, control=1.03), "fp32"),  # the machine was too busy
        (variant("int8"), "fp32"),
    ],
)
def test_by_latency(other, expected):
    assert ships(FULL, other) == expected


@pytest.mark.parametrize(
    ("other", "limit", "expected"),
    [
        (variant("int8", 1.0, size=30), 1.05, "int8"),
        (variant("int8", 1.04, size=30), 1.05, "fp32"),  # its upper bound is beyond what is allowed
        (variant("int8", 9.0, size=30), None, "int8"),
        (variant("int8", 1.0, size=100), 1.05, "fp32"),
    ],
)
def test_by_size(other, limit, expected):
    assert ships(FULL, other, prefer="size", limit=limit) == expected


def test_the_fastest_of_several():
    assert ships(FULL, variant("fp16", 0.8), variant("int8", 0.6)) == "int8"


@pytest.mark.parametrize(("ratio", "expected"), [(0.6, "int8"), (0.99, "fp32")])
def test_where_full_precision_could_not_be_timed_the_model_as_given_is_to_be_beaten(ratio, expected):
    assert ships(variant("fp32", 1.0, control=1.1), variant("int8", ratio)) == expected


def test_where_full_precision_is_wrong_nothing_ships():
    assert ships(variant("fp32", passed=False), variant("int8", 0.5)) is None


def test_a_foreign_target_gets_full_precision_unseen():
    unseen = Variant(precision="fp32", artefact=Path("fp32"))
    assert ships(unseen, foreign="another architecture") == "fp32"
