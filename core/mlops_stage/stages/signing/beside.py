"""A bundle and the statement that lies beside it: one of an earlier report would be taken for the answer of the new one."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mlops_stage.stages.signing.dsse import MOST_BUNDLE_BYTES, MOST_STATEMENT_BYTES, SUFFIX
from mlops_stage.stages.signing.pending import PENDING
from mlops_stage.stages.signing.regular import read_regular
from mlops_stage.stages.signing.statements import STATEMENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def beside(bundle: Path) -> Iterator[bytes]:
    """The statements of a bundle's name that lie beside it, or wait there to be signed; other files of that name, such as what was attested, are none."""
    if not bundle.name.endswith(SUFFIX):
        return
    name = bundle.name.removesuffix(SUFFIX) + ".json"
    for path in (bundle.with_name(name), bundle.parent / PENDING / name):
        with suppress(OSError):
            content = read_regular(path, MOST_STATEMENT_BYTES + 1)
            if _field(_plain(content), "_type") == STATEMENT_TYPE:
                yield content


def contradicted(home: Path) -> Iterator[Path]:
    """The bundles in a folder that are of other statements than lie beside them; what is no bundle is left to who verifies it.

    Args:
        home: the folder of the statements and bundles.
    """
    for path in sorted(home.glob(f"*{SUFFIX}")):
        others = list(beside(path))
        if not others:
            continue
        with suppress(OSError):
            payload = _payload(read_regular(path, MOST_BUNDLE_BYTES + 1))
            if payload is not None and any(payload != other for other in others):
                yield path


def _payload(raw: bytes) -> bytes | None:
    text = _field(_field(_plain(raw), "dsseEnvelope"), "payload")
    with suppress(ValueError):
        return base64.b64decode(text) if isinstance(text, str) else None
    return None


def _field(plain: Any, name: str) -> Any:
    return plain.get(name) if isinstance(plain, dict) else None


def _plain(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None
