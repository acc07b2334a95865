"""What counts where sources differ, what is declared, what the export script recorded, and what others' extractors add."""

import hashlib

import pytest

from mlops_stage.errors import InputError
from mlops_stage.hookspecs import Plugin, hookimpl
from mlops_stage.stages.sbom.extract.scene import Ancestor, Claim, Interface, Packages, Usage, claim
from mlops_stage.stages.sbom.facts import ELEMENTS, Confidence, DatasetUse, Fact, Library, Parent
from mlops_stage.stages.sbom.hookspecs import Extractor

PYPROJECT = """
[project]
name = "credit"
version = "1.4.0"
description = "tells incomes"
license = "MIT"
requires-python = ">=3.11"
authors = [{ name = "Acme", email = "ml@acme.example" }]
[project.urls]
Homepage = "https://acme.example"
Documentation = "javascript:alert(1)"
"""


def test_the_project_tells_what_the_system_is(project):
    project.network()
    project.write("pyproject.toml", PYPROJECT)
    project.write("SECURITY.md", "tell us")
    system = project.look(model="model.onnx").system
    assert (system.ref, system.name, system.version) == ("system:credit", "credit", "1.4.0")
    assert [(one.text, one.confidence) for one in system.licences] == [("MIT", "extracted")]
    told = {
        name: system.text(name)
        for name in ("description", "producer", "contact", "software", "homepage", "documentation", "security_policy")
    }
    assert told == {
        "description": "tells incomes",
        "producer": "Acme",
        "contact": "ml@acme.example",
        "software": "Python >=3.11",
        "homepage": "https://acme.example",
        "documentation": "",
        "security_policy": "SECURITY.md",
    }


def test_maker_and_terms_of_the_project_are_a_guess_about_the_model(project):
    project.network()
    project.write("pyproject.toml", PYPROJECT)
    (model,) = project.look(model="model.onnx").models
    assert [(one.text, one.confidence) for one in model.licences] == [("MIT", "inferred")]
    assert model.fact("producer").confidence == "inferred"


@pytest.mark.parametrize(
    ("text", "spdx"),
    [
        ("MIT License\n\nCopyright", "MIT"),
        ("\n      Apache License\n     Version 2.0, January 2004\n", "Apache-2.0"),
        ("SPDX-License-Identifier: EUPL-1.2\n", "EUPL-1.2"),
        ("All rights reserved", None),
    ],
)
def test_a_licence_file_is_known_by_how_it_begins(project, text, spdx):
    project.network()
    project.write("LICENSE", text)
    assert [one.text for one in project.look(model="model.onnx").system.licences] == ([spdx] if spdx else [])


def test_what_is_declared_counts_and_a_contradiction_is_told(project, rules):
    project.network("hub/model.onnx")
    project.write("hub/README.md", "---\nlicense: apache-2.0\n---\n")
    declare = {"model_license": "MIT", "model_name": "income", "system_name": "screening", "dataset_license": "CC-BY-4.0"}
    found = project.look(model="hub", declare=declare)
    (model,) = found.models
    assert [(one.text, one.confidence) for one in model.licences] == [("MIT", "declared")]
    assert (model.name, found.system.name) == ("income", "screening")
    assert rules(found) == ["sbom/contradiction"]
    assert found.findings[0].message == "licence of the model is declared as 'MIT', and hub/README.md says 'apache-2.0'"


def test_the_same_licence_in_another_spelling_is_no_contradiction(project, rules):
    project.network("hub/model.onnx")
    project.write("hub/README.md", "---\nlicense: apache-2.0\n---\n")
    assert rules(project.look(model="hub", declare={"model_license": "Apache License 2.0"})) == []


def test_of_data_the_declaration_for_one_comes_before_that_for_all(project):
    project.network()
    project.write("a.csv", "x\n1\n")
    project.write("b.csv", "x\n2\n")
    declare = {"dataset_license": "MIT", "dataset_license.train": "CC-BY-4.0", "model_base": "pkg:huggingface/acme/base@abc"}
    found = project.look(model="model.onnx", data="a.csv", train="b.csv", declare=declare)
    assert {one.role: [each.text for each in one.licences] for one in found.datasets} == {"data": ["MIT"], "train": ["CC-BY-4.0"]}
    assert [(one.name, one.purl, one.confidence) for one in found.models[0].parents] == [
        (["acme/base", "abc"][0], "pkg:huggingface/acme/base@abc", "declared")
    ]


def test_the_record_of_the_export_tells_source_and_data(project):
    path = project.network("export/model.onnx")
    onnx = hashlib.sha256(path.read_bytes()).hexdigest()
    data = project.write("test.csv", "x\n1\n")
    record = {
        "model": {"name": "/home/me/secret/xgboost.pkl", "sha256": "a" * 64},
        "data": {"name": "test.csv", "sha256": hashlib.sha256(data.read_bytes()).hexdigest()},
        "train": {"name": "train.csv", "sha256": "b" * 64},
        "onnx": {"name": "model.onnx", "sha256": onnx},
    }
    project.json("predictions.meta.json", record)
    project.json("export/other.meta.json", {"model": 7, "onnx": {"name": "x", "sha256": "c" * 64}})
    project.write("export/broken.meta.json", "{")
    found = project.look(model="export/model.onnx", data="test.csv")
    (model,) = found.models
    assert [(one.name, one.relation, one.ref) for one in model.parents] == [("xgboost.pkl", "export", f"model:sha256:{'a' * 64}")]
    assert [(use.role, use.name) for use in model.datasets] == [("test", "test.csv"), ("train", "train.csv")]
    assert [(one.role, one.sha256) for one in found.datasets][1] == ("named", "b" * 64)
    assert [fact.value for fact in model.every("framework")] == ["pytorch 2.9", "PyTorch"]  # of the ONNX file, not of a suffix
    assert "secret" not in repr(found)


def test_a_served_model_is_told_by_its_address_alone(project):
    found = project.look(model="https://me:s3cret@host.example/v2/models/credit?token=s3cret")
    (model,) = found.models
    assert (model.files, model.sha256, model.purl) == ((), "", "")
    assert "host.example" in model.name
    assert "s3cret" not in repr(found)


def test_every_fact_has_a_known_name_and_a_source(project):
    project.network("hub/model.onnx")
    project.write("pyproject.toml", PYPROJECT)
    project.write("data.csv", "a,b\n1,2\n")
    project.commit(remote="https://host.example/acme/credit")
    found = project.look(model="hub", data="data.csv")
    for item in (found.system, *found.models, *found.datasets):
        for fact in item.facts:
            assert fact.element in ELEMENTS
            assert fact.value
            assert fact.source


def theirs(scene):
    yield claim("model", "acme:shelf_life", "two years", "acme")
    yield claim("model", "format", "\x1b]evil\x07", "acme", Confidence.DECLARED)
    yield Interface(inputs=(), outputs=())
    assert "model" in scene.parts


def wrong(scene):
    yield {"about": scene}


def raising(scene):
    del scene
    yield claim("model", "tag", "never seen", "acme")
    raise RuntimeError("no\nluck")


def plugin(monkeypatch, function):
    import sys
    from types import ModuleType

    module = ModuleType("acme_extractors")
    module.extract = function

    @hookimpl
    def mlops_sbom_extractors():
        return [Extractor(name="acme", summary="theirs", extract="acme_extractors:extract")]

    module.mlops_sbom_extractors = mlops_sbom_extractors
    monkeypatch.setitem(sys.modules, "acme_extractors", module)
    return (Plugin(name="acme", distribution="acme-sbom", version="1", load=lambda: module),)


def test_third_parties_add_facts_through_the_hook(project, monkeypatch, rules, unclean):
    project.network()
    project.plugins = plugin(monkeypatch, theirs)
    found = project.look(model="model.onnx")
    assert found.models[0].text("acme:shelf_life") == "two years"
    assert "]evil" in found.models[0].text("format")
    assert unclean(found) == []
    assert rules(found) == []


@pytest.mark.parametrize(("function", "why"), [(wrong, "TypeError: it gave dict"), (raising, "RuntimeError: no")])
def test_an_extractor_that_fails_costs_itself_only(project, monkeypatch, rules, function, why):
    project.network()
    project.plugins = plugin(monkeypatch, function)
    found = project.look(model="model.onnx")
    assert rules(found) == ["sbom/extractor-failed"]
    assert why in found.findings[0].message
    assert "\n" not in found.findings[0].message
    assert not found.models[0].text("tag")
    assert found.models[0].text("format") == "ONNX"


def test_a_model_that_is_written_meanwhile_is_refused(project, monkeypatch):
    def writing(scene):
        project.network(doc_string="other")
        yield claim("model", "tag", "x", str(scene.root.name))

    project.network()
    project.plugins = plugin(monkeypatch, writing)
    with pytest.raises(InputError, match="changed while it was read"):
        project.look(model="model.onnx")


def test_whatever_text_a_third_party_gives_is_made_harmless(project, monkeypatch, unclean):
    def odd(scene):
        del scene
        yield Claim(about="model", fact=Fact(element="acme:x", value="a\x1b[31mb", source="s\x00\udcff"))
        yield Ancestor(parent=Parent(name="p\x1b", relation="base\r", source="s"))
        yield Usage(use=DatasetUse(role="train", name="d\x07", source="s"))
        yield Packages(source="acme\x1b", libraries=(Library(ref="pkg:x/y", name="y\x1b"),), complete=False)

    project.network()
    project.plugins = plugin(monkeypatch, odd)
    found = project.look(model="model.onnx")
    assert found.models[0].parents
    assert found.models[0].datasets
    assert found.libraries_from.startswith("acme")
    assert unclean(found) == []


@pytest.mark.parametrize("element", ["lisence", "ACME:x", "acme:", "acme: x y"])
def test_an_element_that_nobody_knows_is_refused(project, monkeypatch, rules, element):
    project.network()
    project.plugins = plugin(monkeypatch, lambda _: [claim("model", element, "x", "y")])
    found = project.look(model="model.onnx")
    assert rules(found) == ["sbom/extractor-failed"]
    assert "neither known nor has a colon" in found.findings[0].message
