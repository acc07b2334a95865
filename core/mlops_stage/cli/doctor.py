"""`mlops-stage doctor`: what is wrong here, and what to do."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlops_stage.cli.options import Place
from mlops_stage.cli.run import DEFAULT_OUT
from mlops_stage.cli.terminal import say
from mlops_stage.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.cli.group import Suite
    from mlops_stage.config.file import Config
    from mlops_stage.native.health import Check
    from mlops_stage.params import Refusal, Request

_MARKS = {"good": click.style("✓", fg="green"), "note": click.style("i", dim=True), "wrong": click.style("✗", fg="red")}
_PLACE = Place(path_type=Path)


def command(suite: Suite) -> click.Command:
    """The command, over the suite's catalogue."""

    def doctor(config: Path | None, out: Path, network: bool, as_json: bool) -> ExitCode:  # noqa: FBT001  (click's signature)
        """Look at this machine, the installation and mlops.yaml, and say in plain words what would keep a run from ending well.

        Nothing is asked over a network unless --network is given, and no value of a token is shown. Exits 3 if something is wrong.
        """
        from mlops_stage.native import health, reach

        patient = health.Patient(catalogue=suite.catalogue, env=os.environ, out=Path(out).absolute(), config=lambda: _config(suite, config))
        found = [*health.examine(patient), *reach.indexes(os.environ, network=network)]
        say(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=2) if as_json else _told(found))
        return ExitCode.STAGE if any(one.state == "wrong" for one in found) else ExitCode.PASSED

    params: list[click.Parameter] = [
        click.Option(["--config"], type=_PLACE, envvar="MLOPS_INPUT_CONFIG", help="config file  [default: mlops.yaml, if there is one]"),
        click.Option(["--out"], type=_PLACE, envvar="MLOPS_INPUT_OUT", default=DEFAULT_OUT, show_default=True, help="output directory"),
        click.Option(["--network"], is_flag=True, help="also ask the package index whether it answers"),
        click.Option(["--json", "as_json"], is_flag=True, help="for programs"),
    ]
    return click.Command(
        "doctor", callback=doctor, help=doctor.__doc__, params=params, short_help="Say what is wrong here, and what to do."
    )


def _config(suite: Suite, path: Path | None) -> tuple[Config, tuple[Request | Refusal, ...]]:
    from mlops_stage.config.file import load
    from mlops_stage.config.precedence import Invocation, requests

    config = load(path, Path.cwd())
    return config, requests(config, config.entries, suite.catalogue, Invocation(cwd=Path.cwd(), env=os.environ))


def _told(found: Sequence[Check]) -> str:
    from mlops_stage.reporters.escape import harmless
    from mlops_stage.words import counted

    lines = []
    for one in found:
        lines.append(f"{_MARKS[one.state]} {one.about:<16}{harmless(one.says, 400)}")
        lines += [f"{'':<18}→ {harmless(one.do, 400)}"] if one.do else []
    wrong = sum(one.state == "wrong" for one in found)
    return "\n".join(
        [*lines, "", f"{counted(wrong, 'thing is', 'things are')} wrong." if wrong else "Nothing is wrong that could be seen."]
    )
