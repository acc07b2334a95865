"""Facts of safetensors files: from their headers, the numbers behind which are never read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mlops_stage.inputs.safetensors import read_header
from mlops_stage.stages.sbom.extract.scene import claim, harmless
from mlops_stage.stages.sbom.extract.several import pieces, told_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlops_stage.stages.sbom.extract.scene import Claim, Found, Part, Scene

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
    """Parameters and their types in the safetensors files of the model, summed over the pieces of one set of weights, and what their makers wrote into the headers.

    Raises:
        InputError: a header that is broken or hostile.
    """
    part = scene.parts.get("model")
    if part is None:
        return
    files = pieces(file.path for file in part.files if file.format == "safetensors")
    yield from told_of([(name, tuple(_told(paths, part))) for name, paths in files.items()])


def _told(paths: Sequence[str], part: Part) -> Iterator[Claim]:
    """What the pieces of one set of weights say."""
    counts: Counter[str] = Counter()
    metadata: dict[str, tuple[str, str]] = {}
    for name in paths:
        header = read_header(part.paths[name])
        for dtype, elements in header.elements.items():
            counts[_NAMES.get(dtype, dtype)] += elements
        metadata |= {key: (value, name) for key, value in header.metadata.items() if key not in metadata}
    source = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    yield claim("model", "format", "safetensors", source)
    yield claim("model", "parameters", sum(counts.values()), source)
    yield claim("model", "precision", listed(counts), source)
    for key, (value, name) in sorted(metadata.items())[:_MOST_METADATA]:
        yield claim("model", "metadata", f"{harmless(key, 100)}={harmless(value, 500)}", name)


def listed(counts: Mapping[str, int]) -> str:
    """Numbers by type, the commonest first: `float16=1200,int8=64`."""
    return ",".join(f"{name}={count}" for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
