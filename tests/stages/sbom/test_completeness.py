from dataclasses import replace

import pytest

from mlops_stage.report import Outcome
from mlops_stage.stages.sbom import completeness, minimum, pictures
from mlops_stage.stages.sbom.elements import BY_NAME, G7
from mlops_stage.stages.sbom.facts import Confidence, Dataset, DatasetUse, Fact, File, Inventory, Item, Library, Licence, Model, Port
from mlops_stage.stages.sbom.page import WITHHELD, markdown, page
from mlops_stage.stages.sbom.page import html as as_html
from mlops_stage.stages.sbom.results import Assessment, Compiled, Figure, Judged, Results

SHA = "a" * 64
WEIGHTS = File(path="m.onnx", sha256=SHA, size=12, role="weights", format="ONNX")
X = Port(name="x", dtype="float32", shape=("N", 4))


def said(element, value, source="README.md", confidence=Confidence.EXTRACTED):
    return Fact(element=element, value=value, source=source, confidence=confidence)


def model(*facts, **more):
    given = {"ref": f"model:sha256:{SHA}", "name": "income", "sha256": SHA, "files": (WEIGHTS,), "inputs": (X,), "outputs": (X,)}
    return Model(**{**given, **more}, facts=facts)


def dataset(name, *facts, **more):
    return Dataset(ref=f"dataset:{name}", name=name, sha256=SHA, hash_scope="content", facts=facts, **more)


def inventory(*models, datasets=(), system=(), libraries=()):
    whole = Item(ref="system:income", name="income", facts=system)
    return Inventory(system=whole, models=models or (model(),), datasets=datasets, libraries=libraries, libraries_from="uv.lock")


def figure(stage="quality", **more):
    given = {"name": "accuracy", "value": 0.9, "low": 0.8, "high": 0.95, "n": 100, "unit": "", "direction": "higher", "slice": ()}
    return Figure(**{**given, "stage": stage, "source": stage, **more})


def answers(found, results=None, document=None):
    return {one.element.name: one for one in completeness.answers(found, results or Results(), document or {})}


def value(found, name):
    (one,) = found[name].said
    return one and (one.value, one.source, str(one.confidence))


def test_every_element_has_an_answer_and_an_empty_inventory_leaves_all_but_identity_open():
    found = answers(inventory(model(sha256="", files=(), inputs=(), outputs=())))
    assert list(found) == list(BY_NAME)
    assert {name for name, one in found.items() if one.whole} == {"system_components"}


def test_a_fact_answers_with_its_source():
    found = answers(
        inventory(
            model(
                said("producer", "Example Bank", "mlops.yaml", Confidence.DECLARED),
                said("family", "tree ensemble", "m.onnx", Confidence.INFERRED),
            ),
            system=(said("hardware", "x86-64"),),
        )
    )
    assert value(found, "model_producer") == ("Example Bank", "mlops.yaml", "declared")
    assert value(found, "model_properties") == ("tree ensemble", "m.onnx", "inferred")
    assert value(found, "infrastructure_hardware") == ("x86-64", "README.md", "extracted")
    assert found["model_description"].said == (None,)


def test_what_only_some_of_the_data_sets_say_is_answered_in_part():
    terms = (Licence(kind="id", text="CC0-1.0", source="contract.odcs.yaml"),)
    found = answers(inventory(datasets=(dataset("test", licences=terms), dataset("train"))))
    assert found["dataset_license"].share == 0.5
    assert not found["dataset_license"].whole
    assert found["dataset_hash"].whole
    assert found["dataset_name"].share == 0.0  # only a fact says where a name comes from


def test_without_data_sets_nothing_about_them_is_answered():
    assert answers(inventory())["dataset_hash"].share == 0.0


def test_a_data_set_is_tied_to_the_model_that_used_it():
    use = DatasetUse(role="train", name="train", source="mlops.yaml", ref="dataset:train")
    found = answers(inventory(model(datasets=(use,)), datasets=(dataset("train"), dataset("other"))))
    assert [one and one.value for one in found["dataset_dependency_relationship"].said] == ["train", None]


def test_figures_and_targets_come_from_reports():
    results = Results(
        figures=(figure(), figure("adversarial", name="robust_accuracy")),
        compiled=(
            Compiled(target="host", name="m.onnx", path="compile/evidence/host/m.onnx", sha256=SHA, source="compile", verdict="passed"),
            Compiled(
                target="aarch64", name="m.onnx", path="compile/evidence/aarch64/m.onnx", sha256=SHA, source="compile", verdict="passed"
            ),
        ),
    )
    found = answers(inventory(), results)
    assert value(found, "operational_performance_kpis") == ("1 figure, such as accuracy 0.9", "quality", "extracted")
    assert value(found, "security_metrics")[1] == "adversarial"
    assert value(found, "infrastructure_hardware") == ("compiled for aarch64", "compile", "inferred")  # host names no hardware
    assert not answers(inventory())["operational_performance_kpis"].whole


def test_the_document_answers_for_itself():
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": "2026-01-31T12:00:00Z",
            "lifecycles": [{"phase": "build"}],
            "manufacturer": {"url": ["https://example.org"]},
            "tools": {"components": [{"type": "application", "name": "mlops-stage", "version": "1.0"}]},
        },
        "dependencies": [{"ref": "a"}],
    }
    found = answers(inventory(), document=document)
    missing = [element.name for element in G7 if element.cluster == "Metadata" and not found[element.name].whole]
    assert missing == ["sbom_author_signature"]
    assert value(found, "sbom_author")[0] == "https://example.org"
    document["metadata"]["supplier"] = document["metadata"].pop("manufacturer")
    assert not answers(inventory(), document=document)["sbom_author"].whole  # neither a supplier nor a tool answers for a document


def test_each_element_is_a_metric_and_the_whole_ones_are_counted():
    found = completeness.answers(inventory(), Results(), {})
    first, *rest = completeness.metrics(found)
    assert (first.name, first.estimate.value) == ("elements_answered", sum(one.whole for one in found if one.element in G7))
    assert {metric.slice[0][1]: metric.estimate.value for metric in rest}["model_hash_value"] == 1.0
    assert len(rest) == len(BY_NAME)


def test_the_picture_counts_the_same_by_cluster():
    found = completeness.answers(inventory(), Results(), {})
    bars = pictures.by_cluster(found).bars
    assert sum(bar.value for bar in bars) == next(iter(completeness.metrics(found))).estimate.value
    assert sum(bar.high for bar in bars) == 50


COMPONENT = {
    "type": "machine-learning-model",
    "bom-ref": "m",
    "name": "m",
    "version": "1",
    "purl": "pkg:generic/m",
    "supplier": {"name": "x"},
}
WHOLE = {**COMPONENT, "hashes": [{"alg": "SHA-256", "content": SHA}], "licenses": [{"license": {"id": "MIT"}}]}
ABOUT = {
    "authors": [{"email": "a@example.org"}],
    "timestamp": "2026-01-31T12:00:00Z",
    "tools": {"components": [{}]},
    "lifecycles": [{"phase": "build"}],
}


def test_minimum_elements_are_read_from_the_document():
    document = {"components": [WHOLE], "metadata": ABOUT, "dependencies": [{"ref": "m"}]}
    assert set(minimum.shares(document).values()) == {1.0}
    assert sorted(which for which, _ in minimum.shares(document)) == ["cisa_2025"] * 4 + ["ntia"] * 7


@pytest.mark.parametrize(
    ("which", "name", "without"),
    [
        ("ntia", "supplier", "supplier"),
        ("ntia", "version", "version"),
        ("ntia", "unique_identifier", "purl"),
        ("ntia", "dependency_relationship", "bom-ref"),
        ("cisa_2025", "component_hash", "hashes"),
        ("cisa_2025", "license", "licenses"),
    ],
)
def test_one_component_without_a_field_halves_its_share(which, name, without):
    other = {key: one for key, one in WHOLE.items() if key != without}
    document = {"components": [WHOLE, other], "metadata": ABOUT, "dependencies": [{"ref": "m"}]}
    shares = minimum.shares(document)
    assert shares.pop((which, name)) == 0.5
    assert set(shares.values()) == {1.0}


@pytest.mark.parametrize(
    ("which", "name", "without"),
    [
        ("ntia", "author", "authors"),
        ("ntia", "timestamp", "timestamp"),
        ("cisa_2025", "tool_name", "tools"),
        ("cisa_2025", "generation_context", "lifecycles"),
    ],
)
def test_what_the_document_does_not_say_of_itself_counts_as_nothing(which, name, without):
    about = {key: one for key, one in ABOUT.items() if key != without}
    shares = minimum.shares({"components": [WHOLE], "metadata": about, "dependencies": [{"ref": "m"}]})
    assert shares.pop((which, name)) == 0.0
    assert set(shares.values()) == {1.0}


def drawn(found, results=None, withheld=()):
    results = results or Results()
    return as_html(page(found, results, completeness.answers(found, results, {}), withheld))


def test_the_page_tells_what_is_known_by_whom_and_what_is_not():
    html = drawn(inventory(model(said("description", "Tells incomes."), said("name", "income", "m.onnx"))))
    assert "<h1>income</h1>" in html
    assert "Tells incomes." in html
    assert "found in README.md" in html
    assert "declare <code>model_license</code>" in html


def test_the_page_shows_outcomes_figures_and_gaps():
    judged = Judged(
        id="quality",
        stage="quality",
        outcome=str(Outcome.FAILED),
        summary="A gate failed.",
        passed=1,
        failed=1,
        inconclusive=0,
        model=True,
        data=(),
    )
    gap = Assessment(
        groups=("sex=f", "sex=m"),
        errs_more="sex=f",
        metric="tpr_difference[by=sex]",
        verdict="failed",
        sentence="It is too large.",
        source="fairness",
    )
    html = drawn(inventory(), Results(figures=(figure(), figure(slice=(("sex", "f"),), value=0.123)), judged=(judged,), assessments=(gap,)))
    assert "gates: 1 passed, 1 failed" in html
    assert "0.800 to 0.950" in html
    assert "0.123" not in html
    assert "all 2 figures" in html
    assert "It is too large." in html


def test_the_page_says_what_is_withheld():
    kept = said("content", "public words", "mlops.yaml", Confidence.DECLARED)
    html = drawn(
        inventory(datasets=(dataset("train", role="train"), dataset("test", kept))),
        withheld=("system_data_flow", "dataset_provenance.train"),
    )
    assert "public words" in html
    assert html.count(WITHHELD) == 2
    assert "declare: {system_data_flow" not in html


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8746, "0.875"), (0.00981, "0.00981"), (0.0, "0.000"), (515.578, "516"), (12.34, "12.3"), (16281.0, "16,281"), (1.5e-9, "0.000000")],
)
def test_figures_show_three_digits(value, text):
    html = drawn(inventory(), Results(figures=(figure(value=value, low=None, high=None),)))
    assert f'<td class="number">{text}</td>' in html


def test_what_is_counted_shows_no_decimals():
    assert '<td class="number">0 rows</td>' in drawn(inventory(), Results(figures=(figure(value=0.0, unit="rows", low=None, high=None),)))


def test_text_of_unknown_origin_stays_text():
    html = drawn(
        inventory(
            model(said("description", "<script>alert(1)</script>"), name="<img src=x>"),
            libraries=(Library(ref="pkg:pypi/x", name="<b>x", version="1"),),
        )
    )
    assert "<script" not in html
    assert "<img" not in html
    assert "<b>x" not in html


def test_the_page_loads_nothing_and_is_the_same_twice():
    found = inventory(datasets=(dataset("train"),))
    assert drawn(found) == drawn(replace(found))
    assert not {mark for mark in ("src=", "href=", "url(", "@import") if mark in drawn(found)}


def test_in_markdown_it_says_the_same_and_hostile_texts_mean_nothing():
    evil = "a | b\n\n# h <img src=x> [x](https://evil.example) *b* _i_ @team `c` &lt; www.evil.example"
    found = inventory(model(said("description", evil), said("name", "income", "m.onnx")))
    judged = Results(figures=(figure(name="tpr_difference", slice=(("by", "sex"),)),))
    told = markdown(page(found, judged, completeness.answers(found, judged, {}), ()))
    assert told.startswith("# income\n")
    assert "| **Largest difference in true positive rate between groups of sex** | all rows | 0.900 | 0.800 to 0.950 |" in told
    assert "| **Model license** | _not known_ · on what terms" in told
    own = [line for line in told.splitlines() if "evil" in line]
    assert len(own) == 2  # at the head, and in its row
    assert not any(mark in line for line in own for mark in ("<img", "](", "*b*", "_i_", "@team", "`c`", "&lt;", "www.", "://"))
    assert {line.count("|") for line in own} == {0, 3}
