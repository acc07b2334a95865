"""Whether what was signed is what is delivered: by digest, by name, and nothing besides."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from mlops_stage.evidence.redact import shown
from mlops_stage.report.words import counted
from mlops_stage.stages.signing import manifest
from mlops_stage.stages.signing.oms import FILE as SIGNATURE
from mlops_stage.stages.signing.verifying.refusal import RefusalError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from mlops_stage.stages.signing.verifying.origin import Origin
    from mlops_stage.stages.signing.verifying.statement import Named, Said
    from mlops_stage.stages.signing.verifying.trees import File


@dataclass(frozen=True, kw_only=True)
class Believed:
    """A statement whose signature holds."""

    bundle: str
    """Where it lies."""
    said: Said
    origin: Origin


def about(files: Sequence[File], statements: Sequence[Believed]) -> tuple[Believed, ...]:
    """The statements about these files, and those about what they were made of or tested with: the source of a compiled model, the test data.

    A statement counts only if all that it names is here: two versions of a model may share a file, and what was said of one says nothing of
    the other. From a file it goes up, to what a statement about it says was used, and never down again: what else was made of the same source
    is another thing.
    """
    delivered = {file.sha256 for file in files}
    digests = [{named.sha256 for named in _files_of(one)} for one in statements]
    found = {place for place, one in enumerate(statements) if _here(one, delivered)}
    reached = set(found)
    known: set[str] = set()
    while reached:
        known = known.union(*(statements[place].said.used for place in reached))
        reached = {place for place, own in enumerate(digests) if place not in found and own and own <= delivered | known}
        found |= reached
    return tuple(one for place, one in enumerate(statements) if place in found)


def _files_of(one: Believed) -> tuple[Named, ...]:
    """The files that a statement names."""
    named = one.said.subjects if one.said.listing is None else one.said.listing
    return tuple(item for item in named if item.name != manifest.NAME)


def _here(one: Believed, delivered: Collection[str]) -> tuple[Named, ...]:
    """Those files of a statement that are delivered whole: all of them or none, but of products that were made apart each by itself."""
    named = _files_of(one)
    apart = [tuple(item for item in named if item.name in group) for group in one.said.apart]
    rest = tuple(item for item in named if not any(item.name in group for group in one.said.apart))
    return tuple(item for group in (*apart, rest) if all(item.sha256 in delivered for item in group) for item in group)


def faults(files: Sequence[File], statements: Sequence[Believed]) -> Iterator[RefusalError]:
    """What is delivered and was not signed, or was signed as something else; and what was signed and is not delivered.

    Args:
        files: what is delivered.
        statements: all that hold, whatever they are about: a file that was changed is in none that is about these files.
    """
    delivered = [file for file in files if file.name != SIGNATURE]  # the signature of a folder may lie in it, and cannot sign itself
    if not delivered:
        yield RefusalError("verify/missing-file", "no file is delivered", "name the model's file or folder")
    digests = {file.sha256 for file in delivered}
    by_digest: defaultdict[str, set[str]] = defaultdict(set)
    by_last_name: defaultdict[str, set[str]] = defaultdict(set)
    whole: defaultdict[str, set[str]] = defaultdict(set)
    about_them = about(delivered, statements)
    for one in statements:
        for named in _files_of(one):
            by_digest[named.sha256].add(named.name)
            by_last_name[PurePosixPath(named.name).name].add(named.name)
        # a listing is compared file by file below, which says more
        for named in _here(one, digests) or (_files_of(one) if one in about_them or one.said.listing is not None else ()):
            whole[named.sha256].add(named.name)
    for file in delivered:
        if not any(_ends_with(name, file.name) for name in whole[file.sha256]):
            yield _fault(file, by_digest[file.sha256], by_last_name[PurePosixPath(file.name).name])
    listings = [one.said.listing for one in statements if one.said.listing is not None]
    # of several versions of a folder it need be one; where it is none, the nearest tells what is wrong
    yield from min((list(_against(delivered, listing)) for listing in _sharing(delivered, listings)), key=len, default=())


def _fault(file: File, same: Collection[str], alike: Collection[str]) -> RefusalError:
    """Why a file is not believed.

    Args:
        file: one that is delivered.
        same: the names under which these very bytes were signed.
        alike: the names that end as its own does.
    """
    if any(_ends_with(name, file.name) for name in same):
        return RefusalError(
            "verify/incomplete",
            f"{shown(file.name)} was signed together with other files, and not all of them are delivered as they were",
            "deliver all files of one model, as they were tested",
        )
    if same:
        hint = "deliver it under the name under which it was signed"
        return RefusalError(
            "verify/renamed", f"{shown(file.name)} is what was signed as {shown(min(same) or 'something without a name')}", hint
        )
    if any(_ends_with(name, file.name) for name in alike):
        return RefusalError(
            "verify/changed", f"{shown(file.name)} is not what was signed under this name", "deliver the very bytes that were tested"
        )
    return RefusalError(
        "verify/extra-file", f"no statement that holds speaks of {shown(file.name)}", "leave it out, or sign the folder as a whole"
    )


def _ends_with(signed: str, delivered: str) -> bool:
    """Whether a delivered name is the end of the name that was signed, folder by folder."""
    ours, theirs = PurePosixPath(delivered).parts, PurePosixPath(signed).parts
    return bool(ours) and theirs[-len(ours) :] == ours


def _sharing(delivered: Sequence[File], listings: Iterable[Sequence[Named]]) -> Iterator[Sequence[Named]]:
    """The lists that have at least one of these files."""
    known = {file.sha256 for file in delivered}
    return (listing for listing in listings if known & {named.sha256 for named in listing})


def _against(delivered: Sequence[File], listing: Sequence[Named]) -> Iterator[RefusalError]:
    """A list of all files of a folder holds for exactly these files."""
    there = {file.name: file.sha256 for file in delivered}
    listed = {named.name: named.sha256 for named in listing}
    gone = sorted(set(listed) - set(there))
    if gone:
        more = f" and {counted(len(gone) - 1, 'other')}" if len(gone) > 1 else ""
        yield RefusalError(
            "verify/missing-file", f"{shown(gone[0])}{more} was signed with the folder and is not there", "deliver the whole folder"
        )
    for name in sorted(set(there) - set(listed)):
        yield RefusalError(
            "verify/extra-file", f"{shown(name)} was not in the folder when it was signed", "leave it out, or sign the folder anew"
        )
    for name in sorted(name for name in set(there) & set(listed) if there[name] != listed[name]):
        yield RefusalError(
            "verify/changed", f"{shown(name)} is not what was signed under this name", "deliver the very bytes that were signed"
        )
