"""Is this pickle known to be dangerous? Findings on what it would import, and on what could not be read of it."""

from __future__ import annotations

import ast
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from picklescan.scanner import SafetyLevel, scan_pickle_bytes

from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.pickles.names import Verdict, verdict
from mlops_stage.inputs.pickles.source import NPY_MAGIC
from mlops_stage.inputs.pickles.walk import Name, Walked, walk
from mlops_stage.report import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mlops_stage.inputs.pickles.source import Source

_NPY_HEADER = 2**16
_SECOND_BYTES, _SECOND_OPCODES = 2**25, 500_000
"""Smaller pickles are given to picklescan whole as well; it holds all opcodes in memory."""
_SAFER = "export the model to ONNX, or its weights to safetensors: neither can run code"
_NEVER = "do not load it; find out where it comes from"
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Screened:
    """A pickle that was walked."""

    findings: tuple[Finding, ...]
    walked: Walked


def screen(source: Source, label: str, trusted: Collection[str] = (), *, claimed: bool = True) -> Screened:
    """All that is wrong with a stream of pickles.

    Args:
        source: its bytes.
        label: what messages call it.
        trusted: packages and names that the user vouches for (see `names.verdict`).
        claimed: whether something says that it is a pickle; of other bytes only dangers are told, not that they cannot be read.

    Raises:
        BombError: the stream is larger than its budget.
    """
    walked = walk(source)
    return Screened(findings=tuple(_findings(walked, label, trusted, claimed=claimed)), walked=walked)


def second_opinion(content: bytes, walked: Walked, label: str) -> Iterator[Finding]:
    """What picklescan's own reading of a small pickle calls dangerous beyond what the walk saw."""
    if len(content) > _SECOND_BYTES or walked.opcodes > _SECOND_OPCODES:
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


def npy_objects(source: Source) -> bool:
    """Read the header of a .npy file (NEP 1), and say whether a pickle of objects follows it.

    Raises:
        ValueError: no such header, or one that is cut short.
    """
    if source.read(6) != NPY_MAGIC:
        raise ValueError("it does not begin as a .npy file")
    major = source.read(2)[0]
    if major not in {1, 2, 3}:
        raise ValueError(f"its format has the version {major}")
    size = int.from_bytes(source.read(2 if major == 1 else 4), "little")
    if size > _NPY_HEADER:
        raise ValueError(f"its header claims {size:,} bytes")
    header = _literal(source.read(size).decode("utf-8" if major == 3 else "latin-1"))  # noqa: PLR2004  (version 3.0 is UTF-8)
    told = header.get("descr"), header.get("shape")
    if told[0] is None or not isinstance(told[1], tuple) or not all(isinstance(one, int) and one >= 0 for one in told[1]):
        raise ValueError("its header tells no dtype and shape")
    return _holds_objects(told[0])


def _literal(text: str) -> dict[object, object]:
    try:
        found = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError) as error:
        raise ValueError("its header is no Python dictionary") from error
    if not isinstance(found, dict):
        raise ValueError("its header is no dictionary")  # noqa: TRY004  (a fault of the file, not of the caller)
    return found


def _holds_objects(descr: object) -> bool:
    """`|O` itself, or anywhere in a structured dtype."""
    if isinstance(descr, str):
        return "O" in descr
    if isinstance(descr, list | tuple):
        return any(_holds_objects(one) for one in descr[1:] if isinstance(one, str | list | tuple)) or any(
            _holds_objects(one) for one in descr[:1] if isinstance(one, list | tuple)
        )
    return False


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
