import numpy as np
import pytest

from mlops_stage.errors import UsageError
from mlops_stage.estimates import Difference, Rate
from mlops_stage.stages.fairness.params import FairnessParams
from mlops_stage.stages.fairness.plan import plan


def planned(bench, **params):
    return plan(FairnessParams(**{"predictions": "p.csv", **params}), bench.workspace)


def test_the_smallest_group_decides(bench):
    answers = bench.answers(rows=3_000)
    answers["race"] = answers["race"].astype("U20")
    answers["race"][:45] = "islander"
    bench.write("p.csv", **answers)
    found = planned(bench)
    assert found.rows == 3_000
    positives = {name: int(answers["y_true"][answers["race"] == name].sum()) for name in ("islander", "black")}
    assert f"race: 4 groups; fewest positives {positives['islander']} in islander" in found.notes[1]
    assert found.notes[0].endswith("enough for a verdict")
    assert found.notes[1].endswith("too few for any verdict")


def test_the_rows_it_names_would_show_equal_rates(bench):
    bench.write("p.csv", **bench.answers())
    note = planned(bench).notes[-1]
    needed = int(note.partition("about ")[2].split(" ")[0])
    gap = Difference(Rate(0.7 * needed, needed), Rate(0.7 * needed, needed))
    assert gap.bound(0.95) <= 0.1 < gap.at(needed - 2).bound(0.95)


def test_small_counts_are_not_told(bench):
    answers = bench.answers()
    answers["sex"] = np.where(np.arange(2_000) < 4, "x", answers["sex"])
    bench.write("p.csv", **answers)
    assert "fewest positives fewer than 10 in x, negatives fewer than 10 in x" in planned(bench, sensitive="sex").notes[0]


def test_a_side_file_is_looked_up(bench):
    answers = bench.answers(rows=400)
    bench.write("p.csv", id=np.arange(400), **{name: answers[name] for name in ("y_true", "y_pred")})
    bench.write("side.csv", id=np.arange(400)[::-1], sex=answers["sex"][::-1])
    inside = int(answers["y_true"][answers["sex"] == "female"].sum())
    other = int(answers["y_true"][answers["sex"] == "male"].sum())
    assert f"fewest positives {min(inside, other)} in" in planned(bench, sensitive_data="side.csv", row_id="id").notes[0]


def test_where_nothing_would_be_compared_it_says_so(bench):
    answers = bench.answers(rows=100)
    bench.write("p.csv", y_true=answers["y_true"], y_pred=answers["y_pred"])
    assert planned(bench).notes == ("no column names groups of people: the stage would not apply",)
    bench.write("p.csv", **{**answers, "sex": ["f"] * 100})
    assert planned(bench, sensitive="sex").notes[0] == "sex: one group, so there is nothing to compare"


@pytest.mark.parametrize("params", [{"gates": ("tpr >> 1",)}, {"standard": ("nine-tenths",)}, {"sensitive": ("gender",)}])
def test_what_a_run_would_refuse_a_plan_refuses(bench, params):
    bench.write("p.csv", **bench.answers(rows=100))
    with pytest.raises(UsageError):
        planned(bench, **params)
