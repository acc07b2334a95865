"""One output directory, one page and one exit code of those that separate jobs wrote."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlops_stage.errors import ExitCode, InputError, StageError, UsageError
from mlops_stage.evidence.foreign import read_foreign
from mlops_stage.evidence.paths import inside, write_aside
from mlops_stage.evidence.redact import shown
from mlops_stage.host import resolve
from mlops_stage.report import Failure, Report, Run, stamp
from mlops_stage.runner import circumstances, folders, handed, pages, policy, process, required

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mlops_stage.evidence.required import Requirement
    from mlops_stage.host import Catalogue

_MOST_CARRIED = 64 * 2**20
"""Of one file that a reporter takes along."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be merged, where to, and what must be there."""

    places: tuple[Path, ...]
    """Output directories of jobs, or folders of single reports."""
    out: Path
    require: tuple[Requirement, ...] = ()
    private: bool = False
    """Whether evidence that names people or small groups is copied too."""


def merge(asked: Asked, catalogue: Catalogue, env: Mapping[str, str]) -> tuple[Run, str]:
    """Copy every report with its evidence, write the pages anew; returns the record and what the reporters say to the terminal.

    A report that cannot be read, or whose evidence is not what it names, is left out, and the record says why (exit 3).

    Raises:
        UsageError: there is nothing to merge, two different reports of one id, or an output directory that is not ours to write to; or a policy is demanded.
        StageError: the disk is full.
    """
    policy.refuse(env)
    begun, started = time.monotonic(), datetime.now(UTC)
    failures: list[Failure] = []
    found = _found(asked, failures)
    beside = _beside(asked, catalogue, failures)
    folders.check(asked.out, found)
    with process.terminated_as_interrupt():
        reports = _copied(found.values(), asked, failures)
        for name, (place, _) in beside.items():
            write_aside(inside(asked.out, name), read_foreign(place, name, _MOST_CARRIED))
    judged = (required.judged(asked.require, reports),) if asked.require else ()
    ids = tuple(report.id for report in (*reports, *judged))
    earlier, unreadable = folders.others(asked.out, {*ids, *found})
    configs = folders.configs(asked.out, [report.id for report in earlier]) | _configs(found)
    record = Run(
        reports=(*reports, *judged, *earlier),
        ids=ids,
        started=stamp(started),
        seconds=round(time.monotonic() - begun, 3),
        versions=circumstances.versions(catalogue),
        configs=dict(sorted(configs.items())),
        failures=tuple(failures),
        unreadable=tuple(unreadable),
    )
    return pages.closed(record, catalogue, asked.out, found.keys() - set(ids))


def _found(asked: Asked, failures: list[Failure]) -> dict[str, handed.Found]:
    """The reports by their ids, each once; what cannot be read is added to the failures.

    Raises:
        UsageError: two of them differ and have one id, or there is none.
    """
    known: dict[str, handed.Found] = {}
    for file in _files(asked):
        try:
            one = handed.read(file)
        except InputError as error:
            failures.append(_told(error))
            continue
        other = known.setdefault(one.report.id, one)
        if other.content != one.content:
            raise UsageError(
                f"two reports have the id '{one.report.id}': {other.folder} and {one.folder}", "give one of the jobs another --id"
            )
        if one.lies_in(asked.out):
            known[one.report.id] = one  # it lies where it belongs
    if required.ID in known and asked.require:
        raise UsageError(
            f"a report has the id '{required.ID}', which stands for what --require asks: {known[required.ID].folder}",
            "run it with another --id",
        )
    return known


def _configs(found: Mapping[str, handed.Found]) -> dict[str, str]:
    """Where the mlops.yaml of these reports stand, by the records of their jobs."""
    configs: dict[str, str] = {}
    for place in {one.folder.parent for one in found.values()}:
        configs |= folders.configs(place, [name for name, one in found.items() if one.folder.parent == place])
    return configs


def _files(asked: Asked) -> list[Path]:
    """Every report.json. A place without one is told only where nothing says what must be there: a job that broke leaves none."""
    files: list[Path] = []
    for place in asked.places:
        inner = folders.reports_in(place)
        if not inner and not asked.require:
            raise UsageError(
                f"{shown(place)} holds no report.json", "name the output directory of a job, or say what must be there with --require"
            )
        files += inner
    return files


def _told(error: StageError, name: str = "") -> Failure:
    message = f"{name}: {error.message}" if name else error.message
    return Failure(code=ExitCode(error.code), message=f"left out of the merge: {message}", hint=error.hint)


def _copied(found: Iterable[handed.Found], asked: Asked, failures: list[Failure]) -> list[Report]:
    """The reports that lie where they belong now; of one that cannot, nothing of an earlier merge is left."""
    reports = []
    for one in found:
        try:
            handed.place(one, asked.out, private=asked.private)
            reports.append(one.report)
        except StageError as error:  # a file that cannot be written is its own trouble too: the name may be impossible here
            failures.append(_told(error, one.report.id))
            if not one.lies_in(asked.out):
                folders.retire(asked.out, one.report.id)
    return reports


def _beside(asked: Asked, catalogue: Catalogue, failures: list[Failure]) -> dict[str, tuple[Path, str]]:
    """What reporters name as theirs and cannot render anew, such as signatures: by its name in an output directory, whose it is and its digest.

    Raises:
        UsageError: two jobs have different files of one name.
    """
    taken: dict[str, tuple[Path, str]] = {}
    for reporter in (one for one in catalogue.reporters.values() if one.carried):
        carried = resolve(reporter.carried, f"reporter '{reporter.name}' of {reporter.distribution}")
        for place in asked.places:
            if place.resolve() == asked.out.resolve() or not place.is_dir():
                continue
            for path in carried(place):
                name = path.relative_to(place).as_posix()
                try:
                    mine = hashlib.sha256(read_foreign(place, name, _MOST_CARRIED)).hexdigest()
                except InputError as error:
                    failures.append(_told(error))
                    continue
                other, sha256 = taken.setdefault(name, (place, mine))
                if sha256 != mine:
                    raise UsageError(f"two jobs wrote {shown(name)}, and not the same: {other} and {place}", "merge only one of them")
    return taken
