import pytest
from pydantic import ValidationError

from mlops_stage.fields import describe
from mlops_stage.stages import mlops_stages
from mlops_stage.stages.quality import STAGE
from mlops_stage.stages.quality.params import QualityParams


def test_strings_of_a_pipeline_are_understood():
    params = QualityParams.model_validate({"slices": "region,tier", "margin": "0.02", "threshold": "0.3", "gates": "a >= 1\nb >= 2"})
    assert params.slices == ("region", "tier")
    assert (params.margin, params.threshold) == (0.02, 0.3)
    assert params.gates == ("a >= 1", "b >= 2")


@pytest.mark.parametrize(
    "wrong", [{"margin": -0.1}, {"margin": "nan"}, {"threshold": "inf"}, {"comparison": "equal"}, {"task": "ranking"}, {"sclices": "a"}]
)
def test_a_value_out_of_range_is_refused(wrong):
    with pytest.raises(ValidationError):
        QualityParams.model_validate(wrong)


def test_every_field_is_described():
    fields = describe(QualityParams)
    assert all(field.help for field in fields)
    assert not any(field.required for field in fields)


def test_the_stage_is_built_in_and_declares_the_outputs_it_gives(bench):
    assert STAGE in mlops_stages()
    bench.write("p.csv", **bench.binary())
    seen = bench.measure(predictions="p.csv", baseline="p.csv")
    assert seen.outputs.keys() == STAGE.outputs.keys()
