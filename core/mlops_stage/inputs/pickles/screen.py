"""Is this pickle known to be dangerous? Findings on what it would import, and on what could not be read of it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from picklescan.scanner import SafetyLevel, scan_pickle_bytes

from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.pickles.names import Verdict, verdict
from mlops_stage.report import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mlops_stage.inputs.pickles.machine import Walked
    from mlops_stage.inputs.pickles.outlines import Name

SECOND_BYTES, _SECOND_OPCODES = 2**25, 500_000
"""Smaller pickles are given to picklescan whole as well; it holds all opcodes in memory."""
_SAFER = "export the model to ONNX, or its weights to safetensors: neither can run code"
_NEVER = "do not load it; find out where it comes from"
_SHOWN = 5


def screen(walked: Walked, label: str, trusted: Collection[str] = (), *, claimed: bool = True) -> tuple[Finding, ...]:
    """All that is wrong with a stream of pickles.

    Args:
        walked: what was read of it.
        label: what messages call it.
        trusted: packages and names that the user vouches for (see `names.verdict`).
        claimed: whether something says that it is a pickle; of other bytes that import nothing it is not told that they cannot be read.
    """
    return tuple(_findings(walked, label, trusted, claimed=claimed or bool(walked.names)))


def second_opinion(content: bytes, walked: Walked, label: str) -> Iterator[Finding]:
    """What picklescan's own reading of a small pickle calls dangerous beyond what the walk saw; of a larger one, that it was not asked.

    Args:
        content: the bytes; more than `SECOND_BYTES` stand for any larger number.
        walked: what the walk read of them.
        label: what messages call it.
    """
    if len(content) > SECOND_BYTES or walked.opcodes > _SECOND_OPCODES:
        message = f"{label} was read by one reader only: picklescan, the second, is not given more than 32 MiB or {_SECOND_OPCODES:,} instructions"
        yield Finding(rule="scan/not-examined", level=Level.WARNING, message=message, hint=_SAFER)
        return
    try:
        found = scan_pickle_bytes(io.BytesIO(content), "")
    except Exception:  # noqa: BLE001  (a library's reader of hostile bytes; the walk has said what is wrong with them)
        return
    seen = {name.dotted for name in walked.names}
    grave = [one for one in found.globals if one.safety is SafetyLevel.Dangerous and f"{one.module}.{one.name}" not in seen]
    others = [one for one in grave if "unknown" not in (one.module, one.name)]  # the walk knows those that picklescan could not work out
    if others:
        named = shown(", ".join(sorted(f"{one.module}.{one.name}" for one in others)), 200)
        yield _error("scan/dangerous-import", f"{label} would import {named} when it is loaded, says picklescan", _NEVER)


def _findings(walked: Walked, label: str, trusted: Collection[str], *, claimed: bool) -> Iterator[Finding]:
    by_verdict: dict[Verdict, list[Name]] = {kind: [] for kind in Verdict}
    for name in walked.names:
        by_verdict[verdict(name, trusted)].append(name)
    hidden = [name for name in by_verdict[Verdict.DANGEROUS] if None in name]
    plain = [name for name in by_verdict[Verdict.DANGEROUS] if None not in name]
    if plain:
        yield _error("scan/dangerous-import", f"{label} would import {_listed(plain)} when it is loaded", _NEVER)
    if hidden:
        yield _error("scan/hidden-import", f"{label} works out what it imports only while it is loaded: nobody can tell beforehand", _NEVER)
    if by_verdict[Verdict.UNKNOWN]:
        packages = ",".join(sorted({(name.module or "").split(".")[0] for name in by_verdict[Verdict.UNKNOWN]}))
        yield _error(
            "scan/unknown-import",
            f"{label} would import {_listed(by_verdict[Verdict.UNKNOWN])}, which no list here knows",
            f"if these packages are yours: trusted: {shown(packages)}; otherwise do not load it",
        )
    if walked.doubt:
        yield _error(
            "scan/not-examined", f"{label} can be read in more than one way ({walked.doubt}): nobody can tell what it does", _NEVER
        )
    if walked.endless:
        yield _error("scan/not-examined", f"{label} was not examined to its end: {walked.fault}", _SAFER)
    elif walked.fault and claimed:
        yield _error("scan/unreadable", f"{label} is no whole pickle: {walked.fault}", "it was cut short or forged: write it again")
    known = by_verdict[Verdict.KNOWN]
    if known and not plain and not hidden:
        message = f"{label} is a pickle: loading it runs code of {_packages(known)}, and nothing proves that this is all it does"
        yield Finding(rule="scan/pickle", level=Level.WARNING, message=message, hint=_SAFER)


def _listed(names: list[Name]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(shown(name.dotted) for name in names[:_SHOWN]) + more


def _packages(names: list[Name]) -> str:
    return shown(", ".join(sorted({(name.module or "?").split(".")[0] for name in names})))


def _error(rule: str, message: str, hint: str) -> Finding:
    return Finding(rule=rule, level=Level.ERROR, message=message, hint=hint)
