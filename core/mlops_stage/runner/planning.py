"""`--plan`: what would run, on what, at what cost, and which gates the data cannot decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mlops_stage.errors import ExitCode, worst
from mlops_stage.params import Refusal, Request
from mlops_stage.report import Plan, adapter_of
from mlops_stage.runner import in_order, policy, process
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.host import Catalogue
    from mlops_stage.runner import Settings


def describe(asked: Sequence[Request | Refusal], catalogue: Catalogue, settings: Settings) -> tuple[str, ExitCode]:
    """The plan of every request as text, and the code that an impossible one would already earn; nothing is written.

    Raises:
        UsageError: a policy is demanded.
    """
    policy.refuse(settings.env)
    lines: list[str] = []
    codes: list[ExitCode] = []
    with process.terminated_as_interrupt(), process.undumpable():
        plans = [(request, _planned(request, catalogue, settings)) for request in in_order(asked, catalogue)]
    for number, (request, plan) in enumerate(plans, start=1):
        lines.append(f"{number}. {request.id} (stage {request.stage})")
        if isinstance(plan, Plan):
            lines.append(f"   {plan.cost}" if plan.rows is None else f"   on {counted(plan.rows, 'row')}; {plan.cost}")
            lines += [f"   {note}" for note in plan.notes]
        else:
            lines.append(f"   cannot run: {plan['message']}")
            lines += [f"   hint: {plan['hint']}"] if plan["hint"] else []
            codes.append(ExitCode(plan["code"]))
    return "\n".join(lines) + "\n", worst(codes)


def _planned(request: Request | Refusal, catalogue: Catalogue, settings: Settings) -> Plan | dict[str, Any]:
    """The stage's own plan, made in its child process; a failure's frame when it cannot be made."""
    if isinstance(request, Refusal):
        return {"message": request.error.message, "hint": request.error.hint, "code": request.error.code}
    stage = catalogue.stage(request.stage)
    if not stage.plan:
        return Plan(rows=None, cost="cost unknown: the stage gives no plan")
    task = {**process.task(stage, request.params, settings, settings.out, []), "verb": "plan"}
    frame = process.in_child(task, request.params.limits, settings.env, lambda _done, _what: None, lambda _text: None).frame
    if "failure" in frame:
        return dict(frame["failure"])
    try:
        return adapter_of(Plan).validate_python(frame.get("plan"))  # type: ignore[no-any-return]
    except ValidationError as error:
        return {
            "message": f"the stage's plan is not valid: {str(error).splitlines()[0]}",
            "hint": "this is a bug",
            "code": ExitCode.INTERNAL,
        }
