import csv
import json

import numpy as np
import pytest

from mlops_stage.stages.fairness.evidence import RATES, write_rates
from mlops_stage.stages.fairness.grouping import Grouping
from mlops_stage.stages.fairness.telling import Telling, extremes, telling_of
from mlops_stage.stages.fairness.terms import Terms
from mlops_stage.stats.cells import Cells


@pytest.fixture
def many(bench):
    """Answers of 60 groups, of which one is treated otherwise and one small."""
    answers = bench.answers(rows=12_000)
    places = np.arange(12_000) % 60
    answers["sex"] = np.array([f"g{place:02d}" for place in places])
    answers["sex"][np.flatnonzero(places == 3)[:195]] = "g04"
    answers["y_pred"] = np.where(answers["sex"] == "g17", 0, answers["y_pred"])
    bench.write("p.csv", **answers)
    return answers


def rates(bench):
    with (bench.root / "mlops-out" / "fairness" / RATES).open(encoding="utf-8") as stream:
        return {(line["groups_of"], line["group"], line["metric"]): line for line in csv.DictReader(stream)}


@pytest.mark.usefixtures("many")
def test_a_report_of_many_groups_tells_some_of_them_and_the_evidence_all(bench):
    seen = bench.measure(sensitive="sex")
    told = {
        metric.slice[0][1]: metric.estimate
        for metric in seen.metrics
        if metric.name == "tpr" and len(metric.slice) == 1 and "by" not in metric.label
    }
    assert "g17" in told
    assert 20 <= len(told) <= 24
    assert RATES in {one.path for one in seen.evidence}
    assert bench.said(seen, "fairness/many-groups").startswith("there are many groups (60 of sex)")
    whole = rates(bench)
    assert len({group for columns, group, _ in whole if columns == "sex"}) == 60
    for group, estimate in told.items():
        line = whole["sex", f"sex={group}", "tpr"]
        assert float(line["value"]) == pytest.approx(estimate.value, abs=1e-6)
        assert float(line["low"]) == pytest.approx(estimate.bound(0.025), abs=2e-6)
        assert float(line["high"]) == pytest.approx(estimate.bound(0.975), abs=2e-6)


@pytest.mark.usefixtures("many")
def test_what_is_masked_stands_in_the_evidence_neither(bench):
    bench.measure(sensitive="sex")
    lines = [line for (_, group, _), line in rates(bench).items() if group == "sex=g03"]
    assert len(lines) == 7
    assert {(line["n"], line["value"], line["low"], line["high"]) for line in lines} == {("", "", "", "")}


@pytest.mark.usefixtures("many")
def test_a_group_that_a_gate_names_is_reported(bench):
    unnamed = {metric.label for metric in bench.measure(sensitive="sex").metrics}
    group = next(f"g{place:02d}" for place in range(60) if f"tpr[sex=g{place:02d}]" not in unnamed and place != 3)
    judged = bench.judge(predictions="p.csv", sensitive="sex", gates=[f"tpr[sex={group}] >= 0.01"])
    assert judged.outcome == "passed"
    assert bench.measure(sensitive="sex", reference_group="sex=g03", gates=[]).metrics


@pytest.mark.usefixtures("many")
def test_a_picture_of_many_groups_shows_both_ends(bench):
    seen = bench.measure(sensitive="sex")
    (figure,) = [figure for figure in seen.figures if figure.name == "selection_rate_by_sex"]
    assert len(figure.rows) == 40
    assert "Of 60 groups the 40 with the lowest and highest values are shown" in figure.caption
    assert figure.rows[[row.label for row in figure.rows].index("g17")].value == 0


def test_few_groups_are_all_told_and_need_no_table(bench):
    bench.write("p.csv", **bench.answers())
    seen = bench.measure(sensitive="sex,race")
    assert RATES not in {one.path for one in seen.evidence}
    assert "fairness/many-groups" not in bench.rules(seen)


def test_no_cell_of_the_table_is_a_formula(tmp_path):
    counts = np.full((2, 2, 2), 50)
    grouping = Grouping(("=cmd",), np.empty(0, dtype=np.int64), (("+1",), ('a,"b"\n',)), frozenset())
    telling = telling_of(Cells(counts, counts, counts), grouping, ("no", "yes"), Terms())
    assert isinstance(telling, Telling)
    write_rates(tmp_path, [telling])
    with (tmp_path / RATES).open(encoding="utf-8", newline="") as stream:
        lines = list(csv.reader(stream))
    assert not [cell for line in lines for cell in line if cell[:1] in {"=", "+", "-", "@"}]
    assert json.loads(lines[-1][1].partition("=")[2].partition("=")[2]) == 'a,"b"\n'


def test_extremes_are_those_of_both_ends():
    values = np.array([0.5, np.nan, 0.1, 0.9, 0.4])
    assert extremes(values, 2) == [2, 3]
    assert extremes(values, 10) == [2, 4, 0, 3]
