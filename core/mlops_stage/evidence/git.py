"""Questions to Git about the repository around a folder: nothing in it, whoever owns it, can run by them."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from mlops_stage.errors import StageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SECONDS = 120
_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "LC_ALL": "C",
}


def top(folder: Path) -> Path | None:
    """The folder that holds the repository around one; None where there is no repository. Git itself need not be there."""
    place = folder.resolve()
    return next((one for one in (place, *place.parents) if (one / ".git").is_file() or (one / ".git" / "HEAD").is_file()), None)


def ask(
    folder: Path, *arguments: str, env: Mapping[str, str], literal: bool = True, stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    """Run one command of Git that only reads, in a folder of a repository.

    The repository is named to Git, which then neither looks for another one nor minds who owns it, as is usual in containers.

    Args:
        folder: in which it runs.
        arguments: the command and what it is asked.
        env: the environment for Git, less its own variables.
        literal: whether paths are taken as they are, and not for patterns.
        stdout: a descriptor to write to, instead of the result.

    Raises:
        StageError: Git is not installed, or gives no answer.
    """
    found = top(folder)
    named = [f"--git-dir={found / '.git'}", f"--work-tree={found}"] if found else []
    clean = {name: value for name, value in env.items() if not name.startswith("GIT_")}
    try:
        return subprocess.run(
            ["git", "-c", "core.fsmonitor=false", *named, *(["--literal-pathspecs"] if literal else []), "--no-pager", *arguments],
            cwd=folder,
            env={**clean, **_QUIET},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise StageError("git is not installed", "install Git") from error
    except subprocess.TimeoutExpired as error:
        raise StageError(f"git gave no answer within {_SECONDS} s") from error


def tracks(folder: Path, names: tuple[str, ...], env: Mapping[str, str]) -> bool:
    """Whether one of these files of a folder is in the repository around it, so that whoever writes a commit has a say in it.

    Raises:
        StageError: there is a repository, and it cannot be told.
    """
    found = top(folder)
    if found is None:
        return False
    # without regard to case, for there are file systems that have none
    inner = [re.sub(r"([*?\[\\])", r"\\\1", os.path.relpath(folder.resolve() / name, found)) for name in names]
    done = ask(found, "ls-files", "-z", "--", *(f":(icase,top){one}" for one in inner), env=env, literal=False)
    if done.returncode != 0:
        raise StageError(f"git ls-files ends with code {done.returncode}")
    return bool(done.stdout)
