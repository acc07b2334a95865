"""The stage `sign` at work: gather the statements, keep what is signed already, sign the rest, verify what was made."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_stage.errors import StageError, UsageError
from mlops_stage.evidence.paths import write_aside
from mlops_stage.stages.signing import dsse, gathering, telling
from mlops_stage.stages.signing.beside import contradicted
from mlops_stage.stages.signing.pending import PENDING, RECORD, postpone
from mlops_stage.stages.signing.regular import read_regular
from mlops_stage.stages.signing.signers import OutageError, Signer
from mlops_stage.stages.signing.statements import FOLDER
from mlops_stage.stages.signing.verifying.refusal import RefusalError
from mlops_stage.words import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from mlops_stage.report import Observations
    from mlops_stage.stages.signing.gathering import Item
    from mlops_stage.stages.signing.params import SignParams
    from mlops_stage.stages.signing.verifying.origin import Origin
    from mlops_stage.workspace import Workspace


@dataclass
class Work:
    """What became of each statement so far."""

    signer: Signer
    kept: dict[Item, Origin] = field(default_factory=dict)
    signed: dict[Item, Origin] = field(default_factory=dict)
    unverified: dict[Item, str] = field(default_factory=dict)
    """Why a bundle that was just made does not hold; it is not written."""

    def keep(self, item: Item) -> None:
        """Keep a bundle of an earlier run if it is of this very statement and holds."""
        with suppress(RefusalError, OSError):
            origin = self.signer.check(item.content, read_regular(item.bundle, dsse.MOST_BUNDLE_BYTES + 1))
            if self.signer.keeps(origin):
                self.kept[item] = origin

    def finish(self, item: Item, bundle: bytes) -> None:
        """Write a bundle that was just made, if it holds."""
        try:
            said = self.signer.check(item.content, bundle)
        except RefusalError as error:
            self.unverified[item] = error.message
            return
        write_aside(item.bundle, bundle)
        self.kept.pop(item, None)
        self.signed[item] = said

    def of_others(self) -> list[Item]:
        """What is kept, and was signed by another than who has just signed the rest: one run has one signer."""
        now = {telling.who(origin) for origin in self.signed.values()}
        return [item for item, origin in self.kept.items() if now and telling.who(origin) not in now]

    @property
    def done(self) -> dict[Item, Origin]:
        """Every item with a bundle that holds."""
        return {**self.kept, **self.signed}


def act(params: SignParams, workspace: Workspace) -> Observations:
    """Sign every statement of the earlier reports, and the model folder.

    Raises:
        UsageError: nothing to sign, nothing to sign with, or a path that is not there.
        InputError: a key, a model, evidence or a trust config that cannot be used.
        OutageError: a service failed; what was signed is kept, the rest waits in `attestations/pending/`.
    """
    gathered = gathering.gather(params, workspace)
    found = gathered.items
    for item in found:
        _write_statement(item, workspace)
    gone = _take_away(found, workspace)
    try:
        work = Work(_signer(params, workspace))
    except StageError as error:
        raise _with(error, _told(gone)) from error

    def finished(item: Item, bundle: bytes) -> None:
        work.finish(item, bundle)
        workspace.progress(0.1 + 0.9 * len(work.done) / len(found), f"signed {item.name}")

    try:
        for item in found:
            work.keep(item)
        missing = [item for item in found if item not in work.kept]
        workspace.progress(0.1, f"signing {counted(len(missing), 'statement')}")
        if missing:
            work.signer.sign(missing, finished)
        others = work.of_others()
        if others:
            work.signer.sign(others, finished)
    except StageError as error:
        raise _with(_postponed(error, found, work, workspace), _told(gone - {item.bundle for item in work.done})) from error
    _settle(found, work, workspace)
    return telling.observed(gathered, work, workspace)


def _take_away(found: Sequence[Item], workspace: Workspace) -> frozenset[Path]:
    """Remove what earlier reports said, before anything can fail: who finds it would take it for the answer. Returns the bundles of statements that say another thing now."""
    gone = frozenset(contradicted(workspace.run_dir / FOLDER))
    for path in (*gathering.stale(found, workspace), *gone):
        path.unlink(missing_ok=True)
    return gone


def _told(gone: Iterable[Path]) -> str:
    names = sorted(path.name.removesuffix(dsse.SUFFIX) for path in gone)
    return f"; what was signed of {listed(names)} was of an earlier report and is taken away" if names else ""


def _with(error: StageError, more: str) -> StageError:
    return type(error)(error.message + more, error.hint)


def _signer(params: SignParams, workspace: Workspace) -> Signer:
    if not params.key:
        from mlops_stage.stages.signing import identity_signer

        return identity_signer.from_params(params, workspace)
    tokens = [name for name in ("identity_token_file", "identity_token_env", "ambient") if getattr(params, name)]
    if tokens:
        raise UsageError(f"key and {tokens[0]} name two signers", "give one of them")
    from mlops_stage.stages.signing import key_signer

    return key_signer.from_params(params, workspace)


def _write_statement(item: Item, workspace: Workspace) -> None:
    """The statement beside its bundle, as the reporter writes it too: in a job of its own, `sign` is the only one to write it."""
    if item.bundle.name.endswith(dsse.SUFFIX):
        write_aside(workspace.run_dir / FOLDER / f"{item.name}.json", item.content)


def _settle(found: Sequence[Item], work: Work, workspace: Workspace) -> None:
    """Nothing waits any longer for what is signed."""
    for item in found:
        if item in work.done:
            (workspace.run_dir / FOLDER / PENDING / f"{item.name}.json").unlink(missing_ok=True)
    with suppress(OSError):
        (workspace.run_dir / FOLDER / PENDING).rmdir()
    if not (workspace.run_dir / FOLDER / PENDING).exists():
        (workspace.run_dir / FOLDER / RECORD).unlink(missing_ok=True)


def _postponed(error: StageError, found: Sequence[Item], work: Work, workspace: Workspace) -> StageError:
    """Put aside what is still to be signed, and say so."""
    waiting = [item for item in found if item not in work.done]
    _settle(found, work, workspace)
    # the model folder itself is still there
    postpone(workspace.run_dir / FOLDER, {item.name: item.content for item in waiting if item.bundle.name.endswith(dsse.SUFFIX)})
    done = f"{len(work.done)} of {counted(len(found), 'statement')} signed, the others wait in {FOLDER}/{PENDING}"
    hint = f"sign again later: what is signed is kept; {error.hint}" if isinstance(error, OutageError) else error.hint
    return type(error)(f"{error.message}; {done}", hint)
