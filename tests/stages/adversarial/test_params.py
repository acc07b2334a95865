import pytest
from pydantic import ValidationError

from mlops_stage.fields import describe
from mlops_stage.stages.adversarial import STAGE
from mlops_stage.stages.adversarial.budget import BUDGETS, budget
from mlops_stage.stages.adversarial.params import AdversarialParams


def test_strings_of_a_pipeline_are_understood():
    params = AdversarialParams.model_validate(
        {"epsilons": "0.2, 0.05,0.2", "monotone": "age=up,debt=down", "immutable": "sex,race", "attacks": "square,hop_skip_jump"}
    )
    assert params.epsilons == (0.05, 0.2)
    assert params.monotone == {"age": "up", "debt": "down"}
    assert params.immutable == ("sex", "race")
    assert params.attacks == ("square", "hop_skip_jump")
    assert AdversarialParams.model_validate({"epsilons": 0.3}).epsilons == (0.3,)
    assert AdversarialParams.model_validate({"epsilons": [0.1]}).epsilons == (0.1,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilons": "0"},
        {"epsilons": "-0.1"},
        {"epsilons": "inf"},
        {"epsilons": ""},
        {"epsilons": "small"},
        {"norm": "l1"},
        {"monotone": "age=sideways"},
        {"attacks": "pgd"},
        {"category_distance": -1},
        {"category_distance": "nan"},
        {"processes": 0},
        {"rows": 0},
        {"imutable": "sex"},
    ],
)
def test_a_value_out_of_range_is_refused(wrong):
    with pytest.raises(ValidationError):
        AdversarialParams.model_validate(wrong)


def test_every_field_is_described():
    fields = describe(AdversarialParams)
    assert all(field.help for field in fields)
    assert not any(field.required for field in fields)
    assert {"model", "data", "label", "train", "reference"} <= {field.name for field in fields}


def test_params_survive_the_way_to_the_child():
    params = AdversarialParams.model_validate({"epsilons": "0.1", "monotone": "a=up", "attacks": "square"})
    assert AdversarialParams.model_validate(params.model_dump(mode="json")) == params


def test_effort_is_a_budget_in_queries():
    quick, standard, deep = (BUDGETS[name] for name in ("quick", "standard", "deep"))
    for field in ("rows", "most", "queries"):
        assert getattr(quick, field) < getattr(standard, field) < getattr(deep, field)
    assert 450 < quick.most < 600
    assert budget(AdversarialParams(effort="quick", rows=7)).rows == 7


def test_the_record_declares_the_outputs_that_the_stage_gives(project):
    assert project.measure("outputs", rows=5).outputs.keys() == STAGE.outputs.keys()
