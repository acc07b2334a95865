"""Statements that an outage has left waiting, and the record of which they are."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import InputError
from mlops_stage.evidence.paths import write_aside
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing import statements
from mlops_stage.stages.signing.dsse import MOST_STATEMENT_BYTES, SUFFIX, check_size
from mlops_stage.stages.signing.regular import read_regular
from mlops_stage.stages.signing.statements import FOLDER

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterator, Mapping
    from pathlib import Path

PENDING = "pending"
"""Where, beside the bundles, statements wait whose signing an outage has ended."""
RECORD = "postponed.txt"
"""What was postponed, beside that folder: one line for each, SHA-256 and name, as `sha256sum` writes them."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_MOST_BYTES = 2**20


def id_of(name: str) -> str:
    """The id of the report that a statement is of; ids hold no dot."""
    return name.partition(".")[0]


def left_of(home: Path, ids: Container[str], names: Container[str]) -> Iterator[Path]:
    """Statements and bundles of runs that were replaced and say this no longer: who finds them would take them for the answer.

    Args:
        home: the folder of the statements and bundles.
        ids: of the runs.
        names: of the statements that hold.
    """
    for folder in (home, home / PENDING):
        for path in sorted(folder.glob("*.json")):
            if id_of(path.name) in ids and path.name.removesuffix(SUFFIX).removesuffix(".json") not in names:
                yield path


def postpone(home: Path, contents: Mapping[str, bytes]) -> None:
    """Put statements aside, and write down which.

    Args:
        home: the folder of the statements and bundles.
        contents: of each statement by its name.
    """
    for name, content in contents.items():
        write_aside(home / PENDING / f"{name}.json", content)
    lines = (f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(contents.items()))
    write_aside(home / RECORD, "".join(lines))


def waiting_in(home: Path, apart: Collection[str]) -> Iterator[statements.Statement]:
    """What waits there to be signed; the reports may be gone by now.

    Args:
        home: the folder of the statements and bundles.
        apart: ids of reports that are there, which say themselves what is signed.

    Raises:
        InputError: something that no outage has left there: no statement, one of another run than its name says, or one that nobody recorded.
    """
    folder = home / PENDING
    if not folder.is_dir():
        return
    recorded = _recorded(home / RECORD)
    for path in sorted(folder.glob("*.json")):
        name = path.name.removesuffix(".json")
        if path.is_symlink() or not path.is_file() or not _NAME.fullmatch(name):
            raise _no(path.name, "is no statement of mlops-stage")
        if id_of(name) in apart:
            continue
        content = read_regular(path, MOST_STATEMENT_BYTES + 1)
        check_size(content, name)
        if not _is_of(name, _plain(path.name, content)):
            raise _no(path.name, "does not say what its name says")
        if (hashlib.sha256(content).hexdigest(), name) not in recorded:
            raise _no(path.name, f"was not left there by an outage: {RECORD} does not name it")
        yield statements.Statement(name=name, content=content)


def _recorded(path: Path) -> frozenset[tuple[str, str]]:
    try:
        text = read_regular(path, _MOST_BYTES).decode()
    except FileNotFoundError:
        return frozenset()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {FOLDER}/{RECORD}", "run the stages whose statements wait again") from error
    return frozenset((sha256, name) for sha256, _, name in (line.partition("  ") for line in text.splitlines()))


def _plain(name: str, content: bytes) -> Mapping[str, Any]:
    try:
        plain = json.loads(content)
    except (ValueError, RecursionError):
        plain = None
    if (
        isinstance(plain, dict)
        and plain.get("_type") == statements.STATEMENT_TYPE
        and isinstance(plain.get("subject"), list)
        and all(isinstance(one, dict) and isinstance(one.get("digest"), dict) for one in plain["subject"])
    ):
        return plain
    raise _no(name, "is no in-toto statement")


def _is_of(name: str, plain: Mapping[str, Any]) -> bool:
    """Whether a report's statement is of the run that the name says, and any other one is called as evidence is."""
    kind, predicate = plain.get("predicateType"), plain.get("predicate")
    if kind == statements.TEST_RESULT:
        own = predicate.get(statements.EXTENSION) if isinstance(predicate, dict) else None
        return isinstance(own, dict) and own.get("id") == name
    return isinstance(kind, str) and kind != statements.MODEL_SIGNATURE and "." in name


def _no(name: str, why: str) -> InputError:
    return InputError(f"{shown(name)} in {FOLDER}/{PENDING} {why}", "remove it, and run its stage again")
