"""`mlops-stage quality` on a million predictions against a plain pandas and scikit-learn script that prints the same figures without intervals.

Both run as whole processes, in turns: imports, reading, and on our side the child process, intervals, findings and all reports as well.
The script is written with care: arrays instead of series, and one confusion matrix for all rates.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import resident

SCRIPT = """
import sys
import numpy as np
import pandas as pd
from sklearn import metrics

def figures(rows):
    y, p, s = (rows[name].to_numpy() for name in ("y_true", "y_pred", "y_score"))
    (tn, fp), (fn, tp) = metrics.confusion_matrix(y, p)
    return {
        "accuracy": (tp + tn) / len(y),
        "balanced_accuracy": (tp / (tp + fn) + tn / (tn + fp)) / 2,
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "tnr": tn / (tn + fp), "fpr": fp / (tn + fp), "fnr": fn / (fn + tp),
        "selection_rate": p.mean(),
        "matthews_corrcoef": metrics.matthews_corrcoef(y, p),
        "roc_auc": metrics.roc_auc_score(y, s),
        "average_precision": metrics.average_precision_score(y, s),
        "log_loss": metrics.log_loss(y, s),
        "brier_score_loss": metrics.brier_score_loss(y, s),
    }

rows = pd.read_parquet(sys.argv[1])
print("all", figures(rows))
for column in ("region", "segment"):
    for level, part in rows.groupby(column):
        print(column, level, figures(part))
bins = np.minimum((rows["y_score"] * 10).astype(int), 9)
by_bin = rows.groupby(bins).agg(predicted=("y_score", "mean"), observed=("y_true", "mean"), n=("y_true", "size"))
print(by_bin, (by_bin["n"] * (by_bin["predicted"] - by_bin["observed"]).abs()).sum() / len(rows))
"""


def write(path: Path, rows: int) -> None:
    """A table of answers with two columns to report by, of 5 and 50 levels."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=rows)
    score = 1 / (1 + np.exp(-(1.4 * z + 0.3 * rng.normal(size=rows) - 0.5)))
    table = {
        "y_true": (rng.random(rows) < 1 / (1 + np.exp(-1.5 * z + 0.5))).astype(int),
        "y_pred": (score > 0.5).astype(int),
        "y_score": score,
        "region": np.array(["north", "south", "east", "west", "centre"])[rng.integers(0, 5, rows)],
        "segment": np.array([f"segment {index:02d}" for index in range(50)])[rng.integers(0, 50, rows)],
    }
    pd.DataFrame(table).to_parquet(path)


def wall(argv: list[str], cwd: Path) -> float:
    """Wall seconds of a process."""
    begun = time.perf_counter()
    subprocess.run(argv, cwd=cwd, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def peak(argv: list[str], cwd: Path) -> float:
    """The most memory, in MB, that a process and its descendants hold at once: their resident sets, shared pages counted each time."""
    process = subprocess.Popen(argv, cwd=cwd, stdout=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        most = max(most, resident(process.pid))
        time.sleep(0.005)
    return most / 1e6


def measure_alone(cwd: Path) -> float:
    """Seconds of the stage's own work in this process, the second time: without imports."""
    from mlops_stage.stages.quality.measure import measure
    from mlops_stage.stages.quality.params import QualityParams
    from mlops_stage.workspace import Workspace

    workspace = Workspace(root=cwd, run_dir=cwd, out=cwd / "out", cache=cwd / "cache")
    params = QualityParams(predictions="p.parquet", slices=("region", "segment"))
    seconds = []
    for _ in range(4):
        begun = time.perf_counter()
        measure(params, workspace)
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def main() -> None:
    """Interleave, take medians, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        write(top / "p.parquet", asked.rows)
        (top / "script.py").write_text(SCRIPT)
        ours = [sys.executable, "-P", "-m", "mlops_stage", "quality", "--predictions", "p.parquet", "--slices", "region,segment", "-q"]
        theirs = [sys.executable, "script.py", "p.parquet"]
        times: dict[str, list[float]] = {"ours": [], "script": []}
        for _ in range(asked.runs):
            times["ours"].append(wall(ours, top))
            times["script"].append(wall(theirs, top))
        medians = {name: statistics.median(seconds) for name, seconds in times.items()}
        told = {
            "rows": asked.rows,
            "ours_s": round(medians["ours"], 3),
            "script_s": round(medians["script"], 3),
            "ratio": round(medians["ours"] / medians["script"], 3),
            "ours_peak_mb": round(peak(ours, top)),
            "script_peak_mb": round(peak(theirs, top)),
            "measure_in_process_s": round(measure_alone(top), 3),
        }
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
