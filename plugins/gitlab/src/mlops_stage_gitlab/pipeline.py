"""The component `full-pipeline`: evaluate what mlops.yaml names, sign in a job of its own, verify what was signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.native import bootstrapping, inputs
from mlops_stage_gitlab import spec
from mlops_stage_gitlab.job import BILLS, REPORTS, job

if TYPE_CHECKING:
    from mlops_stage.adapter import Layout
    from mlops_stage.host import Catalogue
    from mlops_stage.native.inputs import Input

_PREFIX = spec.asked("prefix")
_SHARED = ("model", "config")
"""What all three jobs are told."""
_FIXED = {"sign": ("ambient",), "verify": ("bundles",)}
"""Fields that the pipeline itself answers."""
_TRUSTED = '$CI_PIPELINE_SOURCE != "merge_request_event" && $CI_COMMIT_REF_PROTECTED == "true"'
"""What comes with a merge request, or lies on a branch that anybody may push to, is judged, and not yet signed for."""
_COMMAND = "MLOPS_STAGE_COMMAND"


def component(catalogue: Catalogue, layout: Layout) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and body; without the stages `sign` and `verify` only the first job."""
    run = tuple(item for item in inputs.of_run() if item is not inputs.OUT)
    signing = {name: _own(catalogue, name) for name in _FIXED if name in catalogue.stages}
    header = spec.header(
        "Run the stages that mlops.yaml names in one job; sign their reports in another, and verify what was signed.",
        spec.declared(run),
        _choices(signed=bool(signing)),
        *(spec.declared(fields, f"{name}-") for name, fields in signing.items()),
        spec.installing(layout),
    )
    common = job(layout, f'"${_COMMAND}"', {**REPORTS, **BILLS})
    jobs = {f".{_PREFIX}-common": common, f"{_PREFIX}-evaluate": _evaluate(run)}
    shared = tuple(item for item in run if item.name in _SHARED)
    for name, fields in signing.items():
        told = {**bootstrapping.settings(catalogue.stages[name]), **spec.given(shared), **spec.given(fields, f"{name}-")}
        jobs[f"{_PREFIX}-{name}"] = _after(name, told)
    return header, jobs


def _choices(*, signed: bool) -> dict[str, Any]:
    chosen: dict[str, Any] = {
        "prefix": {
            "type": "string",
            "description": "first part of the names of the jobs: <prefix>-evaluate, -sign and -verify",
            "default": "mlops",
            "regex": "^[a-z]([a-z0-9-]{0,40}[a-z0-9])?$",
        },
        "stage": {"type": "string", "description": "stage of the pipeline that all these jobs belong to", "default": "test"},
    }
    if signed:
        chosen["sign"] = {
            "type": "string",
            "description": "sign on protected branches and tags, and verify after: none, with the identity of the job (add id_tokens to <prefix>-sign), or with a key (sign-key)",
            "default": "none",
            "options": ["none", "identity", "key"],
        }
    return chosen


def _own(catalogue: Catalogue, name: str) -> tuple[Input, ...]:
    """The fields that this stage has for itself."""
    elsewhere = {item.name for item in (*inputs.of_run(), inputs.ID, inputs.OUT, inputs.REPORTS)} | {"gates", *_FIXED[name]}
    return tuple(item for item in inputs.of_stage(catalogue, catalogue.stages[name]) if item.name not in elsewhere)


def _evaluate(run: tuple[Input, ...]) -> dict[str, Any]:
    return {"extends": f".{_PREFIX}-common", "stage": spec.asked("stage"), "variables": {_COMMAND: "run", **spec.given(run)}}


def _after(name: str, values: dict[str, Any]) -> dict[str, Any]:
    """A job that reads the reports of those before it; `needs` orders them, so that no pipeline must have a further stage for it."""
    before = [f"{_PREFIX}-{one}" for one in ("evaluate", *_FIXED) if one != name][: 1 if name == "sign" else 2]
    folders = [f"mlops-out/{one}" for one in before]
    rules: list[dict[str, Any]] = [
        {"if": f'"{spec.asked("sign")}" == "identity" && {_TRUSTED}'},
        {"if": f'"{spec.asked("sign")}" == "key" && {_TRUSTED}'},
    ]
    fixed: dict[str, Any] = {_COMMAND: name, "MLOPS_INPUT_REPORTS": ":".join(folders)}
    if name == "sign":
        rules[0]["variables"] = {"MLOPS_INPUT_AMBIENT": "true"}
    else:
        fixed["MLOPS_INPUT_BUNDLES"] = f"{folders[-1]}/attestations"
    return {
        "extends": f".{_PREFIX}-common",
        "stage": spec.asked("stage"),
        "rules": rules,
        "needs": before,
        "variables": {**fixed, **values},
    }
