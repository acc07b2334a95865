"""Tekton's objects as plain mappings: what a stage becomes in each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_stage.native import bootstrapping, inputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.adapter import Layout
    from mlops_stage.native.inputs import Input

USER = 65532
"""The user of the image, whom distroless images know as nonroot."""
SOURCE, REPORTS = "/workspace/source", "/workspace/reports"
HOME = "/tekton/home"
SECRET = "mlops-stage"  # noqa: S105  (the name of one, not one)
SCRATCH = "/tmp"  # noqa: S108  (a volume of the Task's own)
IDENTITY = "/var/run/sigstore/cosign"
"""Where signing tools of that family look for a token by custom; the file is oidc-token."""
_END = "END OF FILE"
_LOOK = """\
command -v mlops-stage > /dev/null || {{
  echo 'error: there is no mlops-stage on the PATH of this image: let the parameter {image} name one that holds it' >&2
  exit 3
}}
"""
_AFTER = f"""{{
  code=$?
  [ "$code" -ne 5 ] || exit 0
  [ "$code" -ne 2 ] || [ -w . ] || echo 'hint: user {USER} cannot write into this workspace: give the Pod securityContext fsGroup: {USER}' >&2
  exit "$code"
}}
"""
_OBJECT = {"uri": {"type": "string"}, "digest": {"type": "string"}}
_RESULTS: tuple[dict[str, Any], ...] = (
    {"name": "outcome", "description": "passed, failed, inconclusive, not_applicable or error"},
    {"name": "TEST_OUTPUT", "description": "verdict, counts of gates and a note as JSON, as Konflux's ADR 30 has it"},
)
_RESULTS_OF_ONE: tuple[dict[str, Any], ...] = (
    {"name": "report-digest", "description": "SHA-256 of report.json"},
    {
        "name": "ARTIFACT_OUTPUTS",
        "description": "report.json for Tekton Chains",
        "type": "object",
        "properties": {**_OBJECT, "isBuildArtifact": {"type": "string"}},
    },
    {"name": "ARTIFACT_INPUTS", "description": "what was judged, for Tekton Chains", "type": "object", "properties": _OBJECT},
)


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What one Task or StepAction runs."""

    name: str
    title: str
    summary: str
    command: str
    """The word after `mlops-stage`."""
    inputs: tuple[Input, ...]
    outputs: Mapping[str, str] | None = None
    """Of the stage; None where several stages may run."""
    secrets: tuple[str, ...] = field(default=())
    identity: bool = False
    """Whether it is given a token that says who runs it."""


def installs(layout: Layout) -> bool:
    """Whether steps install the release into an image that has only Python: an organisation's copy does so until it names an image."""
    return layout.kind == "vendor" and not layout.image


def short(version: str) -> str:
    """`0.1` of `0.1.0`: a catalog's versions have two numbers."""
    return ".".join(version.split(".")[:2])


def own_name(name: str, unit: Unit) -> str:
    """Of a parameter of ours: a stage of somebody else's may have an input that is called the same."""
    return f"mlops-{name}" if name in {item.name for item in unit.inputs} else name


def task(unit: Unit, layout: Layout) -> dict[str, Any]:
    """A Task of one step; what it needs beside its image is a workspace."""
    step = {
        "name": "run",
        "image": f"$(params.{own_name('image', unit)})",
        "workingDir": "$(workspaces.source.path)",
        "env": [*_given(unit, layout), *_surroundings(SCRATCH, "$(results.outcome.path)", layout), *_from_secret(unit)],
        "script": _script(unit, layout),
        "securityContext": _confined(),
        "volumeMounts": [
            {"name": "tmp", "mountPath": SCRATCH},
            *([{"name": "identity", "mountPath": IDENTITY, "readOnly": True}] * unit.identity),
        ],
    }
    token = {"path": "oidc-token", "audience": "sigstore", "expirationSeconds": 600}
    identity = {"name": "identity", "projected": {"sources": [{"serviceAccountToken": token}]}}
    spec = {
        "description": f"{unit.summary} The report lies in the workspace, whatever the verdict.",
        "params": _params(unit, layout),
        "workspaces": [
            {"name": "source", "description": "model, data and mlops.yaml; the step works here and writes its output directory here"},
            {
                "name": "reports",
                "description": f"another place for output directories: out {REPORTS}/…, or reports of earlier Tasks",
                "optional": True,
                "mountPath": REPORTS,
            },
        ],
        "results": [_result(item) for item in _results(unit)],
        "volumes": [{"name": "tmp", "emptyDir": {}}, *([identity] * unit.identity)],
        "steps": [step],
    }
    return {"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": metadata(unit.name, unit.title, layout), "spec": spec}


def merge_task(layout: Layout) -> dict[str, Any]:
    """The Task that makes one page and one verdict of what several others wrote; its folders are words of the command, never of the script."""
    unit = Unit(
        name="mlops-merge",
        title="merge",
        summary="Make one page and one verdict of the output directories of several Tasks.",
        command='report merge -- "$@"',
        inputs=(inputs.REQUIRE, inputs.OUT),
    )
    made = task(unit, layout)
    made["spec"]["params"].append({"name": "folders", "description": "output directories of earlier Tasks", "type": "array"})
    (step,) = made["spec"]["steps"]
    step["args"] = ["$(params.folders[*])"]
    return made


def step_action(unit: Unit, layout: Layout) -> dict[str, Any]:
    """The same as a step of somebody's own Task: it has no workspaces or volumes, so the working folder is a parameter."""
    folder = {
        "name": own_name("workspace", unit),
        "description": "folder to work in: $(workspaces.<name>.path) of your Task",
        "type": "string",
        "default": SOURCE,
    }
    spec = {
        "description": f"{unit.summary} The report lies in the working folder, whatever the verdict.",
        "params": [*_params(unit, layout), folder],
        "results": [_result(item) for item in _results(unit)],
        "image": f"$(params.{own_name('image', unit)})",
        "workingDir": f"$(params.{folder['name']})",
        "env": [*_given(unit, layout), *_surroundings(HOME, "$(step.results.outcome.path)", layout), *_from_secret(unit)],
        "script": _script(unit, layout),
        "securityContext": _confined(),
    }
    return {"apiVersion": "tekton.dev/v1beta1", "kind": "StepAction", "metadata": metadata(unit.name, unit.title, layout), "spec": spec}


def metadata(name: str, title: str, layout: Layout) -> dict[str, Any]:
    """Name, labels and annotations that catalogs ask for."""
    return {
        "name": name,
        "labels": {"app.kubernetes.io/version": short(layout.version)},
        "annotations": {
            "tekton.dev/pipelines.minVersion": "1.0.0",
            "tekton.dev/categories": "Testing, Security",
            "tekton.dev/tags": "machine-learning, evaluation, mlops",
            "tekton.dev/displayName": f"mlops-stage {title}",
            "tekton.dev/platforms": "linux/amd64,linux/arm64",
        },
    }


def example_image(layout: Layout) -> str:
    """The one that is known, or a name that stands for an image of one's own and says what must be in it."""
    holds = "python" if installs(layout) else f"mlops-stage-with-{layout.distribution}" if layout.kind == "plugin" else "mlops-stage"
    return layout.image or f"registry.example.com/{holds}@sha256:{64 * '0'}"


def image_param(layout: Layout) -> dict[str, Any]:
    """Without a default where nobody is known to publish one: a wrong guess would run somebody else's image."""
    holds = "Python 3.11 or newer" if installs(layout) else f"{layout.distribution} {layout.version} in it and `mlops-stage` on its PATH"
    told = f"image by digest (registry/name@sha256:…) with {holds}"
    return {"name": "image", "description": told, "type": "string", **({"default": layout.image} if layout.image else {})}


def _params(unit: Unit, layout: Layout) -> list[dict[str, Any]]:
    made = [{**image_param(layout), "name": own_name("image", unit)}]
    for item in _offered(unit, layout):
        choices = f"; one of {', '.join(item.choices)}" if item.choices else ""
        default = f" (default: {item.default})" if item.default else ""
        made.append({"name": item.name, "description": f"{item.help}{choices}{default}", "type": "string", "default": ""})
    if unit.secrets:
        told = f"Secret whose keys {', '.join(unit.secrets)} become variables of these names, each only if it is there"
        made.append({"name": own_name("secret", unit), "description": told, "type": "string", "default": SECRET})
    return made


def _offered(unit: Unit, layout: Layout) -> tuple[Input, ...]:
    return (*unit.inputs, *(inputs.BOOTSTRAP if installs(layout) else ()))


def _given(unit: Unit, layout: Layout) -> list[dict[str, Any]]:
    """First of all variables: Kubernetes puts the value of an earlier one where a later one says `$(NAME)`."""
    return [{"name": item.variable, "value": f"$(params.{item.name})"} for item in _offered(unit, layout)]


def _surroundings(scratch: str, results: str, layout: Layout) -> list[dict[str, Any]]:
    given = {"HOME": HOME, "TMPDIR": scratch, "MLOPS_STAGE_RESULTS": results}
    if installs(layout):
        given |= {"MLOPS_STAGE_ENVIRONMENTS": f"{scratch}/environments", **bootstrapping.release(layout)}
    return [{"name": name, "value": value} for name, value in given.items()]


def _from_secret(unit: Unit) -> list[dict[str, Any]]:
    """Last of all, so that no value of a parameter can name one."""
    secret = f"$(params.{own_name('secret', unit)})"
    return [{"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": name, "optional": True}}} for name in unit.secrets]


def _script(unit: Unit, layout: Layout) -> str:
    """The only shell there is; exit code 5 is amber, which Tekton has no colour for: TEST_OUTPUT says WARNING."""
    words, before = "mlops-stage", _LOOK.format(image=own_name("image", unit))
    if installs(layout):
        words = f'sh "$TMPDIR/{bootstrapping.SCRIPTS[0]}"'
        carried = bootstrapping.texts(layout).items()
        before = "set -eu\n" + "".join(f"cat > \"$TMPDIR/{name}\" <<'{_END}'\n{script}{_END}\n" for name, script in carried)
    return f"#!/bin/sh\n{before}{words} {unit.command} || {_AFTER}"


def _confined() -> dict[str, Any]:
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _results(unit: Unit) -> list[dict[str, Any]]:
    if unit.outputs is None:
        return list(_RESULTS)
    fixed = [*_RESULTS, *_RESULTS_OF_ONE]
    taken = {item["name"] for item in fixed}
    return [*fixed, *({"name": name, "description": told} for name, told in unit.outputs.items() if name not in taken)]


def _result(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "string", **item}
