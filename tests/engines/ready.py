"""Environments that are there already when a job asks for them: each is the one that the tests run in."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def offer(environments: Path, keys: Iterable[str]) -> None:
    """One for each key."""
    for key in keys:
        python = environments / key / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
        (python.parents[1] / "pyvenv.cfg").write_text("home = the environment of the tests\n")


def found(release: Path) -> tuple[str, list[str]]:
    """The interpreter that the bootstrap finds, and the keys under which it looks for the environments of a checkout."""
    locks = ["report", *(file.stem for file in (release / "core/mlops_stage/native/locks").glob("*.txt"))]  # `report merge` is no stage
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1] + '/core/mlops_stage/native'); import bootstrap;"
        "print(json.dumps([sys.executable, *(bootstrap.Order({'MLOPS_STAGE_SOURCE': sys.argv[1]}, name).key() for name in sys.argv[2:])]))"
    )
    named = [shutil.which(f"python3{minor}") for minor in (".14", ".13", ".12", ".11", "")]
    for python in filter(None, named):
        done = subprocess.run([python, "-B", "-I", "-c", code, release, *locks], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            interpreter, *keys = json.loads(done.stdout)
            return interpreter, keys
    raise AssertionError("there is no Python on PATH that is new enough")
