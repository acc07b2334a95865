"""What the CI system is told of a command that ended before it had anything to report."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlops_stage.cli.run import DEFAULT_OUT
from mlops_stage.cli.terminal import complain, say
from mlops_stage.errors import ExitCode, StageError, UsageError, alike

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.cli.group import Suite


def explained(error: click.ClickException) -> StageError:
    """What is wrong with the command, and what to do: the option that was meant, if one is near, and where all of them stand."""
    if not isinstance(error, click.UsageError):
        return UsageError(error.format_message())
    see = f"`{error.ctx.command_path if error.ctx else 'mlops-stage'} --help`"
    if isinstance(error, click.NoSuchOption) and error.ctx:
        params = error.ctx.command.get_params(error.ctx)
        variable = "MLOPS_INPUT_" + error.option_name.strip("-").upper()
        if any(
            isinstance(param, click.Argument) and param.envvar == variable for param in params
        ):  # an input of a pipeline, but no option here
            usage = error.ctx.command.get_usage(error.ctx).removeprefix("Usage: ")
            return UsageError(f"no such option '{error.option_name}'", f"write it without an option: {usage}")
        known = [name for param in params for name in param.opts if name.startswith("--")]
        near = alike(error.option_name, known)
        return UsageError(f"no such option '{error.option_name}'", f"did you mean '{near}'? See {see}" if near else f"see {see}")
    message = error.format_message().splitlines()[0].rstrip(".")
    return UsageError(message[0].lower() + message[1:], f"see {see}")


def refuse(suite: Suite, error: StageError) -> ExitCode:
    """Tell the error, to the CI system too where a run was wanted; returns the exit code."""
    complain(error.message, error.hint)
    try:
        if error.code is not ExitCode.INTERRUPTED and _wants_run(suite, sys.argv[1:]):
            _emit(suite, error)
    except StageError:  # what is installed cannot be told either: that is said already
        pass
    return error.code


def _wants_run(suite: Suite, words: Sequence[str]) -> bool:
    """Whether the command runs stages or merges their reports; a stage's further verbs do not."""
    first, second = (*words, "", "")[:2]
    if suite.owns(first) or not first or first.startswith("-"):
        return first == "run" or (first, second) == ("report", "merge")
    stage = suite.catalogue.stages.get(first.replace("-", "_"))
    return stage is None or not second or second not in {verb.split()[0] for verb in stage.commands}


def _emit(suite: Suite, error: StageError) -> None:
    """A record without reports: the outcome is an error, and the exit code is known."""
    from datetime import UTC, datetime

    from mlops_stage.native import emission
    from mlops_stage.report import Failure, Run, stamp

    failure = Failure(code=error.code, message=error.message, hint=error.hint)
    record = Run(reports=(), ids=(), started=stamp(datetime.now(UTC)), seconds=0.0, failures=(failure,))
    commands, failures = emission.emit(record, suite.catalogue, os.environ, Path(os.environ.get("MLOPS_INPUT_OUT") or DEFAULT_OUT))
    say(commands, nl=False)
    for one in failures:
        complain(one.message, one.hint)
