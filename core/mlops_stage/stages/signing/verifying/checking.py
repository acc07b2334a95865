"""All together: bundles, files and requirements against one signer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import UnsupportedAlgorithm

from mlops_stage.errors import alike
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing.verifying import statement, subjects
from mlops_stage.stages.signing.verifying.bundle import read
from mlops_stage.stages.signing.verifying.identity import UNREADABLE
from mlops_stage.stages.signing.verifying.levels import Level, least, level_of
from mlops_stage.stages.signing.verifying.refusal import RefusalError
from mlops_stage.stages.signing.verifying.require import suffices
from mlops_stage.stages.signing.verifying.subjects import Believed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlops_stage.stages.signing.verifying.bundle import Bundle
    from mlops_stage.stages.signing.verifying.origin import Origin
    from mlops_stage.stages.signing.verifying.require import Requirement
    from mlops_stage.stages.signing.verifying.shelf import Found
    from mlops_stage.stages.signing.verifying.trees import File


class Signer(Protocol):
    """Whom we believe."""

    def verify(self, bundle: Bundle) -> Origin:
        """Who signed, or a RefusalError."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What must hold."""

    signer: Signer
    require: tuple[Requirement, ...] = ()
    assurance: Level = Level.KEY


@dataclass(frozen=True, kw_only=True)
class Refused:
    """What is not believed, and where it lies: a bundle, a file, or nothing in particular."""

    error: RefusalError
    place: str = ""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What holds, and what does not."""

    believed: tuple[Believed, ...]
    """Statements whose signatures hold."""
    about: tuple[Believed, ...]
    """Those of them that are about what is delivered."""
    refused: tuple[Refused, ...] = field(default=())

    @property
    def level(self) -> Level | None:
        """What the weakest signature on what is delivered shows."""
        return least(one.origin for one in self.about)


def check(found: Sequence[Found], files: Sequence[File] | None, asked: Asked) -> Checked:
    """Verify every bundle, hold the files against what holds, and look for what is required.

    Args:
        found: the bundles.
        files: what is delivered; None where nothing is said of that, so that every statement counts.
        asked: whom to believe, and what must have been said.
    """
    believed: list[Believed] = []
    refused: list[Refused] = []
    for one in found:
        try:
            believed.append(_believed(one, asked))
        except RefusalError as error:
            refused.append(Refused(error=error, place=one.name))
    if not found:
        refused.append(Refused(error=RefusalError("verify/nothing-signed", "there is no bundle, so nothing was signed", "run sign first")))
    about = tuple(believed) if files is None else subjects.about(files, believed)
    if files is not None:
        refused += [Refused(error=error) for error in subjects.faults(files, believed)]
    refused += [Refused(error=error) for error in _unmet(asked.require, believed, about)]
    return Checked(believed=tuple(believed), about=about, refused=tuple(refused))


def _believed(found: Found, asked: Asked) -> Believed:
    bundle = read(found.raw, found.name)
    try:
        origin = asked.signer.verify(bundle)
    except (*UNREADABLE, TypeError, UnsupportedAlgorithm) as error:  # libraries that read certificates and time stamps of a stranger
        raise RefusalError("verify/refused", f"a part of the bundle cannot be read: {shown(error) or type(error).__name__}") from error
    level = level_of(origin)
    if level.rank < asked.assurance.rank:
        raise RefusalError(
            "verify/assurance",
            f"the signature shows less than is asked: {level.value}, not {asked.assurance.value}",
            "give trust_config, or sign it so that it shows more" if origin.unchecked else "sign it so that it shows more",
        )
    return Believed(bundle=found.name, said=statement.read(bundle), origin=origin)


def _unmet(required: Sequence[Requirement], believed: Sequence[Believed], about: Sequence[Believed]) -> Iterator[RefusalError]:
    """A requirement is met when what was said of these files says so, and nothing that was said contradicts it."""
    for one in required:
        mine = [item for item in about if _matches(one, item)]
        others = [item for item in believed if _matches(one, item)]
        bad = sorted({item.said.outcome for item in mine if one.id and not suffices(item.said.outcome, one)})
        what = f"a report of {one.id}" if one.id else f"a statement of the type {one.predicate_type}"
        if bad:
            yield RefusalError("verify/required-outcome", f"{one.id} is {' and '.join(bad)}, and {one.outcome} is required")
        elif not mine and others:
            yield RefusalError(
                "verify/required-other", f"{what} is required, and the one that holds is about other files", "test what is delivered"
            )
        elif not mine:
            yield RefusalError("verify/required-absent", f"{what} is required, and none that holds is there", _instead(one, believed))


def _instead(required: Requirement, believed: Sequence[Believed]) -> str:
    """The hint where nothing of that name was said."""
    ids = {item.said.id for item in believed if item.said.id}
    near = alike(required.id, ids) if required.id else ""
    return (
        f"did you mean {near}?" if near else f"run it and sign what it reports; there are reports of {', '.join(sorted(ids)) or 'nothing'}"
    )


def _matches(required: Requirement, item: Believed) -> bool:
    return item.said.id == required.id if required.id else item.said.predicate_type == required.predicate_type
