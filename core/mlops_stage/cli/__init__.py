"""The command line: thin click commands built from the catalogue; imports nothing heavy."""

from __future__ import annotations

import os
import sys

import click

from mlops_stage.cli.group import Suite
from mlops_stage.cli.terminal import complain, say
from mlops_stage.errors import ExitCode, StageError, alike


def main() -> None:
    """The `mlops-stage` command; leaves with a code of `ExitCode`."""
    code = _guarded()
    say("", nl=False)  # flushes, and minds a reader that has gone
    sys.exit(code)


def _guarded() -> int:
    """Run the command; whatever is raised becomes one line on standard error and the right code."""
    try:
        code = Suite().main(prog_name="mlops-stage", standalone_mode=False)
    except StageError as error:
        return _told(error.message, error.hint, error.code)
    except click.UsageError as error:
        return _told(*_wrong(error), ExitCode.USAGE)
    except click.ClickException as error:
        return _told(error.format_message(), "", ExitCode.USAGE)
    except (KeyboardInterrupt, click.Abort):
        return _told("interrupted", "", ExitCode.INTERRUPTED)
    except Exception as error:  # noqa: BLE001  (the last line of defence: a bug is told in one line)
        return _bug(error)
    return int(code or 0)


def _wrong(error: click.UsageError) -> tuple[str, str]:
    """What is wrong with the command, and what to do: the option that was meant, if one is near, and where all of them stand."""
    see = f"`{error.ctx.command_path if error.ctx else 'mlops-stage'} --help`"
    if isinstance(error, click.NoSuchOption) and error.ctx:
        known = [name for param in error.ctx.command.get_params(error.ctx) for name in param.opts if name.startswith("--")]
        near = alike(error.option_name, known)
        return f"no such option '{error.option_name}'", f"did you mean '{near}'? See {see}" if near else f"see {see}"
    message = error.format_message().splitlines()[0].rstrip(".")
    return message[0].lower() + message[1:], f"see {see}"


def _bug(error: Exception) -> ExitCode:
    import traceback

    if os.environ.get("MLOPS_STAGE_DEBUG"):
        traceback.print_exception(error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    message = f"{type(error).__name__}: {error} ({os.path.basename(where.filename)}:{where.lineno})"  # noqa: PTH119  (no pathlib for one name)
    return _told(
        f"internal error: {message}", "this is a bug; MLOPS_STAGE_DEBUG=1 shows the traceback, please report it", ExitCode.INTERNAL
    )


def _told(message: str, hint: str, code: ExitCode) -> ExitCode:
    complain(message, hint)
    return code
