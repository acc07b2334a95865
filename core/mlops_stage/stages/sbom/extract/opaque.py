"""Weights in formats that run code when they are loaded, or that are not read here: known by name, first bytes and digest alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.stages.sbom.extract.scene import claim
from mlops_stage.stages.sbom.facts import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_stage.stages.sbom.extract.scene import Found, Scene

_MADE_BY = {
    "PyTorch": "PyTorch",
    "Keras": "Keras",
    "TensorFlow Lite": "TensorFlow",
    "TensorFlow graph": "TensorFlow",
    "skops": "scikit-learn",
    "XGBoost": "XGBoost",
    "LightGBM": "LightGBM",
    "CatBoost": "CatBoost",
    "Flax": "Flax",
}
_READ = frozenset({"ONNX", "safetensors", "external data of ONNX"})


def extract(scene: Scene) -> Iterator[Found]:
    """The formats of weights that are not opened, and the framework where the format belongs to one."""
    part = scene.parts.get("model")
    if part is None:
        return
    closed = {file.format: file.path for file in reversed(part.files) if file.role == "weights" and file.format not in _READ}
    for kind, path in sorted(closed.items()):
        yield claim("model", "format", kind, path)
        if kind in _MADE_BY:
            yield claim("model", "framework", _MADE_BY[kind], path, Confidence.INFERRED)
