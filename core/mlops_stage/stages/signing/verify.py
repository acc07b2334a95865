"""The stage `verify` at work: every bundle, every file, every requirement; offline."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import UsageError
from mlops_stage.estimates import Point
from mlops_stage.evidence.paths import existing, relative, write_aside
from mlops_stage.evidence.redact import shown
from mlops_stage.evidence.required import parse
from mlops_stage.inputs.oip.address import is_url
from mlops_stage.report import Evidence, Finding, Level, Metric, Observations, Subject
from mlops_stage.stages.signing.dsse import SUFFIX
from mlops_stage.stages.signing.pending import id_of
from mlops_stage.stages.signing.statements import own_of
from mlops_stage.stages.signing.verifying import levels
from mlops_stage.stages.signing.verifying.asking import asked_of
from mlops_stage.stages.signing.verifying.checking import believe, compare
from mlops_stage.stages.signing.verifying.shelf import Found, bundles_in, check_unchanged
from mlops_stage.stages.signing.verifying.trees import read_tree
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mlops_stage.stages.signing.verifying.checking import Checked
    from mlops_stage.stages.signing.verifying.params import VerifyParams
    from mlops_stage.stages.signing.verifying.subjects import Believed
    from mlops_stage.stages.signing.verifying.trees import Tree
    from mlops_stage.workspace import Workspace

RECORD = "evidence/statements.json"
ATTESTATIONS = "attestations"


def measure(params: VerifyParams, workspace: Workspace) -> Observations:
    """What holds of what was signed, and what does not.

    Raises:
        UsageError: nobody to believe, nothing to verify, or a path that is not there.
        InputError: something that cannot be read.
    """
    asked = asked_of(params, workspace.root)
    shelf = _shelf(params, workspace)
    place = _place(params, workspace.root)
    found = bundles_in(shelf, place)
    if params.bundles is None:
        found = tuple(_with_report(one, workspace) for one in found)
    workspace.progress(0.1, f"verifying {counted(len(found), 'bundle')}")
    believed, refused = believe(found, asked)
    tree = None
    if place is not None:
        workspace.progress(0.3, "hashing what is delivered")
        tree = read_tree(place)
        check_unchanged(found, place, tree)
    checked = compare(believed, refused, tree, asked)
    evidence = _record(checked, found, workspace)
    findings = (*_refused(checked, shelf, place, workspace), *_told(checked, tree, params))
    workspace.progress(1.0, "done")
    return Observations(
        metrics=_metrics(checked, found, tree),
        findings=findings,
        subjects=_subjects(tree, place, workspace.root),
        evidence=(evidence,),
        outputs={
            "statements": str(len(checked.believed)),
            "refused": str(checked.count),
            "level": checked.level.value if checked.level else "none",
        },
    )


def _shelf(params: VerifyParams, workspace: Workspace) -> Path:
    if params.bundles is not None:
        return existing(workspace.root, params.bundles, "bundles")
    place = workspace.run_dir / ATTESTATIONS
    if not place.is_dir():
        raise UsageError(
            "there is nothing to verify", "give bundles: the folder with the signed statements; or run sign before, into the same folder"
        )
    return place


def _with_report(one: Found, workspace: Workspace) -> Found:
    """A bundle of the run's own folder, with what the report of its name says now: it may be newer than the statement that lies there."""
    name = one.name.removesuffix(SUFFIX)
    report = next((earlier.report for earlier in workspace.reports if earlier.report.id == id_of(name)), None)
    if report is None:
        return one
    own = own_of(report)
    if own is None:  # it says nothing any more
        return replace(one, beside=(*one.beside, b""))
    return replace(one, beside=(*one.beside, own.content)) if name == own.name else one


def _place(params: VerifyParams, root: Path) -> Path | None:
    """What is delivered; None of a served model, and where nothing is named."""
    if params.model is None or is_url(params.model):
        return None
    return existing(root, params.model, "model")


def _record(checked: Checked, found: Sequence[Found], workspace: Workspace) -> Evidence:
    """Each bundle with what came of it, for other programs."""
    refused = {one.bundle: one.error for one in checked.refused if one.bundle}
    held = {one.bundle: one for one in checked.believed}
    digests = {one.name: hashlib.sha256(one.raw).hexdigest() for one in found}
    rows = [
        {
            "bundle": name,
            "sha256": sha256,
            **(_held(held[name], about=held[name] in checked.about) if name in held else {"refused": refused[name].rule}),
        }
        for name, sha256 in digests.items()
    ]
    content = json.dumps(rows, indent=1, ensure_ascii=True).encode() + b"\n"
    write_aside(workspace.out / RECORD, content)
    return Evidence(path=RECORD, sha256=hashlib.sha256(content).hexdigest())


def _held(one: Believed, *, about: bool) -> dict[str, Any]:
    return {
        "predicate_type": one.said.predicate_type,
        "id": one.said.id,
        "outcome": one.said.outcome,
        "signer": one.origin.signer,
        "issuer": one.origin.issuer,
        "level": levels.level_of(one.origin).value,
        "moments": [moment.isoformat() for moment in one.origin.moments],
        "about_these_files": about,
    }


def _refused(checked: Checked, shelf: Path, place: Path | None, workspace: Workspace) -> Iterator[Finding]:
    folder = shelf if shelf.is_dir() else shelf.parent
    home = place if place is not None and place.is_dir() else place and place.parent
    for one in checked.refused:
        files = one.error.files
        at = folder / one.bundle if one.bundle else home / files[0] if home and files else None
        location = relative(workspace.root, at) if at else ""
        yield Finding(
            rule=one.error.rule,
            level=Level.ERROR,
            message=f"{shown(one.bundle)}: {one.error.message}" if one.bundle else one.error.message,
            location="" if location in files else location,  # the message names it already
            hint=one.error.hint,
        )


def _told(checked: Checked, tree: Tree | None, params: VerifyParams) -> Iterator[Finding]:
    """What the signatures show, and what they were not asked."""
    if checked.level is not None:
        yield Finding(rule="verify/verified", level=Level.NOTE, message=_holds(checked, tree))
        message = f"what the signatures show: {levels.WORDS[checked.level]}"
        yield Finding(rule="verify/level", level=Level.NOTE, message=message)
    if tree is None:
        message = "no file was named, so nothing says that these statements are about what is deployed"
        # of a served model there is no file to name; elsewhere the name was forgotten, and a requirement is one on what is deployed
        level = Level.WARNING if params.model and not params.require else Level.ERROR
        yield Finding(rule="verify/no-model", level=level, message=message, hint="give model: the file or folder that is deployed")
    if checked.about and not params.require:
        message = "nothing is required, so it would hold as well if every report had failed, or were missing"
        hint = "give require: what must have passed, such as data,quality,scan"
        yield Finding(rule="verify/nothing-required", level=Level.WARNING, message=message, hint=hint)
    yield from _not_passed(checked, params)
    unchecked = sorted({what for one in checked.about for what in one.origin.unchecked})
    if unchecked:
        message = f"the bundles hold {' and '.join(unchecked)}, which nobody looked at"
        yield Finding(rule="verify/unchecked", level=Level.WARNING, message=message, hint="give trust_config: whom to trust for that")
    delivered = {file.sha256 for file in tree.files} if tree else set()
    for one in checked.elsewhere:
        if one.said.build_type and one.said.used and one.said.used <= delivered:
            message = f"{shown(one.bundle)} holds, and is about what was made from these files"
            yield Finding(rule="verify/made-from-these", level=Level.NOTE, message=message)
            continue
        message = f"{shown(one.bundle)} holds, and is about other files than those that are delivered"
        yield Finding(rule="verify/other-files", level=Level.WARNING, message=message)


def _not_passed(checked: Checked, params: VerifyParams) -> Iterator[Finding]:
    """Reports about these files that hold and did not pass; of an inconclusive one a requirement may say that it will do."""
    required = tuple(parse(text) for text in params.require)
    for one in checked.about:
        said = one.said
        message = f"the report of {said.id or shown(one.bundle)} holds, and says {said.outcome}"
        hint = f"require: {said.id or 'what must have passed'}"
        if said.outcome == "failed":
            yield Finding(rule="verify/failed-report", level=Level.WARNING, message=message, hint=hint)
        elif said.outcome == "inconclusive" and not any(need.id and need.matches(said) for need in required):
            yield Finding(rule="verify/inconclusive-report", level=Level.WARNING, message=message, hint=hint)


def _holds(checked: Checked, tree: Tree | None) -> str:
    """Who said what about which files, in one sentence."""
    signers = sorted({f"{one.origin.signer} ({one.origin.issuer})" if one.origin.issuer else one.origin.signer for one in checked.about})
    reports = sorted({f"{one.said.id} {one.said.outcome}" for one in checked.about if one.said.id})
    said = f": {', '.join(map(shown, reports))}" if reports else ""
    files = f" about {counted(len(tree.files), 'file')}" if tree else ""
    hold = "holds" if len(checked.about) == 1 else "hold"
    return f"{counted(len(checked.about), 'statement')}{files} {hold}, signed by {' and '.join(shown(one, 400) for one in signers)}{said}"


def _metrics(checked: Checked, found: Sequence[Found], tree: Tree | None) -> tuple[Metric, ...]:
    counts = {
        "bundles": (len(found), ""),
        "statements": (len(checked.about), "higher"),
        "refused": (checked.count, "lower"),
        "files": (len(tree.files) if tree else 0, ""),
    }
    return tuple(Metric(name=name, estimate=Point(float(count)), direction=better) for name, (count, better) in counts.items())  # type: ignore[arg-type]  # the three words of Direction


def _subjects(tree: Tree | None, place: Path | None, root: Path) -> tuple[Subject, ...]:
    if tree is None or place is None:
        return ()
    home = place if place.is_dir() else place.parent
    return tuple(Subject(role="model", name=relative(root, home / file.name), sha256=file.sha256) for file in tree.files)
