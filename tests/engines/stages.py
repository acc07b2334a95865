"""A tiny project that every built-in stage can judge, and what each is asked there: once so that it passes, once so that it does not."""

from __future__ import annotations

import csv
import json
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from onnx import TensorProto, helper, numpy_helper
from scenarios import Call, Job

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNED = Path(__file__).parents[1] / "fixtures" / "signed"
COLUMNS = ("age", "income", "debt", "years")
JUDGED = {"model": "model.onnx", "data": "test.csv", "label": "truth"}


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One stage's two calls."""

    green: Mapping[str, str]
    red: Mapping[str, str]
    """Beside those of `green`, which it overrules."""
    code: int = 1
    """How the red one ends."""


STAGES = {
    "data": Pair(green={"data": "test.csv"}, red={"data": "broken.csv"}),
    "quality": Pair(green=JUDGED | {"slices": "group"}, red={"gates": "accuracy >= 0.999"}),
    "fairness": Pair(green=JUDGED | {"sensitive": "group", "gates": "accuracy >= 0.5"}, red={"gates": "accuracy >= 0.999"}),
    "scan": Pair(green={"model": "model.onnx"}, red={"model": "hostile.pkl"}),
    "adversarial": Pair(
        green=JUDGED | {"train": "train.csv", "attacks": "linear", "effort": "quick", "gates": "clean_accuracy >= 0.5"},
        red={"gates": "clean_accuracy >= 0.999"},
    ),
    "compile": Pair(
        green={"model": "model.onnx", "effort": "quick", "precision": "fp32", "gates": "size_ratio[target=host] <= 2"},
        red={"gates": "size_ratio[target=host] <= 0.1"},
    ),
    "sbom": Pair(green={"model": "model.onnx", "data": "test.csv"}, red={"gates": "components >= 1000000"}),
    "sign": Pair(green={"model": "model", "key": "signing.key"}, red={"trust-config": "trust-config.json", "deadline": "5"}, code=3),
    "verify": Pair(green={"model": "model", "bundles": "ours-key.sigstore.json", "key": "signing.pub"}, red={"model": "tampered"}),
}
"""The red case of `sign` is an outage: an authority for time stamps that refuses; that of `verify` a file that was changed since."""


def jobs() -> list[Job]:
    """A job for each stage and colour."""
    calls = {f"{stage}-passed": Call(stage=stage, inputs=pair.green) for stage, pair in STAGES.items()}
    calls |= {f"{stage}-failed": Call(stage=stage, inputs={**pair.green, **pair.red}) for stage, pair in STAGES.items()}
    return [Job(name=name, calls=(call,)) for name, call in calls.items()]


def project(root: Path) -> Path:
    """The files: a linear model, tables for it, a model folder that was signed and one that was changed, a key, a pickle that runs a command."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(4, 2)).astype(np.float32)
    _model(root / "model.onnx", weights)
    for name in ("test.csv", "train.csv"):
        _table(root / name, weights, rng)
    (root / "broken.csv").write_text((root / "test.csv").read_text() + "1,2\n")
    for name in ("model", "tampered"):
        shutil.copytree(SIGNED / "model", root / name)
    changed = next(file for file in sorted((root / "tampered").rglob("*")) if file.is_file())
    changed.write_bytes(changed.read_bytes() + b"\n")
    for name in ("ours-key.sigstore.json", "signing.pub"):
        shutil.copy(SIGNED / name, root)
    key = ec.generate_private_key(ec.SECP256R1())
    (root / "signing.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (root / "hostile.pkl").write_bytes(pickle.dumps(_Hostile()))
    (root / "trust-config.json").write_text(json.dumps(_refusing()))
    (root / ".gitignore").write_text("/mlops-out/\n")
    return root


class _Hostile:
    def __reduce__(self):
        import os

        return os.system, ("touch PWNED",)


def _model(path: Path, weights: np.ndarray) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Softmax", ["z"], ["scores"], axis=1)]
    nodes.append(helper.make_node("ArgMax", ["z"], ["label"], axis=1, keepdims=0))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])
    label = helper.make_tensor_value_info("label", TensorProto.INT64, ["n"])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2])
    graph = helper.make_graph(nodes, "linear", [x], [label, scores], [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"mlops_stage.columns": json.dumps(COLUMNS), "mlops_stage.classes": '["0", "1"]'})
    onnx.save_model(model, path)


def _table(path: Path, weights: np.ndarray, rng: np.random.Generator) -> None:
    values = rng.normal(size=(300, 4)).astype(np.float32)
    truth = (values @ weights + 0.3 * rng.normal(size=(300, 2))).argmax(axis=1)
    rows = [[*row, "ab"[row[0] > 0], one] for row, one in zip(values.tolist(), truth, strict=True)]
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([[*COLUMNS, "group", "truth"], *rows])


def _refusing() -> dict[str, object]:
    """A trust configuration whose authority for time stamps answers nobody: nothing listens on that port."""
    always = {"start": "2020-01-01T00:00:00Z"}
    refuses = {"url": "http://127.0.0.1:9/api/v1/timestamp", "majorApiVersion": 1, "validFor": always, "operator": "nobody"}
    signing = {"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json", "tsaUrls": [refuses], "tsaConfig": {"selector": "ANY"}}
    root = json.loads((SIGNED / "trusted_root.json").read_text())
    media = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
    return {"mediaType": media, "trustedRoot": root, "signingConfig": signing}
