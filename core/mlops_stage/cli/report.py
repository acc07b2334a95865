"""`mlops-stage report`: what is done with reports that are there."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlops_stage.cli.options import Place
from mlops_stage.cli.run import DEFAULT_OUT, tell
from mlops_stage.cli.terminal import complain, say
from mlops_stage.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.cli.group import Suite
    from mlops_stage.evidence.required import Requirement

_PLACE = Place(path_type=Path)
_MOST_SUMMARY = 2 * 2**20
_FROM, _REQUIRE = "MLOPS_INPUT_FROM", "MLOPS_INPUT_REQUIRE"


class _Places(Place):
    """Output directories. From a variable they come as a list, and a pattern in it stands for the folders that it names, as in a shell."""

    def split_envvar_value(self, rv: str) -> list[str]:
        from mlops_stage.params import TextList

        return [place for text in _list(TextList, rv, _FROM) for place in _folders(text)]


class _Demands(click.types.StringParamType):
    """What must be there, as it is written: `_requirements` reads it, wherever it comes from."""

    def split_envvar_value(self, rv: str) -> list[str]:
        return [rv]


def command(suite: Suite) -> click.Group:
    """The command, over the suite's catalogue."""
    group = click.Group(name="report", help="Bring together the reports of separate jobs, and show them where a change is discussed.")

    def merge(places: tuple[Path, ...], require: tuple[str, ...], out: Path, private: bool) -> ExitCode:  # noqa: FBT001  (click's signature)
        """Make one page and one exit code of output directories from separate jobs.

        Reports are copied with the evidence that they name, confirmed by digest, and signatures come along. The exit code is that of all of them
        together: what one run of all stages would have said.
        """
        from mlops_stage.runner import merging

        for place in places:
            if require and not place.exists():  # a job that broke leaves none, and what it owed is told by --require
                complain(f"{place}: no such folder, passed over", word="warning")
        asked = merging.Asked(places=places, out=Path(out).absolute(), require=_requirements(require), private=private)
        record, terminal = merging.merge(asked, suite.catalogue, os.environ)
        return tell(suite, record, terminal, asked.out, os.environ).exit_code

    params: list[click.Parameter] = [
        click.Argument(["places"], nargs=-1, required=True, type=_Places(path_type=Path), envvar=_FROM, metavar="DIR..."),
        click.Option(
            ["--require"],
            multiple=True,
            type=_Demands(),
            envvar=_REQUIRE,
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
    from mlops_stage.params import DemandList

    return tuple(dict.fromkeys(required.parse(part) for text in texts for part in _list(DemandList, text, "--require")))


def _list(kind: Any, text: str, name: str) -> tuple[str, ...]:
    """A list as every param takes it."""
    from pydantic import TypeAdapter, ValidationError

    try:
        found: tuple[str, ...] = TypeAdapter(kind).validate_python(text)
    except ValidationError as error:
        raise UsageError(f"{name}: {error.errors(include_url=False)[0]['msg'].removeprefix('Value error, ')}") from error
    return found


def _folders(text: str) -> list[str]:
    """What a shell would make of it: the folders that a pattern names, in order, or the text itself where it names none."""
    matches = [] if os.path.lexists(text) else sorted(glob.glob(text))  # noqa: PTH207  (a pattern may be absolute)
    return [match for match in matches if Path(match).is_dir()] or [text]
