"""Values in a document that a schema takes for any text: Package URLs, licences, digests, addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from license_expression import ExpressionError, ExpressionParseError
from packageurl import PackageURL

from mlops_stage.evidence.redact import shown, without_credentials, without_secrets
from mlops_stage.report import Level
from mlops_stage.stages.sbom.document import mapped, records
from mlops_stage.stages.sbom.identity import licensing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_stage.stages.sbom.document import Component, Text

_DIGITS = {
    "MD5": 32,
    "SHA-1": 40,
    **{f"{family}-{bits}": bits // 4 for family in ("SHA", "SHA3") for bits in (256, 384, 512)},
    **{f"BLAKE2b-{bits}": bits // 4 for bits in (256, 384, 512)},
    "Streebog-256": 64,
    "Streebog-512": 128,
}
"""Hexadecimal digits of a digest by its algorithm; BLAKE3 has any length."""
_OWN_VERSIONS = frozenset({"huggingface", "mlflow", "oci", "docker", "github", "generic"})
"""Types of Package URL whose version is a commit, a digest or a run rather than the version that people call it by."""
_HOME = re.compile(r"(?:file://|/(?:home|Users|root|builds|tmp|var|mnt)/|[A-Za-z]:[\\/])")
_PLACES = frozenset({"name", "url", "location"})
_NOT_A_PLACE = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something wrong with a value."""

    level: Level
    rule: str
    message: str
    hint: str


def number(text: str) -> float | None:
    """The number that a text holds, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def licence_fault(text: str) -> str:
    """Why a text is no SPDX licence expression; empty where it is one."""
    try:
        parsed = licensing().parse(text, validate=False, strict=True)
    except (ExpressionError, ExpressionParseError, ValueError):
        return "it cannot be read as one"
    if parsed is None:
        return "it is empty"
    unknown = [key for key in (str(symbol.key) for symbol in licensing().unknown_license_symbols(parsed)) if not key.startswith(_OWN_TERMS)]
    return f"SPDX lists no {', '.join(shown(key) for key in unknown[:5])}" if unknown else ""


_OWN_TERMS = ("LicenseRef-", "DocumentRef-", "AdditionRef-")


def of_component(component: Component) -> Iterator[Problem]:
    """What is wrong with its Package URL, licences and digests."""
    purl = component.record.get("purl")
    if isinstance(purl, str):
        yield from _of_purl(component, purl)
    for place, licence in enumerate(records(component.record.get("licenses"))):
        expression = licence.get("expression")
        if isinstance(expression, str) and (why := licence_fault(expression)):
            yield Problem(
                level=Level.ERROR,
                rule="sbom/licence",
                message=f"{component.label}: {shown(expression)!r} is no SPDX expression: {why}",
                hint="combine identifiers of the SPDX list by AND, OR and WITH; give terms of your own as a licence with a name",
            )
        name = mapped(licence.get("license")).get("name")
        if isinstance(name, str) and not name.strip():
            message = f"{component.label}: licence {place} has an empty name"
            yield Problem(level=Level.ERROR, rule="sbom/licence", message=message, hint="name the terms, or remove the licence")
    for one in records(component.record.get("hashes")):
        wanted, content = _DIGITS.get(str(one.get("alg"))), one.get("content")
        if wanted and isinstance(content, str) and len(content) != wanted:
            message = f"{component.label}: a digest by {one['alg']} has {wanted} digits, not {len(content)}"
            yield Problem(level=Level.ERROR, rule="sbom/digest", message=message, hint="name the algorithm that made it")


def _of_purl(component: Component, text: str) -> Iterator[Problem]:
    try:
        purl = PackageURL.from_string(text)
    except ValueError as error:
        yield Problem(
            level=Level.ERROR,
            rule="sbom/purl",
            message=f"{component.label}: {shown(text)!r} is no Package URL: {shown(error, 120)}",
            hint="write pkg:TYPE/NAMESPACE/NAME@VERSION, or leave it out",
        )
        return
    if purl.type == "huggingface" and not purl.namespace:
        message = f"{component.label}: {shown(text)!r} names no owner"
        yield Problem(level=Level.ERROR, rule="sbom/purl", message=message, hint="write pkg:huggingface/OWNER/NAME@COMMIT")
    version = component.record.get("version")
    if purl.version and isinstance(version, str) and version and purl.version != version and purl.type not in _OWN_VERSIONS:
        yield Problem(
            level=Level.ERROR,
            rule="sbom/version-mismatch",
            message=f"{component.label} is of version {shown(version)}, and its Package URL says {shown(purl.version)}",
            hint="let both say the same: tools that look for weaknesses go by the Package URL",
        )


def of_text(text: Text) -> Iterator[Problem]:
    """Secrets, addresses that anybody on the way can change, and paths that tell whose machine it was."""
    value, key = text.value, text.keys[-1] if text.keys else ""
    if without_secrets(value) != value:
        yield Problem(
            level=Level.ERROR,
            rule="sbom/credential",
            message=f"{text.path} holds what looks like a password, a token or a key",
            hint="revoke it, take it out of the source that it comes from, and make the document anew",
        )
    if key == "url" and value.lower().startswith("http://"):
        message = f"{text.path}: {shown(without_credentials(value))} is read without encryption"
        yield Problem(level=Level.WARNING, rule="sbom/address", message=message, hint="write https://")
    if _HOME.match(value) or (key in _PLACES and value.startswith("/") and not _NOT_A_PLACE.match(value)):
        message = f"{text.path}: {shown(value)} is a path of one machine"
        yield Problem(level=Level.WARNING, rule="sbom/local-path", message=message, hint="name it relative to the project")
