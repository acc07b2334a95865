"""Weights in formats that run code when they are loaded, or that are not read here: known by name, first bytes and digest alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.evidence.redact import shown
from mlops_stage.report import Finding, Level
from mlops_stage.stages.sbom.extract.scene import Remark, claim
from mlops_stage.stages.sbom.facts import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_stage.stages.sbom.extract.scene import Found, Scene

_RUNS = frozenset({"pickle", "PyTorch", "Keras", "HDF5", "R"})
"""Formats that can hold code, or name functions that are called when they are loaded."""
_READ = frozenset({"ONNX", "safetensors", "GGUF", "external data of ONNX"})


def extract(scene: Scene) -> Iterator[Found]:
    """The formats of weights that are not opened; not who wrote them, which no name of a file tells."""
    part = scene.parts.get("model")
    if part is None:
        return
    closed = {file.format: file.path for file in reversed(part.files) if file.role == "weights" and file.format not in _READ}
    for kind, path in sorted(closed.items()):
        yield claim("model", "format", kind, path, Confidence.INFERRED)
        yield _not_opened(kind, path)


def _not_opened(kind: str, path: str) -> Remark:
    why = "loading such a file can run code" if kind in _RUNS else "there is no reader for this format here"
    message = f"{shown(path)} ({shown(kind)}) was not opened: {why}; what it holds, such as inputs and parameters, is not told"
    hint = "give the model as ONNX, safetensors or GGUF, or declare what is known of it"
    return Remark(finding=Finding(rule="sbom/not-opened", level=Level.NOTE, message=message, location=path, hint=hint))
