"""Errors that a user can act on, and the exit codes of the command line."""

from __future__ import annotations

from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class ExitCode(IntEnum):
    """What the process says to the pipeline; published in docs/reference/exit-codes.md."""

    PASSED = 0
    """Every gate passed, or nothing applied."""
    FAILED = 1
    """A gate failed: the model, the data or the evidence is bad."""
    USAGE = 2
    """Wrong usage or configuration."""
    STAGE = 3
    """A stage could not run: unreadable input, missing extra, a limit reached."""
    INTERNAL = 4
    """A bug of ours or of a plugin."""
    INCONCLUSIVE = 5
    """Nothing failed, but the evidence does not suffice to say passed."""
    INTERRUPTED = 130
    """Ctrl-C or SIGTERM."""


_FIRST_WINS = (
    ExitCode.INTERRUPTED,
    ExitCode.INTERNAL,
    ExitCode.STAGE,
    ExitCode.USAGE,
    ExitCode.FAILED,
    ExitCode.INCONCLUSIVE,
    ExitCode.PASSED,
)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The code of a whole run: the first present of 130, 4, 3, 2, 1, 5; 0 when there are none."""
    present = set(codes)
    return next((code for code in _FIRST_WINS if code in present), ExitCode.PASSED)


class StageError(Exception):
    """Something a user can mend: one line that says what and where, a hint that says what to do.

    Any other exception that reaches the command line is a bug.
    """

    code = ExitCode.STAGE

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(StageError):
    """An input that exists but cannot be used: unreadable, corrupt, hostile, without rows (exit 3)."""


class LimitError(StageError):
    """A stage needed more memory, processor time or wall time than it was given (exit 3)."""


class UsageError(StageError):
    """Wrong usage or configuration: unknown key, named column absent, path that does not exist (exit 2)."""

    code = ExitCode.USAGE


class InternalError(StageError):
    """A bug of ours or of a plugin, told in one line (exit 4)."""

    code = ExitCode.INTERNAL


class InterruptedByUserError(StageError):
    """Ctrl-C or SIGTERM (exit 130)."""

    code = ExitCode.INTERRUPTED


@contextmanager
def telling_hints() -> Iterator[None]:
    """Around what scripts call: a traceback shows the hint of an error too, for there no command line tells it."""
    try:
        yield
    except StageError as error:
        if error.hint:
            error.add_note(f"hint: {error.hint}")
        raise


def alike(name: str, known: Iterable[str]) -> str:
    """The known name that is nearly that one, whatever their case; empty where none is: a far one would mislead."""
    from difflib import get_close_matches

    plain: dict[str, str] = {}
    for one in sorted(known):
        plain.setdefault(one.strip().casefold(), one)
    wanted = name.strip().casefold()
    close = get_close_matches(wanted, plain, n=3, cutoff=0.6)
    swapped = [one for one in close if sorted(one) == sorted(wanted)]  # the commonest slip of the fingers
    return plain[(swapped or close)[0]] if close else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """The hint for a misspelt name: `did you mean 'label'?`, or the known names where none is near."""
    names = sorted(known)
    close = alike(name, names)
    if close:
        return f"did you mean '{close}'?"
    return f"known: {', '.join(names)}" if names else "there are none"
