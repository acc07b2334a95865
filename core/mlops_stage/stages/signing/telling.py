"""What the stage `sign` says of its work."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mlops_stage.estimates import Point
from mlops_stage.evidence.digest import sha256
from mlops_stage.evidence.paths import write_aside
from mlops_stage.evidence.redact import shown
from mlops_stage.report import Direction, Evidence, Finding, Level, Metric, Observations
from mlops_stage.stages.signing import gathering, keys
from mlops_stage.stages.signing.statements import FOLDER
from mlops_stage.stages.signing.verifying import levels
from mlops_stage.words import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlops_stage.stages.signing.act import Work
    from mlops_stage.stages.signing.gathering import Gathered, Item
    from mlops_stage.stages.signing.verifying.origin import Origin
    from mlops_stage.workspace import Workspace

_EVIDENCE = "evidence/signatures.json"


def observed(gathered: Gathered, work: Work, workspace: Workspace) -> Observations:
    """Figures, findings and the list of what was signed."""
    found = gathered.items
    listing = [_listed(item, work) for item in found if item in work.done]
    path = workspace.out / _EVIDENCE
    write_aside(path, json.dumps(listing, indent=1) + "\n")
    signers = sorted({who(origin) for origin in work.done.values()})
    level = levels.least(work.done.values())
    counts = {"statements": len(found), "signed": len(work.signed), "kept": len(work.kept), "unverified": len(work.unverified)}
    return Observations(
        metrics=tuple(_metric(name, count) for name, count in counts.items()),
        findings=tuple(_findings(gathered, work, signers, level)),
        subjects=gathering.judged(workspace.reports),
        evidence=(Evidence(path=_EVIDENCE, sha256=sha256(path)),),
        outputs={
            "attestations": FOLDER,
            "signer": ", ".join(signers),
            "signed": str(len(work.done)),
            "level": level.value if level else "none",
        },
    )


def who(origin: Origin) -> str:
    """The signer, and who confirmed it."""
    return f"{shown(origin.signer, 300)} ({shown(origin.issuer, 200)})" if origin.issuer else origin.signer


def _listed(item: Item, work: Work) -> dict[str, str]:
    origin = work.done[item]
    return {
        "name": item.name,
        "statement_sha256": item.sha256,
        "bundle": f"{FOLDER}/{item.bundle.name}",
        "bundle_sha256": sha256(item.bundle),
        "signer": origin.signer,
        "issuer": origin.issuer,
        "level": levels.level_of(origin).value,
    }


def _metric(name: str, count: int) -> Metric:
    direction: Direction = "lower" if name == "unverified" else ""
    return Metric(name=name, estimate=Point(float(count)), unit="statements", direction=direction)


def _findings(gathered: Gathered, work: Work, signers: Sequence[str], level: levels.Level | None) -> Iterator[Finding]:
    for item, why in work.unverified.items():
        message = f"the bundle of {item.name} was made and does not hold: {why}"
        yield Finding(rule="sign/unverified", level=Level.ERROR, message=message)
    if level is None:
        return
    kept = "" if not work.kept else f", {len(work.kept)} of them by an earlier run" if work.signed else ", by an earlier run"
    yield Finding(rule="sign/signed", level=Level.NOTE, message=f"{counted(len(work.done), 'statement')} signed as {listed(signers)}{kept}")
    yield Finding(rule="sign/level", level=Level.NOTE, message=f"what the signatures show: {levels.WORDS[level]}")
    if keys.EXAMPLE in signers:
        message = "the key is the one of the example, which everybody has: its signatures prove nothing"
        yield Finding(rule="sign/example-key", level=Level.WARNING, message=message, hint="make a key of your own")
    for name in gathered.waited:
        message = f"{name} was signed without its report, for it waited since a service had failed"
        yield Finding(rule="sign/waited", level=Level.WARNING, message=message, hint="its statement lies beside the bundle: look at it")
    for name, judge in gathered.changed:
        message = f"{shown(name)} is not the file that {judge} judged under this name: what is signed is about that one, and not about this"
        hint = f"run {judge} again, then sign, unless it is the other file that will be deployed"
        yield Finding(rule="sign/changed-model", level=Level.WARNING, message=message, location=shown(name), hint=hint)
    if gathered.unnamed:
        message = f"no statement is about {shown(gathered.unnamed)}, and of a single file only statements are signed"
        hint = "run the stages on this very file, or name the folder that holds it"
        yield Finding(rule="sign/other-model", level=Level.WARNING, message=message, hint=hint)
    for remark in work.signer.remarks:
        yield Finding(rule="sign/service", level=Level.NOTE, message=remark)
