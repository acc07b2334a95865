import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import sbom_inventories as inventories

from mlops_stage.stages.sbom.emit import About, emit
from mlops_stage.stages.sbom.lint import lint
from mlops_stage.stages.sbom.results import Results

WHOLE = inventories.whole()
FOUND = inventories.found(WHOLE)


@pytest.fixture(scope="module")
def document():
    return json.loads(emit(WHOLE, FOUND))


def named(document, name):
    return next(one for one in document["components"] if one["name"] == name)


def told(record, name):
    return [one["value"] for one in record["properties"] if one["name"] == name]


@pytest.mark.parametrize("spec", ["1.6", "1.7"])
def test_documents_of_a_corpus_of_thirty_two_are_valid_and_clean(spec):
    for inventory in inventories.corpus(32):
        findings = lint(json.loads(emit(inventory, Results(), spec)), spec)
        serious = {(finding.rule, finding.message) for finding in findings if finding.rule not in {"sbom/unhashed", "sbom/unidentified"}}
        assert serious == set(), inventory.system.name


@pytest.mark.parametrize("spec", ["1.6", "1.7"])
def test_a_document_with_everything_in_it_is_valid_and_clean(spec):
    assert lint(json.loads(emit(WHOLE, FOUND, spec)), spec) == ()


def test_every_fact_is_told_somewhere(document):
    text = json.dumps(document, ensure_ascii=False)
    for element in inventories.EVERY:
        value = inventories.fact(element).value
        shown = {
            "hyperparameter": "0.1",
            "metadata": "skl2onnx",
            "claimed_metric": "0.91",
            "energy_kwh": "12.5",
            "co2_tonnes": "0.004",
        }.get(element, value)
        for component in (document["metadata"]["component"], named(document, "credit"), named(document, "data/train.csv")):
            assert json.dumps(shown, ensure_ascii=False)[1:-1] in json.dumps(component, ensure_ascii=False) or element in {
                "name",
                "version",
                "contact",
            }, element
    assert "Female" in text


def test_the_model_comes_first_then_what_was_compiled_data_and_libraries(document):
    kinds = [(one["type"], one["name"]) for one in document["components"]]
    assert kinds == [
        ("machine-learning-model", "credit"),
        ("machine-learning-model", "m.onnx"),
        ("data", "data/train.csv"),
        ("data", "data/test.csv"),
        ("library", "numpy"),
        ("library", "onnxruntime"),
    ]


def test_every_file_of_a_model_is_there_with_its_digest(document):
    files = {one["name"]: one["hashes"] for one in named(document, "credit")["components"]}
    assert files == {file.path: [{"alg": "SHA-256", "content": file.sha256}] for file in WHOLE.models[0].files}


def test_the_card_says_what_the_stages_measured(document):
    card = named(document, "credit")["modelCard"]
    metrics = card["quantitativeAnalysis"]["performanceMetrics"]
    assert metrics[1] == {
        "type": "accuracy",
        "value": "0.501",
        "slice": "sex=Female",
        "confidenceInterval": {"lowerBound": "0.4", "upperBound": "0.9"},
    }
    assert metrics[3] == {"type": "latency_ratio (x)", "value": "1", "slice": "target=host"}
    assert metrics[4] == {"type": "accuracy", "value": "0.91", "slice": "imdb, test; claimed in models/README.md, not measured"}
    assert {"name": "mlops:metric:accuracy[sex=Female]:n", "value": "101"} in card["properties"]
    assert card["considerations"]["fairnessAssessments"] == [
        {"groupAtRisk": "sex=Female", "harms": "failed: the gap is above .1 (tpr_difference[by=sex], report fairness)"}
    ]


def test_what_is_not_known_is_left_out():
    inventory = replace(
        WHOLE,
        models=(replace(WHOLE.models[0], facts=(), parents=(), datasets=(), licences=()),),
        datasets=(),
        libraries=(),
        git=None,
        ci=None,
    )
    document = json.loads(emit(inventory, Results()))
    model = document["components"][0]
    assert set(model["modelCard"]) == {"bom-ref", "modelParameters"}
    assert set(model["modelCard"]["modelParameters"]) == {"inputs", "outputs"}
    assert "licenses" not in model
    assert "formulation" not in document
    assert {"aggregate": "incomplete", "dependencies": [model["bom-ref"]]} in document["compositions"]


def test_who_says_a_fact_stands_beside_it(document):
    assert told(named(document, "credit"), "mlops:source:task") == ["extracted: models/README.md"]
    assert told(named(document, "data/train.csv"), "mlops:source:licence") == ["declared: mlops.yaml"]


def cited(document):
    """By source, what its pointers lead to."""
    found = {}
    for one in document.get("citations", []):
        for pointer in one["pointers"]:
            value = document
            for key in pointer.split("/")[1:]:
                value = value[int(key)] if isinstance(value, list) else value[key]
            found.setdefault(one["note"], {})[pointer] = value
    return found


@pytest.fixture(scope="module")
def newer():
    return json.loads(emit(WHOLE, FOUND, "1.7"))


def test_citations_lead_to_what_each_source_says(newer):
    found = cited(newer)
    assert set(found) == {
        "declared: mlops.yaml",
        "extracted: environment",
        "extracted: models/README.md",
        "inferred: models/README.md",
        "measured: report fairness",
        "measured: report quality",
        "measured: report compile",
    }
    card = found["extracted: models/README.md"]
    assert card["/components/0/modelCard/modelParameters/task"] == inventories.fact("task").value
    assert card["/components/0/modelCard/considerations/users/0"] == inventories.fact("users").value
    assert {"name": "mlops:opset", "value": inventories.fact("opset").value} in card.values()
    assert {"name": "mlops:rows", "value": "32561"} in [
        value for pointer, value in card.items() if "/data/0/contents/properties/" in pointer
    ]
    assert {one["type"] for one in found["measured: report quality"].values()} == {"accuracy"}
    assert found["extracted: environment"]["/components/4/supplier/name"] == "The developers"
    tools = {one["bom-ref"] for one in newer["metadata"]["tools"]["components"]}
    assert {one["attributedTo"] for one in newer["citations"]} == tools
    assert {one["timestamp"] for one in newer["citations"]} == {newer["metadata"]["timestamp"]}


def test_every_property_that_says_a_fact_of_the_model_is_cited(newer):
    pointers = {pointer for one in cited(newer).values() for pointer in one}
    told = newer["components"][0]["properties"]
    facts = {f"mlops:{one['name'].removeprefix('mlops:source:')}" for one in told}
    assert [one for place, one in enumerate(told) if one["name"] in facts and f"/components/0/properties/{place}" not in pointers] == []


def test_without_a_time_or_before_1_7_nothing_is_cited():
    assert "citations" not in json.loads(emit(WHOLE, FOUND))
    assert "citations" not in json.loads(emit(replace(WHOLE, epoch=None), FOUND, "1.7"))


def test_citations_stay_right_where_another_document_is_merged():
    other = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": json.loads(emit(WHOLE, FOUND))["components"][:1]}
    document = json.loads(emit(WHOLE, FOUND, "1.7", about=About(environment=other)))
    assert inventories.fact("task").value in cited(document)["extracted: models/README.md"].values()
    assert lint(document, "1.7") == ()


def test_data_sets_hold_names_of_columns_and_no_values(document):
    data = named(document, "data/train.csv")["data"][0]
    assert data["sensitiveData"] == ["sex (declared)"]
    assert told(data["contents"], "mlops:column:0001") == ["age (integer, 0.25 missing)"]
    assert told(data["contents"], "mlops:report:data") == ["passed: 12 rules hold"]
    assert told(data["contents"], "mlops:contract") == ["contract.odcs.yaml"]


def test_the_graph_has_an_entry_for_each_component(document):
    edges = {one["ref"]: one["dependsOn"] for one in document["dependencies"]}
    assert set(edges) == {one["bom-ref"] for one in document["components"]} | {"system:credit-app"}
    model, train = WHOLE.models[0], WHOLE.datasets[0]
    assert edges[model.ref] == [train.ref]
    assert edges["pkg:pypi/onnxruntime@1.20.0"] == ["pkg:pypi/numpy@2.1.0"]
    assert edges["system:credit-app"] == sorted(
        [model.ref, f"model:sha256:{inventories.digest('compiled')}", "pkg:pypi/onnxruntime@1.20.0"]
    )


def test_compiled_files_name_the_model_they_come_from(document):
    compiled = named(document, "m.onnx")
    assert told(compiled, "mlops:target") == ["host", "x86-64-v3"]
    (ancestor,) = compiled["pedigree"]["ancestors"]
    assert ancestor["hashes"] == [{"alg": "SHA-256", "content": WHOLE.models[0].sha256}]


def test_how_it_was_made_is_told_as_far_as_it_is_known(document):
    tasks = {task["name"]: task for task in document["formulation"][0]["workflows"][0]["tasks"]}
    model, train, test = WHOLE.models[0].ref, WHOLE.datasets[0].ref, WHOLE.datasets[1].ref
    assert [one["resource"]["ref"] for one in tasks["train"]["inputs"]] == [train]
    assert [one["resource"]["ref"] for one in tasks["train"]["outputs"]] == [model]
    assert [one["resource"]["ref"] for one in tasks["test"]["inputs"]] == [model, test]
    assert set(tasks) == {"train", "test", "compile"}
    untested = json.loads(emit(WHOLE, Results()))  # there is test data, and nobody says that the model was tested
    assert [task["name"] for task in untested["formulation"][0]["workflows"][0]["tasks"]] == ["train"]


def test_gitlab_finds_what_it_asks_for(document):
    properties = {one["name"]: one["value"] for one in document["metadata"]["properties"]}
    assert properties == {
        "gitlab:meta:schema_version": "1",
        "gitlab:dependency_scanning:input_file:path": "uv.lock",
        "gitlab:dependency_scanning:package_manager:name": "uv",
        "gitlab:dependency_scanning:language:name": "Python",
    }


@pytest.mark.parametrize(
    ("creator", "key", "value"),
    [
        ("ml@acme.example", "authors", [{"email": "ml@acme.example"}]),
        ("https://acme.example", "manufacturer", {"url": ["https://acme.example"]}),
        ("Acme", "manufacturer", {"name": "Acme"}),
    ],
)
def test_the_creator_is_told_as_what_it_is(creator, key, value):
    document = json.loads(emit(WHOLE, FOUND, about=About(creator=creator)))
    assert document["metadata"][key] == value
    assert lint(document) == ()


def test_the_time_is_that_of_the_inputs_or_none():
    assert json.loads(emit(WHOLE, FOUND))["metadata"]["timestamp"] == "2026-01-01T00:00:00Z"
    assert json.loads(emit(WHOLE, FOUND, epoch=0))["metadata"]["timestamp"] == "1970-01-01T00:00:00Z"
    assert "timestamp" not in json.loads(emit(replace(WHOLE, epoch=None), FOUND))["metadata"]


def test_any_change_gives_another_serial_number():
    model = WHOLE.models[0]
    others = [
        WHOLE,
        replace(WHOLE, epoch=inventories.EPOCH + 1),
        replace(WHOLE, models=(replace(model, sha256=inventories.digest("x")),)),
        replace(WHOLE, models=(replace(model, files=(replace(model.files[0], sha256=inventories.digest("x")), *model.files[1:])),)),
        replace(WHOLE, datasets=(replace(WHOLE.datasets[0], sha256=inventories.digest("x")), WHOLE.datasets[1])),
        replace(WHOLE, libraries=WHOLE.libraries[:1]),
    ]
    serials = {json.loads(emit(one, FOUND))["serialNumber"] for one in others} | {json.loads(emit(WHOLE, Results()))["serialNumber"]}
    assert len(serials) == len(others) + 1


@pytest.mark.parametrize(("spec", "seed", "zone"), [("1.6", "1", "Asia/Tokyo"), ("1.7", "4242", "America/Lima")])
def test_the_same_inputs_give_the_same_bytes_anywhere(spec, seed, zone, tmp_path):
    script = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('inventories', {str(Path(__file__).with_name('inventories.py'))!r})\n"
        "inventories = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(inventories)\n"
        "from mlops_stage.stages.sbom.emit import emit\n"
        "whole = inventories.whole()\n"
        f"sys.stdout.buffer.write(emit(whole, inventories.found(whole), {spec!r}))\n"
    )
    expected = emit(WHOLE, FOUND, spec)
    env = {"PYTHONHASHSEED": seed, "TZ": zone, "HOME": str(tmp_path), "USER": f"user{seed}", "LC_ALL": "C"}
    assert subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, check=True).stdout == expected


def test_the_file_is_canonical():
    content = emit(WHOLE, FOUND)
    document = json.loads(content)
    assert content == (json.dumps(document, ensure_ascii=False, sort_keys=True, indent=2) + "\n").encode()
    assert document["serialNumber"].startswith("urn:uuid:")
