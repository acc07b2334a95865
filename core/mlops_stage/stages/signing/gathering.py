"""What there is to sign: the statements of the reports, those that an outage left waiting, and the model folder."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError, UsageError
from mlops_stage.evidence.backing import read_backing
from mlops_stage.evidence.digest import sha256_many
from mlops_stage.evidence.paths import existing, inside, relative
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.oip.address import is_url
from mlops_stage.stages.signing import oms, statements
from mlops_stage.stages.signing.dsse import MOST_STATEMENT_BYTES, SUFFIX, check_size
from mlops_stage.stages.signing.pending import left_of, waiting_in
from mlops_stage.stages.signing.statements import FOLDER
from mlops_stage.words import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mlops_stage.report import Subject
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
    changed: tuple[tuple[str, str], ...] = ()
    """Name of a model file, and the id of a report that judged another one under that name."""


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
    model, unnamed, known = _model(params, workspace), "", {}
    if model is not None:
        digests = oms.digests_of(model, {workspace.run_dir, workspace.cache})
        place = model if model.is_dir() else model.parent
        known = {relative(workspace.root, place / name): sha256 for name, sha256 in digests.items()}
        _confirm(known, workspace)
        if model.is_dir():
            found.append(Item(name=oms.FILE, content=oms.statement(model, digests), bundle=home / oms.FILE))
        elif not _named(found, digests[model.name]):
            unnamed = relative(workspace.root, model)
    if not found:
        raise _nothing(workspace.reports)
    for item in found:
        check_size(item.content, item.name)
    return Gathered(items=tuple(found), unnamed=unnamed, waited=waited, changed=_changed(known, workspace))


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
    return lambda report, evidence: read_backing(earlier.folder, report, evidence, MOST_STATEMENT_BYTES)


def _model(params: SignParams, workspace: Workspace) -> Path | None:
    if not params.model or is_url(params.model):
        return None
    return existing(workspace.root, params.model, "model")


def _confirm(known: Mapping[str, str], workspace: Workspace) -> None:
    """Refuse to sign beside a report what is no longer the model of the report."""
    for name, sha256, judge in _judged_files(workspace.reports):
        if known.get(name, sha256) != sha256:
            raise InputError(f"{shown(name)} was changed after {judge} had judged it", f"run {judge} again, then sign")


def _changed(known: Mapping[str, str], workspace: Workspace) -> tuple[tuple[str, str], ...]:
    """Which model files lie where a report says, and are others than it judged: nobody named them, and what is signed is true of the old ones."""
    judged = [one for one in _judged_files(workspace.reports) if one[0] not in known]
    paths = {name: workspace.root / name for name, _, _ in judged if _lies(workspace.root, name)}
    digests = sha256_many(paths.values())
    return tuple((name, judge) for name, sha256, judge in judged if name in paths and digests[paths[name]] != sha256)


def _judged_files(reports: Iterable[EarlierReport]) -> list[tuple[str, str, str]]:
    """Name and digest of each model file, and the report that judged it."""
    return [(one.name, one.sha256, earlier.report.id) for earlier in reports for one in earlier.report.subjects if one.role == "model"]


def _lies(root: Path, name: str) -> bool:
    """Whether a file that a report names can be read in the project."""
    with suppress(InputError, OSError):
        path = inside(root, name)
        return path.is_file() and os.access(path, os.R_OK)
    return False


def _nothing(reports: tuple[EarlierReport, ...]) -> UsageError | InputError:
    if not reports:
        return UsageError(
            "there is nothing to sign",
            "run sign together with other stages, name the output directory of an earlier job with --reports, or give model: a folder",
        )
    named = listed(f"{one.report.id} ({one.report.outcome.value})" for one in reports)
    return InputError(f"there is nothing to sign: no report judged anything: {named}", "mend what kept those stages from running")
