"""Passwords, tokens and keys that somebody wrote into what is read here: masked before anything is made of it, and told."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_stage.evidence.redact import shown, without_secrets
from mlops_stage.report import Finding, Level
from mlops_stage.stages.sbom.extract.scene import Ancestor, Claim, Interface, Packages, Remark, Table, Usage

if TYPE_CHECKING:
    from mlops_stage.stages.sbom.extract import Gathered
    from mlops_stage.stages.sbom.extract.scene import Found

_Any = TypeVar("_Any")


def without(gathered: Gathered) -> tuple[Gathered, tuple[Finding, ...]]:
    """All that was found with secrets masked, and a finding for each place that held one."""
    kept = tuple(map(masked, gathered.found))
    told = [_finding(*_place(one)) for one, other in zip(gathered.found, kept, strict=True) if one != other]
    scene = replace(gathered.scene, git=masked(gathered.scene.git), ci=masked(gathered.scene.ci))
    if scene != gathered.scene:
        told.append(_finding("what git or the CI say of the repository", ""))
    return replace(gathered, scene=scene, found=kept, remarks=masked(gathered.remarks)), tuple(dict.fromkeys(told))


def without_in(what: str, value: _Any) -> tuple[_Any, tuple[Finding, ...]]:
    """Results of other stages, or a document to be merged, with secrets masked; and a finding where there was one.

    Args:
        what: how it is called in the finding.
        value: records, lists and mappings of texts.
    """
    kept = masked(value)
    return kept, () if kept == value else (_finding(what, ""),)


def masked(value: _Any) -> _Any:
    """The same with secrets in its texts masked, however deep."""
    told: Any = value
    if type(told) is str:
        told = without_secrets(told)
    elif isinstance(told, tuple | list):
        told = type(told)(map(masked, told))
    elif isinstance(told, dict):
        told = {key: masked(one) for key, one in told.items()}
    elif is_dataclass(told) and not isinstance(told, type):
        told = replace(told, **{one.name: masked(getattr(told, one.name)) for one in fields(told)})
    kept: _Any = told
    return kept


def _place(found: Found) -> tuple[str, str]:
    """What holds it, in words, and the file."""
    if isinstance(found, Claim):
        about = f"the {found.about}" if found.about in {"system", "model"} else f"the data set given as {found.about}"
        return f"{found.fact.element} of {about}", found.fact.source
    if isinstance(found, Ancestor):
        return "a base model", found.parent.source
    if isinstance(found, Usage):
        return "the name of a data set", found.use.source
    return {Interface: "an input or output", Table: "a column", Packages: "a library", Remark: "a remark"}[type(found)], getattr(
        found, "source", ""
    )


def _finding(what: str, source: str) -> Finding:
    return Finding(
        rule="sbom/credential",
        level=Level.ERROR,
        message=f"{what}{f', as {shown(source)} says it,' if source else ''} holds what looks like a password, a token or a key; it is masked here",
        location=source,
        hint="revoke it, take it out of the source that it comes from, and make the document anew",
    )
