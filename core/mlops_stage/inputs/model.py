"""The door for models: an ONNX file or the folder that holds it, screened before anything else, or a served model; all else is refused with the way out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError
from mlops_stage.evidence.digest import of_json, sha256_many
from mlops_stage.evidence.paths import existing, relative
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.content import head_of, sniffed
from mlops_stage.inputs.oip.address import is_url
from mlops_stage.inputs.onnx.reader import read_facts
from mlops_stage.inputs.onnx.screen import refuse_unsafe
from mlops_stage.inputs.onnx.session import Session
from mlops_stage.inputs.served import Served, open_served
from mlops_stage.report import Subject

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_stage.inputs.onnx.facts import OnnxFacts, Port

__all__ = ["Model", "Served", "open_model"]

_PREDICTIONS = "or write its predictions to a CSV, JSONL or Parquet file (columns y_true, y_pred, y_score) and give that as predictions"
_EXPORTS = {
    "scikit-learn": (".pkl", ".pickle", ".joblib", ".dill", ".skops"),
    "PyTorch": (".pt", ".pth", ".ckpt", ".pt2"),
    "Keras": (".h5", ".hdf5", ".keras"),
    "TensorFlow": (".pb", ".tflite"),
    "XGBoost, LightGBM or CatBoost": (".bst", ".ubj", ".xgb", ".lgb", ".cbm"),
    "R": (".rds", ".rdata"),
    "transformers": (".safetensors", ".gguf", ".bin"),
}
_PICKLES = (".pkl", ".pickle", ".joblib", ".dill")
_HOW = {
    "scikit-learn": "export it to ONNX with skl2onnx (to_onnx)",
    "PyTorch": "export it to ONNX with torch.onnx.export",
    "Keras": "export it to ONNX with model.export(format='onnx')",
    "TensorFlow": "export it to ONNX with tf2onnx",
    "XGBoost, LightGBM or CatBoost": "export it to ONNX with onnxmltools, or CatBoost's own export",
    "R": "write its predictions",
    "transformers": "export it to ONNX with optimum",
}


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model file that passed the screen."""

    path: Path
    name: str
    """Relative to the root."""
    facts: OnnxFacts = field(repr=False)
    digests: tuple[tuple[str, str], ...]
    """(Path relative to the model's folder, SHA-256): the model file first, then the files that hold its weights."""

    @property
    def sha256(self) -> str:
        """The digest of the file; of a model with weights in other files, that of the list of names and digests."""
        return self.digests[0][1] if len(self.digests) == 1 else of_json(self.digests)

    @property
    def inputs(self) -> tuple[Port, ...]:
        """What a caller must give."""
        return self.facts.inputs

    @property
    def outputs(self) -> tuple[Port, ...]:
        """What it can be asked for."""
        return self.facts.outputs

    @property
    def metadata(self) -> Mapping[str, str]:
        """What its exporter wrote beside the graph."""
        return self.facts.metadata

    @property
    def class_labels(self) -> tuple[tuple[str, ...], ...]:
        """The lists of classes that its classifier nodes carry."""
        return self.facts.class_labels

    def subjects(self, role: str = "model") -> tuple[Subject, ...]:
        """Each file of the model by digest: the ONNX file, then those that hold its weights."""
        home = PurePosixPath(self.name).parent
        (_, first), *others = self.digests
        beside = (Subject(role=role, name=(home / name).as_posix(), sha256=sha256) for name, sha256 in others)
        return (Subject(role=role, name=self.name, sha256=first), *beside)

    def session(self) -> Session:
        """A session over the bytes that were screened, those of its weights in other files among them.

        Raises:
            InputError: ONNX Runtime cannot load it, or the file was changed meanwhile.
        """
        session = Session(self.path)
        if session.digests != self.digests:
            raise InputError(f"{shown(self.name)} was changed while it was read", "let no other step write the model while this one runs")
        return session


def open_model(
    source: str, root: Path, *, env: Mapping[str, str] | None = None, token_env: str | None = None, what: str = "model"
) -> Model | Served:
    """A model from an ONNX file, from a folder with exactly one, or from a server; nothing is executed, and a served model is not yet asked.

    Args:
        source: path relative to the root, or the URL of a served model (Open Inference Protocol, version 2).
        root: the project.
        env: the workspace's environment, where the token of a served model is.
        token_env: name of the variable with that token; plays no part for a file.
        what: the param that named it.

    Raises:
        UsageError: nothing is there, a URL that is no served model's, or a token that is not set.
        InputError: not an ONNX model, corrupt, or refused by the screen; a server that cannot be asked.
    """
    if is_url(source):
        return open_served(source, env or {}, token_env, what)
    path = existing(root, source, what)
    if path.is_dir():
        path = _in_folder(path, what)
    _check_kind(path, what)
    facts = read_facts(path)
    refuse_unsafe(facts, path)
    weights = sorted({tensor.external.location for tensor in facts.tensors if tensor.external is not None})
    digests = sha256_many([path, *(path.parent / name for name in weights)])
    return Model(
        path=path, name=relative(root, path), facts=facts, digests=tuple(zip([path.name, *weights], digests.values(), strict=True))
    )


def _in_folder(folder: Path, what: str) -> Path:
    models = sorted(entry for entry in folder.iterdir() if entry.name.lower().endswith(".onnx"))
    if len(models) == 1:
        return models[0]
    if models:
        named = ", ".join(entry.name for entry in models)
        raise InputError(f"{what}: the folder {shown(folder.name)} holds {len(models)} ONNX files: {shown(named)}", "name one of them")
    others = sorted(entry for entry in folder.iterdir() if _framework(entry) or entry.name.lower().endswith(".onnx.dvc"))
    if others:
        _check_kind(others[0], what)
    raise InputError(f"{what}: the folder {shown(folder.name)} holds no .onnx file", f"export the model to ONNX, {_PREDICTIONS}")


def _check_kind(path: Path, what: str) -> None:
    """Refuse what is no ONNX file, by its first bytes and by its suffix, without reading further."""
    head = head_of(path, what)
    content = sniffed(head)
    if content is not None and content.hint:
        raise InputError(f"{what}: {shown(path.name)} is {content.name}", content.hint)
    framework = _framework(path)
    if framework is not None:
        raise InputError(
            f"{what}: {shown(path.name)} is {_named(path, framework)}, which can run code when it is loaded: it is not opened",
            f"{_HOW[framework]}, {_PREDICTIONS}",
        )
    if content is not None:
        raise InputError(f"{what}: {shown(path.name)} is {content.name}, not an ONNX model", f"export the model to ONNX, {_PREDICTIONS}")


def _named(path: Path, framework: str) -> str:
    """What it is by its suffix; a pickle may hold anything."""
    return f"a Python pickle (often of {framework})" if path.suffix.lower() in _PICKLES else f"a model file of {framework}"


def _framework(path: Path) -> str | None:
    return next((framework for framework, suffixes in _EXPORTS.items() if path.suffix.lower() in suffixes), None)
