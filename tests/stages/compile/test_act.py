"""The stage from end to end: what ships, where it comes from, and what is refused."""

import csv
import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mlops_stage.errors import InputError, StageError, UsageError
from mlops_stage.estimates import NotEstimable, Point
from mlops_stage.gate import Rules, judge
from mlops_stage.hookspecs import Plugin, hookimpl
from mlops_stage.inputs.model import open_model
from mlops_stage.report import Level, NotApplicable, Outcome
from mlops_stage.stages.compile import arrays, building, targets, telling
from mlops_stage.stages.compile.act import act, shelf_of
from mlops_stage.stages.compile.backends.backend import Footprint, MissingBackendError
from mlops_stage.stages.compile.building import DISBELIEVED, ladder, unseen
from mlops_stage.stages.compile.cache import Shelf
from mlops_stage.stages.compile.converted import Form, converted
from mlops_stage.stages.compile.criteria import criteria
from mlops_stage.stages.compile.material import gathered
from mlops_stage.stages.compile.params import CompileParams
from mlops_stage.stages.compile.parity.drop import predictions_of
from mlops_stage.stages.compile.targets import Target
from mlops_stage.workspace import WORK, Workspace

COLUMNS = ("age", "income", "debt", "years")
WEIGHTS = np.random.default_rng(5).normal(size=(4, 2)).astype(np.float32)


def network(weights=WEIGHTS, hidden=48):
    """A network of one hidden layer with a label and scores; its first layer is random, its last adds up what the first found."""
    rng = np.random.default_rng(1)
    first = rng.normal(size=(4, hidden)).astype(np.float32)
    last = (np.linalg.pinv(first) @ weights).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["h"], name="first"),
        helper.make_node("MatMul", ["h", "w2"], ["z"], name="last"),
        helper.make_node("Softmax", ["z"], ["scores"], axis=1, name="softmax"),
        helper.make_node("ArgMax", ["z"], ["label"], axis=1, keepdims=0, name="argmax"),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2]),
        ],
        [numpy_helper.from_array(first, "w1"), numpy_helper.from_array(last, "w2")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"mlops_stage.columns": json.dumps(COLUMNS)})
    return model


def table(path, rows, seed):
    values = np.random.default_rng(seed).normal(size=(rows, 4)).astype(np.float32)
    truth = (values @ WEIGHTS).argmax(axis=1)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([*COLUMNS, "group", "truth"])
        writer.writerows(
            [*row, "ab"[place % 2], label] for place, (row, label) in enumerate(zip(values.tolist(), truth.tolist(), strict=True))
        )


def exported(root):
    """What the export script writes beside the model: predictions in double precision, and the record that names them."""
    with (root / "test.csv").open(encoding="utf-8") as stream:
        rows = np.array([[float(row[name]) for name in COLUMNS] for row in csv.DictReader(stream)])
    logits = rows @ WEIGHTS.astype(np.float64)
    with (root / "predictions.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["row_id", "y_pred", "y_score"])
        writer.writerows([place, int(row.argmax()), 1 / (1 + np.exp(row[0] - row[1]))] for place, row in enumerate(logits))
    names = {"model": "model.onnx", "onnx": "model.onnx", "predictions": "predictions.csv", "data": "test.csv"}
    record = {role: {"name": name, "sha256": hashlib.sha256((root / name).read_bytes()).hexdigest()} for role, name in names.items()}
    (root / "predictions.meta.json").write_text(json.dumps(record))


@dataclass(frozen=True)
class Bench:
    root: Path

    def workspace(self, out="compile", **own):
        run = self.root / "mlops-out"
        place = {"root": self.root, "run_dir": run, "out": run / out, "cache": self.root / ".cache", "env": {}}
        return Workspace(**(place | own))

    def params(self, **params):
        given = {"model": "model.onnx", "data": "test.csv", "label": "truth", "precision": ["fp32"], "effort": "quick", "rows": 300}
        return CompileParams.model_validate(given | params)

    def act(self, out="compile", workspace=None, **params):
        return act(self.params(**params), workspace or self.workspace(out))

    def judged(self, seen, **params):
        return judge(seen, criteria(self.params(**params), seen), Rules())


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("net")
    onnx.save_model(network(), root / "model.onnx")
    table(root / "test.csv", 3000, 0)
    exported(root)
    table(root / "train.csv", 400, 1)
    return Bench(root)


@pytest.fixture(scope="session")
def first(project, forking):
    """Two targets, one of them of another architecture; fp32 and int8."""
    foreign = "x86-64-v3" if targets.machine() == "aarch64" else "aarch64"
    with forking():
        return project.act(target=["host", foreign], train="train.csv", precision=["fp32", "int8"], sensitive=["group"])


@pytest.fixture
def bench(project, forking, tmp_path):
    """The same project in a folder of the test's own."""
    for path in project.root.iterdir():
        if path.is_file() and not path.name.startswith("predictions"):
            shutil.copy(path, tmp_path)
    with forking():
        yield Bench(tmp_path)


def found(seen, name, target="host"):
    return next(one.estimate for one in seen.metrics if one.name == name and (not one.slice or one.slice[0][1] == target))


def rules(seen):
    return {one.rule for one in seen.findings}


def evidence(bench, seen, out="compile"):
    return {one.path: (bench.root / "mlops-out" / out / one.path, one.sha256) for one in seen.evidence}


def test_every_artefact_ships_with_digest_pedigree_and_provenance(project, first):
    files = evidence(project, first)
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == digest for path, digest in files.values())
    ships = {one.name: one.sha256 for one in first.subjects if one.role == "artefact"}
    assert ships.keys() <= files.keys()
    assert {Path(name).parts[1] for name in ships} == set(first.outputs["targets"].split(","))
    statement = json.loads(files["evidence/provenance.json"][0].read_text())
    assert {one["name"]: one["digest"]["sha256"] for one in statement["subject"]} == ships
    build = statement["predicate"]["buildDefinition"]
    materials = {one["digest"]["sha256"] for one in build["resolvedDependencies"] if "digest" in one}
    made_from = {"model", "train"} if any(one["precision"] == "int8" for one in build["internalParameters"]["artefacts"]) else {"model"}
    assert materials == {one.sha256 for one in first.subjects if one.role in made_from}
    source = hashlib.sha256((project.root / "model.onnx").read_bytes()).hexdigest()
    for one in build["internalParameters"]["artefacts"]:
        assert source in [ancestor["digest"]["sha256"] for ancestor in one["ancestors"]]


def test_what_ships_on_this_machine_answers_as_the_model_does(first):
    assert found(first, "parity") == Point(1.0, n=300)
    assert found(first, "label_agreement").value > 0.98
    assert found(first, "artifact_bytes").value > 0
    assert "compile/shipped" in rules(first)
    assert first.outputs["artefact"] == "evidence/host/model.onnx"


def test_a_foreign_target_is_made_and_nothing_is_claimed_of_it(project, first):
    (away,) = set(first.outputs["targets"].split(",")) - {"host"}
    for name in ("parity", "latency_ratio"):
        assert isinstance(found(first, name, away), NotEstimable)
    assert "compile/not-emulated" in rules(first)
    assert project.judged(first).outcome is not Outcome.PASSED
    assert (project.root / "mlops-out" / "compile" / "evidence" / away / "model.onnx").is_file()


@pytest.mark.parametrize("told", [">=99", "<1.21,>=1.20"])
def test_a_target_of_another_release_than_the_one_installed_is_not_run(told):
    target = Target(name="till", backend="ort", version=told)
    assert unseen(target, {"onnxruntime": "1.31.1", "onnx": "1.20.0"}) == (
        f"it is for onnxruntime {told}, and onnxruntime 1.31.1 is installed here"
    )
    assert ladder(CompileParams(model="m.onnx"), target, "away") == ("fp32",)
    assert not unseen(replace(target, version=">=1.20,<1.32"), {"onnxruntime": "1.31.1"})


def test_what_is_made_for_another_release_is_inconclusive(bench):
    (bench.root / "till.yaml").write_text("target: till\nbackend: ort\nruntime: {version: '>=99'}\n")
    seen = bench.act(target=["till.yaml"], rows=20, data=None, label="y_true")
    assert isinstance(found(seen, "parity", "till"), NotEstimable)
    assert "onnxruntime >=99" in next(one.message for one in seen.findings if one.rule == "compile/not-emulated")
    assert bench.judged(seen).outcome is Outcome.INCONCLUSIVE
    assert evidence(bench, seen)["evidence/till/model.onnx"][0].is_file()


def test_eight_bits_are_tried_where_there_are_rows_and_labels(project, first):
    told = json.loads(evidence(project, first)["evidence/host.json"][0].read_text())
    assert [one["precision"] for one in told["variants"]] == ["fp32", "int8"]
    eight = told["variants"][1]
    assert "was not tried" not in eight["failure"]
    assert "parity" in eight or "cannot be made" in eight["failure"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scripted(building.Bench):
    """A bench without processes: what is built in eight bits answers as the test says."""

    given: dict = field(default_factory=dict)
    """The answers of the model as given on the rows with labels."""
    lost: int = 0
    """Rows of those on which it decides otherwise."""
    saturation: str = "safe"
    asked: list = field(default_factory=list)

    def call(self, verb, _backend, _target, **job):
        self.asked.append(verb)
        if verb == "supports":
            return {"verdict": "supported", "reasons": [], "versions": {"onnxruntime": "1.31.1"}}
        if verb == "build":
            (job["folder"] / "model.onnx").write_text(job["precision"])
            return {"path": str(job["folder"] / "model.onnx"), "changed": True, "notes": []}
        if verb == "saturation":
            return {"verdict": self.saturation}
        whole = 0.5 if job["artefact"].read_text() == "int8" else 1.0
        times = {"ratio": whole, "low": whole - 0.01, "high": whole + 0.01, "quantiles": [whole] * 17}
        return times | {"control": 1.0, "rounds": 30, "seconds": [1.0, whole], "verdict": "passed", "reason": ""}

    def answers(self, _backend, _target, artefact, feeds):
        self.asked.append(f"answers to {len(feeds)}")
        label = self.given["label"].copy()
        label[: self.lost] = 1 - label[: self.lost]
        return [self.reference, {**self.given, "label": label}][: len(feeds)], Footprint(
            artifact_bytes=len(artefact.read_text()), ram_bytes=1
        )


@pytest.fixture
def scripted(project, tmp_path):
    """A bench with real rows and real answers of the model as given."""

    def make(**script):
        params = project.params(train="train.csv", precision=["fp32", "int8"])
        model = open_model("model.onnx", project.root)
        material = gathered(params, model, project.root, tmp_path)
        names = [port.name for port in model.outputs]
        feeds = (material.feeds, material.labelled.feeds)
        reference, given = (dict(zip(names, model.session().run(arrays.load(one), names), strict=True)) for one in feeds)
        right = predictions_of(model, given, material.labelled.table, material.labelled.question)
        common = {"params": params, "model": model, "source": model.path, "ort": "", "material": material, "work": tmp_path, "shelf": None}
        return Scripted(**common | {"reference": reference, "given": given, "right": right} | script)

    return make


@pytest.mark.parametrize(
    ("script", "ships", "told"),
    [
        ({}, "int8", ""),
        ({"lost": 60}, "fp32", "costs too much: all rows lose"),
        ({"saturation": "seen"}, "fp32", "does not answer the same on every processor: sums of it overflow on this processor"),
        ({"saturation": "possible"}, "fp32", "does not answer the same on every processor: sums of it may overflow on others"),
    ],
)
def test_eight_bits_that_cost_too_much_or_overflow_are_refused_and_full_precision_ships(scripted, host, script, ships, told):
    bench = scripted(**script)
    one = building.compiled(bench, host, "", lambda _done, _what: None)
    assert one.shipped.precision == ships
    said = [finding.message for finding in telling.findings([one], telling.Source(name="model.onnx", size=1))]
    assert any("int8 does not ship" in text and told in text for text in said) == bool(told)
    assert one.variants[1].failure.startswith(told)
    assert bool(one.variants[1].failure) == bool(told)


class Watched(Shelf):
    """A cache that remembers what was asked of it."""

    def __init__(self, folder, asked):
        super().__init__(folder)
        self.asked = asked

    def fetch(self, *given):
        self.asked.append("fetch")
        return super().fetch(*given)

    def keep(self, *given):
        self.asked.append("keep")
        super().keep(*given)


@pytest.mark.parametrize("away", [{"arch": "riscv64"}, {"version": ">=99"}])
def test_what_is_for_elsewhere_is_built_and_neither_run_nor_taken_from_the_cache(scripted, tmp_path, away):
    asked = []
    bench = scripted(shelf=Watched(tmp_path / "cache", asked), asked=asked)
    one = building.compiled(bench, Target(name="away", backend="ort", **away), "", lambda _done, _what: None)
    assert asked == ["supports", "build", "answers to 0"]
    assert (one.shipped.precision, one.shipped.agreement, one.shipped.latency) == ("fp32", None, None)
    assert one.foreign
    near = scripted(shelf=Watched(tmp_path / "cache", asked), asked=asked, work=tmp_path / "near")
    building.compiled(near, Target(name="near", backend="ort"), "", lambda _done, _what: None)
    assert {"fetch", "keep", "latency"} <= set(asked)


def test_a_model_that_is_changed_while_it_is_read_is_refused(bench):
    """What was screened is what is compiled."""

    def progress(_done, what):
        if what == "reading rows":
            (bench.root / "model.onnx").write_bytes((bench.root / "model.onnx").read_bytes() + b"\0")

    with pytest.raises(InputError, match="model.onnx was changed while it was read"):
        bench.act(workspace=replace(bench.workspace(), progress=progress), data=None, label="y_true")


def test_a_rebuild_is_the_same_to_the_byte_and_what_the_cache_holds_is_proven_anew(project, first, bench):
    """Whoever can write the cache can write the digest too; the artefact is compared row by row all the same."""
    built = {one.name: one.sha256 for one in first.subjects}["evidence/host/model.onnx"]
    shutil.copytree(project.root / ".cache", bench.root / ".cache")
    again = bench.act("b")
    assert (again.outputs["sha256"], "compile/cached" in rules(again), "compile/cached" in rules(first)) == (built, True, False)
    forged = bench.root / "forged"
    forged.mkdir()
    onnx.save_model(network(-WEIGHTS), forged / "model.onnx")
    for entry in (bench.root / ".cache" / "compile").iterdir():
        Shelf(bench.root / ".cache").keep(entry.name, "model.onnx", forged)
    seen = bench.act("c")
    assert DISBELIEVED in next(one.message for one in seen.findings if one.rule == "compile/shipped")
    assert seen.outputs["sha256"] == built
    assert "compile/cached" not in rules(seen)


def test_what_the_framework_answered_is_the_reference_where_the_export_names_it(first):
    """The model as given, and what ships and runs here."""
    told = next(one for one in first.findings if one.rule == "compile/original")
    assert "predictions.csv, which predictions.meta.json names" in told.message
    assert "on 3,000 rows" in told.message
    figures = {one.slice: one.estimate for one in first.metrics if one.name == "conversion_agreement"}
    assert figures.keys() == {(), (("target", "host"),)}
    assert all(one.n > 2900 and one.k / one.n > 0.99 for one in figures.values())
    assert "original" in {one.role for one in first.subjects}


def compared(bench, folder, **params):
    """What is said of the model as given beside the original predictions."""
    asked, model = bench.params(**params), open_model("model.onnx", bench.root)
    material = gathered(asked, model, bench.root, folder)
    names = [port.name for port in model.outputs]
    answers = dict(zip(names, model.session().run(arrays.load(material.known.feeds), names), strict=True))
    return material, answers, model


@pytest.mark.parametrize("label", ["truth", "y_true"])  # the second is in no file: labels are not needed
def test_an_export_that_answers_otherwise_than_its_framework_is_found(project, bench, tmp_path, label):
    with (project.root / "predictions.csv").open(encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    with (bench.root / "original.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(
            [[one[0], 1 - int(one[1]), 1 - float(one[2])] if 100 <= place < 400 else one for place, one in enumerate(rows)]
        )
    material, answers, model = compared(bench, tmp_path, original="original.csv", label=label)
    assert (material.labelled is None) == (label == "y_true")
    given = Form(outputs=answers)
    (metric, again), (used, told) = converted(material.known, model, [given, replace(given, target="host")])
    assert (used.rule, told.rule, told.level) == ("compile/original", "compile/converted", Level.ERROR)
    assert "300 rows (first: 100, 101" in told.message
    assert metric.estimate.value == pytest.approx(0.9, abs=1e-3)
    assert (again.slice, again.estimate) == ((("target", "host"),), metric.estimate)  # the fault is told once


def test_what_ships_and_answers_otherwise_than_the_framework_is_found(project, tmp_path):
    material, answers, model = compared(project, tmp_path)
    turned = {name: values[::-1] for name, values in answers.items()}
    forms = [Form(outputs=answers), Form(outputs=turned, tier="quantised", target="host")]
    _, (_, told) = converted(material.known, model, forms)
    assert told.level is Level.ERROR
    assert told.message.startswith("host: what ships answers otherwise")


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        ({"model": None}, UsageError, "nothing to compile"),
        ({"model": "absent.onnx"}, UsageError, "does not exist"),
        ({"model": "test.csv"}, InputError, "is no ONNX model"),
        ({"target": ["hots"]}, UsageError, "no target 'hots'"),
        ({"target": ["mine.yaml"]}, UsageError, "does not exist"),
        ({"precision": ["int4"]}, UsageError, "no 'int4'"),
        ({"label": "turth"}, UsageError, "no column 'turth'"),
        ({"sensitive": ["sex"]}, UsageError, "no column 'sex'"),
        ({"train": "test.csv"}, UsageError, "the same as data"),
        ({"data": "absent.csv"}, UsageError, "does not exist"),
        ({"data": None, "label": "y_true", "original": "test.csv"}, UsageError, "without data"),
        ({"original": "test.csv"}, UsageError, "no column 'y_pred'"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(bench, params, error, words):
    with pytest.raises(error) as caught:
        bench.act(**params)
    assert words in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("target: mine\nbackend: tvm\n", "no backend 'tvm'"),
        ("target: private\nbackend: ort\n", "no target can be called 'private'"),
        ("target: mine\nbackend: ort\nbudgte: {}\n", "mine.yaml:3: unknown key 'budgte'"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(bench, text, words):
    (bench.root / "mine.yaml").write_text(text)
    with pytest.raises(UsageError) as caught:
        bench.act(target=["mine.yaml"])
    assert words in caught.value.message


def test_the_cache_is_used_with_its_secret_or_not_at_all(bench, tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    (made / "model.onnx").write_bytes(b"x")
    open_to_all = shelf_of(bench.params(), bench.workspace())
    open_to_all.keep("k", "model.onnx", made)
    sealed = bench.workspace(env={"CACHE_KEY": "s3cret"})
    ours = shelf_of(bench.params(cache_key_env="CACHE_KEY"), sealed)
    assert open_to_all.fetch("k", tmp_path / "a", 1) == "model.onnx"
    assert ours.fetch("k", tmp_path / "b", 1) is None
    ours.keep("k", "model.onnx", made)
    assert ours.fetch("k", tmp_path / "c", 1) == "model.onnx"
    assert (
        shelf_of(bench.params(cache_key_env="CACHE_KEY"), bench.workspace()) is None
    )  # a stranger's job has no secrets, and believes nothing
    assert shelf_of(bench.params(effort="deep"), bench.workspace()) is None


def test_what_it_is_at_work_on_lies_where_an_interrupt_takes_it_away(bench, monkeypatch, tmp_path):
    """The runner discards `out` when the stage is killed; the system's folder for temporary files nobody empties."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    seen = []
    place = bench.workspace()

    def progress(_done, _what):
        seen.append(({path.name for path in place.out.glob(f"{WORK}*/*")}, list(elsewhere.iterdir())))
        if len(seen) > 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        bench.act(workspace=replace(place, progress=progress), data=None, label="y_true")
    assert {"feeds.npz", "one.npz"} <= seen[-1][0]
    assert not any(beside for _, beside in seen)
    assert not list(place.out.iterdir())


def test_a_served_model_has_no_file_to_compile(bench):
    assert isinstance(bench.act(model="http://127.0.0.1:1/v2/models/m"), NotApplicable)


class Offering:
    """A plugin with a backend whose library is not installed."""

    @staticmethod
    @hookimpl
    def mlops_compile_backends():
        from mlops_stage.stages.compile.hookspecs import CompileBackend

        return [CompileBackend(name="rare", summary="Not here", backend="no_such_library.backend:Backend")]


class Raising:
    """A plugin that cannot answer."""

    @staticmethod
    @hookimpl
    def mlops_compile_backends():
        raise RuntimeError("no licence")


def plugin(name, kind):
    return Plugin(name=name, distribution=name, version="1", load=kind)


def test_a_backend_that_is_not_installed_is_left_out_unless_it_is_required(bench):
    place = replace(bench.workspace(), plugins=(plugin("rare", Offering), plugin("raising", Raising)))
    (bench.root / "rare.yaml").write_text("target: rare\nbackend: rare\n")
    seen = bench.act(workspace=place, target=["rare.yaml"])
    assert isinstance(seen, NotApplicable)
    assert "no_such_library" in seen.reason
    both = bench.act(workspace=place, target=["rare.yaml", "host"], rows=100, data=None, label="y_true")
    assert {"compile/backend-missing", "compile/broken-plugin", "compile/weak-rows"} <= rules(both)
    assert found(both, "parity") == Point(1.0, n=100)
    assert both.outputs["targets"] == "host"
    (bench.root / "rare.yaml").write_text("target: rare\nbackend: rare\nrequired: true\n")
    with pytest.raises(MissingBackendError, match="no_such_library"):
        bench.act(workspace=place, target=["rare.yaml"])


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        (["ReduceSum", ["x"], {"keepdims": 0}], "are not one per row: 'y' has the shape ()"),
        (["SequenceConstruct", ["x", "x"], {}], "are not one per row: 'y' has the shape (2, 20, 4)"),
        (["Constant", [], {"value_floats": [1.0]}], "takes no input"),
    ],
)
def test_a_model_that_gives_no_answer_for_each_row_is_refused_in_one_sentence(tmp_path, nodes, told):
    kind, taken, also = nodes
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    if kind == "SequenceConstruct":
        outputs = [helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])] if taken else []
    graph = helper.make_graph([helper.make_node(kind, taken, ["y"], **also)], "g", inputs, outputs)
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    with pytest.raises(StageError) as caught:
        Bench(tmp_path).act(model="m.onnx", data=None, rows=20)
    assert told in caught.value.message
    assert caught.value.code == 3


def test_a_model_that_answers_at_random_leaves_the_verdict_open(tmp_path):
    nodes = [helper.make_node("RandomNormalLike", ["x"], ["r"]), helper.make_node("Add", ["x", "r"], ["y"])]
    ports = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4])] for name in "xy"]
    graph = helper.make_graph(nodes, "g", *ports)
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    found = Bench(tmp_path)
    seen = found.act(model="m.onnx", data=None, rows=20)
    assert found.judged(seen).outcome is Outcome.INCONCLUSIVE
    assert any("does not answer the same twice" in finding.message for finding in seen.findings)
