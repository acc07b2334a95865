"""Workflows: what a stage needs of the job that it runs in, and a job of its own for each stage that proves who it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.native import inputs, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops_stage.adapter import Layout
    from mlops_stage.host import Catalogue
    from mlops_stage.native.inputs import Input
    from mlops_stage.stage import Stage

PINNED = {
    "actions/checkout": ("11bd71901bbe5b1630ceea73d27597364c9af683", "v4.2.2"),
    "actions/upload-artifact": ("ea165f8d65b6e75b540449e92b4886f43607fa02", "v4.6.2"),
    "actions/download-artifact": ("d3f86a106a0bac45b974a628896c90dbdf5c8093", "v4.3.0"),
}
"""Actions of others that workflows use: the commit, and the release that it is."""
RELEASE = "v1"
RUNNER = "ubuntu-latest"
ARTIFACT = "mlops-out"
_TOKEN = {"oidc": ("id-token", "write")}
_IDENTITY = "the identity that signs; no other job has it"


def permissions(needs: tuple[str, ...]) -> dict[str, str]:
    """What the token of a job must be allowed for a stage with these needs; an action cannot ask for it, its job must."""
    return {"contents": "read", **dict(_TOKEN[need] for need in needs if need in _TOKEN)}


def explained(allowed: Mapping[str, str], done: str) -> str:
    """Permissions as lines of a job, each with its reason; `done` is what is done to the files: judged, signed."""
    reasons = {"contents": f"the files that are {done}", "id-token": _IDENTITY}
    return "".join(f"      {name}: {level} # {reasons[name]}\n" for name, level in allowed.items())


def alone(stage: Stage) -> bool:
    """Whether the stage belongs into a job in which nothing else runs: whatever runs beside it could sign in its name."""
    return "oidc" in stage.needs


def reusable(catalogue: Catalogue, layout: Layout, described: Callable[[Input], str]) -> dict[str, str]:
    """`.github/workflows/<stage>.yml`, to be called as `mlops/evaluate/.github/workflows/<stage>.yml@v1`; in a copy, under its own name."""
    stages = [stage for stage in catalogue.stages.values() if alone(stage)]
    made = {
        f".github/workflows/{stage.kebab}.yml": text.yaml(_workflow(catalogue, stage, described, _action(layout, stage)))
        for stage in stages
    }
    return {path: text.heading(layout) + _commented(written) for path, written in made.items()}


def _action(layout: Layout, stage: Stage) -> str:
    """The action of the stage in the same repository; a reusable workflow cannot lead to it without naming that."""
    repository, _, ref = layout.repository.partition("@")
    return f"{repository}/{stage.kebab}@{ref}" if repository else f"mlops/evaluate/plugins/github_actions/{stage.kebab}@{RELEASE}"


def pinned(action: str) -> str:
    """The action at its commit."""
    return f"{action}@{PINNED[action][0]}"


def _workflow(catalogue: Catalogue, stage: Stage, described: Callable[[Input], str], action: str) -> dict[str, Any]:
    offered = [item for item in (*inputs.of_stage(catalogue, stage), *inputs.BOOTSTRAP) if item.name != "out"]
    outputs = ("outcome", "exit-code", *(name.replace("_", "-") for name in stage.outputs))
    told = {"outcome": "how it ended", "exit-code": "the exit code", **{key.replace("_", "-"): said for key, said in stage.outputs.items()}}
    return {
        "name": f"mlops-stage {stage.kebab}",
        "on": {
            "workflow_call": {
                "inputs": {
                    "artifact": {
                        "description": "artifact with the output directory of the jobs before; it gains what this job made",
                        "type": "string",
                        "default": ARTIFACT,
                    },
                    "runs-on": {"description": "runner of this job; nothing else should run there", "type": "string", "default": RUNNER},
                    **{item.name: {"description": described(item), "type": "string", "default": ""} for item in offered},
                },
                "secrets": {"password": {"description": "password of the key, where a key signs: key-password-env: MLOPS_PASSWORD"}},
                "outputs": {key: {"description": told[key], "value": f"${{{{ jobs.{stage.name}.outputs.{key} }}}}"} for key in outputs},
            }
        },
        "permissions": {},
        "jobs": {stage.name: _job(stage, [item.name for item in offered], outputs, action)},
    }


def _job(stage: Stage, names: list[str], outputs: tuple[str, ...], action: str) -> Mapping[str, Any]:
    return {
        "name": stage.summary,
        "runs-on": "${{ inputs.runs-on }}",
        "permissions": permissions(stage.needs),
        "outputs": {key: f"${{{{ steps.{stage.name}.outputs.{key} }}}}" for key in outputs},
        "steps": [
            {"uses": pinned("actions/checkout"), "with": {"persist-credentials": False}},
            {"uses": pinned("actions/download-artifact"), "with": {"name": "${{ inputs.artifact }}", "path": ARTIFACT}},
            {
                "id": stage.name,
                "uses": action,
                "env": {"MLOPS_PASSWORD": "${{ secrets.password }}"},
                "with": {**{name: f"${{{{ inputs.{name} }}}}" for name in names}, "out": ARTIFACT},
            },
            {
                "if": "always()",
                "uses": pinned("actions/upload-artifact"),
                "with": {
                    "name": "${{ inputs.artifact }}",
                    "path": f"{ARTIFACT}\n!{ARTIFACT}/*/evidence/private\n",
                    "overwrite": True,
                    "if-no-files-found": "error",
                },
            },
        ],
    }


def _commented(written: str) -> str:
    """The release of each commit, and why a permission is asked for."""
    for commit, release in PINNED.values():
        written = written.replace(commit, f"{commit} # {release}")
    asked = permissions(tuple(_TOKEN))
    plain = "".join(f"      {name}: {level}\n" for name, level in asked.items())
    return written.replace(plain, explained(asked, "signed"))
