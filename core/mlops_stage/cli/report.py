"""`mlops-stage report`: what is done with reports that are there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlops_stage.cli.options import Place
from mlops_stage.cli.run import DEFAULT_OUT, tell
from mlops_stage.cli.terminal import say
from mlops_stage.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.cli.group import Suite
    from mlops_stage.evidence.required import Requirement

_PLACE = Place(path_type=Path)
_MOST_SUMMARY = 2 * 2**20


def command(suite: Suite) -> click.Group:
    """The command, over the suite's catalogue."""
    group = click.Group(name="report", help="Bring together the reports of separate jobs, and show them where a change is discussed.")

    def merge(places: tuple[Path, ...], require: tuple[str, ...], out: Path, private: bool) -> ExitCode:  # noqa: FBT001  (click's signature)
        """Make one page and one exit code of output directories from separate jobs.

        Reports are copied with the evidence that they name, confirmed by digest, and signatures come along. The exit code is that of all of them
        together: what one run of all stages would have said.
        """
        from mlops_stage.runner import merging

        asked = merging.Asked(places=places, out=Path(out).absolute(), require=_requirements(require), private=private)
        record, terminal = merging.merge(asked, suite.catalogue, os.environ)
        return tell(suite, record, terminal, asked.out, os.environ).exit_code

    params: list[click.Parameter] = [
        click.Argument(["places"], nargs=-1, required=True, type=_PLACE, metavar="DIR..."),
        click.Option(
            ["--require"],
            multiple=True,
            metavar="A,B",
            help="ids that must be there, as in data,fairness=inconclusive (passed if unsaid), or predicate types; repeats",
        ),
        click.Option(
            ["--out", "-o"], type=_PLACE, envvar="MLOPS_INPUT_OUT", default=DEFAULT_OUT, show_default=True, help="output directory"
        ),
        click.Option(["--private"], is_flag=True, help="copy evidence/private too, which names people or small groups"),
    ]
    group.add_command(click.Command("merge", callback=merge, help=merge.__doc__, params=params))
    group.add_command(_comment(suite))
    return group


def _comment(suite: Suite) -> click.Command:
    def comment(out: Path) -> None:
        """Write summary.md on the change under review, as one comment that is kept up to date.

        A step of its own, for it needs a token that no other has: on GitHub GITHUB_TOKEN with `pull-requests: write`.
        """
        from mlops_stage.evidence.foreign import read_foreign
        from mlops_stage.host import resolve

        summary = read_foreign(Path(out).absolute(), "summary.md", _MOST_SUMMARY).decode(errors="replace")
        for adapter in suite.catalogue.adapters.values():
            owner = f"adapter '{adapter.name}' of {adapter.distribution}"
            if adapter.comment and adapter.detect and resolve(adapter.detect, owner)(os.environ):
                say(resolve(adapter.comment, owner)(summary, os.environ))
                return
        raise UsageError("this is no CI system that a comment can be written from", "`mlops-stage doctor` says which one this is")

    place = click.Option(
        ["--out", "-o"], type=_PLACE, envvar="MLOPS_INPUT_OUT", default=DEFAULT_OUT, show_default=True, help="output directory"
    )
    return click.Command("comment", callback=comment, help=comment.__doc__, params=[place])


def _requirements(texts: Sequence[str]) -> tuple[Requirement, ...]:
    """What `--require` says; the same may be said twice."""
    from mlops_stage.evidence import required
    from mlops_stage.params import EMPTY

    found = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    if texts and not found:
        raise UsageError(f"--require: {EMPTY}")
    return tuple(dict.fromkeys(required.parse(part) for part in found))
