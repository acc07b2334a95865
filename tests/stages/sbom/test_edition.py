"""What is withheld stands nowhere in what is published, neither itself nor anything that was made of it."""

import json
import os
import re
from dataclasses import replace
from html import unescape

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mlops_stage.errors import UsageError
from mlops_stage.stages.sbom import completeness
from mlops_stage.stages.sbom.edition import published
from mlops_stage.stages.sbom.elements import BY_NAME
from mlops_stage.stages.sbom.emit import About, emit
from mlops_stage.stages.sbom.extract import gathered
from mlops_stage.stages.sbom.extract.scene import Claim, Table, claim
from mlops_stage.stages.sbom.lint import lint
from mlops_stage.stages.sbom.page import html, markdown, page
from mlops_stage.stages.sbom.params import SbomParams
from mlops_stage.stages.sbom.results import Results
from mlops_stage.workspace import Workspace

NAMELESS = [name for name, element in BY_NAME.items() if element.declarable and "name" not in element.facts]
SHORT = {"model_version": "v9-7", "system_version": "8.6.5", "model_license": "K-17", "dataset_license": "K-18"}
DECLARE = {name: SHORT.get(name, f"CANARY of {name}, as told") for name in NAMELESS} | {
    "model_identifier": "pkg:mlflow/credit@v9-7?run_id=CANARY-of-model_identifier",
    "model_base": "pkg:huggingface/canary/base",
}
CARD = """---
license: openrail++
base_model: acme/secret-base
---
# Credit
## Limitations
Fails for the retired.
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A model of 1,836 learned numbers, a card, and 4,711 rows."""
    root = tmp_path_factory.mktemp("project")
    weights = [numpy_helper.from_array(np.ones(shape, dtype=np.float32), name) for name, shape in (("w", (4, 306)), ("v", (306, 2)))]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("MatMul", ["h", "v"], ["y"])]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size]) for name, size in (("x", 4), ("y", 2))]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="pytorch"), root / "model.onnx")
    (root / "model_card.md").write_text(CARD, encoding="utf-8")
    (root / "rows.csv").write_text("x1,diagnosis\n" + "1,2\n" * 4711, encoding="utf-8")
    (root / "bare" / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    return root


def found(root, **declare):
    params = SbomParams(model="model.onnx", data="rows.csv", declare=declare)
    nothing_installed = {"PATH": os.environ["PATH"], "VIRTUAL_ENV": str(root / "bare")}
    return gathered(params, Workspace(root=root, run_dir=root / "out", out=root / "out", cache=root / "c", env=nothing_installed))


@pytest.fixture(scope="module")
def declared(project):
    return found(project, **DECLARE)


@pytest.fixture(scope="module")
def extracted(project):
    """The same without a declaration; and the rows were counted."""
    found_there = found(project)
    return replace(found_there, found=(*found_there.found, claim("data", "rows", 4711, "rows.csv")))


def written(inventory, withheld=()):
    """The document and the page, as one text."""
    content = emit(inventory, Results(), about=About(withheld=tuple(withheld)))
    answers = completeness.answers(inventory, Results(), json.loads(content))
    told = page(inventory, Results(), answers, withheld)
    return content.decode() + html(told) + unescape(markdown(told))


def says(text, value):
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) is not None


@pytest.fixture(scope="module")
def complete(declared):
    return written(declared.inventory)


@pytest.mark.parametrize("element", NAMELESS)
def test_what_is_declared_and_withheld_stands_nowhere(declared, complete, element):
    value = DECLARE[element]
    assert says(complete, value)
    inventory = published(declared, [element])
    text = written(inventory, [element])
    assert not says(text, value)
    document = json.loads(emit(inventory, Results(), about=About(withheld=(element,))))
    assert {"name": "mlops:withheld", "value": element} in document["metadata"]["properties"]
    assert {"name": "mlops:edition", "value": "published"} in document["metadata"]["properties"]


@pytest.mark.parametrize(
    ("element", "values"),
    [
        ("model_properties", ["1836", "MatMul", "feed-forward network"]),
        ("model_input_output_properties", ["x: float32[N, 4]", "1 input"]),
        ("model_training_properties", ["pytorch"]),
        ("model_license", ["openrail++"]),
        ("model_base", ["acme/secret-base"]),
        ("model_limitations", ["Fails for the retired."]),
        ("dataset_statistical_properties", ["4711", "2 columns", "diagnosis"]),
    ],
)
def test_what_files_say_is_withheld_too_and_all_that_would_be_concluded_from_it(extracted, element, values):
    whole = written(extracted.inventory)
    told = [value for value in values if says(whole, value)]
    assert told  # which words a reader of files has for it is tested elsewhere
    text = written(published(extracted, [element]), [element])
    assert [value for value in values if says(text, value)] == []


def test_the_version_is_in_no_package_url_and_of_no_other_part(declared):
    inventory = published(declared, ["model_version"])
    assert inventory.models[0].purl == "pkg:mlflow/credit?run_id=CANARY-of-model_identifier"
    bare = replace(declared, found=tuple(one for one in declared.found if not (isinstance(one, Claim) and one.about == "system")))
    assert bare.inventory.system.version == "v9-7"
    assert "v9-7" not in written(published(bare, ["model_version"]), ["model_version"])


def test_all_of_it_withheld_leaves_a_document_without_errors(declared):
    text = emit(published(declared, NAMELESS), Results(), about=About(withheld=tuple(NAMELESS)))
    assert "CANARY" not in text.decode()
    assert [finding for finding in lint(json.loads(text)) if finding.level == "error"] == []


def test_the_page_says_that_it_is_withheld_and_not_what_else_might_stand_there(declared):
    told = page(
        inventory := published(declared, ["system_input_output_properties"]),
        Results(),
        completeness.answers(inventory, Results(), {}),
        ["system_input_output_properties"],
    )
    (row,) = re.findall(r"System input/output properties</th><td>(.*?)</td>", html(told), re.DOTALL)
    assert "withheld: declared as confidential" in row
    assert "float32" not in row


def test_who_else_says_the_very_same_is_silent_too(declared):
    said = DECLARE["model_training_properties"]
    more = replace(
        declared, found=(*declared.found, claim("model", "acme:note", said, "README.md"), claim("model", "tag", "K-17", "README.md"))
    )
    facts = published(more, ["model_training_properties", "model_license"]).models[0].facts
    assert [fact.element for fact in facts if fact.value == said] == []
    assert [fact.element for fact in facts if fact.value == "K-17"] == ["tag"]  # so short a text may mean something else


def test_a_contradiction_about_it_is_told_without_its_two_sides(project):
    both = found(project, model_license="Apache-2.0")
    (finding,) = [one for one in published(both, ["model_license"]).findings if one.rule == "sbom/contradiction"]
    assert finding.message == "licence of the model is declared otherwise than model_card.md says; both are withheld"
    assert finding.level == "error"
    assert published(both, ["model_users"]).findings == both.inventory.findings


def test_the_published_edition_holds_no_digest_of_the_complete_one(declared):
    serial = json.loads(emit(declared.inventory, Results()))["serialNumber"]
    assert serial not in written(published(declared, ["model_training_properties"]))


def test_an_element_may_be_withheld_of_one_data_set(extracted):
    said = [claim(key, "provenance", f"a survey for {key}", "mlops.yaml") for key in ("data", "train")]
    both = replace(extracted, found=(*extracted.found, *said))
    (data,) = published(both, ["dataset_provenance.data"]).datasets
    assert data.fact("provenance") is None
    assert published(both, ["dataset_provenance.train"]).datasets[0].text("provenance") == "a survey for data"


def test_which_columns_are_sensitive_is_told_by_none_of_them(declared):
    (table,) = [one for one in declared.found if isinstance(one, Table)]
    marked = replace(table, columns=tuple(replace(one, sensitive="declared", description="a diagnosis") for one in table.columns))
    marked_there = replace(declared, found=(*(one for one in declared.found if one != table), marked))
    assert "declared" in {one.sensitive for one in marked_there.inventory.datasets[0].columns}
    columns = published(marked_there, ["dataset_sensitivity"]).datasets[0].columns
    assert [(one.name, one.sensitive, one.description) for one in columns] == [("x1", "", ""), ("diagnosis", "", "")]


def test_nothing_confidential_changes_nothing(declared):
    assert published(declared, ()) == declared.inventory


@pytest.mark.parametrize("element", ["system_name", "model_name", "dataset_name"])
def test_names_cannot_be_withheld(declared, element):
    with pytest.raises(UsageError, match="cannot be withheld"):
        published(declared, [element])
