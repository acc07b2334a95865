"""`mlops-stage init`: write a first mlops.yaml for this repository."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mlops_stage.cli.group import Suite


def command(suite: Suite) -> click.Command:
    """The command, over the suite's catalogue."""

    @click.command(name="init", short_help="Write a first mlops.yaml for this repository.")
    @click.option("--force", is_flag=True, help="replace an mlops.yaml that is there already")
    def init(*, force: bool) -> None:
        """Look at this folder and write an mlops.yaml that fits it; what only you can know is marked CHOOSE."""
        from mlops_stage.config import synthesis
        from mlops_stage.params import CHOOSE

        root = Path.cwd()
        path = synthesis.write(root, suite.catalogue, force=force)
        open_questions = path.read_text(encoding="utf-8").count(f": {CHOOSE}")
        click.echo(f"wrote {path.name}")
        if open_questions:
            click.echo(f"{open_questions} value{'s' if open_questions > 1 else ''} in it only you can know: look for {CHOOSE}")
        click.echo("next: mlops-stage run --plan")
        for name, text in synthesis.snippets(root, suite.catalogue):
            click.echo(f"\nadd this to your {name} pipeline:\n\n{text}", nl=False)

    return init
