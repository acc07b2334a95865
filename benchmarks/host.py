"""What the host costs: `--help` against a bare click and pluggy program, and runner, child and reporters on top of a stage."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARE = """
import click, pluggy
manager = pluggy.PluginManager("bare")
@click.group()
def cli(): "A bare program."
@cli.command()
def one(): "One command."
cli()
"""
SITE = Path(__file__).parents[1] / "tests" / "fixtures" / "site"
IN_PROCESS = """
import sys
from pathlib import Path
from mlops_stage.workspace import Workspace
from mlops_stage_trial.params import TrialParams
from mlops_stage_trial.work import measure
top = Path(sys.argv[1])
measure(TrialParams(), Workspace(root=top, run_dir=top, out=top / sys.argv[2], cache=top))
"""


def cpu(argv: list[str], cwd: str) -> float:
    """Processor seconds of one process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, env=environment())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def wall(argv: list[str], cwd: str) -> float:
    """Wall seconds of one process."""
    begun = time.perf_counter()
    subprocess.run(argv, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, env=environment())
    return time.perf_counter() - begun


def environment() -> dict[str, str]:
    """With the trial plugin, whose stage does next to nothing."""
    return {**os.environ, "PYTHONPATH": str(SITE), "MLOPS_STAGE_PLUGINS": "trial"}


def main() -> None:
    """Interleave, take medians, print JSON."""
    with tempfile.TemporaryDirectory() as top:
        bare, ours, alone, whole = [], [], [], []
        for _ in range(21):
            bare.append(cpu([sys.executable, "-P", "-c", BARE, "--help"], top))
            ours.append(cpu([sys.executable, "-P", "-m", "mlops_stage", "--help"], top))
        for number in range(9):
            (Path(top) / str(number)).mkdir()
            alone.append(wall([sys.executable, "-P", "-c", IN_PROCESS, top, str(number)], top))
            whole.append(wall([sys.executable, "-P", "-m", "mlops_stage", "trial", "-q"], top))
    print(
        json.dumps(
            {
                "help_cpu_s": round(statistics.median(ours), 4),
                "bare_cpu_s": round(statistics.median(bare), 4),
                "help_ratio": round(statistics.median(ours) / statistics.median(bare), 2),
                "stage_alone_s": round(statistics.median(alone), 3),
                "whole_command_s": round(statistics.median(whole), 3),
                "runner_child_reporters_s": round(statistics.median(whole) - statistics.median(alone), 3),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
