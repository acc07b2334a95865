"""What a signed statement says: checked for its form, which signatures do not do."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from mlops_stage.evidence.redact import shown
from mlops_stage.evidence.required import ID
from mlops_stage.stages.signing import manifest
from mlops_stage.stages.signing.dsse import PAYLOAD_TYPE
from mlops_stage.stages.signing.oms import PREDICATE_TYPE as MODEL_SIGNATURE
from mlops_stage.stages.signing.statements import EXTENSION, STATEMENT_TYPE, TEST_RESULT
from mlops_stage.stages.signing.verifying.names import fault_of
from mlops_stage.stages.signing.verifying.plain import Reader, doubled, parsed
from mlops_stage.stages.signing.verifying.refusal import RefusalError

if TYPE_CHECKING:
    from mlops_stage.stages.signing.verifying.bundle import Bundle

_RULE = "verify/statement"
_HEX = re.compile(r"[0-9a-f]{64}")
_ITSELF = "."
"""How a model signature names the file that it is of, where it is of no folder."""
_MODEL, _DATA = "model", "data"
"""Roles of what a statement leads up to: the source that something was made of, and the data that it was tested on. Also the stage that judges data."""
_OF_A_MODEL = frozenset({"", _MODEL, "artefact"})
PROVENANCE = "https://slsa.dev/provenance/v1"
STAGES = frozenset({"data", "quality", "fairness", "scan", "adversarial", "compile", "sbom", "sign", "verify"})
"""Built-in stages: a run that is called as one of them must be of it, or a requirement would be met by another."""
_OUTCOMES = {"passed": "PASSED", "inconclusive": "WARNED", "failed": "FAILED"}


@dataclass(frozen=True, kw_only=True)
class Named:
    """Something that a statement speaks of."""

    name: str
    sha256: str
    role: str = ""
    """As what it was judged; empty where that is not said, as in statements of others."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a statement says; believe it only once its signature holds."""

    predicate_type: str
    subjects: tuple[Named, ...]
    id: str = ""
    """The run whose report it is; empty for every other statement."""
    outcome: str = ""
    """`passed`, `inconclusive` or `failed`; empty for a statement that is no report."""
    stage: str = ""
    """What made the report; empty for every other statement."""
    used: frozenset[str] = frozenset()
    """Digests of the models that the predicate names as compiled or built from."""
    tested_on: frozenset[str] = frozenset()
    """Digests of the data that the predicate names."""
    build_type: str = ""
    """Of a provenance: what kind of build it was of."""
    materials: frozenset[str] = frozenset()
    """Digests of what a build was made from in no role that is named, as other builders than ours say it."""
    apart: tuple[frozenset[str], ...] = ()
    """Names of files that belong together, where the statement is about several products that were made apart."""
    listing: tuple[Named, ...] | None = None
    """The complete list of a folder's files, where the statement is one."""

    @property
    def of_a_model(self) -> bool:
        """Whether it judges a model or what was made of one, and not predictions or rows alone, which may be of any model."""
        return not self.of_data and {one.role for one in self.subjects} <= _OF_A_MODEL

    @property
    def of_data(self) -> bool:
        """Whether it judges data as such; a report of another stage on data alone judges what some model said of them."""
        return self.stage == _DATA and {one.role for one in self.subjects} <= {"", _DATA}


def read(bundle: Bundle) -> Said:
    """What the statement in a bundle says.

    Raises:
        RefusalError: `verify/payload-type`, `verify/statement-type`, `verify/subject`, `verify/path` or `verify/statement`, and why.
    """
    if bundle.payload_type != PAYLOAD_TYPE:
        raise RefusalError("verify/payload-type", f"the payload is {shown(bundle.payload_type)}, and no in-toto statement")
    whole = Reader(parsed(bundle.payload, _RULE, "the statement"), _RULE, "the statement")
    kind = whole.text("_type")
    if kind != STATEMENT_TYPE:
        raise RefusalError("verify/statement-type", f"the statement is of the type {shown(kind)}, and only {STATEMENT_TYPE} is read")
    whole.only("_type", "subject", "predicateType", "predicate")
    predicate_type = whole.text("predicateType")
    subjects = _subjects(whole)
    if predicate_type == MODEL_SIGNATURE:
        listed = _listing(whole.inner("predicate", "the list of files"), subjects)
        if len(listed) == 1 and listed[0].name == _ITSELF:  # of a file alone, whose name is the subject's
            return Said(predicate_type=predicate_type, subjects=(replace(listed[0], name=subjects[0].name),))
        return Said(predicate_type=predicate_type, subjects=(), listing=listed)
    predicate = whole.inner("predicate") if whole.has("predicate") else Reader({}, _RULE, "the predicate")
    told = _report(predicate) if predicate_type == TEST_RESULT else ("", "", "")
    return Said(
        predicate_type=predicate_type,
        subjects=subjects,
        id=told[0],
        outcome=told[1],
        stage=told[2],
        used=frozenset(_used(predicate, _MODEL)),
        tested_on=frozenset(_used(predicate, _DATA)),
        **(_build(predicate) if predicate_type == PROVENANCE else {}),
        apart=_apart(predicate_type, predicate, subjects),
    )


def _subjects(whole: Reader) -> tuple[Named, ...]:
    found: list[Named] = []
    for item in whole.items("subject"):
        subject = Reader(item, "verify/subject", "a subject")
        name = subject.text("name") if subject.has("name") else ""
        if name != manifest.NAME and "://" not in name:
            fault = fault_of(name) if name else ""
            if fault:
                raise RefusalError("verify/path", f"the statement speaks of {shown(name)!r}, which {fault}")
        digest = subject.inner("digest").text("sha256") if subject.has("digest") else ""
        if not _HEX.fullmatch(digest):
            raise RefusalError("verify/subject", f"the statement names {shown(name or 'a subject')} without a SHA-256 digest")
        found.append(Named(name=name, sha256=digest, role=_role(item) or ""))
    if not found:
        raise RefusalError("verify/subject", "the statement speaks of nothing: it has no subject")
    names = [name for name, _ in {(one.name, one.sha256) for one in found} if name]
    if len(set(names)) < len(names):
        twice = doubled(names)
        raise RefusalError("verify/subject", f"the statement names {shown(twice)} with two different digests")
    _check_manifest({one.name: one.sha256 for one in found})
    return tuple(found)


def _check_manifest(named: dict[str, str]) -> None:
    """One digest over names and digests of all files, where the statement has one: it must be of just these files."""
    whole = named.pop(manifest.NAME, None)
    if whole is not None and whole != manifest.digest(manifest.from_folder(named)):
        raise RefusalError(
            "verify/subject", f"the {manifest.NAME} of the statement is of other files or names than those that it speaks of"
        )


def _apart(predicate_type: str, predicate: Reader, subjects: tuple[Named, ...]) -> tuple[frozenset[str], ...]:
    """What belongs together among products that were made apart: as a report of ours says; of a build the files of each folder."""
    if predicate_type == TEST_RESULT and predicate.has(EXTENSION):
        groups = predicate.inner(EXTENSION).items("apart")
        if not all(isinstance(group, list) and group and all(isinstance(name, str) for name in group) for group in groups):
            raise RefusalError(_RULE, "the statement does not say which of its files belong together")
        return tuple(frozenset(group) for group in groups)
    if predicate_type != PROVENANCE:
        return ()
    folders: dict[PurePosixPath, set[str]] = {}
    for one in subjects:
        folders.setdefault(PurePosixPath(one.name).parent, set()).add(one.name)
    return tuple(frozenset(names) for names in folders.values())


def _report(predicate: Reader) -> tuple[str, str, str]:
    """Id, outcome and stage of a report of ours; a test result of another tool has an outcome alone."""
    result = predicate.text("result")
    if not predicate.has(EXTENSION):
        return "", next((outcome for outcome, word in _OUTCOMES.items() if word == result), ""), ""
    own = predicate.inner(EXTENSION)
    outcome, name = own.text("outcome"), own.text("id")
    if not ID.fullmatch(name):
        raise RefusalError(_RULE, f"the statement is of a report with the id {shown(name)!r}, which is no id")
    if _OUTCOMES.get(outcome) != result:
        raise RefusalError(_RULE, f"the statement of {name} says {shown(result)} and {shown(outcome)} at once")
    if name in STAGES and own.text("stage") != name:
        raise RefusalError(_RULE, f"the statement is of a report with the id {name}, and the stage {shown(own.text('stage'))} made it")
    return name, outcome, own.text("stage") if own.has("stage") else ""


def _used(predicate: Reader, role: str) -> Iterator[str]:
    """Digests in test-result's `configuration` and in SLSA's `resolvedDependencies` of one role; a baseline leads nowhere."""
    for item in (*_items(predicate.plain, "configuration"), *_dependencies(predicate)):
        if _role(item) == role:
            yield from _digest(item)


def _build(predicate: Reader) -> dict[str, Any]:
    """What a provenance says of its build, besides what is named in a role."""
    built = predicate.plain.get("buildDefinition")
    kind = built.get("buildType") if isinstance(built, Mapping) else None
    found = frozenset(sha256 for item in _dependencies(predicate) if _role(item) is None for sha256 in _digest(item))
    return {"build_type": kind if isinstance(kind, str) else "", "materials": found}


def _dependencies(predicate: Reader) -> Iterator[Mapping[str, Any]]:
    built = predicate.plain.get("buildDefinition")
    return _items(built, "resolvedDependencies") if isinstance(built, Mapping) else iter(())


def _items(plain: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    held = plain.get(name)
    return (item for item in (held if isinstance(held, list) else ()) if isinstance(item, Mapping))


def _digest(item: Mapping[str, Any]) -> Iterator[str]:
    digest = item.get("digest")
    sha256 = digest.get("sha256") if isinstance(digest, Mapping) else None
    if isinstance(sha256, str) and _HEX.fullmatch(sha256):
        yield sha256


def _role(item: Mapping[str, Any]) -> str | None:
    """In what role something was used; None where that is not said, empty where it is said in no way that is read."""
    annotations = item.get("annotations")
    if annotations is None or (isinstance(annotations, Mapping) and "role" not in annotations):
        return None
    role = annotations["role"] if isinstance(annotations, Mapping) else ""
    return role if isinstance(role, str) else ""


def _listing(predicate: Reader, subjects: tuple[Named, ...]) -> tuple[Named, ...]:
    """The files of a model signature: their digests must be what the subject's is made of."""
    found: list[Named] = []
    for item in predicate.items("resources"):
        resource = Reader(item, "verify/listing", "a file of the model signature")
        name, digest = resource.text("name"), resource.text("digest")
        fault = fault_of(name)
        if fault and name != _ITSELF:
            raise RefusalError("verify/path", f"the model signature lists {shown(name)!r}, which {fault}")
        if resource.text("algorithm") != "sha256" or not _HEX.fullmatch(digest):
            raise RefusalError(
                "verify/listing", f"the model signature lists {shown(name)} without a SHA-256 digest", "sign it with SHA-256 of whole files"
            )
        found.append(Named(name=name, sha256=digest))
    if len({one.name for one in found}) < len(found):
        raise RefusalError("verify/listing", "the model signature lists a file twice")
    whole = hashlib.sha256(b"".join(bytes.fromhex(one.sha256) for one in sorted(found, key=lambda one: one.name))).hexdigest()
    if not found or [one.sha256 for one in subjects] != [whole]:
        raise RefusalError("verify/listing", "the files that the model signature lists are not those that its subject is made of")
    return tuple(found)
