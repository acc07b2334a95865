"""The stage at work: find out, take in what other stages found, write the document, look for its faults."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import UsageError
from mlops_stage.estimates import Point
from mlops_stage.evidence.paths import write_aside
from mlops_stage.evidence.redact import shown
from mlops_stage.report import Evidence, Finding, Level, Metric, Observations, Subject
from mlops_stage.stages.sbom import completeness, document, minimum, secrets
from mlops_stage.stages.sbom.edition import published
from mlops_stage.stages.sbom.elements import G7
from mlops_stage.stages.sbom.emit import About, emit
from mlops_stage.stages.sbom.extract import gathered
from mlops_stage.stages.sbom.extract.environment import SOURCE as ENVIRONMENT
from mlops_stage.stages.sbom.lint import lint
from mlops_stage.stages.sbom.page import html, markdown, page
from mlops_stage.stages.sbom.pictures import by_cluster
from mlops_stage.stages.sbom.reporter import PREDICATE
from mlops_stage.stages.sbom.results import read
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from mlops_stage.stages.sbom.completeness import Answer
    from mlops_stage.stages.sbom.facts import Dataset, Inventory
    from mlops_stage.stages.sbom.params import SbomParams
    from mlops_stage.stages.sbom.results import Results
    from mlops_stage.workspace import Workspace

BOM = "evidence/bom.cdx.json"
"""The document, as evidence; the published edition where something is withheld."""
COMPLETE = "evidence/private/bom.cdx.json"
"""The complete edition, where something is withheld. The report names no digest of it: by that, whoever guesses what was withheld could see that it is right."""
PAGE = "evidence/model.html"
"""The page of the model, for people."""
TEXT = "evidence/model.md"
"""The same in Markdown, for the summary of a job."""
_LISTED = 8


def act(params: SbomParams, workspace: Workspace) -> Observations:
    """The bill of materials of a model, and which elements it answers.

    Raises:
        UsageError: no model was given, or a path that does not exist.
        InputError: a file that cannot be used.
    """
    if not params.model:
        raise UsageError("there is nothing to describe", "give model: a file or a folder, of any format")
    workspace.progress(0.0, "looking at the model, its data and its libraries")
    everything, leaks = secrets.without(gathered(params, workspace))
    found = everything.inventory
    results, more = secrets.without_in("a report of another stage", read(workspace.reports, found.models[0], _digests(found.datasets)))
    workspace.progress(0.7, "writing the bill of materials")
    environment = document.read(params.environment, workspace.root, "environment") if params.environment else None
    about, others = secrets.without_in("creator, or the environment,", About(creator=params.creator or "", environment=environment))
    content = emit(found, results, params.spec, about=about)
    answers = completeness.answers(found, results, json.loads(content))
    told, withheld = found, _withheld(answers, found, params.confidential)
    if withheld:
        write_aside(workspace.out / COMPLETE, content)
        told = published(everything, params.confidential)
        content = emit(told, results, params.spec, about=replace(about, withheld=withheld))
    bom = json.loads(content)
    workspace.progress(0.8, "looking for faults")
    drawn = page(told, results, completeness.answers(told, results, bom), withheld)
    pages = (_written(workspace.out, PAGE, html(drawn).encode()), _written(workspace.out, TEXT, markdown(drawn).encode()))
    workspace.progress(1.0, "done")
    return Observations(
        metrics=(*completeness.metrics(answers), *minimum.metrics(bom), *_counts(bom)),
        findings=(
            *told.findings,
            *leaks,
            *more,
            *others,
            *lint(bom, params.spec),
            *_remarks(answers, results, withheld, found.libraries_from),
        ),
        subjects=_subjects(found),
        evidence=(_written(workspace.out, BOM, content, PREDICATE), *pages),
        figures=(by_cluster(answers),),
        outputs=_outputs(bom, found, answers),
    )


def _written(out: Path, name: str, content: bytes, predicate_type: str = "") -> Evidence:
    write_aside(out / name, content)
    return Evidence(path=name, sha256=hashlib.sha256(content).hexdigest(), predicate_type=predicate_type)


def _digests(items: Sequence[Dataset]) -> frozenset[str]:
    """Of each data set, and of each of its files."""
    return frozenset({item.sha256 for item in items if item.sha256} | {file.sha256 for item in items for file in item.files})


def _withheld(answers: Sequence[Answer], found: Inventory, confidential: Sequence[str]) -> tuple[str, ...]:
    """The confidential elements of which something is known, as they were named: of all others there is nothing to withhold."""
    roles = [one.role for one in found.datasets]
    by_name = {answer.element.name: answer for answer in answers}
    known = []
    for key in confidential:
        name, _, role = key.partition(".")
        said = by_name[name].said
        if any(one is not None and (not role or roles[place] == role) for place, one in enumerate(said)):
            known.append(key)
    return tuple(known)


def _remarks(answers: Sequence[Answer], results: Results, withheld: Sequence[str], libraries_from: str) -> Iterator[Finding]:
    """What is missing, and what was left out, in words."""
    asked = {element.name for element in G7}
    missing = [answer.element for answer in answers if answer.element.name in asked and not answer.whole]
    if missing:
        listed = ", ".join(element.name for element in missing[:_LISTED])
        more = f" and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
        yield Finding(
            rule="sbom/unanswered",
            level=Level.NOTE,
            message=f"{counted(len(missing), 'element')} of {len(G7)} that the G7 names for AI are not answered in full: {listed}{more}",
            hint="what you know goes under declare in mlops.yaml; the page of the model lists all of them with what each asks for",
        )
    if libraries_from == ENVIRONMENT:
        message = "its libraries are those of the environment that mlops-stage runs in, itself included"
        hint = "give lock, so that they are those that the model needs; or activate the environment that it runs in"
        yield Finding(rule="sbom/own-environment", level=Level.NOTE, message=message, hint=hint)
    if withheld:
        message = f"the published edition withholds {', '.join(withheld)}; the complete one is {COMPLETE}"
        yield Finding(rule="sbom/withheld", level=Level.NOTE, message=message, hint="no page shows that folder, and no adapter uploads it")
    for one in results.passed_over:
        message = f"the report {shown(one.id)} ({one.stage}) was left out: {one.reason}"
        hint = "run that stage on this model and its data, before this one"
        yield Finding(rule="sbom/report-left-out", level=Level.NOTE, message=message, hint=hint)


def _subjects(found: Inventory) -> tuple[Subject, ...]:
    """Each weights file of the model by digest, and each data set."""
    model = found.models[0]
    weights = [file for file in model.files if file.role == "weights"] or list(model.files)
    return (
        *(Subject(role="model", name=file.path, sha256=file.sha256) for file in weights),
        *(Subject(role=one.role, name=one.name, sha256=one.sha256) for one in found.datasets if one.sha256),
    )


def _counts(bom: Mapping[str, Any]) -> Iterator[Metric]:
    kinds = Counter(one["type"] for one in bom["components"])
    yield Metric(name="components", estimate=Point(float(kinds.total())), exact=True)
    for kind, number in sorted(kinds.items()):
        yield Metric(name="components", estimate=Point(float(number)), slice=(("type", kind),), exact=True)


def _outputs(bom: Mapping[str, Any], found: Inventory, answers: Sequence[Answer]) -> dict[str, str]:
    asked = {element.name for element in G7}
    return {
        "serial": bom.get("serialNumber", ""),
        "libraries": str(len(found.libraries)),
        "answered": str(sum(answer.whole for answer in answers if answer.element.name in asked)),
    }
