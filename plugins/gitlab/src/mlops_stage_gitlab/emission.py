"""What GitLab reads of a run beside the reports: variables for later jobs, and a link in the job's log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.evidence.redact import shown
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.report import Run

MOST_VARIABLES = 20
MOST_BYTES = 5 * 1024 - 1
"""GitLab refuses a dotenv report with more (by default where an organisation runs it itself), and hands on none of it."""
ROOM = "MLOPS_STAGE_DOTENV_VARIABLES"
"""Names how many variables this GitLab takes, where its limits are others."""


def detect(env: Mapping[str, str]) -> bool:
    """Whether a job of GitLab CI runs this process."""
    return env.get("GITLAB_CI") == "true"


def emit(run: Run, env: Mapping[str, str]) -> dict[str, str]:
    """Texts for standard output (`-`) and for the file that the component names."""
    values = outputs(run)
    kept = fitting(values, _most(env))
    said = [f"mlops-stage: {page}" for page in _pages(env)] if run.reports else []
    if len(kept) < len(values):
        said.append(f"mlops-stage: GitLab hands on {counted(len(kept), 'variable')}; {len(values) - len(kept)} more are in outputs.env")
    texts = {"-": "".join(f"{line}\n" for line in said)}
    if env.get("MLOPS_STAGE_DOTENV"):
        texts[env["MLOPS_STAGE_DOTENV"]] = "".join(kept)
    return texts


def outputs(run: Run) -> list[str]:
    """`<id>_<output>=value` of the reports of this run, outcomes first."""
    outcomes = [f"{report.id}_outcome={report.outcome}\n" for report in run.own]
    return outcomes + [f"{report.id}_{name}={_plain(value)}\n" for report in run.own for name, value in sorted(report.outputs.items())]


def _plain(value: str) -> str:
    """In one line, and with nothing in it that a later job would take for a variable of its own: GitLab reads `$$` as `$`."""
    return " ".join(value.split()).replace("$", "$$")


def _most(env: Mapping[str, str]) -> int:
    text = env.get(ROOM) or str(MOST_VARIABLES)
    if not text.isdecimal():
        raise UsageError(f"{ROOM} is no number: {shown(text)}", "give how many variables this GitLab takes of a dotenv report")
    return int(text)


def fitting(lines: list[str], most: int = MOST_VARIABLES) -> list[str]:
    """As many as GitLab takes; one that is too long for what is left is left out."""
    kept: list[str] = []
    left = MOST_BYTES
    for line in lines:
        size = len(line.encode())
        if len(kept) < most and size <= left:
            kept.append(line)
            left -= size
    return kept


def _pages(env: Mapping[str, str]) -> list[str]:
    """Where the page of this job can be seen once its artifacts are there."""
    job, out = env.get("CI_JOB_URL"), env.get("MLOPS_INPUT_OUT")
    return [f"{job}/artifacts/file/{out}/report.html"] if job and out else []
