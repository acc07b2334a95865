"""The page beside each object in the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage_tekton.objects import IDENTITY, REPORTS, SECRET, USER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

REWRITTEN = """\
## What Tekton and Kubernetes change in values

Values travel in variables of the step and are never part of a script, so nothing in them is executed. Some do not arrive letter for letter, whatever a Task does:

- `$(workspaces.<name>.path)`, `$(results.<name>.path)`, `$(context.taskRun.name)` and other variables of Tekton's become what they stand for.
- `$$` becomes `$`.
- `$(NAME)` becomes the value of an earlier input, such as `$(MLOPS_INPUT_MODEL)`, or of a service of the cluster. Secrets cannot be reached so.

Everything else arrives as it was written: quotes, line ends, `$(…)` of any other kind. A value that must keep one of these forms belongs in `mlops.yaml`.
"""


_MISSPELT = """
Tekton passes over a parameter that is not in this table, without a word: a misspelt `gates` is no gate, and the Task stays green. The report lists every gate.
"""


def of_task(made: Mapping[str, Any], path: str) -> str:
    """The page of a Task."""
    spec = made["spec"]
    parts = [
        _head(made, f"`kubectl apply -f {path}`; then start it as in `samples/`."),
        "The step exits with the code of `mlops-stage`. Code 5, not enough evidence to tell, lets the Task succeed: `TEST_OUTPUT` then says `WARNING`.\n",
        _parameters(spec["params"]) + _MISSPELT,
        _table("Workspaces", ("name", "meaning"), [(item["name"], _workspace(item)) for item in spec["workspaces"]]),
        _results(spec["results"]),
        _confinement(),
        _secrets(spec),
        REWRITTEN,
    ]
    return "\n".join(part for part in parts if part)


def of_step_action(made: Mapping[str, Any], path: str) -> str:
    """The page of a StepAction."""
    spec = made["spec"]
    parts = [
        _head(
            made, f"`kubectl apply -f {path}`; then refer to it from a step as in `samples/`. Results are `$(steps.<step>.results.<name>)`."
        ),
        _parameters(spec["params"]),
        _results(spec["results"]),
        _confinement(),
        _secrets(spec),
        REWRITTEN,
    ]
    return "\n".join(part for part in parts if part)


def of_pipeline(made: Mapping[str, Any], path: str) -> str:
    """The page of the Pipeline."""
    parts = [
        _head(made, f"Apply the Task `mlops-run`, then `kubectl apply -f {path}`."),
        (
            "It is a sample: a Pipeline is somebody's own. The matrix starts one TaskRun for each entry; keep those whose `stages` mlops.yaml names."
            " Each writes into a folder of its own, and what reads their reports is told where they lie."
            " All of these lie in a folder that is named for the PipelineRun: no page shows what an earlier one left in the volume.\n"
        ),
        "Sign in a Task of its own, `mlops-sign`, whose service account may do nothing else.\n",
    ]
    return "\n".join(parts)


def _head(made: Mapping[str, Any], how: str) -> str:
    return f"# {made['metadata']['name']}\n\n{made['spec']['description']}\n\n{how}\n"


def _parameters(items: Iterable[Mapping[str, Any]]) -> str:
    rows = [(item["name"], item["description"], _default(item)) for item in items]
    return _table("Parameters", ("name", "meaning", "default"), rows)


def _results(items: Iterable[Mapping[str, Any]]) -> str:
    rows = [(item["name"], item["description"]) for item in items]
    note = "\nTogether they stay below 1,024 bytes: what has no room is left out, and the log says so. One without a value is absent. All of it stands in the report.\n"
    return _table("Results", ("name", "meaning"), rows) + note


def _confinement() -> str:
    return (
        "## How it runs\n\n"
        f"As user {USER} without any capability, on a root that cannot be written. On a volume that belongs to root, give the Pod `fsGroup: {USER}`, as the sample does.\n"
    )


def _secrets(spec: Mapping[str, Any]) -> str:
    (step,) = spec.get("steps", [spec])
    names = [item["name"] for item in step["env"] if "valueFrom" in item]
    token = any("projected" in volume for volume in spec.get("volumes", []))
    lines = ["## Secrets\n"] if names or token else []
    if names:
        lines.append(
            f"Keys of the Secret `{SECRET}`, or of another that `secret` names, become variables: {', '.join(f'`{name}`' for name in names)}."
            " An input such as `model-token-env` then names the variable. Secrets never stand in parameters: whoever may see a TaskRun sees those.\n"
        )
    if token:
        lines.append(
            f"The token of the Pod's service account, for the audience `sigstore`, lies in `{IDENTITY}/oidc-token`;"
            " `ambient` with the value `true` signs with it. Fulcio must trust the cluster as an issuer.\n"
        )
    return "\n".join(lines)


def _workspace(item: Mapping[str, Any]) -> str:
    return str(item["description"]) + (f" (optional, at {REPORTS})" if item.get("optional") else "")


def _default(item: Mapping[str, Any]) -> str:
    return f"`{item['default']}`" if item.get("default") else "" if "default" in item else "none: required"


def _table(title: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join((f"`{first}`", *(cell.replace("|", "\\|") for cell in rest))) for first, *rest in rows]
    return f"## {title}\n\n" + "".join(f"| {line} |\n" for line in lines)
