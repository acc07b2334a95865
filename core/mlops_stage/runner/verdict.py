"""From what a stage's process answered to its report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from mlops_stage import gate
from mlops_stage.errors import ExitCode, InternalError, StageError
from mlops_stage.evidence.digest import sha256
from mlops_stage.evidence.paths import inside, relative
from mlops_stage.evidence.redact import spared, without_credentials, without_secrets
from mlops_stage.fields import describe
from mlops_stage.report import AnyCriterion, Failure, Judgement, NotApplicable, Observations, Outcome, Report, adapter_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.params import Params, Refusal, Request
    from mlops_stage.runner.process import Frame
    from mlops_stage.stage import Stage


def about(stage: Stage, version: str, request: Request, root: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """What a report says whatever comes of the stage."""
    return {
        "stage": stage.name,
        "id": request.id,
        "params": recorded(request.params, root, env),
        "seed": request.params.seed,
        "plugin": {"name": stage.distribution, "version": version},
    }


_OBSERVED = ("metrics", "findings", "subjects", "evidence", "figures", "outputs")
"""What a report takes from a stage's observations as it is."""


def report(about: Mapping[str, Any], stage: Stage, params: Params, frame: Frame, folder: Path) -> Report:
    """Judge what was observed; a failure, or an answer that cannot be judged, becomes a report with outcome `error`."""
    try:
        if "failure" in frame:
            return _errored(about, adapter_of(Failure).validate_python(frame["failure"]))
        seen, criteria = _answer(frame)
        if isinstance(seen, NotApplicable):
            return Report(**about, outcome=Outcome.NOT_APPLICABLE, summary=seen.reason)
        _check(stage, seen, folder)
        found = {name: getattr(seen, name) for name in _OBSERVED}
        if seen.failure is not None:
            return replace(_errored(about, seen.failure), **found)
        judged = _judged(seen, criteria, params)
    except StageError as error:
        return _errored(about, Failure(code=error.code, message=error.message, hint=error.hint))
    except Exception as error:  # noqa: BLE001  (the answer comes from a process that a hostile model may have taken over)
        message = f"the stage's answer cannot be judged: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        return _errored(about, Failure(code=ExitCode.INTERNAL, message=message, hint="this is a bug of the stage"))
    return Report(**about, outcome=judged.outcome, summary=judged.summary, gates=judged.gates, **found)


def refused(request: Refusal) -> Report:
    """The report of a stage that could not even be asked."""
    error = Failure(code=request.error.code, message=request.error.message, hint=request.error.hint)
    return _errored({"stage": request.stage, "id": request.id}, error)


def recorded(params: Params, root: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """Params as a report shows them: paths relative to the root, no credentials in addresses, no keys and tokens, nothing withheld, and nothing that only says how the work is done."""
    items = describe(type(params))
    plain = params.as_recorded()
    for item in items:
        if item.execution:
            del plain[item.name]
            continue
        value = plain[item.name]
        if item.names_variable and value is not None and value not in env:
            plain[item.name] = "***"  # a name that no variable has may be the token itself
        if item.path and isinstance(value, str):
            plain[item.name] = relative(root, Path(value)) if Path(value).is_absolute() else without_credentials(value)
    return {name: spared(value) for name, value in plain.items()}


def _errored(about: Mapping[str, Any], error: Failure) -> Report:
    error = replace(error, message=without_secrets(without_credentials(error.message)))
    return Report(**about, outcome=Outcome.ERROR, summary=f"There is no verdict: {error.message}.", error=error)


_SEEN: TypeAdapter[Any] = TypeAdapter(Observations | NotApplicable)
_CRITERIA: TypeAdapter[Any] = TypeAdapter(tuple[AnyCriterion, ...])


def _answer(frame: Frame) -> tuple[Observations | NotApplicable, tuple[AnyCriterion, ...]]:
    """The child's answer, validated: a hostile model may have taken the child over."""
    try:
        answer = frame["answer"]
        return _SEEN.validate_python(answer["seen"]), _CRITERIA.validate_python(answer["criteria"])
    except (KeyError, TypeError, ValidationError) as error:
        raise InternalError(f"the stage's answer is not valid: {str(error).splitlines()[0]}", "this is a bug of the stage") from error


def _judged(seen: Observations, criteria: tuple[AnyCriterion, ...], params: Params) -> Judgement:
    """`gates` replace criteria of source `default` and join those of standards, contracts and budgets."""
    if params.gates:
        criteria = (*(one for one in criteria if one.source != "default"), *gate.parse_all(params.gates))
    return gate.judge(seen, criteria, gate.Rules(mode=params.mode, min_denominator=params.min_denominator))


def _check(stage: Stage, seen: Observations, folder: Path) -> None:
    """Declared outputs only, each metric once, and evidence that is there and has the digest it claims."""
    labels = [metric.label for metric in seen.metrics]
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise InternalError(f"the metric {twice} was given twice: a gate on it would be arbitrary", "this is a bug of the stage")
    undeclared = sorted(set(seen.outputs) - set(stage.outputs))
    if undeclared:
        raise InternalError(f"the stage gave an output '{undeclared[0]}' that its record does not declare", "this is a bug of the stage")
    for item in seen.evidence:
        file = inside(folder, item.path)
        if not file.is_file() or sha256(file) != item.sha256:
            raise InternalError(f"the evidence {item.path} is not what the stage says it wrote", "this is a bug of the stage")
