from pathlib import Path

import pytest
from pydantic import ValidationError

from mlops_stage.params import RUN_WIDE
from mlops_stage.stages.sbom.elements import BY_NAME, DECLARABLE, G7
from mlops_stage.stages.sbom.facts import ELEMENTS
from mlops_stage.stages.sbom.params import SbomParams


def test_the_table_holds_the_fifty_elements_in_their_seven_clusters():
    sizes = {}
    for element in G7:
        sizes.setdefault(element.number.partition("-")[0], []).append(int(element.number[-2:]))
    assert {prefix: len(numbers) for prefix, numbers in sizes.items()} == {
        "MD": 10,
        "SLP": 9,
        "MDL": 13,
        "DP": 10,
        "INF": 2,
        "SP": 4,
        "KPI": 2,
    }
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in sizes.values())


def test_every_element_is_answered_by_facts_that_exist():
    named = {fact for element in BY_NAME.values() for fact in element.facts}
    assert named - set(ELEMENTS) == {"purl", "parent"}
    assert all(BY_NAME[name].facts for name in DECLARABLE)


def test_elements_are_declared_with_hyphens_and_for_one_data_set():
    params = SbomParams(declare="model-license=MIT,dataset_license=CC0-1.0,dataset_license.train=CC-BY-4.0,system_name=")
    assert params.declare == {"model_license": "MIT", "dataset_license": "CC0-1.0", "dataset_license.train": "CC-BY-4.0"}


def test_what_is_confidential_is_not_recorded_of_any_data_set_nor_under_another_name():
    declare = {"dataset_license": "CC0-1.0", "dataset_license.train": "CC-BY-4.0", "dataset_name": "CC0-1.0", "system_name": "scoring"}
    params = SbomParams(declare=declare, confidential=("dataset_license.train",))
    assert params.as_recorded()["declare"] == {**dict.fromkeys(declare, "(withheld)"), "system_name": "scoring"}
    assert params.declare == declare


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("model_licence", "did you mean 'model_license'"),
        ("model_hash_value", "is found out, not declared"),
        ("model_license.train", "only elements of data sets"),
        ("dataset_license.test", "known: data, train, reference"),
    ],
)
@pytest.mark.parametrize("field", ["declare", "confidential"])
def test_a_key_that_means_nothing_is_refused(field, key, said):
    with pytest.raises(ValidationError, match=said):
        SbomParams(**{field: {key: "x"} if field == "declare" else key})


def test_shared_params_are_the_shared_ones():
    assert {"model", "data", "train", "reference", "contract"} <= set(RUN_WIDE) & set(SbomParams.model_fields)


def test_the_reference_lists_every_element_as_the_table_does():
    page = (Path(__file__).parents[3] / "docs" / "reference" / "notes" / "sbom.md").read_text(encoding="utf-8")
    told = [line for line in page.splitlines() if line.startswith("| ") and "`" in line.split("|")[2]]
    rows = [
        f"| {element.number or element.cluster.lower()} | `{element.name}`{'' if element.declarable else ' (found out)'} | {element.asks} |"
        for element in BY_NAME.values()
    ]
    assert [line for line in told if line.split("`")[1] in BY_NAME] == rows
