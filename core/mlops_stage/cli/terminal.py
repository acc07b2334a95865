"""Writing to the terminal: colours only where they are wanted."""

from __future__ import annotations

import os

import click


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Write text that may hold ANSI colours; `NO_COLOR` takes them out, `FORCE_COLOR` keeps them, else the terminal decides."""
    wanted = False if os.environ.get("NO_COLOR") else True if os.environ.get("FORCE_COLOR") else None
    click.echo(text, err=err, nl=nl, color=wanted)


def complain(message: str, hint: str = "") -> None:
    """One line that says what and where, and one that says what to do, on standard error."""
    say(click.style("error: ", fg="red", bold=True) + message, err=True)
    if hint:
        say(click.style("hint: ", fg="cyan") + hint, err=True)
