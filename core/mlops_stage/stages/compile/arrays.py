"""Named tensors in a file, as the processes of this stage hand them to each other: no pickles, any name, text among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NAMES = "names"


def save(path: Path, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write tensors; text of dtype object becomes text of a fixed width."""
    plain = {f"a{place}": values.astype(np.str_) if values.dtype == object else values for place, values in enumerate(arrays.values())}
    with path.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **{_NAMES: np.array(list(arrays), dtype=np.str_)}, **plain)


def load(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Tensors as `save` wrote them; text comes as dtype object, which ONNX Runtime takes.

    Raises:
        InputError: it is no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as held:
            names = [str(name) for name in held[_NAMES]]
            arrays = [held[f"a{place}"] for place in range(len(names))]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path.name} holds no tensors: {error}", "run the stage again") from error
    return {name: values.astype(object) if values.dtype.kind == "U" else values for name, values in zip(names, arrays, strict=True)}
