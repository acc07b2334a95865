"""What a native step costs over the bare command line: the bootstrap with warm wheels but no environment yet, and again with it; and `--help`.

Each is a whole process, as a step starts it. The bare command line runs in the very environment that the bootstrap has built.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "core/mlops_stage/native/bootstrap.sh"
COLD, HELP = 5.0, 0.5
"""Seconds that the first call may take over the bare command line, and that `--help` may take at all."""


def seconds(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Wall and processor time of one process, which must succeed; on a busy machine only the second means something."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def measured(stage: str, rounds: int, installer: str) -> dict[str, list[float]]:
    """[wall, processor] seconds over the bare command line, medians: once without an environment, once with it; and `--help`, the best of five."""
    with tempfile.TemporaryDirectory() as folder:
        environments = Path(folder) / "environments"
        tools = Path(folder) / "bin"
        tools.mkdir()
        for name in ("sh", "dirname", "uname", *(["uv"] if installer == "uv" else [])):
            own = Path(sys.executable).with_name(name)
            (tools / name).symlink_to(own if own.exists() else str(shutil.which(name)))
        (tools / "python3").symlink_to(getattr(sys, "_base_executable", sys.executable))
        env = {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_", "PIP_FIND", "UV_"))}
        env |= {
            "PATH": str(tools),
            "MLOPS_STAGE_ENVIRONMENTS": str(environments),
            "MLOPS_STAGE_SOURCE": str(ROOT),
            "MLOPS_STAGE_PLUGINS": "none",
        }
        step = ["/bin/sh", str(SCRIPT), stage, "--help"]
        seconds(step, env)  # fills the cache of wheels
        cold, warm, bare = [], [], []
        for _ in range(rounds):
            shutil.rmtree(environments)
            cold.append(seconds(step, env))
            python = str(next(environments.glob("*/bin/python")))
            bare.append(seconds([python, "-P", "-m", "mlops_stage", stage, "--help"], env))
            warm.append(seconds(step, env))
        help_ = min(seconds([python, "-P", "-m", "mlops_stage", "--help"], env) for _ in range(5))
        command, first, later = (_medians(each) for each in (bare, cold, warm))
        over = lambda total: [round(one - own, 2) for one, own in zip(total, command, strict=True)]  # noqa: E731  (used twice, here alone)
        return {"cold": over(first), "warm": over(later), "help": [round(one, 2) for one in help_]}


def _medians(pairs: list[tuple[float, float]]) -> list[float]:
    return [statistics.median(each) for each in zip(*pairs, strict=True)]


def main() -> None:
    """Print the figures of both installers, and exit 1 when uv's are above the limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", default="quality")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found = {}
    for installer in ("uv", "pip"):
        found[installer] = measured(options.stage, options.rounds, installer)
        print(json.dumps({installer: found[installer]}), flush=True)
    sys.exit(found["uv"]["cold"][0] > COLD or found["uv"]["help"][0] > HELP)


if __name__ == "__main__":
    main()
