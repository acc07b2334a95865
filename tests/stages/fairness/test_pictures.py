import numpy as np
import pytest

from mlops_stage.report import Intervals, Matrix


def drawn(seen, name):
    (figure,) = [figure for figure in seen.figures if figure.name == name]
    return figure


def test_groups_stand_side_by_side_with_their_intervals_and_the_line_of_all_rows(bench):
    answers = bench.answers()
    bench.write("p.csv", **answers)
    seen = bench.measure()
    figure = drawn(seen, "tpr_by_race")
    assert isinstance(figure, Intervals)
    assert [row.label for row in figure.rows] == ["black", "other", "white"]
    for row in figure.rows:
        estimate = bench.find(seen, "tpr", race=row.label)
        assert (row.value, row.n, row.low) == (estimate.value, estimate.n, estimate.bound(0.025))
    assert figure.reference == bench.find(seen, "tpr").value
    bound = bench.find(seen, "tpr_difference", by="race").bound(0.95)
    told = float(figure.caption.partition("no evidence of a gap above ")[2].split(" ")[0])
    assert bound <= told <= bound + 0.001


def test_impact_ratios_stand_beside_four_fifths(bench):
    bench.write("p.csv", **bench.answers(tilt=0.2))
    seen = bench.measure()
    figure = drawn(seen, "impact_ratio_by_sex")
    rates = {sex: bench.find(seen, "selection_rate", sex=sex).value for sex in ("female", "male")}
    female, male = figure.rows
    assert female.value == pytest.approx(rates["female"] / rates["male"])
    assert female.low < female.value < female.high
    assert (male.value, male.low) == (1.0, None)
    assert figure.reference == 0.8


def test_two_columns_crossed_are_a_map_with_n_and_the_longer_side_downwards(bench):
    answers = bench.answers()
    answers["race"] = np.where((answers["race"] == "other") & (answers["sex"] == "male"), "white", answers["race"])
    bench.write("p.csv", **answers)
    figure = drawn(bench.measure(), "selection_rate_by_sex_and_race")
    assert isinstance(figure, Matrix)
    assert figure.shares
    assert (figure.row_label, figure.rows, figure.columns) == ("race", ("black", "other", "white"), ("female", "male"))
    mine = (answers["race"] == "black") & (answers["sex"] == "female")
    assert figure.values[0][0] == pytest.approx(answers["y_pred"][mine].mean())
    assert figure.counts[0][0] == mine.sum()
    assert (figure.values[1][1], figure.counts[1][1]) == (None, 0), "nobody is both: hatched, not masked"


def test_what_is_hidden_is_drawn_nowhere(bench):
    answers = bench.answers()
    answers["sex"] = answers["sex"].astype("U10")
    answers["sex"][:6] = "nonbinary"
    bench.write("p.csv", **answers)
    seen = bench.measure()
    (row,) = [row for row in drawn(seen, "tpr_by_sex").rows if row.label == "nonbinary"]
    assert (row.value, row.low, row.n) == (None, None, None)
    figure = drawn(seen, "tpr_by_sex_and_race")
    place = figure.columns.index("nonbinary") if "nonbinary" in figure.columns else None
    cells = [line[place] for line in figure.values] if place is not None else figure.values[figure.rows.index("nonbinary")]
    assert set(cells) == {None}


def test_several_classes_are_drawn_by_accuracy_and_class_by_class(bench):
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 600)
    answer = np.where(rng.random(600) < 0.8, label, 0)
    bench.write("p.csv", y_true=label, y_pred=answer, sex=["f", "m"] * 300)
    figures = bench.measure().figures
    assert [figure.name for figure in figures] == ["accuracy_by_sex", "tpr_by_sex_and_class"]
    assert (figures[1].rows, figures[1].columns) == (("f", "m"), ("0", "1", "2"))
    mine = (label == 2) & (np.arange(600) % 2 == 1)
    assert figures[1].values[1][2] == pytest.approx((answer[mine] == 2).mean())
    assert figures[1].counts[1][2] == mine.sum()
