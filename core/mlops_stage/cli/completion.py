"""`mlops-stage completion`: the script that makes a shell complete commands, options and choices."""

from __future__ import annotations

import click


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    Add it to the shell's start-up file: for bash, `eval "$(mlops-stage completion bash)"` in ~/.bashrc.
    """
    from click.shell_completion import get_completion_class

    from mlops_stage.cli.group import Suite

    kind = get_completion_class(shell)
    if kind is not None:
        click.echo(kind(Suite(), {}, "mlops-stage", "_MLOPS_STAGE_COMPLETE").source())
