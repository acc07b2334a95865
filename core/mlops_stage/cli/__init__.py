"""The command line: thin click commands built from the catalogue; imports nothing heavy."""

from __future__ import annotations

import os
import sys

import click

from mlops_stage.cli.group import Suite
from mlops_stage.cli.refusals import explained, refuse
from mlops_stage.cli.terminal import say
from mlops_stage.errors import InternalError, InterruptedByUserError, StageError


def main() -> None:
    """The `mlops-stage` command; leaves with a code of `ExitCode`."""
    _open_what_is_closed()
    code = _guarded()
    say("", nl=False)  # flushes, and minds a reader that has gone
    sys.exit(code)


def _open_what_is_closed() -> None:
    """A shell may have closed standard streams (`>&-`); a file that is opened in the place of one would get what is written there."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004  (standard error; the lowest that is free is taken)
        pass
    os.close(opened)


def _guarded() -> int:
    """Run the command; whatever is raised becomes one line on standard error and the right code."""
    suite = Suite()
    try:
        code = suite.main(prog_name="mlops-stage", standalone_mode=False)
    except StageError as error:
        return refuse(suite, error)
    except click.ClickException as error:
        return refuse(suite, explained(error))
    except (KeyboardInterrupt, click.Abort):
        return refuse(suite, InterruptedByUserError("interrupted"))
    except Exception as error:  # noqa: BLE001  (the last line of defence: a bug is told in one line)
        return refuse(suite, _bug(error))
    return int(code or 0)


def _bug(error: Exception) -> InternalError:
    import traceback

    if os.environ.get("MLOPS_STAGE_DEBUG"):
        traceback.print_exception(error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    message = f"{type(error).__name__}: {error} ({os.path.basename(where.filename)}:{where.lineno})"  # noqa: PTH119  (no pathlib for one name)
    return InternalError(f"internal error: {message}", "this is a bug; MLOPS_STAGE_DEBUG=1 shows the traceback, please report it")
