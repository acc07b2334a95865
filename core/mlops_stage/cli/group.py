"""The root command: its own commands, and one subcommand per stage of the catalogue."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

import click

from mlops_stage import __version__, host
from mlops_stage.cli import adapters, completion, demo, doctor, init, plugins, report, verbs
from mlops_stage.cli.run import RunCommand, StageCommand
from mlops_stage.errors import UsageError, nearest

if TYPE_CHECKING:
    from mlops_stage.host import Catalogue

_HELP = """Stages that machine-learning assets need, for the pipeline you already run.

`mlops-stage init` writes a first mlops.yaml, `mlops-stage run` runs what it names; every stage is also a command of its own.
"""


class Suite(click.Group):
    """`mlops-stage`; the catalogue is discovered once, when it is first needed."""

    def __init__(self) -> None:
        super().__init__(name="mlops-stage", help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
        self.params.append(
            click.Option(
                ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and exit."
            )
        )
        self._own: dict[str, click.Command] = {
            "adapters": adapters.command(self),
            "completion": completion.command,
            "demo": demo.command(self),
            "doctor": doctor.command(self),
            "init": init.command(self),
            "plugins": plugins.command(self),
            "report": report.command(self),
            "run": RunCommand(self),
        }

    @cached_property
    def catalogue(self) -> Catalogue:
        """All that is installed."""
        return host.discover(os.environ)

    def owns(self, name: str) -> bool:
        """Whether that is a command of its own, and no stage."""
        return name in self._own

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Our own commands, then the stages."""
        del ctx
        return [*self._own, *(stage.kebab for stage in self.catalogue.stages.values())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """One command; a stage's options are built only when they are needed.

        Raises:
            UsageError: there is none of that name.
            StageError: the stage is there but broken.
        """
        if cmd_name in self._own:
            return self._own[cmd_name]
        del ctx
        name = cmd_name.replace("-", "_")
        if name not in self.catalogue.stages and name not in {broken.name for broken in self.catalogue.broken}:
            known = [*self._own, *(stage.kebab for stage in self.catalogue.stages.values())]
            raise UsageError(f"unknown command or stage '{cmd_name}'", nearest(cmd_name, known))
        return StageCommand(self, self.catalogue.stage(name))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """A stage's further verbs are commands of several words: `data contract synth`."""
        stage = None if args[0] in self._own or ctx.resilient_parsing else self.catalogue.stages.get(args[0].replace("-", "_"))
        if stage is None or not stage.commands or len(args) == 1 or args[1].startswith("-"):
            return super().resolve_command(ctx, args)
        words = verbs.named(stage, args[1:])
        if not words:
            return super().resolve_command(ctx, [args[0], "--help"])
        return f"{args[0]} {words}", verbs.VerbCommand(stage, words), args[1 + len(words.split()) :]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Two lists: stages first, for they are what people come for."""
        del ctx
        stages = [(stage.kebab, stage.summary) for stage in self.catalogue.stages.values()]
        if stages:
            with formatter.section("Stages"):
                formatter.write_dl(stages)
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(80)) for name, command in self._own.items()])


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001  (click's signature)
    if value and not ctx.resilient_parsing:
        click.echo(f"mlops-stage {__version__}")
        ctx.exit()
