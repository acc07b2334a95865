"""What the reporters cost: imports and rendering of a run with 3 reports and about 300 metrics, and of one with 10,000 slices.

    python benchmarks/reporters.py [--json] [--rounds 9]

Each round is a fresh process, so that imports and the compilation of templates count. Exits 1 when the usual run takes longer than promised.
"""

from __future__ import annotations

import argparse
import json
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_stage.report import to_json

if TYPE_CHECKING:
    from mlops_stage.report import Run

PROMISED_SECONDS = 0.3
"""All reporters together, for the usual run; judged by the fastest round, which other work on the machine disturbs least."""
CHILD = """
import json, sys, time
from importlib import import_module
from pathlib import Path
from mlops_stage.report import Run, adapter_of
from mlops_stage.reporters import REPORTERS
run = adapter_of(Run).validate_python(json.loads(Path(sys.argv[1]).read_bytes()))
taken = {}
size = {}
for reporter in REPORTERS:
    start = time.perf_counter()
    module, attribute = reporter.render.split(":")
    pages = getattr(import_module(module), attribute)(run)
    taken[reporter.name] = time.perf_counter() - start
    size[reporter.name] = sum(len(text.encode()) for text in pages.values())
print(json.dumps({"seconds": taken, "bytes": size}))
"""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    runs = runpy.run_path(str(Path(__file__).parents[1] / "tests" / "reporters" / "conftest.py"))
    usual = runs["run"](runs["doubtful"](), runs["passed"]("second"), runs["passed"]("third"))
    found = {name: measured(run, options.rounds) for name, run in (("usual", usual), ("crowded", runs["RUNS"]["crowded"]()))}
    found["usual"]["metrics"] = sum(len(report.metrics) for report in usual.reports)
    bare = statistics.median(timed([sys.executable, "-c", "pass"]) for _ in range(options.rounds))
    print(json.dumps(found | {"bare_python_seconds": bare}, indent=2) if options.json else table(found, bare))
    return int(found["usual"]["least_seconds"] > PROMISED_SECONDS)


def measured(run: Run, rounds: int) -> dict[str, Any]:
    """Median seconds and bytes of each reporter over fresh processes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.json"
        file.write_text(to_json(run), encoding="utf-8")
        answers = [
            json.loads(subprocess.run([sys.executable, "-c", CHILD, str(file)], check=True, capture_output=True).stdout)
            for _ in range(rounds)
        ]
    seconds = {name: statistics.median(answer["seconds"][name] for answer in answers) for name in answers[0]["seconds"]}
    totals = [sum(answer["seconds"].values()) for answer in answers]
    return {"total_seconds": statistics.median(totals), "least_seconds": min(totals), "seconds": seconds, "bytes": answers[0]["bytes"]}


def timed(argv: list[str]) -> float:
    """Wall seconds of one process."""
    start = time.perf_counter()
    subprocess.run(argv, check=True)
    return time.perf_counter() - start


def table(found: dict[str, dict[str, Any]], bare: float) -> str:
    """Markdown."""
    lines = ["| reporter | usual run, ms | KiB | 10,000 slices and findings, ms | KiB |", "|---|---|---|---|---|"]
    for name in found["usual"]["seconds"]:
        cells = [(1000 * run["seconds"][name], run["bytes"][name] / 1024) for run in found.values()]
        lines.append(f"| {name} | " + " | ".join(f"{ms:.1f} | {kib:.0f}" for ms, kib in cells) + " |")
    usual, crowded = (found[name]["total_seconds"] for name in ("usual", "crowded"))
    lines.append(f"| together | {1000 * usual:.0f} | | {1000 * crowded:.0f} | |")
    least, crowded_least = (1000 * found[name]["least_seconds"] for name in ("usual", "crowded"))
    lines.append(f"| fastest round | {least:.0f} | | {crowded_least:.0f} | |")
    lines.append(
        f"\n{found['usual']['metrics']} metrics in the usual run; together {usual / bare:.1f} times a bare `python -c pass` ({1000 * bare:.0f} ms)."
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
