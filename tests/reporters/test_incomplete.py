from __future__ import annotations

import pytest

from mlops_stage.estimates import Rate
from mlops_stage.report import Metric, Outcome, Report, Run

MISSING = "group 'Other' has no positives"


@pytest.mark.parametrize("text", [MISSING, "<b>&|`[x](y)`"])
def test_what_a_figure_leaves_out_stands_beside_it(text):
    import html

    from mlops_stage.reporters.html import render as page
    from mlops_stage.reporters.markdown import render as summary

    metric = Metric(name="tpr_difference", estimate=Rate(3, 40), slice=(("by", "race"),), incomplete=text)
    report = Report(stage="fairness", id="fairness", outcome=Outcome.INCONCLUSIVE, summary="s", metrics=(metric,))
    run = Run(reports=(report,), ids=("fairness",), started="2026-01-01T00:00:00Z", seconds=1.0)
    (document,) = page(run).values()
    (short,) = summary(run).values()
    assert f"in part: {text}" in html.unescape(document)
    assert "<b>&" not in document
    assert "in part: " in short
    if text == MISSING:
        assert MISSING in short
    else:
        assert text not in short
