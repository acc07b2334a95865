"""Stage `adversarial` as a whole process, effort quick, on eight models of scikit-learn; and how often its default gate is wrong, computed exactly.

Each run is what a user waits for: imports, reading, self-test, attacks, confirmation in a fresh session, evidence and all reports.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from math import comb
from pathlib import Path

import numpy as np
from onnx import helper
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_stage.estimates import Rate

MODELS = {
    "mlp": lambda: make_pipeline(StandardScaler(), MLPClassifier((32,), max_iter=400, random_state=0)),
    "logreg": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
    "rf": lambda: RandomForestClassifier(100, random_state=0),
    "gb": lambda: GradientBoostingClassifier(n_estimators=50, random_state=0),
}
DATA = {"digits": load_digits, "cancer": load_breast_cancer}


def prepare(folder: Path) -> None:
    """Tables and models of both data sets."""
    for data, load in DATA.items():
        rows, truth = load(return_X_y=True)
        names = [f"f{place}" for place in range(rows.shape[1])]
        parts = train_test_split(rows, truth, test_size=0.4, random_state=0, stratify=truth)
        for name, x, y in (("train", parts[0], parts[2]), ("test", parts[1], parts[3])):
            lines = [
                ",".join([*names, "label"]),
                *(",".join(map(repr, [*row, int(label)])) for row, label in zip(x.tolist(), y, strict=True)),
            ]
            (folder / f"{data}_{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for name, make in MODELS.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = make().fit(parts[0], parts[2])
                exported = to_onnx(model, rows[:1].astype(np.float32), options={id(model): {"zipmap": False}})
            helper.set_model_props(exported, {"mlops_stage.columns": json.dumps(names)})
            (folder / f"{data}_{name}.onnx").write_bytes(exported.SerializeToString())


def speed(folder: Path, processes: int) -> None:
    """Every model once, after a warm-up that is not counted."""
    prepare(folder)
    one(folder, "cancer_logreg", "cancer", processes)
    total = cpu = 0.0
    for data in DATA:
        for name in MODELS:
            seconds, used, report = one(folder, f"{data}_{name}", data, processes)
            total, cpu = total + seconds, cpu + used
            figures = {f"{m['name']}{m['slice'] and m['slice'][0][1]}": m["estimate"].get("value") for m in report["metrics"]}
            told = "  ".join(f"{size}: {_told(figures[f'robust_accuracy{size}'])}" for size in ("0.05", "0.1", "0.2"))
            print(
                f"{data} {name:7} {seconds:5.2f} s, {used:5.2f} s of processor time  clean {figures['clean_accuracy[]']:.2f}  robust {told}  {report['outcome']}"
            )
    print(f"eight models, quick: {total:.1f} s in all, {cpu:.1f} s of processor time (target: at most 30 s on two cores)")


def _told(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def one(folder: Path, model: str, data: str, processes: int) -> tuple[float, float, dict[str, list[dict[str, object]]]]:
    asked = [
        "--model",
        f"{model}.onnx",
        "--data",
        f"{data}_test.csv",
        "--train",
        f"{data}_train.csv",
        "--label",
        "label",
        "--effort",
        "quick",
    ]
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(
        [sys.executable, "-m", "mlops_stage", "adversarial", *asked, "--processes", str(processes)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begun
    assert done.returncode in {0, 1, 5}, done.stderr
    return (
        seconds,
        resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before,
        json.loads((folder / "mlops-out" / "adversarial" / "report.json").read_text()),
    )


def errors() -> None:
    """Shares of runs that pass or fail by the default gate where a share of the right rows withstands; exact sums over both binomials."""
    print("\nrows  clean  withstand   passed  failed  inconclusive")
    for rows in (100, 400):
        for clean in (0.6, 0.85, 0.99):
            for kept in (0.5, 0.35, 0.65, 0.8):
                passed, failed = verdicts(rows, clean, kept)
                print(f"{rows:4}  {clean:5.2f}  {kept:9.2f}  {passed:7.3f} {failed:7.3f}  {1 - passed - failed:7.3f}")


def verdicts(rows: int, clean: float, kept: float) -> tuple[float, float]:
    passed = failed = 0.0
    for right in range(rows + 1):
        mass = binomial(right, rows, clean)
        if mass < 1e-9:
            continue
        half = round(right / rows / 2, 6)
        for robust in range(right + 1):
            rate, weight = Rate(robust, rows), mass * binomial(robust, right, kept)
            passed += weight * (rate.bound(0.05) >= half)
            failed += weight * (rate.bound(0.95) < half)
    return passed, failed


def binomial(k: int, n: int, p: float) -> float:
    return comb(n, k) * p**k * (1 - p) ** (n - k)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--errors-only", action="store_true")
    options = parser.parse_args()
    if not options.errors_only:
        with tempfile.TemporaryDirectory() as place:
            speed(Path(place), options.processes)
    errors()
