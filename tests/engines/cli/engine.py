"""No CI system at all: the command line, with options, in a copy of the project for each job."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios import Job, Ran

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scenarios import Bench, Call

SITE = Path(__file__).parents[2] / "fixtures" / "site"
STATES = {0: "passed", 5: "amber"}


@dataclass(frozen=True)
class CommandLine:
    """The bare command, to compare the others with."""

    home: Path
    machine: Mapping[str, str]

    def run(self, project: Path, jobs: Sequence[Job], keep: Path) -> dict[str, list[Ran]]:
        """Execute the jobs one after the other."""
        return {job.name: self._job(project, job, keep / job.name) for job in jobs}

    def _job(self, project: Path, job: Job, keep: Path) -> list[Ran]:
        checkout = self.home / job.name
        shutil.copytree(project, checkout, ignore=shutil.ignore_patterns(".git", ".github"))
        return [self._call(checkout, call, keep / f"kept-{place}") for place, call in enumerate(job.calls)]

    def _call(self, checkout: Path, call: Call, out: Path) -> Ran:
        options = [word for name, value in call.inputs.items() for word in _option(name, value)]
        argv = [sys.executable, "-P", "-m", "mlops_stage", call.stage, *options, "--out", "mlops-out"]
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8", **self.machine}
        if call.stage == "trial":
            env["PYTHONPATH"] = str(SITE)
        shutil.rmtree(checkout / "mlops-out", ignore_errors=True)
        done = subprocess.run(argv, cwd=checkout, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if (checkout / "mlops-out").exists():
            shutil.copytree(checkout / "mlops-out", out)
        outputs = dict(line.split("=", 1) for line in _lines(out / "outputs.env"))
        state = STATES.get(done.returncode, "failed")
        return Ran(state=state, exit_code=done.returncode, outputs=outputs, log=done.stdout + done.stderr, out=out)


def start(bench: Bench) -> CommandLine:
    """Nothing is to be fetched."""
    return CommandLine(home=bench.home, machine=bench.machine)


def _option(name: str, value: str) -> list[str]:
    """One option; a flag has no value, and repeats are not asked of it."""
    if value in {"true", "false"}:
        return [f"--{name}" if value == "true" else f"--no-{name}"]
    return [f"--{'gate' if name == 'gates' else name}={value}"]


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
