"""What GitHub reads of a run: annotations on standard output, the job's summary, and the step's outputs."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_stage.report import Level
from mlops_stage.reporters import markdown
from mlops_stage.reporters.escape import harmless
from mlops_stage.reporters.located import located
from mlops_stage.reporters.words import headline
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.report import Run
    from mlops_stage.reporters.located import Located

MOST_ANNOTATIONS = 10
"""GitHub shows as many of each step and drops the others without a word."""
_COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}


def detect(env: Mapping[str, str]) -> bool:
    """Whether a job of GitHub Actions runs this process, or one of its kin (act, Gitea, Forgejo)."""
    return env.get("GITHUB_ACTIONS") == "true"


def emit(run: Run, env: Mapping[str, str]) -> dict[str, str]:
    """Texts for standard output (`-`) and for the files that the runner names in its variables."""
    texts = {"-": annotated(run)}
    if env.get("GITHUB_STEP_SUMMARY"):
        texts[env["GITHUB_STEP_SUMMARY"]] = markdown.render(run)["summary.md"]
    if env.get("GITHUB_OUTPUT"):
        texts[env["GITHUB_OUTPUT"]] = "".join(_assigned(name, value) for name, value in outputs(run, env).items())
    return texts


def annotated(run: Run) -> str:
    """Workflow commands for the gravest findings and the gates that did not pass, of this run; one more says how many there are beside.

    Reports of earlier steps in the same output directory had their annotations then.
    """
    items = located(replace(run, reports=run.own))
    shown = items if len(items) <= MOST_ANNOTATIONS else items[: MOST_ANNOTATIONS - 1]
    lines = [_annotation(item) for item in shown]
    if len(items) > len(shown):
        lines.append(f"::notice title=mlops-stage::{counted(len(items) - len(shown), 'more finding')} in report.html and report.sarif")
    return "".join(f"{line}\n" for line in lines)


def outputs(run: Run, env: Mapping[str, str]) -> dict[str, str]:
    """The step's outputs; those of the only stage of a run stand by their own names too."""
    own = run.own
    every = {f"{report.id}_{name}": value for report in own for name, value in report.told.items()}
    found = {
        "outcome": str(headline(own, run.failures).outcome),
        "exit-code": str(int(run.exit_code)),
        "out": env.get("MLOPS_INPUT_OUT") or "mlops-out",
        "outputs": json.dumps(every, ensure_ascii=False, sort_keys=True),
    }
    if len(own) == 1:
        found |= {name.replace("_", "-"): value for name, value in own[0].outputs.items()}
    return found


def _annotation(item: Located) -> str:
    properties = {"file": item.path, "line": str(item.line), "col": str(item.column or ""), "title": item.finding.rule}
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    text = f"{item.finding.message}\n{item.finding.hint}" if item.finding.hint else item.finding.message
    return f"::{_COMMANDS[item.finding.level]} {given}::{_data(text)}"


def _data(text: str) -> str:
    """As the runner's own toolkit escapes the text of a command."""
    safe = "\n".join(harmless(line) for line in text.split("\n"))
    return safe.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _assigned(name: str, value: str) -> str:
    """A delimiter that nobody can guess: a value with line ends cannot set another output."""
    end = f"end-{secrets.token_hex(16)}"
    return f"{name}<<{end}\n{value}\n{end}\n"
