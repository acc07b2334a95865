"""Files beside the report: rows on which a variant answers otherwise, kept to be asked again and private; and where artefacts come from."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from mlops_stage.estimates import Rate
from mlops_stage.inputs.model import Model
from mlops_stage.inputs.onnx.facts import OnnxFacts
from mlops_stage.report import Subject
from mlops_stage.stages.compile import arrays
from mlops_stage.stages.compile.building import Bench
from mlops_stage.stages.compile.evidence import _rows, _told, written
from mlops_stage.stages.compile.material import Material
from mlops_stage.stages.compile.params import CompileParams
from mlops_stage.stages.compile.parity.near import Worst
from mlops_stage.stages.compile.parity.rows import Probes
from mlops_stage.stages.compile.parity.tiers import Agreement
from mlops_stage.stages.compile.results import Compiled, Variant
from mlops_stage.stages.compile.targets import Target, load_targets
from mlops_stage.workspace import Workspace

PROBES = Probes(feeds={"x": np.arange(8.0).reshape(4, 2), "job": np.array(["a", "b", "c", "d"], dtype=object)}, kinds=("real",) * 4)


def compiled():
    differing = Agreement(
        tier="reduced",
        rows=4,
        ties=0,
        labels=Rate(2, 4),
        noise={},
        largest=1.0,
        worst=Worst("scores", 3, 1.0, float("inf"), float("inf"), float("inf")),
        failing_rows=(3, 1),
        failing=2,
        verdict="failed",
        reasons=("a number is infinite",),
    )
    wrong = Variant(precision="fp16", failure="does not answer as the model does", artefact=Path("fp16"), agreement=differing)
    return Compiled(target=Target(name="host", backend="ort"), variants=(wrong,))


def test_differing_rows_are_kept_in_their_order_and_privately(tmp_path):
    (told,) = _rows(tmp_path, compiled(), PROBES)
    assert told.path == "evidence/private/host-fp16-rows.npz"
    kept = arrays.load(tmp_path / told.path)
    assert kept["x"].tolist() == [[6.0, 7.0], [2.0, 3.0]]
    assert kept["job"].tolist() == ["d", "b"]


def test_what_was_found_out_names_places_and_no_values_of_rows(tmp_path):
    told = _told(tmp_path, compiled(), PROBES, seed=7)
    text = (tmp_path / told.path).read_text()
    assert told.path == "evidence/host.json"
    assert '"seed": 7' in text
    assert '"failing": 2' in text
    assert '"candidate": "inf"' in text
    assert "Infinity" not in text


def provenance(root, precision):
    """What is written where that variant ships, of a project that is asked about by absolute paths."""
    files = ("model.onnx", "test.csv", "train.csv", "mine.yaml", f"work/{precision}/model.onnx")
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "mine.yaml").write_text("target: mine\nbackend: ort\n")
    asked = {name: str(root / file) for name, file in (("model", "model.onnx"), ("data", "test.csv"), ("train", "train.csv"))}
    params = CompileParams(**asked, target=("host", str(root / "mine.yaml")))
    digests = {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in files}
    model = Model(path=root / "model.onnx", name="model.onnx", facts=OnnxFacts, digests=(("model.onnx", digests["model.onnx"]),))
    tables = tuple(Subject(role=role, name=name, sha256=digests[name]) for role, name in (("data", "test.csv"), ("train", "train.csv")))
    material = Material(
        probes=PROBES, feeds=root, one=root, labelled=None, calibration=root, calibration_sha256="e" * 64, subjects=tables, shapes={}
    )
    bench = Bench(params=params, model=model, source=root, ort="", material=material, shelf=None, work=root)
    ships = Variant(precision=precision, artefact=root / files[-1])
    found = [Compiled(target=one, foreign="far away", variants=(ships,), shipped=ships) for one in load_targets(params.targets, root)]
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    out = root / "out"
    place = Workspace(root=root, run_dir=root, out=out, cache=root, env={}, clock=lambda: moment)
    written(params, place, found, bench=bench, started=moment)
    return (out / "evidence" / "provenance.json").read_text(), digests


@pytest.mark.parametrize(("precision", "made_from"), [("int8", ["model.onnx", "train.csv"]), ("fp32", ["model.onnx"])])
def test_the_materials_are_what_something_was_made_from_and_not_what_judged_it(tmp_path, precision, made_from):
    text, digests = provenance(tmp_path, precision)
    build = json.loads(text)["predicate"]["buildDefinition"]
    materials = {one["name"]: one["digest"]["sha256"] for one in build["resolvedDependencies"] if "digest" in one}
    assert materials == {name: digests[name] for name in (*made_from, "mine.yaml")}
    for one in build["internalParameters"]["artefacts"]:
        assert [ancestor["digest"]["sha256"] for ancestor in one["ancestors"]] == [digests[name] for name in made_from]


def test_the_provenance_is_the_same_in_another_folder_and_tells_of_none(tmp_path):
    text, _ = provenance(tmp_path / "here", "int8")
    assert str(tmp_path) not in text
    assert text == provenance(tmp_path / "elsewhere" / "deep", "int8")[0]
    asked = json.loads(text)["predicate"]["buildDefinition"]["externalParameters"]
    assert [asked[name] for name in ("model", "data", "train", "target")] == ["model.onnx", "test.csv", "train.csv", ["host", "mine.yaml"]]
