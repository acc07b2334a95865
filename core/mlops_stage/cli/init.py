"""`mlops-stage init`: write a first mlops.yaml for this repository, or a script that exports a model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mlops_stage.cli.group import Suite


def command(suite: Suite) -> click.Command:
    """The command, over the suite's catalogue."""

    @click.command(name="init", short_help="Write a first mlops.yaml for this repository.")
    @click.option(
        "--export",
        type=click.Choice(["sklearn", "torch"]),
        help="write export_model.py instead, which turns a model into what can be judged",
    )
    @click.option("--force", is_flag=True, help="replace a file that is there already")
    def init(*, export: str | None, force: bool) -> None:
        """Look at this folder and write an mlops.yaml that fits it, with a data contract; what only you can know is marked CHOOSE.

        Says also what to add to the pipeline that is here. Where there is an mlops.yaml already, it only does that, and exits 2.

        With --export, write a script instead that runs where your model was trained: it writes predictions and, where possible, the model as ONNX.
        """
        from mlops_stage.config import synthesis
        from mlops_stage.config.file import NAME
        from mlops_stage.params import CHOOSE

        root = Path.cwd()
        if export:
            _export(root, export, force=force)
            return
        if force or not (root / NAME).exists():
            _drafts(root, suite)
        else:  # which is then refused; what to add to the pipeline depends on what the file says by now
            _pipelines(root, suite)
        path = synthesis.write(root, suite.catalogue, force=force)
        written = path.read_text(encoding="utf-8")
        if written.endswith(synthesis.NOTHING):
            click.echo(f"wrote {path.name}, but there is no model and no data here that a stage could judge")
            click.echo(
                "next: put a table, predictions or an ONNX model here and run init --force; `mlops-stage init --export sklearn` helps to write them"
            )
        else:
            _told(path.name, written.count(f": {CHOOSE}"))
            _unjudged(root)
        _pipelines(root, suite)

    return init


def _pipelines(root: Path, suite: Suite) -> None:
    """What to add to each CI system that this repository uses."""
    from mlops_stage.config import synthesis

    for name, text in synthesis.snippets(root, suite.catalogue):
        click.echo(f"\nadd this to your {name} pipeline:\n\n{text}", nl=False)


def _told(name: str, questions: int) -> None:
    from mlops_stage.params import CHOOSE
    from mlops_stage.words import counted

    click.echo(f"wrote {name}")
    if questions:
        click.echo(f"{counted(questions, 'value')} in it only you can know: look for {CHOOSE}")
    click.echo("next: mlops-stage run --plan")


def _unjudged(root: Path) -> None:
    """Why stages that judge answers are not in the file, where there is a model whose answers nobody has written down."""
    from mlops_stage.config.exporting import kind_of
    from mlops_stage.evidence.redact import shown
    from mlops_stage.inputs.repository import files, unjudged

    model = unjudged(files(root))
    if model:
        click.echo(
            f"{shown(model)} is not opened, so nothing asks it yet: `mlops-stage init --export {kind_of(model)}` writes a script"
            " that makes of it what quality and fairness judge"
        )


def _drafts(root: Path, suite: Suite) -> None:
    """Let stages write what belongs beside a first mlops.yaml. A stage that cannot costs its own file only."""
    from mlops_stage.errors import StageError
    from mlops_stage.host import resolve
    from mlops_stage.runner import Settings, folders, verbs

    settings = Settings(root=root, out=root, cache=folders.cache(os.environ), env=os.environ)
    for stage in suite.catalogue.stages.values():
        if not stage.drafts:
            continue
        owner = f"stage '{stage.name}' of {stage.distribution}"
        try:
            for words, values in resolve(stage.drafts, owner)(root).items():
                params = resolve(resolve(stage.commands[words], owner).params, owner).model_validate(values)
                click.echo(verbs.answer(stage, words, params, settings).text.splitlines()[0])
        except StageError as error:
            click.echo(f"{stage.kebab}: {error.message}; nothing was drafted for it", err=True)


def _export(root: Path, kind: str, *, force: bool) -> None:
    from mlops_stage.config import exporting

    path = exporting.write(root, kind, force=force)
    click.echo(f"wrote {path.name}: fill in what is marked CHOOSE")
    click.echo(f"next: python {path.name}, in the environment that your model was trained in")
