"""Which stages need not run again: nothing that they were asked, read or are made of has changed since their report."""

from __future__ import annotations

import glob
import os
import platform
import sys
from collections.abc import Mapping  # noqa: TC003  (pydantic reads the annotations of Inputs when it runs)
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mlops_stage import __version__
from mlops_stage.errors import InputError, StageError
from mlops_stage.evidence import git
from mlops_stage.evidence.digest import of_json, sha256, sha256_many
from mlops_stage.evidence.foreign import read_foreign
from mlops_stage.evidence.paths import write_aside
from mlops_stage.fields import describe
from mlops_stage.report import Outcome, adapter_of, to_json
from mlops_stage.runner import folders, handed, pipes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mlops_stage.host import Catalogue
    from mlops_stage.params import Params, Request
    from mlops_stage.runner import Settings
    from mlops_stage.runner.handed import Found
    from mlops_stage.stage import Stage

_MOST_READ = 10_000
_LONGEST = 4096
_ABSENT = ""


@dataclass(frozen=True, kw_only=True)
class Before:
    """All that decides what a stage will say, as far as it is known before it runs."""

    params: str
    """SHA-256 of what it is asked."""
    versions: str
    """SHA-256 of what it is made of: its code, the libraries beside it, the interpreter."""
    named: Mapping[str, str]
    """What its params name and is there: path -> SHA-256."""


@dataclass(frozen=True, kw_only=True)
class Inputs(Before):
    """What a report was made from."""

    report: str
    """SHA-256 of its report.json."""
    read: Mapping[str, str]
    """What its process read beside: path -> SHA-256, empty where nothing was there; of a folder, which ends with a slash, of the names in it."""
    schema_version: int = 1


class ChangedError(StageError):
    """Why a stage runs."""


def before(request: Request, stage: Stage, catalogue: Catalogue, settings: Settings) -> Before:
    """What the stage would be given now.

    Raises:
        ChangedError: it cannot be known, or not in full.
    """
    _refuse_unknowable(stage, request.params)
    try:
        return Before(
            params=of_json(request.params.model_dump(mode="json")),
            versions=_versions(stage, catalogue),
            named=_named(request.params, settings.root),
        )
    except (InputError, OSError) as error:
        raise ChangedError(f"what it reads cannot be told: {error}") from error


def earlier(name: str, stage: str, now: Before, settings: Settings) -> Found:
    """The report that the stage would write again, from the output directory or from `--reports`.

    Raises:
        ChangedError: there is none; the message says why that of this id is not.
    """
    places = [settings.out / name, *(item.folder for item in settings.reports if item.report.id == name)]
    reason = "there is no earlier report of it"
    for place in places:
        if os.path.lexists(place / folders.REPORT):
            try:
                found = _matching(place, (name, stage), now, settings)
                _refuse_committed(found.folder, settings)
            except (InputError, ChangedError) as error:
                reason = error.message
            else:
                return found
    raise ChangedError(reason)


def keep(folder: Path, now: Before, read: Mapping[str, Any], since: int, settings: Settings) -> None:
    """Write beside a report what it was made from; nothing where that is not known in full.

    Args:
        folder: of the report.
        now: what was known before the stage ran.
        read: what its process said that it read; it may be anything, for a hostile model may have taken it over.
        since: nanoseconds of the file system's clock when the stage began: what was changed later is not known.
        settings: of the run.
    """
    with suppress(StageError, OSError, LookupError, ValueError, TypeError):
        if read["beyond"] or len(read["opened"]) + len(read["listed"]) > _MOST_READ:
            return
        own = (f"{settings.cache}/", f"{settings.out}/.")
        opened = {_key(path, settings.root) for path in read["opened"] if not str(path).startswith(own)}
        listed = {f"{_key(path, settings.root)}/" for path in read["listed"] if not str(path).startswith(own)}
        for key in opened:
            if (settings.root / key).exists() and (settings.root / key).stat().st_ctime_ns > since:
                return
        found = {key: _read(key, settings) for key in sorted(opened | listed)}
        made = Inputs(params=now.params, versions=now.versions, named=now.named, read=found, report=sha256(folder / folders.REPORT))
        write_aside(folder / handed.INPUTS, to_json(made))


def _matching(place: Path, called: tuple[str, str], now: Before, settings: Settings) -> Found:
    """The report in a folder, if it is what the stage would say now.

    Raises:
        ChangedError: it is not.
        InputError: it, or what lies beside it, cannot be read.
    """
    if not os.path.lexists(place / handed.INPUTS):
        raise ChangedError("nothing tells what its earlier report was made from")
    try:
        known = adapter_of(Inputs).validate_json(read_foreign(place, handed.INPUTS, handed.MOST_INPUTS))
    except ValidationError as error:
        raise ChangedError("what its earlier report was made from cannot be read") from error
    found = handed.read(place / folders.REPORT)
    if known.schema_version != 1 or sha256(place / folders.REPORT) != known.report or (found.report.id, found.report.stage) != called:
        raise ChangedError("its earlier report is another than the one that was written")
    if found.report.outcome is Outcome.ERROR:
        raise ChangedError("it could not run the last time")
    handed.confirm(found)
    if now.params != known.params:
        raise ChangedError("it is asked something else")
    if now.versions != known.versions:
        raise ChangedError("it, or a library beside it, is of another version")
    _refuse_changed(now.named, known.named)
    _refuse_changed({key: _read(key, settings) for key in known.read}, known.read)
    return found


def _refuse_committed(folder: Path, settings: Settings) -> None:
    """Refuse a report that comes with the checkout: a change under review could bring the verdict on itself.

    Raises:
        ChangedError: Git tracks it, or whether it does cannot be told.
    """
    try:
        committed = git.tracks(folder, (folders.REPORT, handed.INPUTS), settings.env)
    except StageError as error:
        raise ChangedError(f"whether its earlier report comes with the repository cannot be told: {error.message}") from error
    if committed:
        raise ChangedError("its earlier report is one of the repository's own files, and is not used")


def _refuse_changed(now: Mapping[str, str], known: Mapping[str, str]) -> None:
    different = sorted(key for key in now.keys() | known.keys() if now.get(key) != known.get(key))
    if different:
        raise ChangedError(f"{different[0]} has changed")


def _refuse_unknowable(stage: Stage, params: Params) -> None:
    """Refuse what cannot be known to be as it was.

    Raises:
        ChangedError: the stage, or what it is asked, depends on more than files.
    """
    plain = params.model_dump(mode="json")
    needed = sorted(set(stage.needs) - params.spared())
    given = [item.name for item in describe(type(params)) if item.names_variable and not item.execution and plain[item.name]]
    paths = [text for item in describe(type(params)) if item.path for text in _texts(plain[item.name])]
    remote = next((text for text in paths if "://" in text or text.startswith("git:")), "")
    reasons = {
        "what it writes is another at each run": not stage.reproducible,
        "it reads the reports of other stages": bool(stage.consumes),
        f"it needs {' and '.join(needed)}": bool(needed),
        "plugins take part in it": bool(stage.hookspecs),
        f"it is given what {' and '.join(given)} names": bool(given),
        f"{remote} may be another by now": bool(remote),
        "it reads from a pipe": bool(pipes.named(params)),
        "not all that it is asked is written down": params.as_recorded() != plain,
    }
    for reason, holds in reasons.items():
        if holds:
            raise ChangedError(reason)


def _versions(stage: Stage, catalogue: Catalogue) -> str:
    """Its own code and ours to the byte, other distributions by their versions."""
    tops = {
        "mlops_stage",
        *(reference.partition(":")[0].partition(".")[0] for reference in (stage.params, stage.work, stage.criteria) if reference),
    }
    libraries = {found.name for place in sys.path if place for found in Path(place).glob("*.dist-info")}
    return of_json(
        [
            __version__,
            sys.version,
            sys.platform,
            platform.machine(),
            sorted(catalogue.plugins.items()),
            sorted(libraries),
            [[top, _code(top)] for top in sorted(tops)],
        ]
    )


def _code(top: str) -> str:
    """The digest of every file of a package, without what was compiled from it."""
    spec = find_spec(top)
    if spec is None:
        raise ChangedError(f"the code of {top} cannot be found")
    places = [Path(place) for place in spec.submodule_search_locations or () if Path(place).is_dir()] or [Path(spec.origin or "")]
    files = [
        path
        for place in places
        for path in ([place] if place.is_file() else sorted(place.rglob("*")))
        if path.is_file() and path.suffix not in {".pyc", ".pyo"} and path.parent.name != "__pycache__"
    ]
    return of_json([[path.as_posix().rpartition(f"/{top}/")[2], digest] for path, digest in sha256_many(files).items()])


def _named(params: Params, root: Path) -> dict[str, str]:
    """Everything that a param may name, by digest: files with those beside them that share their stem, whole folders, patterns with what they match."""
    plain = params.model_dump(mode="json")
    paths = {item.name for item in describe(type(params)) if item.path}
    found: dict[str, str] = {}
    for name, value in plain.items():
        for text in _texts(value):
            if text and "\0" not in text and len(os.fsencode(text)) < _LONGEST:
                found |= _at(text, root, whole=name in paths)
    return found


def _at(text: str, root: Path, *, whole: bool) -> dict[str, str]:
    place = root / text
    try:
        there = os.path.lexists(place)
    except OSError:  # too long for a name
        return {}
    if there and place.is_dir():
        return {text: sha256(place) if whole else _names(place)}
    if there:
        stem = place.name[:1] + place.name[1:].partition(".")[0]
        beside = sorted(one.name for one in place.parent.iterdir() if one.name.startswith(stem))
        return {text: sha256(place), f"{text}.*": of_json(beside)}
    matches = sorted(glob.glob(str(place), recursive=True)) if whole and glob.has_magic(text) else []  # noqa: PTH207  (as tables are looked for)
    return {_key(match, root): sha256(Path(match)) for match in matches}


def _read(key: str, settings: Settings) -> str:
    """The digest of what a stage has read, now."""
    place = settings.root / key
    if not os.path.lexists(place):
        return _ABSENT
    if key.endswith("/") or place.is_dir():
        return _names(place, {settings.out, settings.cache})
    return sha256(place)


def _names(folder: Path, without: Iterable[Path] = ()) -> str:
    skipped = {"__pycache__"} | {place.name for place in without if place.parent == folder.absolute()}
    return of_json(sorted(os.fsencode(one.name).hex() for one in folder.iterdir() if one.name not in skipped))


def _key(path: str, root: Path) -> str:
    """A path as it is written down: relative to the root where it lies below it."""
    place = Path(path)
    return place.relative_to(root).as_posix() if place.is_relative_to(root) else place.as_posix()


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
