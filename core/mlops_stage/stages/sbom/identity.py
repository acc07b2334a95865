"""How things are called so that others find them: Package URLs and names of licences."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from license_expression import get_spdx_licensing
from packageurl import PackageURL

from mlops_stage.stages.sbom.facts import Confidence, Licence

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMED = {
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "bsd 2-clause": "BSD-2-Clause",
    "mit license": "MIT",
    "the mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "mpl 2.0": "MPL-2.0",
    "isc license (iscl)": "ISC",
    "the unlicense (unlicense)": "Unlicense",
    "gpl-3": "GPL-3.0-only",
    "gnu general public license v3 (gplv3)": "GPL-3.0-only",
    "gnu general public license v3 or later (gplv3+)": "GPL-3.0-or-later",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
    "python software foundation license": "PSF-2.0",
}
"""Other spellings of licences that mean one licence and nothing else; `BSD` alone does not."""
_MOST = 2000
_HUB = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
_ADDRESS = re.compile(r"https?://\S+")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def is_mail(text: str) -> bool:
    """Whether a text is an e-mail address and nothing else."""
    return _MAIL.fullmatch(text) is not None


def licence(text: str, source: str, confidence: Confidence = Confidence.EXTRACTED, url: str = "") -> Licence | None:
    """Terms by their SPDX name where they have one, as an expression where they are several, and else as they were called; None for no text.

    Args:
        text: `apache-2.0`, `MIT OR Apache-2.0`, `openrail++`, `License :: OSI Approved :: MIT License` …
        source: where it stands.
        confidence: how it is known.
        url: where the terms can be read.
    """
    plain = " ".join(text.rpartition("::")[2].split())
    if not plain or plain.lower() in {"unknown", "none", "n/a"}:
        return None
    address = _ADDRESS.fullmatch(plain)
    kind, name = ("name", plain) if address or len(plain) > _MOST else _spdx(_NAMED.get(plain.lower(), plain))
    return Licence(
        kind=kind,  # type: ignore[arg-type]  # _spdx gives no other words
        text=name if len(name) <= _MOST else f"{name[:200]}…",
        source=source,
        confidence=confidence,
        url=url or (plain if address else ""),
    )


@cache
def _spdx(text: str) -> tuple[str, str]:
    """Kind and text in the exact spelling of the SPDX list, where all of it is listed there."""
    try:
        parsed = licensing().parse(text, validate=True)
    except Exception:  # noqa: BLE001  (its parser raises errors of many kinds, and AttributeError, on text that is none)
        return "name", text
    name = str(parsed)
    return ("id" if parsed.isliteral and " " not in name and not name.startswith("LicenseRef-") else "expression", name)


@cache
def licensing() -> Any:
    """What SPDX lists, as license-expression has it; loaded once, for that takes a while."""
    return get_spdx_licensing()


def generic_purl(name: str, version: str, digest: str, kind: str = "") -> str:
    """The Package URL of something that is in no registry: its name, and its digest.

    Args:
        name: any text; a last part of a path is best.
        version: empty where none is known.
        digest: SHA-256 of its content, or another one as `md5:…`.
        kind: put in front of the name, such as `dataset`.
    """
    return PackageURL(
        "generic",
        kind or None,
        name.strip("/") or "unnamed",
        version.strip("/") or None,
        {"checksum": digest if ":" in digest else f"sha256:{digest}"},
    ).to_string()


def hub_purl(name: str, revision: str = "") -> str:
    """The Package URL of a model on Hugging Face; empty where the name cannot be one of theirs.

    The specification asks for a namespace and the whole commit in lower case; models without an owner (`gpt2`) have none.
    """
    commit = revision.lower() if _COMMIT.fullmatch(revision.lower()) else None
    if not _HUB.fullmatch(name):
        return ""
    owner, _, last = name.rpartition("/")
    return PackageURL("huggingface", owner or None, last, commit).to_string()


def pypi_purl(name: str, version: str = "", qualifiers: Mapping[str, str] | None = None) -> str:
    """The Package URL of a Python package, its name normalised as PEP 503 says."""
    return PackageURL("pypi", None, normalised(name), version or None, dict(qualifiers or {})).to_string()


def canonical(purl: str) -> str:
    """The canonical spelling of a Package URL; empty where it is none."""
    try:
        return PackageURL.from_string(purl).to_string()
    except ValueError:
        return ""


def normalised(name: str) -> str:
    """The name of a Python package as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
