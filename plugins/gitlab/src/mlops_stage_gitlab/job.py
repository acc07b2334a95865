"""The job of a component: what it runs, and what GitLab keeps and shows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage import __version__
from mlops_stage.errors import ExitCode
from mlops_stage.native import bootstrapping, inputs
from mlops_stage_gitlab import spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.adapter import Layout

OUT = "mlops-out/$CI_JOB_NAME_SLUG"
"""Artifacts of all jobs meet in one folder later on; the name of the job keeps them apart. Only predefined variables stand here."""
VARIABLES = "variables.env"
"""What later jobs see as variables; see emission."""
MOST_OF_NAME = 63
"""As many characters of a job's name does its slug keep; of a matrix, the values come last."""
_PRIVATE = ["mlops-out/*/*/evidence/private", "mlops-out/*/*/evidence/private/**/*"]
REPORTS = {"junit": "junit.xml", "codequality": "codequality.json", "metrics": "metrics.txt", "dotenv": VARIABLES}
"""What GitLab shows in merge requests and hands on, by its own words.

`report.sarif` is an artifact like the other pages: GitLab before 18.11 makes no pipeline at all of a file that names it as a report, and later ones read it
only in Ultimate, behind a flag.
"""
BILLS = {"cyclonedx": "*.cdx.json"}
"""Only where bills of materials may come of a job: GitLab warns of reports that are not there."""


def job(layout: Layout, command: str, reports: Mapping[str, str]) -> dict[str, Any]:
    """Everything but the pipeline's stage and the values of inputs.

    Args:
        layout: which release it installs.
        command: what follows `mlops-stage`, as words of a shell.
        reports: files of the output directory that GitLab reads, by its words for them.
    """
    return {
        "image": spec.asked("image"),
        "variables": {
            "MLOPS_INPUT_OUT": OUT,
            "MLOPS_STAGE_DOTENV": f"{OUT}/{VARIABLES}",
            "MLOPS_STAGE_INSTALL": spec.asked("install"),
            **_release(layout),
            **spec.given(inputs.BOOTSTRAP),
        },
        "script": [_script(layout, command)],
        "allow_failure": {"exit_codes": [int(ExitCode.INCONCLUSIVE)]},
        "artifacts": {
            "when": "always",
            "paths": [f"{OUT}/"],
            "exclude": _PRIVATE,
            **({"reports": {kind: f"{OUT}/{name}" for kind, name in reports.items()}} if reports else {}),
        },
    }


def _release(layout: Layout) -> dict[str, Any]:
    """Which release the bootstrap installs; of a plugin, which brings its own stages by `requirements`, that which it was generated with."""
    if layout.wheel_sha256:
        return {name: {"value": value, "expand": False} for name, value in bootstrapping.release(layout).items()}
    version = __version__ if layout.kind == "plugin" else layout.version
    return {"MLOPS_STAGE_VERSION": version, "MLOPS_STAGE_SHA256": {"value": spec.asked("wheel-sha256"), "expand": False}}


_APART = [
    f'if [ -n "${{CI_NODE_INDEX:-}}" ] && [ "${{#CI_JOB_NAME}}" -gt {MOST_OF_NAME} ]; then\n',
    f'  echo "error: the name of this job of a matrix has more than {MOST_OF_NAME} characters, so another one may share its output directory" >&2\n',
    '  echo "hint: give the job a shorter name, or the matrix shorter values, such as ids of mlops.yaml" >&2\n',
    "  exit 2\n",
    "fi\n",
]
"""One report would replace the other where artifacts meet, and nobody would see it."""


def _script(layout: Layout, command: str) -> str:
    """A component is one file, so what installs stands in it; the last command decides how the job ends."""
    lines = [*_APART, 'if [ "$MLOPS_STAGE_INSTALL" = index ]; then\n', "  folder=$(mktemp -d)\n"]
    for name, text in bootstrapping.texts(layout).items():
        lines.append(f"  cat >\"$folder/{name}\" <<'end of {name}'\n{text}end of {name}\n")
    first = bootstrapping.SCRIPTS[0]
    return "".join([*lines, f'  sh "$folder/{first}" {command}\n', "else\n", f"  mlops-stage {command}\n", "fi\n"])
