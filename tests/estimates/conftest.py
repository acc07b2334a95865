from __future__ import annotations

import pytest

from mlops_stage.estimates import Difference, NotEstimable, Paired, Point, Rate, Ratio, Sampled

BOUNDED = [
    Rate(80, 100),
    Rate(0, 30),
    Rate(30, 30),
    Rate(12.5, 40.25),
    Difference(Rate(56, 70), Rate(48, 80)),
    Difference(Rate(0, 10), Rate(0, 20)),
    Difference(Rate(56, 70), Sampled.from_normal(0.7, 90, 0.05)),
    Ratio(Rate(30, 60), Rate(40, 50)),
    Ratio(Rate(0, 60), Rate(40, 50)),
    Ratio(Rate(60, 60), Rate(50, 50)),
    Ratio(Sampled.from_normal(2.0, 40, 0.3), Rate(3, 50)),
    Paired(7, 1, 21),
    Paired(0, 0, 50),
    Paired(0, 4, 44),
    Paired(21, 0, 21),
    Paired(2.5, 7.25, 80.5),
    Sampled.from_normal(0.4, 100, 0.05),
    Sampled.from_logit(0.93, 50, 0.02),
    Sampled.from_logit(1.0, 50, 0.0),
]
UNBOUNDED = [Point(0.8), Point(3, 12), NotEstimable(0, "no negatives in this group"), NotEstimable(None, "masked")]


@pytest.fixture(params=BOUNDED, ids=repr)
def bounded(request):
    return request.param


@pytest.fixture(params=[*BOUNDED, *UNBOUNDED], ids=repr)
def estimate(request):
    return request.param
