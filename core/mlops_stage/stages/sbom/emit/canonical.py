"""One spelling of a document, and a serial number that follows from what it says: the same inputs give the same bytes."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_stage.stages.sbom.document import Document

SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/bom#mlops-stage")
"""Serial numbers are name-based UUIDs (RFC 9562, version 5) in this space."""


def canonical(document: Document) -> bytes:
    """The document with its serial number, keys in the order of their code points, two spaces, UTF-8, and a line feed at the end.

    Lists stay as they are: whoever fills them sorts them.
    """
    return f"{json.dumps(with_serial(document), ensure_ascii=False, sort_keys=True, indent=2, allow_nan=False)}\n".encode()


def with_serial(document: Document) -> Document:
    """The document with the serial number that its content, this number left out, leads to."""
    plain: dict[str, Any] = {key: value for key, value in document.items() if key != "serialNumber"}
    content = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return {**plain, "serialNumber": f"urn:uuid:{uuid.uuid5(SPACE, content)}"}
