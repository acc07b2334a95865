"""What is remembered of the values on an unpickler's stack: imports, what calls would make, small dicts; of most others only that they are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


class Name(NamedTuple):
    """What would be imported; parts that only a running program could tell are None."""

    module: str | None
    name: str | None

    @property
    def dotted(self) -> str:
        """`os.system`."""
        return f"{self.module or '?'}.{self.name or '?'}"


class Outlined(dict[str, Any]):
    """What is known of a dict."""

    over = False
    """Whether it holds more than what is known."""


@dataclass
class Made:
    """What a call would make."""

    of: Name
    arguments: Any
    state: Any = None
    built: int = 0
    """How often it was given a state."""


WRAPPER = Name("joblib.numpy_pickle", "NumpyArrayWrapper")
DTYPE = Name("numpy", "dtype")
_RECONSTRUCT = (Name(f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core"))
THINGS = {WRAPPER, DTYPE, *_RECONSTRUCT}
"""What these make is no text and cannot be called."""
PLAIN = (int, bytes, tuple, dict, type(None))
MARK, OTHER = object(), object()
FEW = 64
"""So many members of a tuple or a dict are remembered."""
