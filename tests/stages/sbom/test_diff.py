import copy
import json
from dataclasses import replace

import pytest
import sbom_inventories as inventories

from mlops_stage.errors import InputError, UsageError
from mlops_stage.stages.sbom.commands import DiffParams, LintParams
from mlops_stage.stages.sbom.diff import compare, run
from mlops_stage.stages.sbom.emit import emit
from mlops_stage.stages.sbom.linting import run as lint
from mlops_stage.stages.sbom.results import Results
from mlops_stage.workspace import Workspace

WHOLE = inventories.whole()
FOUND = inventories.found(WHOLE)
BEFORE = json.loads(emit(WHOLE, FOUND))


def later(inventory=WHOLE, results=FOUND):
    return json.loads(emit(inventory, results, epoch=inventories.EPOCH + 5))


@pytest.fixture
def said(tmp_path):
    """What a command says of documents that are written to files, and its exit code."""
    place = Workspace(root=tmp_path, run_dir=tmp_path, out=tmp_path, cache=tmp_path)

    def ask(before, after, **more):
        for name, document in (("before.json", before), ("after.json", after)):
            (tmp_path / name).write_text(json.dumps(document), encoding="utf-8")
        reply = run(DiffParams(before="before.json", after="after.json", **more), place)
        return reply.text, reply.code

    return ask


def test_the_same_inputs_at_another_time_are_no_difference(said):
    assert said(BEFORE, later(), fail_on_change=True) == ("nothing changed\n", 0)


def test_the_order_of_a_document_is_no_difference():
    after = copy.deepcopy(BEFORE)
    after["components"].reverse()
    for one in after["components"]:
        one.get("properties", []).reverse()
        one.get("modelCard", {}).get("quantitativeAnalysis", {}).get("performanceMetrics", []).reverse()
    assert compare(BEFORE, after) == ()


def test_new_weights_figures_and_libraries_are_told_in_words(said):
    model = WHOLE.models[0]
    files = (replace(model.files[0], sha256=inventories.digest("new")), *model.files[1:])
    inventory = replace(
        WHOLE,
        models=(replace(model, version="8", sha256=inventories.digest("new"), files=files, datasets=model.datasets[1:]),),
        libraries=(inventories.library("numpy", "2.2.0"), inventories.library("pillow", "11.0")),
    )
    results = replace(FOUND, figures=(replace(FOUND.figures[0], value=0.75), *FOUND.figures[2:]))
    text, code = said(BEFORE, later(inventory, results))
    assert code == 0
    assert "~ model credit 7 → 8\n" in text
    assert f"    file models/m.onnx: {model.files[0].sha256[:12]}… → {files[0].sha256[:12]}…\n" in text
    assert "    metric accuracy: 0.5 (0.4 to 0.9) → 0.75 (0.4 to 0.9)\n" in text
    assert "    metric accuracy [sex=Female]: 0.501 (0.4 to 0.9) → nothing\n" in text
    assert "    data set data/train.csv: listed → nothing\n" in text
    assert "~ library numpy 2.1.0 → 2.2.0\n" in text
    assert "+ library pillow 11.0\n" in text
    assert "- library onnxruntime 1.20.0\n" in text
    assert text.splitlines()[-1].startswith("2 models changed, ")
    assert "1 library added" in text.splitlines()[-1]
    assert said(BEFORE, later(inventory, results), fail_on_change=True)[1] == 1


def test_a_changed_fact_and_a_changed_licence_are_told():
    model = WHOLE.models[0]
    facts = tuple(replace(fact, value="regression") if fact.element == "task" else fact for fact in model.facts)
    changes = compare(BEFORE, later(replace(WHOLE, models=(replace(model, facts=facts, licences=model.licences[:1]),))))
    assert [(change.kind, change.name) for change in changes] == [("model", "credit"), ("model", "m.onnx")]
    told = {detail.what: (detail.before, detail.after) for detail in changes[0].details}
    assert told["modelParameters.task"][1] == "regression"
    assert "MIT OR Apache-2.0" in told["licenses.license.name"][0]


def test_what_is_said_of_the_whole_is_compared_too():
    changes = compare(BEFORE, later(replace(WHOLE, system=replace(WHOLE.system, version="2.0.0"))))
    assert [(change.kind, [detail.what for detail in change.details]) for change in changes] == [
        ("document", ["metadata.component.version"])
    ]


def test_a_model_of_another_name_is_compared_where_it_is_the_only_one_that_came(said):
    model = WHOLE.models[0]
    other = replace(model, name="credit-2", files=model.files[:1], sha256=model.files[0].sha256)
    text, _ = said(later(results=Results()), later(replace(WHOLE, models=(other,)), Results()))
    assert "~ model credit → credit-2\n" in text
    assert f"    SHA-256: {model.sha256[:12]}… → {model.files[0].sha256[:12]}…\n" in text


def test_metrics_that_came_or_went_stand_in_one_line_with_their_number(said):
    many = tuple(replace(FOUND.figures[0], slice=(("sex", f"group {number}"),)) for number in range(91))
    without, some = (later(results=replace(FOUND, figures=figures)) for figures in ((), many))
    named = ", ".join(f"accuracy [sex=group {number}]" for number in range(5))
    (line,) = [line for line in said(some, without)[0].splitlines() if "metric" in line]
    assert line == f"    91 metrics no longer told: {named} and 86 more"
    (line,) = [line for line in said(without, some)[0].splitlines() if "metric" in line]
    assert line.startswith("    91 metrics new: accuracy [sex=group 0], ")
    (line,) = [line for line in said(later(results=replace(FOUND, figures=many[:1])), without)[0].splitlines() if "metric" in line]
    assert line == "    metric accuracy [sex=group 0]: 0.5 (0.4 to 0.9) → nothing"


def test_figures_are_rounded_unless_that_would_hide_the_difference(said):
    def with_accuracy(value):
        return later(results=replace(FOUND, figures=(replace(FOUND.figures[0], value=value),)))

    assert (
        "    metric accuracy: 0.8746 (0.4 to 0.9) → 0.8509 (0.4 to 0.9)\n"
        in said(with_accuracy(0.8746391499), with_accuracy(0.8509305325))[0]
    )
    assert (
        "    metric accuracy: 0.87463914 (0.4 to 0.9) → 0.87463915 (0.4 to 0.9)\n"
        in said(with_accuracy(0.87463914), with_accuracy(0.87463915))[0]
    )


def test_two_files_of_one_name_are_paired_by_their_digests():
    compiled = FOUND.compiled[0]
    other = replace(compiled, sha256=inventories.digest("a digest that sorts first"))
    two = later(results=replace(FOUND, compiled=(compiled, other)))
    (change,) = [one for one in compare(two, later(results=replace(FOUND, compiled=(compiled,)))) if one.kind == "model"]
    assert (change.name, change.before, change.after) == ("m.onnx", f"sha256-{other.sha256[:12]}", None)


def test_hostile_texts_stay_on_their_line(said):
    after = copy.deepcopy(BEFORE)
    after["components"][0]["name"] = "\x1b[2J\n+ library evil"
    after["components"][0]["properties"] = [{"name": "a\nb", "value": "\x1b[31m" * 1000}]
    text, _ = said(BEFORE, after)
    assert "\x1b" not in text
    assert "\n+ library evil" not in text


@pytest.mark.parametrize("value", [None, 1, "x", [None], [[]], [{}], {"a": 1}])
def test_any_shape_is_compared_without_breaking(value):
    model, library = BEFORE["components"][0], BEFORE["components"][-1]
    model = {**model, "properties": model["properties"][:3], "modelCard": {"modelParameters": {"task": "x"}}}
    small = {**BEFORE, "components": [model, library]}
    shapes = [*({**small, key: value} for key in small), *({**small, "components": [{**model, key: value}, library]} for key in model)]
    assert [shape for shape in shapes if compare(shape, shape)] == []
    assert [shape for shape in shapes if not all(one.kind for one in compare(small, shape))] == []


def test_a_document_that_is_not_there_is_told(tmp_path):
    place = Workspace(root=tmp_path, run_dir=tmp_path, out=tmp_path, cache=tmp_path)
    with pytest.raises(UsageError, match="before: a.json does not exist"):
        run(DiffParams(before="a.json", after="b.json"), place)
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(InputError, match="source: x.json is no CycloneDX document"):
        lint(LintParams(source="x.json"), place)


def test_lint_says_what_is_wrong_or_that_nothing_is(tmp_path):
    place = Workspace(root=tmp_path, run_dir=tmp_path, out=tmp_path, cache=tmp_path)
    (tmp_path / "x.json").write_text(json.dumps(BEFORE))
    reply = lint(LintParams(source="x.json"), place)
    assert (reply.code, reply.text.partition("(")[0]) == (0, "x.json: nothing is wrong with it ")
    broken = {**BEFORE, "dependencies": [{"ref": "gone"}]}
    broken.pop("serialNumber")
    (tmp_path / "x.json").write_text(json.dumps(broken))
    reply = lint(LintParams(source="x.json", spec="1.7"), place)
    assert reply.code == 1
    assert "error: dependencies[0].ref: nothing here has the bom-ref 'gone'  [sbom/dangling-reference]\n" in reply.text
    assert reply.text.endswith("errors and 1 warning\n")
    (tmp_path / "x.json").write_text(json.dumps({key: value for key, value in BEFORE.items() if key != "serialNumber"}))
    assert lint(LintParams(source="x.json"), place).code == 0
    assert lint(LintParams(source="x.json", fail_on="warning"), place).code == 1


def test_both_are_commands_of_the_stage(mlops):
    mlops.write("a.json", json.dumps(BEFORE))
    mlops.write("b.json", json.dumps(later(replace(WHOLE, libraries=()))))
    done = mlops("sbom", "diff", "a.json", "b.json", "--fail-on-change")
    assert (done.returncode, done.stderr) == (1, "")
    assert "- library numpy 2.1.0\n" in done.stdout
    done = mlops("sbom", "lint", "a.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing is wrong" in done.stdout
