"""`mlops-stage demo`: evaluate real models on real data, shipped with the package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlops_stage.cli.run import DEFAULT_OUT, carry_out
from mlops_stage.cli.terminal import say
from mlops_stage.errors import ExitCode, StageError

if TYPE_CHECKING:
    from mlops_stage.cli.group import Suite
    from mlops_stage.report import Run

_EXPECTED = (ExitCode.PASSED, ExitCode.FAILED, ExitCode.INCONCLUSIVE)


def command(suite: Suite) -> click.Command:
    """The command, over the suite's catalogue."""

    @click.command(name="demo", short_help="Evaluate real models on real data and write the reports.")
    @click.option("--out", type=click.Path(path_type=Path), default=DEFAULT_OUT, show_default=True, help="output directory")
    @click.option("--quiet", "-q", is_flag=True, help="no progress; the terminal report and errors only")
    def demo(out: Path, *, quiet: bool) -> ExitCode:
        """Evaluate two models that predict income from the UCI Adult census data (1994, CC BY 4.0) and write every report.

        Some gates fail on purpose, to show what that looks like; the command exits 0 unless something broke.
        """
        return _demo(suite, out, quiet=quiet)

    return demo


def example() -> Path:
    """The folder of the income example: in the installed package, or in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "examples" / "income", package.parents[1] / "docs" / "examples" / "income"):
        if (folder / "mlops.yaml").is_file():
            return folder
    raise StageError("the example's files are not installed", "pip install 'mlops-stage[demo]' again")


def _demo(suite: Suite, out: Path, *, quiet: bool) -> ExitCode:
    import os

    from mlops_stage import runner
    from mlops_stage.config import precedence
    from mlops_stage.config.file import load
    from mlops_stage.runner import folders

    folder = example()
    config = load(folder / "mlops.yaml", folder)
    asked = precedence.requests(config, config.entries, suite.catalogue, precedence.Invocation(cwd=folder, env={}))
    settings = runner.Settings(root=folder, out=out.absolute(), cache=folders.cache(os.environ), env=os.environ)
    record = carry_out(suite, settings, asked, quiet=quiet, verbose=False)
    if record.exit_code not in _EXPECTED:
        return record.exit_code
    say(_explained(record))
    return ExitCode.PASSED


def _explained(record: Run) -> str:
    """What the demo meant to show."""
    from mlops_stage.words import counted

    verdicts = [str(gate.verdict) for report in record.reports if report.id in record.ids for gate in report.gates]
    failed, open_ = verdicts.count("failed"), verdicts.count("inconclusive")
    gates = counted(failed, "gate fails", "gates fail")
    rest = f", {open_} cannot be decided with so few rows" if open_ else ""
    return f"\n{gates} on purpose{rest}: this is what a pipeline would stop at.\nThe example's own files are in {example()}.\n"
