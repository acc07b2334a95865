"""The page of a model: what it is, how it was judged, and what nobody knows, for readers who are no developers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined

from mlops_stage.evidence.redact import shown
from mlops_stage.gate.words import sentence_case, subject
from mlops_stage.stages.sbom.elements import CARD, DATASETS, G7, INFRASTRUCTURE, MODELS, SECURITY, SYSTEM
from mlops_stage.stages.sbom.facts import Confidence
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from jinja2 import Template

    from mlops_stage.stages.sbom.completeness import Answer, Said
    from mlops_stage.stages.sbom.facts import Inventory
    from mlops_stage.stages.sbom.results import Figure, Judged, Results

WITHHELD = "withheld: declared as confidential"
_SAID = {
    Confidence.DECLARED: "declared",
    Confidence.EXTRACTED: "found in",
    Confidence.INFERRED: "concluded from",
}
_MARKS = re.compile(r"[\\`*\[\]<>|~$&#@]|(?<![^\W_])_|_(?![^\W_])|:(?=//|[\w+-]+:)|(?<=www)\.|^[-+=](?=\s)", re.IGNORECASE)
"""What may mean something in Markdown; as a character reference it means itself."""
_WHOLE = 1
"""Powers of ten from which on a whole number is told as one."""
_LONGEST = 600
_MOST_FIGURES, _MOST_LIBRARIES = 40, 2000
_STAGES = ("quality", "fairness", "adversarial", "compile")
_SECTIONS = tuple(cluster[0].cluster for cluster in (MODELS, CARD, DATASETS, SYSTEM, INFRASTRUCTURE, SECURITY))
"""What the document says about itself, and that there are figures, a reader sees elsewhere."""


@dataclass(frozen=True, kw_only=True)
class _Line:
    """What one thing says of an element."""

    value: str
    who: str
    of: str = ""
    """The name of the thing, where there are several."""
    how: str = ""
    """A class of the style sheet: `declared`, `extracted`, `inferred`, `missing` or `withheld`."""


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One element."""

    title: str
    name: str
    asks: str
    example: str
    lines: tuple[_Line, ...]


Page = dict[str, object]
"""What the page tells, whatever it is written in."""


def html(page: Page) -> str:
    """One self-contained HTML page."""
    return _template("page.html.j2", autoescape=True).render(page)


def markdown(page: Page) -> str:
    """The same in Markdown, for the summary of a job or a wiki; libraries are counted only."""
    return re.sub(r"\n{3,}", "\n\n", _template("page.md.j2", finalize=_literal).render(page))


def page(inventory: Inventory, results: Results, answers: Sequence[Answer], withheld: Collection[str] = ()) -> Page:
    """What there is to tell.

    Args:
        inventory: what was found, and may be told.
        results: what other stages say.
        answers: by element, of that inventory.
        withheld: elements that were taken out of it, as in `SbomParams.confidential`.
    """
    rows = {answer.element.name: _row(answer, inventory, withheld) for answer in answers}
    model = inventory.models[0]
    asked = {element.name for element in G7}
    told = {answer.element.name for answer in answers if answer.whole or answer.element.name in withheld}
    missing = [rows[name] for name in rows if name in asked - told]
    return {
        "title": _lead(rows["model_name"].lines[0]) or "This model",
        "lead": _lead(rows["model_description"].lines[0]),
        "sections": [(name, [rows[one.element.name] for one in answers if one.element.cluster == name]) for name in _SECTIONS],
        "missing": missing,
        "total": len(G7),
        "answered": len(G7) - len(missing),
        "files": [(shown(file.path), file.format, f"{file.size:,}", file.sha256) for one in inventory.models for file in one.files],
        "inputs": [port.text for port in model.inputs],
        "outputs": [port.text for port in model.outputs],
        "judged": [(one, _verdicts(one)) for one in results.judged],
        "figures": list(_figures(results.figures)),
        "more": len(results.figures),
        "assessments": results.assessments,
        "compiled": results.compiled,
        "datasets": [(one, counted(len(one.columns), "column"), _thousands(one.text("rows"))) for one in inventory.datasets],
        "libraries": [(one.name, one.version, ", ".join(licence.text for licence in one.licences)) for one in inventory.libraries][
            :_MOST_LIBRARIES
        ],
        "library_count": counted(len(inventory.libraries), "library", "libraries"),
        "libraries_from": inventory.libraries_from,
    }


def _lead(line: _Line) -> str:
    """What may stand at the head of the page."""
    return "" if line.how == "withheld" else line.value


@cache
def _template(name: str, *, autoescape: bool = False, finalize: Callable[[object], object] | None = None) -> Template:
    environment = Environment(
        autoescape=autoescape,  # noqa: S701  (Markdown is escaped by `finalize`)
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.from_string(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))


def _literal(value: object) -> str:
    """A text of unknown origin that means nothing in Markdown: no markup, link, cell, mention or second line."""
    text = " ".join(str(value).split()) + (" " if str(value).endswith(" ") else "")
    return _MARKS.sub(lambda found: f"&#{ord(found[0])};{'&#8203;' if found[0] == '@' else ''}", text)


def _row(answer: Answer, inventory: Inventory, withheld: Collection[str]) -> _Row:
    element = answer.element
    of = {"model": [one.name for one in inventory.models if one.role != "source"], "dataset": [one.name for one in inventory.datasets]}
    names = of.get(element.of, [""])
    roles = [one.role for one in inventory.datasets] if element.of == "dataset" else [""] * len(answer.said)
    lines = tuple(
        _line(said, name if len(answer.said) > 1 else "", hidden=not {element.name, f"{element.name}.{role}"}.isdisjoint(withheld))
        for said, name, role in zip(answer.said, names, roles, strict=True)
    )
    if len({(line.value, line.who, line.how) for line in lines}) == 1:
        lines = (replace(lines[0], of=""),)
    return _Row(
        title=element.title,
        name=element.name,
        asks=element.asks,
        example=element.example,
        lines=lines or (_Line(value="", who="", how="missing"),),
    )


def _line(said: Said | None, name: str, *, hidden: bool) -> _Line:
    of = "" if said is not None and said.value == name else shown(name)
    if hidden or said is None:
        return _Line(value=WITHHELD, who="", of=of, how="withheld") if hidden else _Line(value="", who="", of=of, how="missing")
    who = _SAID[said.confidence] + ("" if said.confidence is Confidence.DECLARED else f" {shown(said.source)}")
    return _Line(value=shown(said.value, _LONGEST), who=who, of=of, how=str(said.confidence))


def _verdicts(one: Judged) -> str:
    parts = [(one.passed, "passed"), (one.failed, "failed"), (one.inconclusive, "inconclusive")]
    return ", ".join(f"{number:,} {word}" for number, word in parts if number)


def _thousands(digits: str) -> str:
    return f"{int(digits):,}" if digits.isdecimal() else digits


def _figures(figures: Iterable[Figure]) -> Iterator[tuple[str, str, str, str, str]]:
    """Figures of all rows, and the largest gaps, in words: what a reader asks first; the document holds all of them."""
    wanted = [one for one in figures if not one.slice or one.slice[0][0] in {"epsilon", "by", "target"}]
    for one in sorted(wanted, key=lambda one: _STAGES.index(one.stage))[:_MOST_FIGURES]:
        digits = 0 if one.unit and one.value == int(one.value) else _digits(one.value)
        interval = "" if one.low is None or one.high is None else f"{one.low:,.{digits}f} to {one.high:,.{digits}f}"
        of = "; ".join(part for part in (f"data: {one.data}" if one.data else "", one.incomplete) if part) or "all rows"
        yield sentence_case(subject(one)), of, f"{one.value:,.{digits}f}{f' {one.unit}' if one.unit else ''}", interval, one.source


def _digits(value: float) -> int:
    """Decimals that show three digits of a value, and of a share at least three."""
    size = math.floor(math.log10(abs(value))) if value else 0
    return 0 if value == int(value) and size >= _WHOLE else min(max(2 - size, 3 if size < 1 else 0), 6)
