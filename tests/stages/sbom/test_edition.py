import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_stage.errors import UsageError
from mlops_stage.stages.sbom.edition import published
from mlops_stage.stages.sbom.elements import BY_NAME
from mlops_stage.stages.sbom.emit import About, emit
from mlops_stage.stages.sbom.facts import Confidence, Fact
from mlops_stage.stages.sbom.lint import lint


def load(name):
    path = Path(__file__).parent / "emit" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"sbom_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


inventories = load("inventories")
CANARY = "CANARY: learnt from the ledger of branch 17"
NAMELESS = [name for name, element in BY_NAME.items() if element.declarable and "name" not in element.facts]


def with_canary(element):
    """An inventory in which everything that answers an element says the canary, and once more in other words' place."""
    whole = inventories.whole()
    wanted = BY_NAME[element]

    def marked(item):
        facts = tuple(replace(fact, value=CANARY) if fact.element in wanted.facts else fact for fact in item.facts)
        facts += (Fact(element="acme:note", value=CANARY, source="README.md", confidence=Confidence.EXTRACTED),)
        licences = tuple(replace(one, kind="name", text=CANARY) for one in item.licences) if "licence" in wanted.facts else item.licences
        return replace(item, facts=facts, licences=licences)

    if wanted.of == "system":
        return replace(whole, system=marked(whole.system))
    if wanted.of == "dataset":
        return replace(whole, datasets=tuple(map(marked, whole.datasets)))
    model = marked(whole.models[0])
    if "parent" in wanted.facts:
        model = replace(model, facts=whole.models[0].facts, parents=(replace(model.parents[0], name=CANARY),))
    return replace(whole, models=(model,))


@pytest.mark.parametrize("element", NAMELESS)
def test_what_is_confidential_stands_in_the_complete_edition_only(element):
    whole = with_canary(element)
    assert CANARY.encode() in emit(whole, inventories.found(whole))
    edition = published(whole, [element])
    content = emit(edition, inventories.found(whole), about=About(withheld=(element,)))
    assert CANARY.encode() not in content
    document = json.loads(content)
    assert {"name": "mlops:withheld", "value": element} in document["metadata"]["properties"]
    assert {"name": "mlops:edition", "value": "published"} in document["metadata"]["properties"]
    assert [finding for finding in lint(document) if finding.level == "error"] == []


def test_the_published_edition_holds_no_digest_of_the_complete_one():
    whole = with_canary("model_training_properties")
    complete = json.loads(emit(whole, inventories.found(whole)))
    content = emit(published(whole, ["model_training_properties"]), inventories.found(whole))
    assert complete["serialNumber"].encode() not in content


def test_an_element_may_be_withheld_of_one_data_set():
    whole = inventories.whole()
    told = Fact(element="provenance", value="a survey of 1994", source="mlops.yaml")
    whole = replace(whole, datasets=(whole.datasets[0], replace(whole.datasets[1], facts=(told,))))
    train, test = published(whole, ["dataset_provenance.train"]).datasets
    assert train.fact("provenance") is None
    assert test == whole.datasets[1]


def test_a_version_goes_from_the_package_url_as_well():
    edition = published(inventories.whole(), ["model_version"])
    assert edition.models[0].version == ""
    assert "@7" not in edition.models[0].purl
    assert lint(json.loads(emit(edition, inventories.found(edition)))) == ()


def test_nothing_confidential_changes_nothing():
    assert published(inventories.whole(), ()) == inventories.whole()


@pytest.mark.parametrize("element", ["system_name", "model_name", "dataset_name"])
def test_names_cannot_be_withheld(element):
    with pytest.raises(UsageError, match="cannot be withheld"):
        published(inventories.whole(), [element])
