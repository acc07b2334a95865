"""Further verbs of a stage, done in its child process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from mlops_stage.errors import ExitCode, InternalError, StageError
from mlops_stage.params import Limits
from mlops_stage.report import adapter_of
from mlops_stage.runner import Settings, policy, process
from mlops_stage.stage import Reply

if TYPE_CHECKING:
    from mlops_stage.params import Verb
    from mlops_stage.stage import Stage


def answer(stage: Stage, words: str, params: Verb, settings: Settings) -> Reply:
    """What the verb says; no report is written.

    Raises:
        StageError: it could not be done, or a policy is demanded.
    """
    policy.refuse(settings.env)
    task = {**process.task(stage, params, settings, settings.out, []), "verb": words}
    name = f"{stage.name} {words}"
    with process.terminated_as_interrupt(), process.undumpable():
        frame = process.in_child(task, Limits(), settings.env, lambda _done, _what: None, lambda _text: None).frame
    if "failure" in frame:
        failure = frame["failure"]
        told = StageError(failure["message"], failure["hint"])
        told.code = ExitCode(failure["code"])
        raise told
    try:
        return adapter_of(Reply).validate_python(frame.get("reply"))  # type: ignore[no-any-return]
    except ValidationError as error:
        raise InternalError(f"{name} answered with something that is no Reply: {str(error).splitlines()[0]}", "this is a bug") from error
