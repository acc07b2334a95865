"""Facts of a model that lies there as several weights: what all of them agree in is told of the model, and the rest of each of them."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from mlops_stage.stages.sbom.extract.scene import Claim, claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_PIECE = re.compile(r"-\d{5}-of-\d{5}(?=\.\w+$)")
_COUNTED = frozenset({"parameters", "precision", "operators", "functions"})
"""What two parts of one model would add up, and two versions of it would not: nothing here tells which of both they are."""
_LISTED = frozenset({"format", "framework", "metadata", "hyperparameter"})
_MOST = 1000


def pieces(paths: Iterable[str]) -> dict[str, list[str]]:
    """Files by the weights that they are pieces of: `model-00001-of-00002.safetensors` and its like are one, others each one of their own."""
    made: dict[str, list[str]] = {}
    for path in sorted(paths):
        made.setdefault(_PIECE.sub("", path), []).append(path)
    return made


def told_of(told: Sequence[tuple[str, Sequence[Claim]]]) -> Iterator[Claim]:
    """What the weights of a model say: of one all of it, of several what does not differ, and the rest as facts `part` with the name of each.

    Args:
        told: name of the weights, and what they say.
    """
    said = Counter(key for _, claims in told for key in {(one.fact.element, one.fact.value) for one in claims})
    for name, claims in told[:_MOST]:
        for one in claims:
            fact = one.fact
            agreed = said[fact.element, fact.value] == len(told) and fact.element not in _COUNTED
            if len(told) == 1 or agreed or fact.element in _LISTED:
                yield one
            else:
                yield claim(one.about, "part", f"{name}: {fact.element}={fact.value}", fact.source, fact.confidence)
