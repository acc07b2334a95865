"""Facts of GGUF files: from their headers, the numbers behind which are never read."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from mlops_stage.inputs.gguf import MIXES, PLAIN, TYPES, VERSIONS, read_header
from mlops_stage.stages.sbom.extract.plain import unread
from mlops_stage.stages.sbom.extract.safetensors import listed
from mlops_stage.stages.sbom.extract.scene import Ancestor, claim, harmless
from mlops_stage.stages.sbom.extract.several import pieces, told_of
from mlops_stage.stages.sbom.facts import Parent
from mlops_stage.stages.sbom.identity import hub_purl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlops_stage.inputs.gguf import Header
    from mlops_stage.stages.sbom.extract.scene import Claim, Found, Scene

_FACTS = {
    "general.architecture": "architecture",
    "general.name": "name",
    "general.version": "version",
    "general.description": "description",
    "general.license": "licence",
    "general.url": "homepage",
    "general.repo_url": "repository",
    "general.tags": "tag",
    "general.languages": "language",
}
_SETTINGS = ("context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count", "expert_count")
_MOST_PARENTS = 50


def extract(scene: Scene) -> Iterator[Found]:
    """What the GGUF files of the model say about it.

    Raises:
        InputError: a header that is broken or hostile.
    """
    part = scene.parts.get("model")
    if part is None:
        return
    told: list[tuple[str, Sequence[Claim]]] = []
    for name, paths in pieces(file.path for file in part.files if file.format == "GGUF").items():
        headers = {path: read_header(part.paths[path]) for path in paths}
        strange = {path: header.version for path, header in headers.items() if header.version not in VERSIONS}
        for path, version in strange.items():
            yield unread(path, f"it has version {version} of GGUF, or is of a big-endian machine")
        told.append((name, (claim("model", "format", "GGUF", paths[0]),) if strange else tuple(_told(headers))))
        yield from _parents(headers[paths[0]].keys, paths[0])
    yield from told_of(told)


def _told(headers: Mapping[str, Header]) -> Iterator[Claim]:
    """What the pieces of one set of weights say; keys stand in the first."""
    source, *others = headers
    keys = headers[source].keys
    for key, element in _FACTS.items():
        for text in keys[key] if isinstance(keys.get(key), list) else [keys.get(key)]:
            if isinstance(text, str) and text.strip():
                yield claim("model", element, text, source)
    maker = keys.get("general.organization") or keys.get("general.author")
    if isinstance(maker, str):
        yield claim("model", "producer", maker, source)
    yield claim("model", "format", "GGUF", source)
    counts = sum((header.elements for header in headers.values()), Counter[int]())
    where = f"{source} and {len(others)} more" if others else source
    if counts:
        yield claim("model", "parameters", counts.total(), where)
        yield claim("model", "precision", listed({TYPES.get(kind, f"type {kind}"): count for kind, count in counts.items()}), where)
        yield claim("model", "quantised", str(not counts.keys() <= PLAIN.keys()).lower(), where)
    mix = keys.get("general.file_type")
    if isinstance(mix, int):
        yield claim("model", "metadata", f"general.file_type={MIXES.get(mix, mix)}", source)
    for name in _SETTINGS:
        value = keys.get(f"{keys.get('general.architecture')}.{name}")
        if isinstance(value, int | float):
            yield claim("model", "hyperparameter", f"{name}={value}", source)


def _parents(keys: Mapping[str, Any], source: str) -> Iterator[Ancestor]:
    """The models that this one was made from, by their addresses on Hugging Face where these are told."""
    for place in range(_MOST_PARENTS):
        name, address = (keys.get(f"general.base_model.{place}.{key}") for key in ("name", "repo_url"))
        if not isinstance(name, str):
            return
        found = re.fullmatch(r"https://huggingface\.co/([^/?#]+/[^/?#]+)/?", str(address))
        purl = hub_purl(found[1]) if found else ""
        known = found[1] if found and purl else harmless(name, 300)
        yield Ancestor(parent=Parent(name=known, relation="base", source=source, purl=purl))
