"""Facts of safetensors files: from their headers, the numbers behind which are never read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mlops_stage.inputs.safetensors import read_header
from mlops_stage.stages.sbom.extract.scene import claim, harmless

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_stage.stages.sbom.extract.scene import Found, Scene

_NAMES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
}
_NAMES |= {"U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64", "BOOL": "bool"}
_MOST_METADATA = 50


def extract(scene: Scene) -> Iterator[Found]:
    """Parameters and their types over all safetensors files of the model, and what their makers wrote into the headers.

    Raises:
        InputError: a header that is broken or hostile.
    """
    part = scene.parts.get("model")
    if part is None:
        return
    found = [(file.path, part.paths[file.path]) for file in part.files if file.format == "safetensors"]
    if not found:
        return
    counts: Counter[str] = Counter()
    metadata: dict[str, tuple[str, str]] = {}
    for name, path in found:
        header = read_header(path)
        for dtype, elements in header.elements.items():
            counts[_NAMES.get(dtype, dtype)] += elements
        metadata |= {key: (value, name) for key, value in header.metadata.items() if key not in metadata}
    source = found[0][0] if len(found) == 1 else f"{found[0][0]} and {len(found) - 1} more"
    yield claim("model", "format", "safetensors", source)
    yield claim("model", "parameters", sum(counts.values()), source)
    yield claim("model", "precision", _listed(counts), source)
    for key, (value, name) in sorted(metadata.items())[:_MOST_METADATA]:
        yield claim("model", "metadata", f"{harmless(key, 100)}={harmless(value, 500)}", name)


def _listed(counts: Mapping[str, int]) -> str:
    return ",".join(f"{name}={count}" for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
