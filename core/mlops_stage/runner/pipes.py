"""Pipes that params name as paths, as the shell's `<(command)` does: what comes through them lies in no file."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from mlops_stage.fields import describe

if TYPE_CHECKING:
    from mlops_stage.params import Params, Verb

_PATH = re.compile(r"/(?:dev|proc/self)/fd/(\d{1,6})")


def named(params: Params | Verb) -> list[int]:
    """Descriptors of this process that a stage's child must be given, under the same numbers, to find what its params name; pipes only."""
    texts = [getattr(params, item.name) for item in describe(type(params)) if item.path]
    found = [_PATH.fullmatch(text) for text in texts if isinstance(text, str)]
    return [number for one in found if one and _is_pipe(number := int(one[1]))]


def _is_pipe(number: int) -> bool:
    with suppress(OSError):
        return number > 2 and stat.S_ISFIFO(os.fstat(number).st_mode)  # noqa: PLR2004  (the first three are the child's own)
    return False
