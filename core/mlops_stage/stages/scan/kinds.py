"""What a file claims to be by its name, and what it is by its first bytes."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import PurePosixPath

from mlops_stage.inputs.content import sniffed
from mlops_stage.inputs.pickles.source import NPY_MAGIC
from mlops_stage.inputs.safetensors import looks_like

HEAD = 4096


class Kind(StrEnum):
    """What is examined, each in its own way."""

    ONNX = "ONNX model"
    PICKLE = "pickle"
    NPY = "NumPy array"
    SAFETENSORS = "safetensors file"
    ZIP = "ZIP archive"
    TAR = "tar archive"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZLIB = "zlib"


FOLDED = {Kind.GZIP: "gzip", Kind.BZIP2: "bzip2", Kind.XZ: "xz", Kind.ZLIB: "zlib"}

_MAGIC = {
    NPY_MAGIC: Kind.NPY,
    b"PK\x03\x04": Kind.ZIP,
    b"PK\x05\x06": Kind.ZIP,
    b"\x1f\x8b": Kind.GZIP,
    b"BZh": Kind.BZIP2,
    b"\xfd7zXZ\0": Kind.XZ,
    b"]\0\0": Kind.XZ,
    b"\x78\x01": Kind.ZLIB,
    b"\x78\x5e": Kind.ZLIB,
    b"\x78\x9c": Kind.ZLIB,
    b"\x78\xda": Kind.ZLIB,
}
_PROTOCOL = re.compile(rb"\x80[\x00-\x05]")

PICKLES = frozenset({".pkl", ".pickle", ".pck", ".joblib", ".dill", ".cloudpickle", ".pt", ".pth", ".ckpt", ".p", ".sav"})
"""Suffixes of files that somebody will unpickle."""
TORCH = frozenset({".pt", ".pth", ".ckpt", ".bin"})
"""Suffixes of files that torch.load reads, which takes some entries of its archives for bare numbers or words."""
OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How torch.save of before 1.6 begins a file; the numbers of its tensors lie behind the last pickle."""
_CLAIMS: dict[str, frozenset[Kind]] = {
    ".onnx": frozenset({Kind.ONNX}),
    ".safetensors": frozenset({Kind.SAFETENSORS}),
    ".npy": frozenset({Kind.NPY}),
    ".npz": frozenset({Kind.ZIP}),
    ".zip": frozenset({Kind.ZIP}),
    ".tar": frozenset({Kind.TAR}),
    ".tgz": frozenset({Kind.GZIP}),
    ".gz": frozenset({Kind.GZIP}),
    ".bz2": frozenset({Kind.BZIP2}),
    ".xz": frozenset({Kind.XZ}),
    **dict.fromkeys(PICKLES, frozenset({Kind.PICKLE, Kind.ZIP, Kind.TAR, Kind.GZIP, Kind.BZIP2, Kind.XZ, Kind.ZLIB})),
    **dict.fromkeys((".txt", ".md", ".json", ".yaml", ".yml", ".csv", ".html", ".py", ".toml", ".cfg", ".ini"), frozenset()),
}
FOREIGN = {
    ".h5": "a Keras or HDF5 file",
    ".hdf5": "a Keras or HDF5 file",
    ".keras": "a Keras file",
    ".pb": "a TensorFlow graph",
    ".tflite": "a TensorFlow Lite model",
    ".gguf": "a GGUF model",
    ".ggml": "a GGML model",
    ".llamafile": "an executable with a model in it",
    ".bst": "a model of XGBoost",
    ".ubj": "a model of XGBoost",
    ".xgb": "a model of XGBoost",
    ".lgb": "a model of LightGBM",
    ".cbm": "a model of CatBoost",
    ".rds": "a file of R",
    ".rdata": "a file of R",
    ".skops": "a skops file",
    ".pmml": "a PMML document",
    ".mlmodel": "a Core ML model",
    ".engine": "a TensorRT engine",
    ".plan": "a TensorRT engine",
    ".trt": "a TensorRT engine",
    ".pdmodel": "a PaddlePaddle model",
    ".pdiparams": "parameters of PaddlePaddle",
    ".mojo": "a model of H2O",
    ".pt2": "an exported program of PyTorch",
    ".pte": "a program of ExecuTorch",
    ".mat": "a MATLAB file",
    ".7z": "a 7-Zip archive",
    ".rar": "a RAR archive",
}
_FOREIGN_MAGIC = {
    b"\x89HDF\r\n\x1a\n": "a Keras or HDF5 file",
    b"GGUF": "a GGUF model",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"\x04\x22\x4d\x18": "an LZ4 archive",
}
_PROGRAM_MAGIC = (b"\x7fELF", b"MZ\x90\0", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!")
_CODE = frozenset({".py", ".pyc", ".so", ".dll", ".dylib", ".sh", ".js", ".exe", ".bat", ".ps1", ".jar", ".r", ".ipynb"})


def suffix(name: str) -> str:
    """The last suffix, in lower case."""
    return PurePosixPath(name).suffix.lower()


def by_content(head: bytes, size: int) -> Kind | None:
    """What the first bytes say; None where they say nothing (an ONNX model and an old pickle begin with nothing special)."""
    if _PROTOCOL.match(head):
        return Kind.PICKLE
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if is_tar(head):
        return Kind.TAR
    return Kind.SAFETENSORS if looks_like(head, size) else None


def is_tar(head: bytes) -> bool:
    """Whether it is a tar archive (POSIX), whatever its first bytes, which are the name of an entry, say as well."""
    return head[257:262] == b"ustar"


def claimed(name: str) -> frozenset[Kind] | None:
    """What a file of that name may hold; an empty set where it is text, None where the name claims nothing."""
    return _CLAIMS.get(suffix(name))


def foreign(head: bytes, name: str) -> str:
    """A format that can hold code and that nothing here can look into; empty for all others."""
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite model"
    return next((told for magic, told in _FOREIGN_MAGIC.items() if head.startswith(magic)), FOREIGN.get(suffix(name), ""))


def program(head: bytes, name: str) -> bool:
    """Whether it is code in its own right: a script, a library, an executable."""
    return head.startswith(_PROGRAM_MAGIC) or suffix(name) in _CODE


def stands_for_another(head: bytes) -> tuple[str, str]:
    """Name and hint of a pointer (Git LFS, DVC) or a page of HTML that stands where the file should; empty for everything else."""
    content = sniffed(head)
    return (content.name, content.hint) if content is not None and content.kind in {"git-lfs", "dvc", "html"} else ("", "")


def looks_like_onnx(head: bytes) -> bool:
    """The first field of what exporters write is the version: number 1, a small value."""
    return len(head) > 16 and head[0] == 8 and 1 <= head[1] <= 32 and head[2] in {0x12, 0x1A, 0x22, 0x2A, 0x32, 0x3A, 0x42}  # noqa: PLR2004  (keys of ModelProto)
