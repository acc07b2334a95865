"""What there is to sign: the statements of the reports, those that an outage left waiting, and the model folder."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError, UsageError
from mlops_stage.evidence.paths import existing, inside, relative
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.oip.address import is_url
from mlops_stage.report.words import listed
from mlops_stage.stages.signing import oms, statements
from mlops_stage.stages.signing.dsse import MOST_STATEMENT_BYTES, SUFFIX, check_size
from mlops_stage.stages.signing.pending import left_of, waiting_in
from mlops_stage.stages.signing.statements import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mlops_stage.report import Evidence, Report, Subject
    from mlops_stage.stages.signing.params import SignParams
    from mlops_stage.workspace import EarlierReport, Workspace


@dataclass(frozen=True, kw_only=True)
class Item:
    """One statement, and where its bundle belongs."""

    name: str
    """`quality`, `sbom.model`, or `model.sig`."""
    content: bytes
    bundle: Path

    @property
    def sha256(self) -> str:
        """Digest of the statement."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """What there is to sign, and what there is not."""

    items: tuple[Item, ...]
    unnamed: str = ""
    """The model file that was named and that no statement is about; empty where there is none such."""
    waited: tuple[str, ...] = ()
    """Names of statements that are signed without their reports, for an outage has left them waiting."""


def gather(params: SignParams, workspace: Workspace) -> Gathered:
    """Everything to sign, in the order of the names.

    Raises:
        UsageError: there is nothing, or a path that is not there.
        InputError: the model is not the one that was judged; a statement is too large; evidence is gone.
    """
    home = workspace.run_dir / FOLDER
    ids = {earlier.report.id for earlier in workspace.reports}
    made = {one.name: one.content for one in waiting_in(home, ids)}
    waited = tuple(sorted(made))
    for earlier in workspace.reports:
        made |= {one.name: one.content for one in statements.of(earlier.report, _reading(earlier))}
    found = [Item(name=name, content=content, bundle=home / f"{name}{SUFFIX}") for name, content in sorted(made.items())]
    model, unnamed = _model(params, workspace), ""
    if model is not None:
        digests = oms.digests_of(model, {workspace.run_dir, workspace.cache})
        _confirm(model, digests, workspace)
        if model.is_dir():
            found.append(Item(name=oms.FILE, content=oms.statement(model, digests), bundle=home / oms.FILE))
        elif not _named(found, digests[model.name]):
            unnamed = relative(workspace.root, model)
    if not found:
        raise _nothing(workspace.reports)
    for item in found:
        check_size(item.content, item.name)
    return Gathered(items=tuple(found), unnamed=unnamed, waited=waited)


def _named(found: Iterable[Item], sha256: str) -> bool:
    """Whether any statement is about the file of that digest."""
    return any(one.get("digest", {}).get("sha256") == sha256 for item in found for one in json.loads(item.content)["subject"])


def stale(found: Iterable[Item], workspace: Workspace) -> tuple[Path, ...]:
    """Statements and bundles of reports that were replaced and say this no longer: who finds them would take them for the answer."""
    ids = {earlier.report.id for earlier in workspace.reports}
    return tuple(left_of(workspace.run_dir / FOLDER, ids, {item.name for item in found}))


def judged(reports: Iterable[EarlierReport]) -> tuple[Subject, ...]:
    """The files of models that the reports judged, each once."""
    return tuple(dict.fromkeys(one for earlier in reports for one in earlier.report.subjects if one.role == "model"))


def _reading(earlier: EarlierReport) -> statements.Read:
    def read(report: Report, evidence: Evidence) -> bytes:
        path = inside(earlier.folder, evidence.path)
        try:
            with path.open("rb") as stream:
                content = stream.read(MOST_STATEMENT_BYTES + 1)
        except OSError as error:
            raise InputError(f"cannot read {shown(evidence.path)} of {report.id}: {error.strerror}", f"run {report.id} again") from error
        check_size(content, f"{report.id}: {shown(evidence.path)}")
        if hashlib.sha256(content).hexdigest() != evidence.sha256:
            raise InputError(
                f"{shown(evidence.path)} is not the file that the report of {report.id} names",
                f"run {report.id} again, and let nothing change it",
            )
        return content

    return read


def _model(params: SignParams, workspace: Workspace) -> Path | None:
    if not params.model or is_url(params.model):
        return None
    return existing(workspace.root, params.model, "model")


def _confirm(model: Path, digests: Mapping[str, str], workspace: Workspace) -> None:
    """Refuse to sign beside a report what is no longer the model of the report."""
    home = model if model.is_dir() else model.parent
    here = {relative(workspace.root, home / name): sha256 for name, sha256 in digests.items()}
    for earlier in workspace.reports:
        changed = [one for one in earlier.report.subjects if one.role == "model" and here.get(one.name, one.sha256) != one.sha256]
        if changed:
            raise InputError(
                f"{shown(changed[0].name)} was changed after {earlier.report.id} had judged it", f"run {earlier.report.id} again, then sign"
            )


def _nothing(reports: tuple[EarlierReport, ...]) -> UsageError | InputError:
    if not reports:
        return UsageError(
            "there is nothing to sign",
            "run sign together with other stages, name the output directory of an earlier job with --reports, or give model: a folder",
        )
    named = listed(f"{one.report.id} ({one.report.outcome.value})" for one in reports)
    return InputError(f"there is nothing to sign: no report judged anything: {named}", "mend what kept those stages from running")
