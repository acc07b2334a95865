import pytest

from mlops_stage.errors import UsageError
from mlops_stage.params import CHOOSE
from mlops_stage.stages.adversarial.init import init
from mlops_stage.stages.adversarial.params import AdversarialParams
from mlops_stage.stages.adversarial.plan import plan


def planned(project, **params):
    asked = {"model": "credit.onnx", "data": "test.csv", "train": "train.csv", "label": "default", "effort": "quick"} | params
    return plan(AdversarialParams.model_validate(asked), project.workspace())


def test_rows_and_queries_before_anything_runs(project):
    found = planned(project, gates=["robust_accuracy[epsilon=0.1] >= 0.6"])
    assert found.rows == 100
    assert "queries" in found.cost
    assert "passes with at least 69 of 100 rows right under attack" in found.notes[0]
    seen = project.measure("planned", rows=100)
    spent = next(metric.estimate for metric in seen.metrics if metric.name == "queries_per_row")
    most = int(found.cost.split()[2].replace(",", ""))
    assert spent.value * spent.n <= most


def test_what_no_number_of_rows_right_can_show_is_said(project):
    assert any("can never show it" in note for note in planned(project, rows=40, gates=["robust_accuracy[epsilon=0.1] >= 0.97"]).notes)
    assert any("every gate stays inconclusive" in note for note in planned(project, rows=20).notes)
    assert any("neither reference nor train" in note for note in planned(project, train=None).notes)


def test_a_gate_on_a_size_that_is_not_judged_is_refused(project):
    with pytest.raises(UsageError, match=r"the size 0.3 is not judged"):
        planned(project, gates=["robust_accuracy[epsilon=0.3] >= 0.5"])
    with pytest.raises(UsageError, match=r"no metric robust_acuracy"):
        planned(project, gates=["robust_acuracy[epsilon=0.1] >= 0.5"])


def test_predictions_alone_are_said_not_to_suffice(project):
    found = planned(project, model=None, predictions="p.csv")
    assert "not applicable" in found.notes[0]
    with pytest.raises(UsageError, match="nothing to attack"):
        planned(project, model=None)


def test_init_finds_model_and_tables(project, tmp_path):
    known = {"model": "credit.onnx", "data": "test.csv", "train": "train.csv", "effort": "quick"}
    found = init(project.root)
    asked = found.pop("label"), found.pop("columns", None)
    assert found == known
    assert (asked[0].value, asked[0].note[:24]) == (CHOOSE, "one of: age, income, deb")
    assert init(tmp_path) is None
