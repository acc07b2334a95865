"""Composite actions: one for each stage, one for what mlops.yaml names, one that merges what separate jobs reported, one that comments, one that looks around."""

from __future__ import annotations

import shlex
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mlops_stage.native import bootstrapping as bootstrap
from mlops_stage.native import inputs, text
from mlops_stage.native.inputs import Input
from mlops_stage.words import DOCS
from mlops_stage_github_actions import workflows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_stage.adapter import Layout
    from mlops_stage.host import Catalogue

OUTPUTS = {
    "outcome": "passed, failed, inconclusive, not_applicable or error",
    "exit-code": f"the exit code of mlops-stage: {DOCS}/reference/exit-codes.html",
    "out": "the output directory, with report.html, report.sarif, junit.xml and one folder for each report",
    "outputs": "outputs of all stages that ran, as JSON: fromJSON(…).fairness_worst_gap",
}
"""Those of every action; see emission.outputs."""
TOKEN = Input(name="token", variable="GITHUB_TOKEN", help="token that may write on pull requests", default="that of the job")
_FOLDER = "plugins/github_actions"
_RUN = "run.sh"


def native(catalogue: Catalogue, layout: Layout) -> dict[str, str]:
    """`action.yml` of the repository, and `plugins/github_actions/<stage>/action.yml`; of a plugin's own repository `<stage>/action.yml`.

    Beside them `.github/workflows/<stage>.yml` for stages that need a job of their own, where it is known how the repository is called.
    """
    own = layout.kind == "project"
    folder = f"{_FOLDER}/" if own else ""
    made = {f"{folder}{_RUN}": _script(layout), **({} if own else bootstrap.texts(layout))}
    for stage in catalogue.stages.values():
        action = _action(
            layout,
            f"mlops-stage {stage.kebab}",
            f"{stage.summary}.",
            inputs.of_stage(catalogue, stage),
            {**OUTPUTS, **{name.replace("_", "-"): told for name, told in stage.outputs.items()}},
            f'"$MLOPS_STAGE_ACTION/../{_RUN}" {stage.kebab}',
            bootstrap.settings(stage),
        )
        made[f"{folder}{stage.kebab}/action.yml"] = text.heading(layout) + text.yaml(action)
    if layout.kind != "plugin":
        made |= {path: text.heading(layout) + text.yaml(action) for path, action in _of_no_stage(layout, folder).items()}
    if own or layout.repository:
        made |= workflows.reusable(catalogue, layout, described)
    return made


def _of_no_stage(layout: Layout, folder: str) -> dict[str, dict[str, Any]]:
    """What is ours alone; whoever ships a stage of his own has these beside him."""
    script = f'"$MLOPS_STAGE_ACTION/../{_RUN}"'
    return {
        "action.yml": _action(
            layout,
            "mlops-stage evaluate",
            "Data, quality, fairness, attacks, bill of materials and signatures: run the stages that mlops.yaml names.",
            inputs.of_run(),
            OUTPUTS,
            f'"$MLOPS_STAGE_ACTION/{folder}{_RUN}" run',
        ),
        f"{folder}merge/action.yml": _action(
            layout,
            "mlops-stage merge",
            "Make one page and one verdict of what separate jobs reported.",
            inputs.of_merge(),
            OUTPUTS,
            f"{script} report merge",
        ),
        f"{folder}comment/action.yml": _action(
            layout,
            "mlops-stage comment",
            "Write the summary on the pull request, as one comment that is kept up to date.",
            (inputs.OUT, TOKEN),
            {},
            f"{script} report comment",
        ),
        f"{folder}doctor/action.yml": _action(
            layout,
            "mlops-stage doctor",
            "Say in plain words what would keep a run from ending well on this runner.",
            (inputs.CONFIG, inputs.OUT),
            {},
            f"{script} doctor",
        ),
    }


def _action(  # noqa: PLR0913, PLR0917  (what an action is made of)
    layout: Layout,
    name: str,
    description: str,
    offered: Iterable[Input],
    outputs: Mapping[str, str],
    command: str,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    every = (*offered, *inputs.BOOTSTRAP)
    return {
        "name": name,
        "description": description,
        **({} if layout.kind == "plugin" else {"author": "The mlops-stage authors"}),
        "branding": {"icon": "shield", "color": "blue"},
        "inputs": {item.name: {"description": described(item), "required": False, "default": ""} for item in every},
        **({"outputs": {key: _output(key, told) for key, told in outputs.items()}} if outputs else {}),
        "runs": {"using": "composite", "steps": [_step(every, command, settings)]},
    }


def _output(key: str, told: str) -> dict[str, str]:
    return {"description": told, "value": f"${{{{ steps.run.outputs.{key} }}}}"}


def described(item: Input) -> str:
    """The help of an input with its choices and its default."""
    choices = f"; one of {', '.join(item.choices)}" if item.choices else ""
    default = f" (default: {item.default})" if item.default else ""
    return f"{item.help}{choices}{default}"


def _step(every: Iterable[Input], command: str, settings: Mapping[str, str]) -> dict[str, Any]:
    """Values travel by the step's environment alone: nothing of a user's stands in the script. Exit code 5 is amber, which GitHub shows as a warning."""
    given = {item.variable: f"${{{{ inputs.{item.name} || {_otherwise(item)} }}}}" for item in every}
    return {
        "id": "run",
        "shell": "bash",
        "env": {**given, **settings, "MLOPS_STAGE_ACTION": "${{ github.action_path }}"},
        "run": f"bash {command} || {{ code=$?; [ $code -eq 5 ] || exit $code; }}",
    }


def _otherwise(item: Input) -> str:
    """What holds for an empty input: the variable of the job or the workflow, which the step's own would hide. A token is the job's or is given, to this step alone."""
    return "github.token" if item == TOKEN else f"env.{item.variable}"


def _script(layout: Layout) -> str:
    """What all actions of a repository call: say what is installed, and hand over to the bootstrap."""
    source, scripts = ("$here/../..", f"$here/../../{bootstrap.PLACE}") if layout.kind == "project" else ("$here", "$here")
    if layout.kind == "vendor":
        installed = [f"export {name}={shlex.quote(value)}\n" for name, value in bootstrap.release(layout).items()]
    else:
        installed = [f'export MLOPS_STAGE_SOURCE="{source}"\n']
    if layout.kind == "plugin":
        installed += [
            "# All that is installed beside this repository, mlops-stage included, each with its hashes.\n",
            f'export MLOPS_STAGE_LOCK="$here/{bootstrap.LOCK}"\n',
        ]
    return "".join(
        [
            "#!/usr/bin/env bash\n",
            text.heading(layout),
            "set -euo pipefail\n",
            'here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)\n',
            *installed,
            f'exec sh "{scripts}/{bootstrap.SCRIPTS[0]}" "$@"\n',
        ]
    )
