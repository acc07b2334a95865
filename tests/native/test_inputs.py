"""Every field of a stage is an input of its native step, under the variable that the command line reads."""

import pytest

from mlops_stage import host
from mlops_stage.native import inputs

CATALOGUE = host.discover({host.ALLOW_LIST: "none"})


@pytest.mark.parametrize("name", CATALOGUE.stages)
def test_a_stage_offers_all_its_params_and_those_of_the_invocation(name):
    found = inputs.of_stage(CATALOGUE, CATALOGUE.stages[name])
    assert {item.variable for item in found} >= {field.variable for field in CATALOGUE.fields(name)}
    assert [item.name for item in found[-5:]] == ["id", "config", "out", "reports", "if-changed"]
    assert len({item.name for item in found}) == len({item.variable for item in found}) == len(found)
    assert all(item.help and "\n" not in item.help for item in found)


def test_a_run_offers_what_all_stages_share():
    names = [item.name for item in inputs.of_run()]
    assert names[:5] == ["stages", "config", "out", "reports", "if-changed"]
    assert {"model", "data", "effort", "on-inconclusive"} <= set(names)
    assert "gates" not in names


def test_merging_takes_what_the_command_reads():
    assert [(item.name, item.variable) for item in inputs.of_merge()] == [
        ("from", "MLOPS_INPUT_FROM"),
        ("require", "MLOPS_INPUT_REQUIRE"),
        ("out", "MLOPS_INPUT_OUT"),
    ]


def test_bootstrap_inputs_never_reach_the_params():
    assert all(item.variable.startswith("MLOPS_STAGE_") for item in inputs.BOOTSTRAP)


def test_a_list_says_what_separates_its_items():
    known = {item.name: item.help for item in inputs.of_stage(CATALOGUE, CATALOGUE.stages["quality"])}
    assert known["gates"].endswith("; one per line, or a JSON list")
    assert known["slices"].endswith("; joined by commas, or a JSON list")
    assert "JSON" not in known["label"]
