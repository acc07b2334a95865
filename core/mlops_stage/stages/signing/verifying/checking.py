"""All together: bundles, files and requirements against one signer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import UnsupportedAlgorithm

from mlops_stage.errors import alike
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing.dsse import SUFFIX
from mlops_stage.stages.signing.verifying import statement, subjects
from mlops_stage.stages.signing.verifying.bundle import read
from mlops_stage.stages.signing.verifying.identity import UNREADABLE
from mlops_stage.stages.signing.verifying.levels import Level, least, level_of
from mlops_stage.stages.signing.verifying.refusal import RefusalError
from mlops_stage.stages.signing.verifying.subjects import Believed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlops_stage.evidence.required import Requirement
    from mlops_stage.stages.signing.verifying.bundle import Bundle
    from mlops_stage.stages.signing.verifying.origin import Origin
    from mlops_stage.stages.signing.verifying.shelf import Found
    from mlops_stage.stages.signing.verifying.statement import Said
    from mlops_stage.stages.signing.verifying.trees import File, Tree


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
    conversions: frozenset[str] = frozenset()
    """Build types that keep what a model does: what was said of what such a build was made from counts for what it made."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """What is not believed: a bundle, a file, or that something was said."""

    error: RefusalError
    bundle: str = ""
    """Where it lies."""
    claims: Said | None = field(default=None, repr=False)
    """What a bundle says that nobody believes: it explains what is missing, and shows nothing."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What holds, and what does not."""

    believed: tuple[Believed, ...]
    """Statements whose signatures hold."""
    about: tuple[Believed, ...]
    """Those of them that are about what is delivered."""
    refused: tuple[Refused, ...] = ()
    elsewhere: tuple[Believed, ...] = ()
    """Statements that hold and are about other files, for no reason that is among those refused."""

    @property
    def count(self) -> int:
        """Bundles and files that are refused."""
        bundles = {one.bundle for one in self.refused if one.bundle}
        return len(bundles) + len({name for one in self.refused for name in one.error.files})

    @property
    def level(self) -> Level | None:
        """What the weakest signature on what is delivered shows."""
        return least(one.origin for one in self.about)


def check(found: Sequence[Found], tree: Tree | None, asked: Asked) -> Checked:
    """Verify every bundle, hold the files against what holds, and look for what is required; each cause is told once.

    Args:
        found: the bundles.
        tree: what is delivered; None where nothing is said of that, so that every statement counts.
        asked: whom to believe, and what must have been said.
    """
    believed, refused = believe(found, asked)
    return compare(believed, refused, tree, asked)


def believe(found: Sequence[Found], asked: Asked) -> tuple[tuple[Believed, ...], tuple[Refused, ...]]:
    """The statements whose signatures hold, and the bundles that do not; no file is needed for that."""
    believed: list[Believed] = []
    refused: list[Refused] = []
    for one in found:
        try:
            believed.append(_believed(one, asked))
        except RefusalError as error:
            refused.append(Refused(error=error, bundle=one.name, claims=_claims(one)))
    if not found:
        refused.append(Refused(error=RefusalError("verify/nothing-signed", "there is no bundle, so nothing was signed", "run sign first")))
    return tuple(believed), tuple(refused)


def compare(believed: Sequence[Believed], refused: Sequence[Refused], tree: Tree | None, asked: Asked) -> Checked:
    """Hold the files against what holds, and look for what is required.

    Args:
        believed: as `believe` says.
        refused: the same.
        tree: as for `check`.
        asked: the same.
    """
    about = tuple(believed) if tree is None else subjects.about(tree.files, believed)
    faults = () if tree is None else _faults(tree, believed, refused)
    files = () if tree is None else tree.files
    found = Checked(
        believed=tuple(believed),
        about=about,
        refused=(*refused, *(Refused(error=error) for error in faults)),
        elsewhere=tuple(one for one in believed if one not in about and not subjects.touched(one, faults, files)),
    )
    unmet = tuple(Refused(error=error) for error in _unmet(asked.require, found))
    return replace(found, refused=(*found.refused, *unmet))


def _faults(tree: Tree, believed: Sequence[Believed], refused: Sequence[Refused]) -> tuple[RefusalError, ...]:
    """What is wrong with the files; that a bundle is refused, or that there is none, explains files of which nothing that holds speaks."""
    claims = [one.claims for one in refused]

    def excused(file: File) -> bool:
        return any(one is None or subjects.claimed(one, file) for one in claims)

    hidden = [name for error in tree.refused for name in error.files]
    return (*tree.refused, *subjects.faults(tree.files, believed, hidden, excused))


def _claims(found: Found) -> Said | None:
    """What a bundle says that is not believed; None where it cannot be read."""
    try:
        return statement.read(read(found.raw, found.name))
    except RefusalError:
        return None


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
    if any(other != bundle.payload for other in found.beside):
        raise RefusalError(
            "verify/contradicted",
            "it is of an earlier report than the one that lies beside it",
            "run sign again",
        )
    said = statement.read(bundle)
    if said.build_type in asked.conversions:
        said = replace(said, used=said.used | said.materials)
    return Believed(bundle=found.name, said=said, origin=origin)


def _unmet(required: Sequence[Requirement], found: Checked) -> Iterator[RefusalError]:
    """A requirement is met when what was said of these files says so, and nothing that was said contradicts it."""
    for one in required:
        mine = [item.said for item in found.about if one.matches(item.said)]
        bad = sorted({said.outcome for said in mine if one.id and not one.suffices(said.outcome)})
        what = f"a report of {one.id}" if one.id else f"a statement of the type {one.predicate_type}"
        if bad:
            yield RefusalError("verify/required-outcome", f"{one.id} is {' and '.join(bad)}, and {one.outcome} is required")
        elif mine or _explained(one, found):
            continue
        elif others := [item for item in found.elsewhere if one.matches(item.said)]:
            told = f"{what} is required, and the one that holds is about other files"
            yield RefusalError("verify/required-other", told, _leading(others, found) or "test what is delivered")
        else:
            told = f"{what} is required, and none that holds is there"
            yield RefusalError("verify/required-absent", told, _instead(one, found.believed))


def _explained(required: Requirement, found: Checked) -> bool:
    """Whether something that is refused already is why nobody says it: its bundle, a file that it is about, or that there is no bundle."""
    if not found.refused:
        return False
    held = [item for item in found.believed if item not in found.about and item not in found.elsewhere]
    claims = [one.claims for one in found.refused if one.claims is not None]
    nothing = not found.believed and not any(one.bundle for one in found.refused)
    unread = {one.bundle for one in found.refused if one.bundle and one.claims is None}
    named = bool(required.id) and f"{required.id}{SUFFIX}" in unread  # what sign calls it
    return nothing or named or any(required.matches(said) for said in (*(item.said for item in held), *claims))


def _leading(others: Sequence[Believed], found: Checked) -> str:
    """The hint where these are about what something that is delivered was built from, by a build of which nobody said that it converts."""
    digests = {digest for item in others for digest in subjects.digests(item)}
    kinds = sorted({item.said.build_type for item in found.about if item.said.materials & digests and item.said.build_type})
    if not kinds:
        return ""
    return (
        f"it is about what this was built from; if a build of this type keeps what a model does, give conversions: {shown(kinds[0], 200)}"
    )


def _instead(required: Requirement, believed: Sequence[Believed]) -> str:
    """The hint where nothing of that name was said."""
    ids = {item.said.id for item in believed if item.said.id}
    near = alike(required.id, ids) if required.id else ""
    if near:
        return f"did you mean {near}?"
    return "run it and sign what it reports" + (f"; there are reports of {', '.join(sorted(ids))}" if ids else "")
