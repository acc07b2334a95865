"""Reports as in-toto statements: what was tested, what came of it, and how."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import InputError
from mlops_stage.evidence.digest import of_json
from mlops_stage.evidence.redact import shown
from mlops_stage.report import Outcome, plain_of, to_json
from mlops_stage.stages.signing import manifest
from mlops_stage.stages.signing.verifying.plain import doubled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mlops_stage.report import Evidence, Report, Subject

    Read = Callable[[Report, Evidence], bytes]

FOLDER = "attestations"
"""Where statements and their bundles lie, in the output directory."""

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
"""Source: in-toto Attestation Framework, Statement v1."""
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
"""Source: in-toto Attestation Framework, predicate Test Result v0.1."""
MODEL_SIGNATURE = "https://model_signing/signature/v1.0"
"""Source: OpenSSF Model Signing 1.0."""
EXTENSION = "mlops_stage"
"""The field of the predicate that holds what Test Result has no word for; readers that do not know it pass it over."""

RESULTS = {Outcome.PASSED: "PASSED", Outcome.FAILED: "FAILED", Outcome.INCONCLUSIVE: "WARNED"}
"""Test Result's words for ours; a report that judged nothing has no statement."""
_TESTS = {"passed": "passedTests", "inconclusive": "warnedTests", "failed": "failedTests"}

_OWN = frozenset({TEST_RESULT, MODEL_SIGNATURE})
"""What a report's own statement is, and a folder's: evidence that is called so would speak for another run."""
UNATTESTED = frozenset({"sign", "verify"})
"""Stages whose reports speak of signatures: a signature on them would ask for the next one."""
_JUDGED = (("model", "artefact"), ("predictions",), ("data",))
"""Roles of what a report judges: the first of these that it names; the others are what it judged them with."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """An in-toto statement before it is signed."""

    name: str
    """The stem of its file: `quality`, `compile.host.provenance`."""
    content: bytes
    """The very bytes that are signed: canonical JSON."""

    @property
    def sha256(self) -> str:
        """Digest of the content."""
        return hashlib.sha256(self.content).hexdigest()


def of(report: Report, read: Read) -> tuple[Statement, ...]:
    """The statements of a report: its own, and one for each file of evidence that has a predicate type. Empty when it judged nothing.

    Args:
        report: of any stage.
        read: the bytes of a file that backs the report, confirmed by digest.

    Raises:
        StageError: evidence that is gone, changed, or no JSON object.
    """
    own = own_of(report)
    if own is None:
        return ()
    others = [_of_evidence(report, item, read(report, item)) for item in report.evidence if item.predicate_type]
    made = (own, *sorted(others, key=lambda one: one.name))
    names = [one.name for one in made]
    if len(set(names)) < len(names):
        twice = doubled(names)
        raise InputError(f"two files of evidence of {report.id} would both be the statement {twice}", "this is a bug of the stage")
    return made


def own_of(report: Report) -> Statement | None:
    """The statement that is the report itself; None when it judged nothing."""
    if report.stage in UNATTESTED or report.outcome not in RESULTS or not report.subjects:
        return None
    return Statement(name=report.id, content=_canonical(_statement(report, TEST_RESULT, _test_result(report))))


def subjects_of(subjects: Iterable[Subject]) -> list[dict[str, Any]]:
    """What a statement speaks of: each file that was judged by its own SHA-256 and with its role, and of a model the manifest that binds their names."""
    given = tuple(subjects)
    judged = _judged(given)
    made = [_in_role(one) for one in judged]
    model = {_unicode(one.name): one.sha256 for one in judged if one.role == "model"}
    if model and len(model) == len(judged):
        made.append({"name": manifest.NAME, "digest": {"sha256": manifest.digest(manifest.from_folder(model))}})
    return made


def _judged(subjects: tuple[Subject, ...]) -> tuple[Subject, ...]:
    for roles in _JUDGED:
        found = tuple(one for one in subjects if one.role in roles)
        if found:
            return found
    return subjects


def _descriptor(subject: Subject) -> dict[str, Any]:
    return {"name": _unicode(subject.name), "digest": {"sha256": subject.sha256}}


def _in_role(subject: Subject) -> dict[str, Any]:
    return {**_descriptor(subject), "annotations": {"role": subject.role}}


def _statement(report: Report, predicate_type: str, predicate: Any) -> dict[str, Any]:
    return {
        "_type": STATEMENT_TYPE,
        "subject": subjects_of(report.subjects),
        "predicateType": predicate_type,
        "predicate": predicate,
    }


def _apart(judged: Iterable[Subject]) -> dict[str, Any]:
    """Names of what belongs together, of a report on several products: whoever deploys one of them has no other."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in judged:
        place = "" if one.role == "model" else one.name.rpartition("/")[0]
        groups.setdefault((one.role, place), []).append(_unicode(one.name))
    return {"apart": list(groups.values())} if any(role == "artefact" for role, _ in groups) else {}


def _test_result(report: Report) -> dict[str, Any]:
    judged = _judged(report.subjects)
    used = [_in_role(one) for one in report.subjects if one not in judged]
    params = plain_of(report.params)
    tests: dict[str, list[str]] = {name: [] for name in _TESTS.values()}
    for gate in report.gates:
        tests[_TESTS[gate.verdict.value]].append(gate.criterion)
    return {
        "result": RESULTS[report.outcome],
        "configuration": [{"name": "params", "digest": {"sha256": of_json(params)}, "annotations": params}, *used],
        **tests,
        EXTENSION: {
            "stage": report.stage,
            "id": report.id,
            "outcome": report.outcome.value,
            "summary": report.summary,
            "metrics": plain_of(report.metrics),
            "gates": plain_of(report.gates),
            "seed": report.seed,
            "plugin": dict(report.plugin),
            **_apart(judged),
            "report": {"digest": {"sha256": hashlib.sha256(to_json(report).encode("utf-8", "backslashreplace")).hexdigest()}},
        },
    }


def _of_evidence(report: Report, evidence: Evidence, content: bytes) -> Statement:
    """A predicate is given the report's subjects; a file that is a whole statement keeps its own, which must be among them."""
    if evidence.predicate_type in _OWN:
        said = f"{shown(evidence.path)} of {report.id} would be signed as {evidence.predicate_type}, which only a report or a folder is"
        raise InputError(said, "this is a bug of the stage")
    try:
        plain = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{shown(evidence.path)} of {report.id} is no JSON", f"run {report.id} again") from error
    if not isinstance(plain, dict):
        raise InputError(f"{shown(evidence.path)} of {report.id} is no JSON object", f"run {report.id} again")
    whole = plain.get("_type") == STATEMENT_TYPE
    if whole and plain.get("predicateType") != evidence.predicate_type:
        said = shown(plain.get("predicateType"))
        raise InputError(
            f"{shown(evidence.path)} of {report.id} says that its predicate type is {said}, the report {evidence.predicate_type}",
            "this is a bug of the stage",
        )
    if whole and not _named_by(report, plain.get("subject")):
        raise InputError(
            f"{shown(evidence.path)} of {report.id} speaks of something that the report does not name", "this is a bug of the stage"
        )
    statement = plain if whole else _statement(report, evidence.predicate_type, plain)
    return Statement(name=f"{report.id}.{_stem(evidence.path)}", content=_canonical(statement))


def _named_by(report: Report, subjects: Any) -> bool:
    """Whether a statement speaks of files of the report alone, each by the report's name and digest."""
    known = [*(_descriptor(one) for one in report.subjects), *subjects_of(report.subjects)]
    return isinstance(subjects, list) and bool(subjects) and all(one in known for one in subjects)


def _stem(path: str) -> str:
    """`evidence/host/provenance.json` is `host.provenance`."""
    inner = path.removeprefix("evidence/").removesuffix(".json")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", inner.replace("/", ".")).strip(".-") or "evidence"


def _canonical(statement: Any) -> bytes:
    """Keys sorted, no spaces, UTF-8: the same report always gives the same bytes."""
    text = json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return _unicode(text).encode()


def _unicode(text: str) -> str:
    """A name of a file that is no valid UTF-8 with its stray bytes written out."""
    return text.encode("utf-8", "backslashreplace").decode()
