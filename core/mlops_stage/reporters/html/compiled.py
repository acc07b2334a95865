"""Compiled templates, kept where Python keeps compiled modules: compiling the page takes longer than filling it."""

from __future__ import annotations

import hashlib
import marshal
import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import compiler
from jinja2.bccache import BytecodeCache, bc_magic

from mlops_stage.errors import StageError
from mlops_stage.evidence.paths import write_aside

if TYPE_CHECKING:
    from jinja2.bccache import Bucket


class Compiled(BytecodeCache):
    """In `__pycache__` beside the templates: whoever may write there may replace this module too, so it is trusted as much and no more.

    Where the folder cannot be written nothing is kept, as with modules.

    Args:
        folder: that of the templates.
        variant: a word for the options of the environment, which are compiled in.
        owner: the module that sets those options; when it changes, all is compiled anew.
    """

    def __init__(self, folder: Path, variant: str, owner: Path) -> None:
        self._stem = folder / variant
        self._owner = owner

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what was kept, if this source was compiled by this Python and this Jinja, with these options."""
        with suppress(OSError, EOFError, ValueError, TypeError, NotImplementedError):  # the last where Python keeps no modules either
            mark, _, code = self._path(bucket).read_bytes().partition(b"\n")
            if mark == self._mark(bucket):
                bucket.code = marshal.loads(code)  # noqa: S302  (as trusted as the module that reads it)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it for the next process."""
        if sys.dont_write_bytecode or bucket.code is None:
            return
        with suppress(OSError, StageError, NotImplementedError):
            write_aside(self._path(bucket), self._mark(bucket) + b"\n" + marshal.dumps(bucket.code))

    def _path(self, bucket: Bucket) -> Path:
        return Path(cache_from_source(f"{self._stem}-{bucket.key[:16]}.py")).with_suffix(".jinja")

    def _mark(self, bucket: Bucket) -> bytes:
        makers = hashlib.sha256(self._owner.read_bytes() + Path(compiler.__file__).read_bytes()).hexdigest()
        return f"{bc_magic.hex()} {makers} {bucket.checksum}".encode()
