"""The stage `sign` at work: gather the statements, keep what is signed already, sign the rest, verify what was made."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_stage.errors import StageError, UsageError
from mlops_stage.estimates import Point
from mlops_stage.evidence.digest import sha256
from mlops_stage.evidence.paths import write_aside
from mlops_stage.report import Evidence, Finding, Level, Metric, Observations
from mlops_stage.report.words import counted, listed
from mlops_stage.stages.signing import dsse, gathering
from mlops_stage.stages.signing.gathering import PENDING, Item
from mlops_stage.stages.signing.signers import OutageError, Signed, Signer
from mlops_stage.stages.signing.statements import FOLDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.stages.signing.params import SignParams
    from mlops_stage.workspace import Workspace

_EVIDENCE = "evidence/signatures.json"


@dataclass
class _Work:
    """What became of each statement so far."""

    signer: Signer
    kept: dict[Item, Signed] = field(default_factory=dict)
    signed: dict[Item, Signed] = field(default_factory=dict)
    unverified: dict[Item, str] = field(default_factory=dict)
    """Why a bundle that was just made does not hold; it is not written."""

    def keep(self, item: Item) -> None:
        """Keep a bundle of an earlier run if it is of this very statement and holds."""
        with suppress(StageError, OSError):
            with item.bundle.open("rb") as stream:
                bundle = stream.read(dsse.MOST_BUNDLE_BYTES + 1)
            self.kept[item] = self.signer.check(item.content, bundle)

    def finish(self, item: Item, bundle: bytes) -> None:
        """Write a bundle that was just made, if it holds."""
        try:
            said = self.signer.check(item.content, bundle)
        except StageError as error:
            self.unverified[item] = error.message
            return
        write_aside(item.bundle, bundle)
        self.signed[item] = said

    @property
    def done(self) -> dict[Item, Signed]:
        """Every item with a bundle that holds."""
        return {**self.kept, **self.signed}


def act(params: SignParams, workspace: Workspace) -> Observations:
    """Sign every statement of the earlier reports, and the model folder.

    Raises:
        UsageError: nothing to sign, nothing to sign with, or a path that is not there.
        InputError: a key, a model, evidence or a trust config that cannot be used.
        OutageError: a service failed; what was signed is kept, the rest waits in `attestations/pending/`.
    """
    found = gathering.items(params, workspace)
    work = _Work(_signer(params, workspace))
    for item in found:
        _write_statement(item, workspace)
        work.keep(item)
    missing = [item for item in found if item not in work.kept]
    workspace.progress(0.1, f"signing {counted(len(missing), 'statement')}")

    def finished(item: Item, bundle: bytes) -> None:
        work.finish(item, bundle)
        workspace.progress(0.1 + 0.9 * len(work.signed) / len(missing), f"signed {item.name}")

    try:
        if missing:
            work.signer.sign(missing, finished)
    except OutageError as error:
        raise _postponed(error, missing, work, workspace) from error
    _settle(found, work, workspace)
    return _observed(found, work, workspace)


def _signer(params: SignParams, workspace: Workspace) -> Signer:
    from mlops_stage.stages.signing import key_signer

    if params.key:
        return key_signer.from_params(params, workspace)
    raise UsageError("there is nothing to sign with", "give key: a PEM file with an ECDSA key on P-256")


def _write_statement(item: Item, workspace: Workspace) -> None:
    """The statement beside its bundle, as the reporter writes it too: in a job of its own, `sign` is the only one to write it."""
    if item.bundle.name.endswith(dsse.SUFFIX):
        write_aside(workspace.run_dir / FOLDER / f"{item.name}.json", item.content)


def _settle(found: Sequence[Item], work: _Work, workspace: Workspace) -> None:
    """Nothing waits any longer for what is signed."""
    for item in found:
        if item in work.done:
            (workspace.run_dir / FOLDER / PENDING / f"{item.name}.json").unlink(missing_ok=True)
    with suppress(OSError):
        (workspace.run_dir / FOLDER / PENDING).rmdir()


def _postponed(error: OutageError, missing: Sequence[Item], work: _Work, workspace: Workspace) -> OutageError:
    """Put aside what is still to be signed, and say so."""
    waiting = [item for item in missing if item not in work.done]
    _settle(missing, work, workspace)
    for item in waiting:
        if item.bundle.name.endswith(dsse.SUFFIX):  # the model folder itself is still there
            write_aside(workspace.run_dir / FOLDER / PENDING / f"{item.name}.json", item.content)
    done = f"{len(work.done)} of {counted(len(work.done) + len(waiting), 'statement')} are signed, the others wait in {FOLDER}/{PENDING}"
    return OutageError(f"{error.message}; {done}", f"run sign again: what is signed is kept; {error.hint}".rstrip("; "))


def _observed(found: Sequence[Item], work: _Work, workspace: Workspace) -> Observations:
    listing = [_listed(item, work) for item in found if item in work.done]
    path = workspace.out / _EVIDENCE
    write_aside(path, json.dumps(listing, indent=1) + "\n")
    who = sorted({said.who for said in work.done.values()})
    counts = {"statements": len(found), "signed": len(work.signed), "kept": len(work.kept), "unverified": len(work.unverified)}
    return Observations(
        metrics=tuple(_metric(name, count) for name, count in counts.items()),
        findings=tuple(_findings(work, who)),
        subjects=gathering.judged(workspace.reports),
        evidence=(Evidence(path=_EVIDENCE, sha256=sha256(path)),),
        outputs={
            "attestations": FOLDER,
            "signer": ", ".join(who),
            "signed": str(len(work.done)),
        },
    )


def _listed(item: Item, work: _Work) -> dict[str, str | bool]:
    said = work.done[item]
    return {
        "name": item.name,
        "statement_sha256": item.sha256,
        "bundle": f"{FOLDER}/{item.bundle.name}",
        "bundle_sha256": sha256(item.bundle),
        "signer": said.who,
        "stamped": said.stamped,
        "logged": said.logged,
    }


def _metric(name: str, count: int) -> Metric:
    return Metric(name=name, estimate=Point(float(count)), unit="statements", direction="lower" if name == "unverified" else "")


def _findings(work: _Work, who: Sequence[str]) -> list[Finding]:
    made = [
        Finding(rule="sign/unverified", level=Level.ERROR, message=f"the bundle of {item.name} was made and does not hold: {why}")
        for item, why in work.unverified.items()
    ]
    if who:
        kept = f", of which {len(work.kept)} by an earlier run" if work.kept else ""
        message = f"{counted(len(work.done), 'statement')} signed as {listed(who)}{kept}"
        made.append(Finding(rule="sign/signed", level=Level.NOTE, message=message))
    return made
