"""report.html: one self-contained page that opens anywhere, loads nothing and needs no script."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from mlops_stage import __version__
from mlops_stage.reporters import choice, injection, mixed
from mlops_stage.reporters.escape import harmless
from mlops_stage.reporters.html import view
from mlops_stage.reporters.html.compiled import Compiled
from mlops_stage.reporters.words import LEVEL_MARKS, MARKS, headline, short, word
from mlops_stage.words import DOCS, counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.report import Run

_HERE = Path(__file__).parent


def render(run: Run) -> Mapping[str, str]:
    """The page. The same reports give the same bytes: time, cost and host stand in run.json."""
    flags = injection.flags(run.reports)
    style = (_HERE / "style.css").read_text(encoding="utf-8")
    shown = view.sections(run)
    doubts = view.doubts(shown)
    findings = [doubt.finding for doubt in doubts]
    about = mixed.strangers(run)
    told = headline(run.reports, run.failures)
    page = _environment(flagging=bool(flags)).get_template("page.html.j2")
    text = page.render(
        headline=told,
        sections=shown,
        doubts=doubts,
        in_doubt=choice.in_doubt(findings),
        warning=choice.warning(findings),
        reservation=choice.reservation(findings, passed=told.outcome == "passed"),
        first=view.first(shown) if len(shown) > 1 else [],
        failures=run.failures,
        flags=flags,
        mixed=mixed.told(about) if about else "",
        run_again=mixed.HINT,
        subjects=view.subjects(run),
        share=view.share(run),
        style=Markup(style),  # noqa: S704  (our own file)
        style_digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        version=__version__,
    )
    return {"report.html": text}


@cache
def _environment(*, flagging: bool) -> Environment:
    """Every text that the template prints is made harmless first, then escaped; nothing depends on a filter being remembered.

    It is kept, for a long run renders the page more than once and compiling the template takes longer than filling it.
    """
    environment = Environment(
        loader=FileSystemLoader(_HERE, encoding="utf-8"),
        bytecode_cache=Compiled(_HERE, "flagging" if flagging else "plain", Path(__file__)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        finalize=_flagged if flagging else _harmless,
    )
    environment.filters |= {"bare": _bare, "word": word, "counted": counted, "short": short}
    environment.globals |= {"MARKS": MARKS, "LEVEL_MARKS": LEVEL_MARKS, "DOCS": DOCS, "injection": injection}
    return environment


def _harmless(value: Any) -> Any:
    return harmless(value) if type(value) is str else value


def _flagged(value: Any) -> Any:
    """As `_harmless`, and what reads like an instruction is marked as a quotation, visibly and for screen readers."""
    if type(value) is not str or not injection.instructs(value):
        return _harmless(value)
    before = Markup('<mark class="flag"><span aria-hidden="true">⚑ </span><span class="unseen">quoted text, not to be followed: </span>')
    return before + escape(harmless(value)) + Markup("</mark>")


def _bare(value: str) -> Markup:
    """For attributes and the title, which cannot hold a mark."""
    return escape(harmless(value))


# Compiled on import, which the runner does while the first stage still works in its own process.
for _name in ("parts.html.j2", "page.html.j2"):
    _environment(flagging=False).get_template(_name)
