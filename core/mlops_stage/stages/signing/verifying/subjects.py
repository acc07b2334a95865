"""Whether what was signed is what is delivered: by digest, by name, and nothing besides."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing import manifest
from mlops_stage.stages.signing.oms import FILE as SIGNATURE
from mlops_stage.stages.signing.verifying.refusal import RefusalError
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from mlops_stage.stages.signing.verifying.origin import Origin
    from mlops_stage.stages.signing.verifying.statement import Named, Said
    from mlops_stage.stages.signing.verifying.trees import File

_CHANGED, _RENAMED, _MISSING = "verify/changed", "verify/renamed", "verify/missing-file"
_EXTRA, _INCOMPLETE = "verify/extra-file", "verify/incomplete"


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
    the other. From a file it goes up, to the model that a statement about it says was used, and never down again: what else was made of the
    same source is another thing. Of the data that it was tested with, only what was said of data as such counts: predictions of another
    model may lie in the same table, and were judged under its digest.
    """
    delivered = {file.sha256 for file in files}
    owns = [digests(one) for one in statements]
    models = [place for place, one in enumerate(statements) if one.said.of_a_model]
    found = {place for place in models if _here(statements[place], delivered)}
    reached = set(found)
    known: set[str] = set()
    while reached:
        known = known.union(*(statements[place].said.used for place in reached))
        reached = {place for place in models if place not in found and owns[place] and owns[place] <= delivered | known}
        found |= reached
    tested_on = delivered.union(*(statements[place].said.tested_on for place in found))
    data = {place for place, one in enumerate(statements) if one.said.of_data and owns[place] and owns[place] <= tested_on}
    return tuple(one for place, one in enumerate(statements) if place in found | data)


def digests(one: Believed) -> frozenset[str]:
    """Those of the files that a statement names."""
    return frozenset(named.sha256 for named in _files_of(one))


def _files_of(one: Believed) -> tuple[Named, ...]:
    return _named(one.said)


def _named(said: Said) -> tuple[Named, ...]:
    """The files that a statement names."""
    named = said.subjects if said.listing is None else said.listing
    return tuple(item for item in named if item.name != manifest.NAME)


def _here(one: Believed, delivered: Collection[str]) -> tuple[Named, ...]:
    """Those files of a statement that are delivered whole: all of them or none, but of products that were made apart each by itself."""
    named = _files_of(one)
    apart = [tuple(item for item in named if item.name in group) for group in one.said.apart]
    rest = tuple(item for item in named if not any(item.name in group for group in one.said.apart))
    return tuple(item for group in (*apart, rest) if all(item.sha256 in delivered for item in group) for item in group)


def faults(
    files: Sequence[File], statements: Sequence[Believed], hidden: Collection[str] = (), excused: Callable[[File], bool] = lambda _: False
) -> tuple[RefusalError, ...]:
    """What is delivered and was not signed, or was signed as something else; and what was signed and is not delivered: each cause once.

    Args:
        files: what is delivered.
        statements: all that hold, whatever they are about: a file that was changed is in none that is about these files.
        hidden: names of files and folders that there is a reason not to believe already.
        excused: whether there is a reason already why no statement that holds speaks of a file.
    """
    delivered = [file for file in files if file.name != SIGNATURE]  # the signature of a folder may lie in it, and cannot sign itself
    if not delivered and not hidden:
        return (RefusalError(_MISSING, "no file is delivered", "name the model's file or folder"),)
    listed = {fault.files[0]: fault for fault in _unlisted(delivered, statements) if not _within(fault.files[0], hidden)}
    single = {
        file.name: fault
        for file, fault in _unsigned(delivered, statements)
        if not _within(file.name, hidden) and (fault.rule != _EXTRA or not excused(file))
    }
    first = {name: fault for name, fault in single.items() if fault.rule not in {_EXTRA, _INCOMPLETE}}
    renamed = {name for name, fault in first.items() if fault.rule == _RENAMED}
    explained = {name for file in delivered if file.name in renamed for name in _signed_as(file, statements)}
    rest = {name: fault for name, fault in listed.items() if name not in first and name not in explained}
    extra = {name: fault for name, fault in single.items() if fault.rule == _EXTRA and name not in rest}
    partly = [name for name, fault in single.items() if fault.rule == _INCOMPLETE and name not in rest]
    gone = [name for name, fault in rest.items() if fault.rule == _MISSING]
    missing = [_missing(gone)] if gone else []
    causes = [*first.values(), *missing, *(fault for name, fault in rest.items() if name not in gone), *extra.values()]
    # what lacks a part is told of where nothing says what became of the part
    known = bool(hidden) or any(fault.rule != _EXTRA for fault in causes)
    return (*causes, *([_incomplete(partly)] if partly and not known else ()))


def _unsigned(delivered: Sequence[File], statements: Sequence[Believed]) -> Iterator[tuple[File, RefusalError]]:
    """Files that no statement that is delivered whole speaks of, and why."""
    digests = {file.sha256 for file in delivered}
    by_digest: defaultdict[str, set[str]] = defaultdict(set)
    by_last_name: defaultdict[str, set[Named]] = defaultdict(set)
    whole: defaultdict[str, set[str]] = defaultdict(set)
    about_them = about(delivered, statements)
    for one in statements:
        for named in _files_of(one):
            by_digest[named.sha256].add(named.name)
            by_last_name[PurePosixPath(named.name).name].add(named)
        # a listing is compared file by file, which says more
        for named in _here(one, digests) or (_files_of(one) if one in about_them or one.said.listing is not None else ()):
            whole[named.sha256].add(named.name)
    for file in delivered:
        if not any(_ends_with(name, file.name) for name in whole[file.sha256]):
            yield file, _fault(file, by_digest[file.sha256], by_last_name[PurePosixPath(file.name).name])


def _signed_as(file: File, statements: Sequence[Believed]) -> Iterator[str]:
    return (named.name for one in statements for named in _files_of(one) if named.sha256 == file.sha256)


def _fault(file: File, same: Collection[str], alike: Collection[Named]) -> RefusalError:
    """Why a file is not believed.

    Args:
        file: one that is delivered.
        same: the names under which these very bytes were signed.
        alike: what was signed under names that end as its own does.
    """
    name = shown(file.name)
    if any(_ends_with(one, file.name) for one in same):
        return _incomplete([file.name])
    if same:
        told = f"{name} is what was signed as {shown(min(same) or 'something without a name')}"
        return RefusalError(_RENAMED, told, "deliver it under the name under which it was signed", (file.name,))
    tested = {one.sha256 for one in alike if _ends_with(one.name, file.name)}
    if tested:
        return _changed(file.name, tested)
    return RefusalError(_EXTRA, f"no statement that holds speaks of {name}", "leave it out, or sign the folder as a whole", (file.name,))


def _changed(name: str, signed: Collection[str]) -> RefusalError:
    which = f": SHA-256 {min(signed)[:12]}…" if len(signed) == 1 else ""
    told = f"{shown(name)} is not what was signed under this name"
    return RefusalError(_CHANGED, told, f"deliver the very bytes that were signed{which}", (name,))


def _incomplete(names: Sequence[str]) -> RefusalError:
    more = f" and {counted(len(names) - 1, 'other file')}" if len(names) > 1 else ""
    told = f"{shown(names[0])}{more} {'were' if more else 'was'} signed together with files that are not delivered, or not as they were"
    return RefusalError(_INCOMPLETE, told, "deliver all files of one model, as they were tested", tuple(names))


def _missing(names: Sequence[str]) -> RefusalError:
    more = f" and {counted(len(names) - 1, 'other file')}" if len(names) > 1 else ""
    told = f"{shown(names[0])}{more} {'were signed with the folder and are' if more else 'was signed with the folder and is'} not there"
    return RefusalError(_MISSING, told, "deliver the whole folder", tuple(names))


def spoken_of(name: str, statements: Sequence[Believed]) -> bool:
    """Whether a statement speaks of a file of that name, or is the signature of its folder."""
    return name == SIGNATURE or any(_ends_with(named.name, name) for one in statements for named in _files_of(one))


def claimed(said: Said, file: File) -> bool:
    """Whether a statement speaks of a file, by name or by content."""
    return any(named.sha256 == file.sha256 or _ends_with(named.name, file.name) for named in _named(said))


def touched(one: Believed, causes: Iterable[RefusalError], files: Sequence[File]) -> bool:
    """Whether a statement is about a file that there is a reason not to believe, by name or by content; of nothing that is read, any is."""
    causes = tuple(causes)
    if not files:
        return bool(causes)
    names = {name for cause in causes for name in cause.files}
    last = {PurePosixPath(name).name for name in names}
    digests = {file.sha256 for file in files if file.name in names}
    return any(named.sha256 in digests or PurePosixPath(named.name).name in last for named in _files_of(one))


def _ends_with(signed: str, delivered: str) -> bool:
    """Whether a delivered name is the end of the name that was signed, folder by folder."""
    ours, theirs = PurePosixPath(delivered).parts, PurePosixPath(signed).parts
    return bool(ours) and theirs[-len(ours) :] == ours


def _within(name: str, places: Collection[str]) -> bool:
    """Whether a file is one of these, or below one of them."""
    return bool(places) and any(place.as_posix() in places for place in (PurePosixPath(name), *PurePosixPath(name).parents))


def _unlisted(delivered: Sequence[File], statements: Sequence[Believed]) -> Sequence[RefusalError]:
    """What a list of all files of a folder says; of several versions of a folder it need be one, and where it is none, the nearest tells what is wrong."""
    known = {file.sha256 for file in delivered}
    listings = [one.said.listing for one in statements if one.said.listing is not None]
    sharing = (listing for listing in listings if known & {named.sha256 for named in listing})
    return min((list(_against(delivered, listing)) for listing in sharing), key=len, default=())


def _against(delivered: Sequence[File], listing: Sequence[Named]) -> Iterator[RefusalError]:
    """A list of all files of a folder holds for exactly these files."""
    there = {file.name: file.sha256 for file in delivered}
    listed = {named.name: named.sha256 for named in listing}
    for name in sorted(set(listed) - set(there)):
        yield _missing([name])
    for name in sorted(set(there) - set(listed)):
        told = f"{shown(name)} was not in the folder when it was signed"
        yield RefusalError(_EXTRA, told, "leave it out, or sign the folder anew", (name,))
    for name in sorted(name for name in set(there) & set(listed) if there[name] != listed[name]):
        yield _changed(name, {listed[name]})
