"""Further verbs of a stage: `mlops-stage data contract synth`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlops_stage.cli.lazy import Lazy
from mlops_stage.cli.options import Place, from_fields, given
from mlops_stage.cli.terminal import say
from mlops_stage.errors import ExitCode, UsageError, nearest
from mlops_stage.host import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.stage import Command, Stage


def command(stage: Stage, words: str) -> Command:
    """The record of a verb."""
    found: Command = resolve(stage.commands[words], f"stage '{stage.name}' of {stage.distribution}")
    return found


def named(stage: Stage, args: Sequence[str]) -> str:
    """The verb that the arguments begin with; nothing where only help is asked for.

    Raises:
        UsageError: they begin with no verb of this stage, or with a part of one.
    """
    for words in sorted(stage.commands, key=len, reverse=True):
        if list(args[: len(words.split())]) == words.split():
            return words
    if {"-h", "--help"} & set(args[1:]):
        return ""
    further = [words.split()[1] for words in stage.commands if words.split()[0] == args[0] and " " in words]
    if further:
        said = next((word for word in args[1:] if not word.startswith("-")), None)
        message = f"`{stage.kebab} {args[0]}` has no command {said!r}" if said else f"`{stage.kebab} {args[0]}` needs one more word"
        raise UsageError(message, f"write one of {', '.join(further)}")
    raise UsageError(f"stage {stage.kebab} has no command {args[0]!r}", nearest(args[0], stage.commands))


class VerbCommand(Lazy):
    """One verb of a stage; its work is done in the stage's child process."""

    def __init__(self, stage: Stage, words: str) -> None:
        self._stage, self._words = stage, words
        self._record = command(stage, words)
        super().__init__(f"{stage.kebab} {words}", help=self._record.summary + ".", short_help=self._record.summary)

    def build(self) -> list[click.Parameter]:
        """One option per field; the argument without one."""
        from mlops_stage.fields import describe

        fields = describe(self._verb_params())
        arguments: list[click.Parameter] = [click.Argument([item.name], required=item.required) for item in fields if item.argument]
        config = click.Option(["--config"], type=Place(path_type=Path), envvar="MLOPS_INPUT_CONFIG", help="config file")
        return [*arguments, *from_fields(item for item in fields if not item.argument), config]

    def invoke(self, ctx: click.Context) -> ExitCode:
        """Do it, and say what it says."""
        from mlops_stage.config.file import load
        from mlops_stage.config.precedence import Invocation, verb
        from mlops_stage.runner import Settings, folders, verbs

        cwd = Path.cwd()
        config = load(ctx.params.pop("config"), cwd)
        invocation = Invocation(cwd=cwd, env=os.environ, options=given(ctx.params), subcommand=True)
        params = verb(config, self._stage, self._verb_params(), invocation)
        settings = Settings(root=config.root, out=config.root, cache=folders.cache(os.environ), env=os.environ)
        reply = verbs.answer(self._stage, self._words, params, settings)
        say(reply.text, nl=not reply.text.endswith("\n"))
        return ExitCode(reply.code)

    def _verb_params(self) -> Any:
        return resolve(self._record.params, f"stage '{self._stage.name}' of {self._stage.distribution}")
