import copy
import json

import pytest
import sbom_inventories as inventories

from mlops_stage.errors import InputError
from mlops_stage.stages.sbom.diff import compare
from mlops_stage.stages.sbom.document import MOST_LEVELS, read, texts
from mlops_stage.stages.sbom.emit import About, emit
from mlops_stage.stages.sbom.lint import lint
from mlops_stage.stages.sbom.merge import UNNAMED, merged

WHOLE = inventories.whole()
OURS = json.loads(emit(WHOLE, inventories.found(WHOLE)))
OTHER = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
    "version": 1,
    "metadata": {
        "timestamp": "2020-01-31T12:00:00Z",
        "authors": [{"email": "env@acme.example"}],
        "component": {"type": "application", "name": "service", "bom-ref": "root"},
        "tools": {"components": [{"type": "application", "name": "cyclonedx-py", "version": "7.5.0"}]},
        "properties": [{"name": "cdx:reproducible", "value": "true"}],
    },
    "components": [
        {
            "type": "library",
            "name": "numpy",
            "version": "2.1.0",
            "bom-ref": "numpy==2.1.0",
            "purl": "pkg:pypi/numpy@2.1.0",
            "description": "arrays",
            "scope": "required",
        },
        {"type": "library", "name": "requests", "version": "2.32.0", "bom-ref": "requests==2.32.0", "purl": "pkg:pypi/requests@2.32.0"},
        {
            "type": "machine-learning-model",
            "name": "embedder",
            "bom-ref": WHOLE.models[0].ref,
            "modelCard": {"bom-ref": "card", "modelParameters": {"task": "embedding", "datasets": [{"ref": "corpus"}]}},
        },
        {"type": "data", "name": "corpus", "bom-ref": "corpus", "data": [{"type": "dataset", "name": "corpus", "description": "texts"}]},
    ],
    "services": [{"name": "store", "bom-ref": "store"}],
    "dependencies": [
        {"ref": "root", "dependsOn": ["numpy==2.1.0", "requests==2.32.0", WHOLE.models[0].ref]},
        {"ref": "requests==2.32.0", "dependsOn": []},
    ],
    "compositions": [{"aggregate": "complete", "assemblies": [WHOLE.models[0].ref], "dependencies": ["root"]}],
    "vulnerabilities": [{"id": "CVE-2026-0001", "affects": [{"ref": "numpy==2.1.0"}]}],
    "formulation": [{"bom-ref": "formula", "workflows": [{"bom-ref": "w", "uid": "w", "taskTypes": ["build"]}]}],
    "definitions": {"standards": [{"bom-ref": "std", "name": "house rules"}]},
    "externalReferences": [{"type": "website", "url": "https://acme.example"}],
}


@pytest.fixture(scope="module")
def both():
    return merged(OURS, OTHER)


def component(document, name):
    return next(one for one in document["components"] if one["name"] == name)


def test_everything_that_either_says_is_still_said(both):
    values = [text.value for text in texts(both)]
    dropped = {"numpy==2.1.0"}
    for one in [*texts(OURS), *texts(OTHER)]:
        assert one.value in values or one.value in dropped, one.path


def test_cards_and_data_of_the_other_document_are_kept_word_for_word(both):
    card = component(both, "embedder")["modelCard"]
    assert card == OTHER["components"][2]["modelCard"]
    assert component(both, "corpus")["data"] == OTHER["components"][3]["data"]
    assert component(both, "credit")["modelCard"] == OURS["components"][0]["modelCard"]


def test_a_reference_that_meant_two_things_is_renamed_everywhere(both):
    ref = component(both, "embedder")["bom-ref"]
    assert ref == f"merged:{WHOLE.models[0].ref}"
    assert {"aggregate": "complete", "assemblies": [ref], "dependencies": ["root"]} in both["compositions"]
    edges = {one["ref"]: one["dependsOn"] for one in both["dependencies"]}
    assert ref in edges["root"]
    assert WHOLE.models[0].ref not in edges["root"]
    assert [one["bom-ref"] for one in both["formulation"]] == ["formula", "merged:formula"]


def test_a_package_of_both_stands_once_with_what_either_says(both):
    (numpy,) = [one for one in both["components"] if one["name"] == "numpy"]
    ours = next(one for one in OURS["components"] if one["name"] == "numpy")
    assert numpy["bom-ref"] == ours["bom-ref"]
    assert numpy["description"] == "arrays"
    assert numpy["hashes"] == ours["hashes"]
    assert both["vulnerabilities"][0]["affects"] == [{"ref": ours["bom-ref"]}]


def test_what_another_document_says_of_our_model_stands_beside_what_we_measured():
    ours = OURS["components"][0]
    theirs = {
        "type": "machine-learning-model",
        "name": "theirs",
        "bom-ref": "theirs",
        "purl": ours["purl"],
        "hashes": [{"alg": "SHA-256", "content": "0" * 64}],
        "modelCard": {"quantitativeAnalysis": {"performanceMetrics": [{"type": "accuracy", "value": "0.9999"}]}},
    }
    both = merged(OURS, {**OTHER, "components": [*OTHER["components"], theirs]})
    assert both["components"][0] == ours
    assert component(both, "theirs") == theirs


def test_our_system_depends_on_what_the_other_document_is_about(both):
    edges = {one["ref"]: one["dependsOn"] for one in both["dependencies"]}
    assert "root" in edges["system:credit-app"]
    assert component(both, "service")["type"] == "application"


def test_what_it_says_of_itself_is_kept_apart(both):
    about = both["metadata"]
    properties = {one["name"]: one["value"] for one in about["properties"]}
    assert properties["mlops:merged:serialNumber"] == OTHER["serialNumber"]
    assert properties["mlops:merged:authors[0].email"] == "env@acme.example"
    assert properties["mlops:merged:timestamp"] == "2020-01-31T12:00:00Z"
    assert about["timestamp"] == "2026-01-01T00:00:00Z"
    assert [tool["name"] for tool in about["tools"]["components"]] == ["mlops-stage", "cyclonedx-py"]


def test_what_comes_of_it_is_valid_and_clean(both):
    emitted = json.loads(emit(WHOLE, inventories.found(WHOLE), about=About(environment=OTHER)))
    assert [finding for finding in lint(emitted) if finding.rule != "sbom/unhashed"] == []
    assert emitted.pop("serialNumber") != OURS["serialNumber"]
    assert emitted == {key: value for key, value in both.items() if key != "serialNumber"}


def test_neither_document_is_changed():
    ours, other = copy.deepcopy(OURS), copy.deepcopy(OTHER)
    merged(ours, other)
    assert (ours, other) == (OURS, OTHER)


def test_a_document_as_deep_as_may_be_is_walked_to_its_end(tmp_path):
    innermost = {"type": "file", "name": "innermost", "bom-ref": WHOLE.models[0].ref}
    for place in range((MOST_LEVELS - 4) // 2):
        innermost = {"type": "file", "name": f"f{place}", "components": [innermost]}
    deep = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [innermost]}
    (tmp_path / "deep.json").write_text(json.dumps(deep))
    document = read("deep.json", tmp_path, "source")
    assert {finding.level for finding in lint(document)} <= {"warning", "note"}
    assert len(compare(OURS, merged(OURS, document))) > 0


def test_a_document_merged_twice_adds_nothing_the_second_time(both):
    again = merged(both, OTHER)
    assert len([one for one in again["components"] if one["name"] in {"numpy", "requests", "corpus", "service"}]) == 4


def test_tools_of_before_1_5_become_components():
    old = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.4",
        "version": 1,
        "metadata": {"tools": [{"vendor": "acme", "name": "old", "version": "1"}]},
    }
    told = merged(OURS, old)
    assert told["metadata"]["tools"]["components"][-1] == {
        "type": "application",
        "name": "old",
        "version": "1",
        "supplier": {"name": "acme"},
    }
    assert [finding for finding in lint(told) if finding.level == "error"] == []


def test_what_only_earlier_versions_allow_is_said_as_ours_has_it():
    old = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.4",
        "version": 1,
        "metadata": {"properties": [{"value": "of nothing"}, {}]},
        "components": [
            {"type": "library", "name": "a", "licenses": [{"expression": "MIT OR ISC"}, {"license": {"id": "MIT"}}]},
            {"type": "library", "name": "b", "properties": [{"value": "1"}], "components": [{"type": "file", "name": "c"}]},
        ],
    }
    told = merged(OURS, old)
    assert [finding for finding in lint(told) if finding.level == "error"] == []
    assert {"name": UNNAMED, "value": "of nothing"} in told["metadata"]["properties"]
    assert component(told, "a")["licenses"] == [{"license": {"name": "MIT OR ISC"}}, {"license": {"id": "MIT"}}]
    assert component(told, "b")["properties"] == [{"name": UNNAMED, "value": "1"}]
    assert component(told, "b")["components"] == [{"type": "file", "name": "c"}]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            {"specVersion": "1.4", "services": [{"name": "x", "bom-ref": ""}]},
            "1.4, and 1.6 does not allow what it says: services.0..bom-ref: ",
        ),
        ({"x-\n": 1}, r"1.6: the document: unknown key 'x-"),
        ({"specVersion": "1.7"}, "cannot be merged into 1.6"),
        ({"specVersion": "9"}, "cannot be merged into 1.6"),
        ({"components": [{"type": "library"}]}, "does not fit CycloneDX 1.6: components"),
    ],
)
def test_what_cannot_be_merged_is_refused(change, why):
    with pytest.raises(InputError, match=why):
        merged(OURS, {"bomFormat": "CycloneDX", "version": 1, "specVersion": "1.6", **change})
