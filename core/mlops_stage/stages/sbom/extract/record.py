"""The record that the export script writes beside predictions: which model an ONNX file was made from, and with which data it was tried."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from mlops_stage.evidence.paths import relative
from mlops_stage.stages.sbom.extract.plain import UnreadableError, json_of
from mlops_stage.stages.sbom.extract.scene import Ancestor, Usage, harmless
from mlops_stage.stages.sbom.facts import DatasetUse, Parent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlops_stage.stages.sbom.extract.scene import Found, Scene

_MOST_RECORDS = 200
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ROLES = {"data": "test", "train": "train"}


def extract(scene: Scene) -> Iterator[Found]:
    """Of every `*.meta.json` beside the model, or in the project's folder, that names the model's digest: what else it names."""
    part = scene.parts.get("model")
    if part is None:
        return
    digests = {file.sha256 for file in part.files if file.role == "weights"} | {part.sha256}
    folder = part.place if part.place.is_dir() else part.place.parent
    for path in dict.fromkeys([*_records(folder), *_records(scene.root)]):
        try:
            record = json_of(path)
        except UnreadableError:  # somebody else's file of that name
            continue
        about = {role: named for role in ("onnx", "model", *_ROLES) if (named := _named(record.get(role)))}
        is_export = "onnx" in about and about["onnx"][1] in digests
        if is_export or ("model" in about and about["model"][1] in digests):
            yield from _told(about, relative(scene.root, path), is_export=is_export)


def _told(about: dict[str, tuple[str, str]], source: str, *, is_export: bool) -> Iterator[Found]:
    if is_export and "model" in about and about["model"][1] != about["onnx"][1]:
        name, sha256 = about["model"]
        yield Ancestor(parent=Parent(name=name, relation="export", source=source, sha256=sha256))
    for key, role in _ROLES.items():
        if key in about:
            name, sha256 = about[key]
            yield Usage(use=DatasetUse(role=role, name=name, source=source, ref=f"dataset:sha256:{sha256}"))


def _records(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.meta.json") if path.is_file())[:_MOST_RECORDS]


def _named(plain: Any) -> tuple[str, str] | None:
    """Name and digest; of an absolute path only the last name, which tells nothing of a machine."""
    if not isinstance(plain, dict) or not isinstance(plain.get("name"), str) or not isinstance(plain.get("sha256"), str):
        return None
    path, sha256 = PurePosixPath(harmless(plain["name"], 300).replace("\\", "/")), plain["sha256"]
    if not path.name or not _SHA256.fullmatch(sha256):
        return None
    return (path.name if path.is_absolute() or ".." in path.parts or ":" in path.parts[0] else path.as_posix()), sha256
