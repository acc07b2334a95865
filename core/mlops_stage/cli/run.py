"""`mlops-stage run` and one command per stage: from options to requests, from requests to an exit code."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlops_stage.cli import verbs
from mlops_stage.cli.lazy import Lazy
from mlops_stage.cli.options import Place, from_fields, given
from mlops_stage.cli.terminal import complain, say
from mlops_stage.errors import ExitCode, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.cli.group import Suite
    from mlops_stage.config.file import Config, Entry
    from mlops_stage.config.precedence import Invocation
    from mlops_stage.params import Refusal, Request
    from mlops_stage.report import Run
    from mlops_stage.runner import Settings
    from mlops_stage.stage import Stage

DEFAULT_OUT = "mlops-out"


def _invocation_options() -> list[click.Option]:
    """What belongs to the invocation, never to mlops.yaml."""
    path = Place(path_type=Path)
    return [
        click.Option(["--config"], type=path, envvar="MLOPS_INPUT_CONFIG", help="config file  [default: mlops.yaml, if there is one]"),
        click.Option(["--out"], type=path, envvar="MLOPS_INPUT_OUT", default=DEFAULT_OUT, show_default=True, help="output directory"),
        click.Option(
            ["--reports"],
            type=path,
            multiple=True,
            envvar="MLOPS_INPUT_REPORTS",
            help="output directory of an earlier job to read; repeats",
        ),
        click.Option(
            ["--if-changed"],
            is_flag=True,
            envvar="MLOPS_INPUT_IF_CHANGED",
            help="pass over a stage if nothing has changed that its earlier report, here or in --reports, was made from",
        ),
        click.Option(["--plan"], is_flag=True, help="say what would run, on what and at what cost, and run nothing"),
        click.Option(["--explain-config"], is_flag=True, help="say where each value comes from, and run nothing"),
        click.Option(["--quiet", "-q"], is_flag=True, help="no progress; the terminal report and errors only"),
        click.Option(["--verbose", "-v"], is_flag=True, help="also what stages and their libraries print"),
        click.Option(["--in-process"], is_flag=True, hidden=True, help="no child process and no limits; for a debugger only"),
    ]


class RunCommand(Lazy):
    """`mlops-stage run [ID …]`."""

    def __init__(self, suite: Suite) -> None:
        summary = "Run what mlops.yaml names, or only the given ids."
        super().__init__("run", help=summary + "\n\nOptions that stages share override mlops.yaml for every id.", short_help=summary)
        self._suite = suite

    def build(self) -> list[click.Parameter]:
        """Ids, the invocation's options, and the parameters that stages share."""
        from mlops_stage.fields import describe
        from mlops_stage.params import RUN_WIDE, RunWide

        shared = [item for item in describe(RunWide) if item.name in RUN_WIDE]
        argument = click.Argument(["ids"], nargs=-1, envvar="MLOPS_INPUT_STAGES", metavar="[ID]...")
        return [argument, *_invocation_options(), *from_fields(shared)]

    def invoke(self, ctx: click.Context) -> ExitCode:
        """Run the named entries of mlops.yaml."""
        named = ctx.params.pop("ids")
        ids = [part for text in named for part in text.replace(",", " ").split()]
        if named and not ids:
            raise UsageError("no id is named where one is given", "leave it out to run all that mlops.yaml names")
        config, invocation = _read(ctx.params, subcommand=False)
        return _execute(self._suite, ctx.params, config, _chosen(config, ids), invocation)


class StageCommand(Lazy):
    """`mlops-stage <stage>`: one stage, with options from its Params."""

    def __init__(self, suite: Suite, stage: Stage) -> None:
        super().__init__(stage.kebab, help=stage.summary + ".", short_help=stage.summary)
        self._suite = suite
        self._stage = stage

    def build(self) -> list[click.Parameter]:
        """The stage's own options, then those of the invocation."""
        own = from_fields(self._suite.catalogue.fields(self._stage.name))
        option = click.Option(
            ["--id"], envvar="MLOPS_INPUT_ID", help=f"id of this run and its output folder  [default: {self._stage.name}]"
        )
        return [*own, option, *_invocation_options()]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The stage's further verbs."""
        super().format_epilog(ctx, formatter)
        if self._stage.commands:
            with formatter.section("Commands"):
                formatter.write_dl([(words, verbs.command(self._stage, words).summary) for words in self._stage.commands])

    def invoke(self, ctx: click.Context) -> ExitCode:
        """Run this stage with the `with` of the entry whose id is `--id` or the stage's name."""
        from mlops_stage.config.file import Entry

        named = ctx.params.pop("id")
        name = (self._stage.name if named is None else named).replace("-", "_")
        config, invocation = _read(ctx.params, subcommand=True)
        found = next((entry for entry in config.entries if entry.id == name), None)
        if found is not None and found.stage != self._stage.name:
            raise UsageError(
                f"{found.source}: the id '{name}' runs stage {found.stage}, not {self._stage.name}",
                f"use another --id, or `mlops-stage {found.stage}`",
            )
        entry = found or Entry(id=_valid_id(name), stage=self._stage.name, source="the command line")
        return _execute(self._suite, ctx.params, config, [entry], invocation)


def _valid_id(name: str) -> str:
    from mlops_stage.host import NAME

    if not NAME.fullmatch(name):
        raise UsageError(f"--id: {name!r} is not lower-case words joined by underscores", "write an id such as against_baseline")
    return name


def _read(params: dict[str, Any], *, subcommand: bool) -> tuple[Config, Invocation]:
    """The config, and what remains of the options once those of the invocation are taken out."""
    from mlops_stage.config.file import load
    from mlops_stage.config.precedence import Invocation

    own = {"config", "out", "reports", "plan", "explain_config", "quiet", "verbose", "in_process", "if_changed"}
    options = given({name: value for name, value in params.items() if name not in own})
    cwd = Path.cwd()
    return load(params["config"], cwd), Invocation(cwd=cwd, env=os.environ, options=options, subcommand=subcommand)


def _chosen(config: Config, ids: list[str]) -> list[Entry]:
    """The entries to run.

    Raises:
        UsageError: there are none, or an id is unknown.
    """
    if not config.entries:
        why = f"{config.name} names no stage" if config.name else "there is no mlops.yaml here"
        raise UsageError(f"there is nothing to run: {why}", "`mlops-stage init` writes a first one")
    known = {entry.id: entry for entry in config.entries}
    for name in ids:
        if name.replace("-", "_") not in known:
            raise UsageError(f"{config.name} has no run with the id '{name}'", nearest(name, known))
    wanted = {name.replace("-", "_") for name in ids}
    return [entry for entry in config.entries if not wanted or entry.id in wanted]


def _execute(suite: Suite, params: Mapping[str, Any], config: Config, entries: list[Entry], invocation: Invocation) -> ExitCode:
    """Explain, plan or run."""
    from mlops_stage.config import precedence

    asked = precedence.requests(config, entries, suite.catalogue, invocation)
    for line in (*precedence.warnings(suite.catalogue, entries, invocation), *precedence.overruled(asked, invocation)):
        complain(line, word="warning")
    if params["explain_config"]:
        say(precedence.explain(asked), nl=False)
        return ExitCode.PASSED
    return _plan(suite, params, config, asked) if params["plan"] else _run(suite, params, config, asked)


def _plan(suite: Suite, params: Mapping[str, Any], config: Config, asked: tuple[Request | Refusal, ...]) -> ExitCode:
    from mlops_stage.runner import planning

    text, code = planning.describe(asked, suite.catalogue, _settings(params, config))
    say(text, nl=False)
    return code


def _run(suite: Suite, params: Mapping[str, Any], config: Config, asked: tuple[Request | Refusal, ...]) -> ExitCode:
    return carry_out(suite, _settings(params, config), asked, quiet=params["quiet"], verbose=params["verbose"]).exit_code


def carry_out(suite: Suite, settings: Settings, asked: tuple[Request | Refusal, ...], *, quiet: bool, verbose: bool) -> Run:
    """Run the requests, say what the reporters say, and tell what went wrong beside the stages."""
    from mlops_stage import runner
    from mlops_stage.cli.progress import watching

    with watching(quiet=quiet, verbose=verbose) as watch:
        record, terminal = runner.run(asked, suite.catalogue, settings, watch)
    return tell(suite, record, terminal, settings.out, settings.env)


def tell(suite: Suite, record: Run, terminal: str, out: Path, env: Mapping[str, str]) -> Run:
    """Say what the reporters say, to the CI system too, and what went wrong beside the stages; returns the record with what failed meanwhile."""
    from mlops_stage.native import emission

    if record.exit_code is not ExitCode.INTERRUPTED:  # whoever ended it wants one line, not the reports
        say(terminal, nl=False)
        commands, failures = emission.emit(record, suite.catalogue, env, _from_here(out))
        say(commands, nl=False)
        record = replace(record, failures=(*record.failures, *failures))
        page = out / "report.html"
        if terminal and page.is_file():
            say(f"The reports named above are in {_from_here(out)}; open {_from_here(page)}.")
    for line in record.unreadable:
        complain(f"left out of the pages: {line}", word="warning")
    for failure in record.failures:
        complain(failure.message, failure.hint)
    return record


def _from_here(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _settings(params: Mapping[str, Any], config: Config) -> Settings:
    from mlops_stage import runner
    from mlops_stage.runner import folders

    return runner.Settings(
        root=config.root,
        out=Path(params["out"]).absolute(),
        cache=folders.cache(os.environ),
        env=os.environ,
        config=_in_repository(config),
        reports=folders.earlier(params["reports"]),
        if_changed=params["if_changed"],
        in_process=params["in_process"],
    )


def _in_repository(config: Config) -> str:
    """Where the config stands, or would stand, below the top of the repository, or without one below this folder; empty at the top itself."""
    from mlops_stage.config.file import NAME
    from mlops_stage.evidence import git

    root = config.root.resolve()
    top = git.top(root) or (Path.cwd().resolve() if root.is_relative_to(Path.cwd().resolve()) else root)
    place = (root / (Path(config.name).name or NAME)).relative_to(top).as_posix()
    return "" if place == NAME else place
