"""Writing to the terminal: colours only where they are wanted, and a reader that has gone changes no verdict."""

from __future__ import annotations

import os
import sys

import click


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Write text that may hold ANSI colours; `NO_COLOR` takes them out, `FORCE_COLOR` keeps them, else the terminal decides."""
    wanted = False if os.environ.get("NO_COLOR") else True if os.environ.get("FORCE_COLOR") else None
    try:
        click.echo(text, err=err, nl=nl, color=wanted)
    except OSError:  # the reader of the pipe has gone, or the disk behind it is full: the exit code still tells the verdict
        _forget(sys.stderr if err else sys.stdout)


def complain(message: str, hint: str = "", word: str = "error") -> None:
    """One line that says what and where, and one that says what to do, on standard error."""
    from mlops_stage.reporters.escape import harmless

    say(click.style(f"{word}: ", fg="red" if word == "error" else "yellow", bold=True) + harmless(message), err=True)
    if hint:
        say(click.style("hint: ", fg="cyan") + harmless(hint), err=True)


def _forget(stream: object) -> None:
    """Let whatever is still written to a broken stream go nowhere."""
    descriptor = getattr(stream, "fileno", lambda: -1)()
    if descriptor >= 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
