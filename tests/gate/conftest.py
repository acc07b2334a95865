from __future__ import annotations

import pytest

from mlops_stage.gate import Rules, judge, parse
from mlops_stage.report import Metric, Observations


@pytest.fixture
def gate_on():
    def judged(estimate, text, rules=None, **fields):
        criterion = parse(text)
        metric = Metric(name=criterion.metric, estimate=estimate, slice=criterion.slice, **fields)
        return judge(Observations(metrics=(metric,)), [criterion], rules or Rules()).gates[0]

    return judged
