"""Which files belong to a model, what each of them is, and their digests; links are followed no further than their own folder."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError
from mlops_stage.evidence.digest import of_json, sha256_many
from mlops_stage.evidence.paths import existing, relative
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.content import HEAD_BYTES, head_of, sniffed
from mlops_stage.inputs.onnx.reader import read_facts
from mlops_stage.inputs.onnx.screen import screen
from mlops_stage.inputs.safetensors import looks_like
from mlops_stage.report import Finding, Level
from mlops_stage.stages.sbom.extract.scene import Part
from mlops_stage.stages.sbom.facts import File
from mlops_stage.stages.sbom.identity import hub_purl

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from mlops_stage.inputs.onnx.facts import OnnxFacts

MOST_FILES = 20_000
_SKIPPED = frozenset({".git", ".cache", "__pycache__", ".ipynb_checkpoints", ".venv", "node_modules"})
_TOKENIZERS = re.compile(
    r"tokenizer.*|vocab\..*|merges\.txt|.*\.spm|.*\.tiktoken|special_tokens_map\.json|added_tokens\.json|spiece\.model"
)
_PREPROCESSORS = re.compile(r"(pre)?processor_config\.json|feature_extractor.*|image_processor.*|scaler\..*|preprocess.*")
_CONFIGS = re.compile(r".*\.(json|ya?ml|toml|cfg|ini)|mlmodel")
_CARDS = re.compile(r"(readme|model_?card|license|licence|notice|copying)(\..*)?")
_STATES = re.compile(r"(training_args|optimizer|scheduler|rng_state|trainer_state|scaler_state)[\w.-]*\.(bin|pt|pth|pkl)")
"""What trainers leave beside the weights; loading it runs code as well, but it is none of them."""
_CODE = frozenset({".py", ".sh", ".js", ".r", ".ipynb", ".so", ".dll", ".dylib"})
_WEIGHTS = {
    ".onnx": "ONNX",
    ".safetensors": "safetensors",
    ".gguf": "GGUF",
    ".ggml": "GGML",
    **dict.fromkeys((".h5", ".hdf5"), "HDF5"),
    ".keras": "Keras",
    ".tflite": "TensorFlow Lite",
    ".pb": "TensorFlow graph",
    **dict.fromkeys((".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".sav", ".pck"), "pickle"),
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".pt2"), "PyTorch"),
    ".skops": "skops",
    **dict.fromkeys((".bst", ".ubj", ".xgb"), "XGBoost"),
    ".lgb": "LightGBM",
    ".cbm": "CatBoost",
    ".npz": "NumPy archive",
    ".npy": "NumPy array",
    **dict.fromkeys((".rds", ".rdata"), "R"),
    ".pmml": "PMML",
    ".mlmodel": "Core ML",
    ".msgpack": "Flax",
}
"""Suffix -> format of files with weights."""
_PICKLED = re.compile(rb"\x80[\x02-\x05]")
_HUB_CACHE = re.compile(r"models--([^/]+)")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HEAD = 64


def model_part(source: str, root: Path, apart: AbstractSet[Path] = frozenset()) -> tuple[Part, tuple[Finding, ...]]:
    """The files of a model, weights first, and what was left out.

    An ONNX file brings the files that hold its weights. The digest is that of its one weights file; of an ONNX model with weights in several, or in a
    folder with nothing but one ONNX model and its papers, that by which all stages know it; of other folders, of the list of names and digests.

    Args:
        source: file or folder, relative to the root.
        root: the project.
        apart: folders that are not looked into, because this run writes them.

    Raises:
        UsageError: nothing is there.
        InputError: no file, more than a model has, or an ONNX file that reads from outside its folder.
    """
    place = existing(root, source, "model")
    found, findings = _files_of(place, root, source, apart)
    states = states_of(found)
    facts = {path: read_facts(path) for path in found if path.suffix.lower() == ".onnx"}
    outside = {path: _outside(path, told) for path, told in facts.items()}
    weights = {path for one in outside.values() for path in one}
    every = list(dict.fromkeys([*found, *sorted(weights)]))
    states += states_of(every[len(found) :])
    digests = sha256_many(every)
    files = _described([_file(path, root, digests[path], path in weights) for path in every], source)
    paths = _named(every, root, source)
    base = place if place.is_dir() else place.parent
    return Part(
        key="model",
        source=relative(root, place),
        place=place,
        files=tuple(files),
        paths=paths,
        sha256=_digest(base, outside, digests, files, paths),
        states=states,
        onnx={relative(root, path): told for path, told in facts.items()},
        purl=_hub(place) if place.is_dir() else "",
    ), findings


def _files_of(place: Path, root: Path, source: str, apart: AbstractSet[Path]) -> tuple[list[Path], tuple[Finding, ...]]:
    """The file, or every file of the folder, and what was left out.

    Raises:
        InputError: there is none, or one of them is not what it seems to be.
    """
    findings: tuple[Finding, ...] = ()
    if place.is_dir():
        found, findings = _walk(place, root, apart)
    elif place.is_file():
        found = [place]
    else:
        raise InputError(f"model: {shown(source)} is neither a file nor a folder", "name the file or folder of the model itself")
    if not found:
        raise InputError(f"model: the folder {shown(source)} holds no file", "check the step that wrote it")
    for path in found:
        _refuse_stand_in(path)
    if place.is_file():
        head_of(place, "model")
    return found, findings


def _named(paths: Sequence[Path], root: Path, source: str) -> dict[str, Path]:
    """Files by the names under which they are shown.

    Raises:
        InputError: two would have the same.
    """
    named = {relative(root, path): path for path in paths}
    if len(named) < len(paths):
        raise InputError(
            f"model: {shown(source)} lies outside the project and holds files of the same name", "copy the model into the project"
        )
    return named


def _described(files: list[File], source: str) -> list[File]:
    """The files of a model, weights first; a single one of a kind that is not known here was named as the model, and is taken for its weights.

    Raises:
        InputError: none of them holds weights.
    """
    if len(files) == 1 and files[0].role == "other":
        return [replace(files[0], role="weights")]
    found = sorted(files, key=lambda file: (file.role != "weights", file.path))
    if found[0].role != "weights":
        what = f"{shown(source)} holds no file of weights, only {shown(found[0].path)}" + (" and the like" if len(found) > 1 else "")
        raise InputError(f"model: {what}", "name the file or folder of the model itself")
    return found


def states_of(paths: Iterable[Path]) -> tuple[tuple[int, int, int], ...]:
    """What changes when a file is written: facts and digests must be of the same bytes."""
    return tuple((about.st_ino, about.st_size, about.st_mtime_ns) for about in (path.stat() for path in paths))


def file_format(path: Path) -> str:
    """What a file is, by its first bytes where they tell, and else by its name; it is not read further."""
    with suppress(OSError), path.open("rb") as stream:
        head = stream.read(_HEAD)
        if head[:4] == b"GGUF":
            return "GGUF"
        if looks_like(head, path.stat().st_size):
            return "safetensors"
        content = sniffed(head)
        if content is not None and content.kind in {"html", "parquet", "hdf5", "arrow"}:
            return {"html": "HTML", "parquet": "Parquet", "hdf5": "HDF5", "arrow": "Arrow"}[content.kind]
        if _PICKLED.match(head) and path.suffix.lower() not in {".pt", ".pth", ".ckpt", ".bin"}:
            return "pickle"
        if path.suffix.lower() == ".bin" and (head[:4] == b"PK\x03\x04" or _PICKLED.match(head)):
            return "PyTorch"
    suffix = path.suffix.lower()
    return _WEIGHTS.get(suffix, suffix[1:].upper() if suffix[1:].isascii() and suffix[1:].isalnum() else "unknown")


def files_in(paths: Iterable[Path], root: Path, role: str) -> tuple[tuple[File, ...], dict[str, Path]]:
    """Files that have one role, with digests, and where to read each."""
    digests = sha256_many(paths)
    named = {relative(root, path): path for path in digests}
    return tuple(
        File(path=name, sha256=digests[path], size=path.stat().st_size, role=role, format=file_format(path)) for name, path in named.items()
    ), named


def _walk(place: Path, root: Path, apart: AbstractSet[Path]) -> tuple[list[Path], tuple[Finding, ...]]:
    """Every file below a folder, and what was left out."""
    home = _home(place)
    found: list[Path] = []
    findings: list[Finding] = []
    for folder, folders, names in os.walk(place, onerror=_unreadable):
        here = Path(folder)
        links = [name for name in folders if (here / name).is_symlink()]
        findings += [_left_out(here / name, root, "is a link to a folder") for name in sorted(links)]
        folders[:] = sorted(name for name in folders if name not in {*links, *_SKIPPED} and here / name not in apart)
        for name in sorted(names):
            path = here / name
            if path.is_symlink() and not (path.is_file() and path.resolve().is_relative_to(home)):
                findings.append(_left_out(path, root, "is a link that leads out of the model's folder, or nowhere"))
            elif not path.is_file():
                findings.append(_left_out(path, root, "is no regular file"))
            else:
                found.append(path)
        if len(found) > MOST_FILES:
            raise InputError(f"model: {shown(place.name)} holds more than {MOST_FILES:,} files", "name the folder of the model itself")
    return found, tuple(findings)


def _home(place: Path) -> Path:
    """The folder that links may not leave; a snapshot in the cache of Hugging Face consists of links to the blobs beside it."""
    resolved = place.resolve()
    in_cache = resolved.parent.name == "snapshots" and _HUB_CACHE.fullmatch(resolved.parent.parent.name)
    return resolved.parent.parent if in_cache else resolved


def _hub(place: Path) -> str:
    """The Package URL that a folder in the cache of Hugging Face tells: `models--owner--name/snapshots/<commit>`."""
    resolved = place.resolve()
    if resolved.parent.name != "snapshots" or not _COMMIT.fullmatch(resolved.name):
        return ""
    named = _HUB_CACHE.fullmatch(resolved.parent.parent.name)
    return hub_purl(named[1].replace("--", "/", 1), resolved.name) if named else ""


def _left_out(path: Path, root: Path, why: str) -> Finding:
    return Finding(
        rule="sbom/file-left-out",
        level=Level.WARNING,
        message=f"{shown(path.name)} {why}: it is not in the bill of materials",
        location=relative(root, path) if not path.is_symlink() else f"{relative(root, path.parent)}/{shown(path.name)}",
        hint="replace it by the file itself",
    )


def _unreadable(error: OSError) -> None:
    raise InputError(f"model: cannot list {shown(error.filename)}: {error.strerror}", "check that the folder may be read") from error


def _outside(path: Path, facts: OnnxFacts) -> tuple[Path, ...]:
    """The files beside an ONNX file that hold its weights.

    Raises:
        InputError: they lie outside its folder, are not there, or cannot be told.
    """
    names = sorted({tensor.external.location for tensor in facts.tensors if tensor.external is not None})
    if names:
        fault = next((one for one in screen(facts, path) if "/external-data-" in one.rule), None)
        if fault is not None:
            raise InputError(f"the model is not described: {fault.message}", fault.hint)
    return tuple(path.parent / name for name in names)


def _refuse_stand_in(path: Path) -> None:
    """A pointer's digest must not be told as that of the weights, what is no ONNX not as ONNX, and a name that is no text cannot be told at all.

    Raises:
        InputError: a pointer of Git LFS or DVC, a file named .onnx that is empty or something else, or a name that is not UTF-8.
    """
    try:
        path.name.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"model: the name of {shown(path.name)} is not UTF-8", "rename the file") from error
    with suppress(OSError), path.open("rb") as stream:
        content = sniffed(stream.read(HEAD_BYTES))
        weights = path.suffix.lower() in {*_WEIGHTS, ".bin"}
        if content is not None and content.kind in ({"git-lfs", "dvc", "html"} if weights else {"git-lfs", "dvc"}):
            raise InputError(f"model: {shown(path.name)} is {content.name}", content.hint)
    if path.suffix.lower() == ".onnx":
        content = sniffed(head_of(path, "model"))
        if content is not None:
            hint = "give it the suffix that it should have, or export the model to ONNX"
            raise InputError(f"model: {shown(path.name)} is {content.name}, not an ONNX model", content.hint or hint)


def _file(path: Path, root: Path, sha256: str, external: bool) -> File:  # noqa: FBT001  (one of two roles)
    kind = "external data of ONNX" if external else file_format(path)
    return File(
        path=relative(root, path), sha256=sha256, size=path.stat().st_size, role="weights" if external else _role(path, kind), format=kind
    )


def _role(path: Path, kind: str) -> str:
    name, suffix = path.name.lower(), path.suffix.lower()
    weights = suffix in _WEIGHTS or suffix == ".bin" or kind in {"GGUF", "safetensors", "pickle", "PyTorch", "HDF5"}
    by_name = ((_STATES, "other"), (_CARDS, "card"), (_TOKENIZERS, "tokenizer"), (_PREPROCESSORS, "preprocessor"))
    told = next((role for pattern, role in by_name if pattern.fullmatch(name)), "")
    if told or weights:
        return told or "weights"
    return "code" if suffix in _CODE else "config" if _CONFIGS.fullmatch(name) else "other"


def _digest(
    base: Path, outside: dict[Path, tuple[Path, ...]], digests: dict[Path, str], files: Sequence[File], paths: dict[str, Path]
) -> str:
    """As all stages name the one ONNX model of a folder; else of the list of names and digests, weights first."""
    weights = [file for file in files if file.role == "weights"]
    if len(outside) == 1:
        ((path, others),) = outside.items()
        if {paths[file.path] for file in weights} <= {path, *others}:
            listed = [path, *others]
            return digests[path] if not others else of_json([[one.relative_to(path.parent).as_posix(), digests[one]] for one in listed])
    if len(files) == 1:
        return files[0].sha256
    return of_json([[PurePosixPath(os.path.relpath(paths[file.path], base)).as_posix(), file.sha256] for file in files])
