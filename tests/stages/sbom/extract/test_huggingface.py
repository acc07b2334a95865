"""Model cards and configurations: what they say, and what a hostile one cannot do."""

import pytest

CARD = """---
license: apache-2.0
language: [en, de]
library_name: transformers
pipeline_tag: text-classification
tags: [finance]
base_model: google-bert/bert-base-uncased
base_model_relation: finetune
datasets: [imdb]
co2_eq_emissions:
  emissions: 1500
model-index:
- name: credit
  results:
  - dataset: {name: IMDb, split: test}
    metrics:
    - {type: accuracy, value: 0.91}
---
# Credit

## Model description
Tells **good** from bad.

## Intended uses
* Ordering [applications](https://example.org).

## Limitations
Wrong about retired people.

## Bias, Risks, and Limitations
Never read, for limitations stand above.

## Out-of-Scope Use
[More Information Needed]
"""


def card(project, text, **files):
    project.network("hub/model.onnx")
    project.write("hub/README.md", text)
    for name, content in files.items():
        project.json(f"hub/{name}.json", content)
    return project.look(model="hub")


def test_everything_that_a_card_says_is_told(project):
    (model,) = card(project, CARD).models
    assert [(one.kind, one.text, one.source) for one in model.licences] == [("id", "Apache-2.0", "hub/README.md")]
    assert [fact.value for fact in model.every("language")] == ["de", "en"]
    assert model.text("task") == "text-classification"
    assert model.text("co2_tonnes") == "0.0015"
    assert model.text("claimed_metric") == "accuracy=0.91 (IMDb, test)"
    assert model.text("description") == "Tells good from bad."
    assert model.text("intended_use") == "Ordering applications."
    assert model.every("limitation")[0].value == "Wrong about retired people."
    assert not model.text("out_of_scope")
    (parent,) = model.parents
    assert (parent.name, parent.relation, parent.purl) == (
        "google-bert/bert-base-uncased",
        "finetune",
        "pkg:huggingface/google-bert/bert-base-uncased",
    )
    assert [(use.role, use.name, use.ref) for use in model.datasets] == [("train", "imdb", "")]


@pytest.mark.parametrize(
    ("terms", "kind", "text"),
    [
        ("license: mit", "id", "MIT"),
        ("license: openrail++", "name", "openrail++"),
        ("license: llama3.2", "name", "llama3.2"),
        ("license: other\nlicense_name: acme-1", "name", "acme-1"),
        ("license: other", "name", "other"),
        ("license: [mit]", "id", "MIT"),
    ],
)
def test_terms_that_spdx_does_not_list_are_told_by_name(project, terms, kind, text):
    (model,) = card(project, f"---\n{terms}\n---\n").models
    assert [(one.kind, one.text) for one in model.licences] == [(kind, text)]


def test_configurations_tell_architecture_and_base(project):
    config = {
        "architectures": ["BertForSequenceClassification"],
        "model_type": "bert",
        "transformers_version": "4.57.0",
        "hidden_size": 768,
    }
    (model,) = card(
        project,
        "hello",
        config=config,
        adapter_config={"base_model_name_or_path": "acme/base", "revision": "a" * 40, "peft_type": "LORA", "r": 8},
    ).models
    assert model.text("architecture") == "BertForSequenceClassification"
    assert model.text("family") == "bert"
    assert [fact.value for fact in model.every("hyperparameter")] == ["hidden_size=768", "peft_type=LORA", "r=8"]
    assert [(one.relation, one.purl) for one in model.parents] == [("adapter", f"pkg:huggingface/acme/base@{'a' * 40}")]


def test_a_base_model_on_somebodys_disk_is_told_by_its_last_name(project):
    (model,) = card(project, "hello", adapter_config={"base_model_name_or_path": "/home/me/secret/base"}).models
    assert [(one.name, one.purl) for one in model.parents] == [("base", "")]


@pytest.mark.parametrize(
    "matter",
    [
        "a: &a [x]\nb: [" + "*a, " * 20 + "*a]",
        "license: [unclosed",
        "x: " + "[" * 2000,
        "license:\n " + "- " * 5000,
        "license:\n " + "- " * 150,
        "? " * 3000,
        "license: " + "9" * 5000,
        "license: 0x" + "f" * 5000,
        "license: [0b" + "1" * 20_000 + "]",
        'license: !!int ""',
        "license: !!bool maybe",
        'license: "\\UFFFFFFFF"',
        "!!python/object/apply:os.system ['exit 1']",
        "license: !!python/name:os.system",
        "- a list",
        "? {a: b}\n: c",
        "license: 2026-99-99",
    ],
)
def test_front_matter_that_is_none_is_told_and_left_out(project, rules, matter):
    found = card(project, f"---\n{matter}\n---\n# x\n")
    assert set(rules(found)) <= {"sbom/unreadable"}
    assert all(len(finding.message.splitlines()) == 1 for finding in found.findings)
    assert found.models[0].text("format") == "ONNX"


@pytest.mark.parametrize(
    "config",
    ["{", "[]", "nul", "{" * 100_000, '{"hidden_size": ' + "9" * 5000 + "}", '"text"', '{"architectures": [[[]]], "model_type": {"a": 1}}'],
)
def test_a_broken_configuration_is_told_and_left_out(project, rules, config):
    project.network("hub/model.onnx")
    project.write("hub/config.json", config)
    found = project.look(model="hub")
    assert set(rules(found)) <= {"sbom/unreadable"}
    assert not found.models[0].text("architecture")


def test_a_card_of_another_shape_says_what_it_can(project):
    plain = "---\nlicense: {a: 1}\nbase_model: {a: 1}\ndatasets: 7\nco2_eq_emissions: .inf\nmodel-index: [1, {results: [2, {metrics: [3]}]}]\n---\n"
    (model,) = card(project, plain).models
    assert (model.licences, model.parents, model.text("co2_tonnes")) == ((), (), "")


def test_the_readme_of_the_project_is_no_model_card(project):
    project.network("model.onnx")
    project.write("README.md", "# Project\n\n## Limitations\nnone\n")
    project.write("MODEL_CARD.md", "## Limitations\nmany\n")
    (model,) = project.look(model="model.onnx").models
    assert [fact.value for fact in model.every("limitation")] == ["many"]


def test_control_characters_and_long_texts_are_made_harmless(project):
    (model,) = card(project, '---\nlicense: "evil\\x1b[31m\\0"\n---\n## Limitations\n' + "x" * 100_000).models
    assert "\x1b" not in model.licences[0].text
    assert len(model.text("limitation")) == 4000
