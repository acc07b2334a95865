"""Quality, fairness, data and quick adversarial stages together against bdp-model-gate 0.7.0, which does most of these in one command.

    python benchmarks/suite.py [--rows 20000] [--peer ~/.cache/mlops-stage/bench/bdp] [--runs 3] [--whole]

Both judge the same forest of 100 trees (leaves of at least 20 rows: with trees grown to the end the SHAP values alone take more than nine minutes of processor time) on the same 20,000 rows of ten columns, with two sensitive columns; theirs reads it as joblib, ours as ONNX. What counts is
the processor time of whole process trees, imports and reports included, of runs that follow each other on the same machine. The peer needs an environment of its own
(`pip install 'bdp-model-gate[structured,yaml]==0.7.0'`), for it asks for pandas 2 and an older Fairlearn.

Three of its runs are compared with ours:

- `whole`: its command line with all its checks, among them SHAP values by group and correlations of features with sensitive columns, which ours does not do;
- `without_extras`: all its checks but these two;
- `shared`: only the checks that both do (see `SHARED`), compared with our stages quality, fairness and data on the same predictions: theirs are handed to its checks
  as an array, ours are a file.

Their check of robustness adds noise to 200 rows, and ours searches: no check that both do. Ours does more of each than theirs: intervals for every figure and
slice, permutation tests of gaps, drift with bounds, attacks that search instead of noise.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PEER = Path.home() / ".cache" / "mlops-stage" / "bench" / "bdp"
SHARED = {
    "PerformanceThresholdCheck": "quality: ROC AUC with an interval",
    "CalibrationCheck": "quality: expected calibration error",
    "DisparateImpactCheck": "fairness: selection rates and their ratio",
    "SubgroupCalibrationCheck": "fairness: calibration between groups",
    "EqualisedOddsCheck": "fairness: equalized odds",
    "SplitOverlapCheck": "data: rows shared with the training data, repeated rows",
    "FeatureDriftCheck": "data: drift from a profile of the training data",
}
EXTRAS = ("ShapSubgroupCheck", "ProxyCorrelationCheck")
"""Their dearest checks, which ours does not do."""

CONFIG = """
version: 1
model: model.onnx
data: validation.csv
label: label
sensitive: [sex, region]
runs:
  - {id: quality, stage: quality, with: {positive: "1"}}
  - {id: fairness, stage: fairness, with: {positive: "1", standard: [equalized-odds, four-fifths]}}
  - {id: data, stage: data, with: {profile: profile.json, train: train.csv}}
  - {id: adversarial, stage: adversarial, with: {effort: quick, reference: train.csv}}
"""
PREDICTED = """
version: 1
label: label
sensitive: [sex, region]
runs:
  - {id: quality, stage: quality, with: {predictions: predictions.csv, positive: "1", threshold: 0.5}}
  - {id: fairness, stage: fairness, with: {predictions: predictions.csv, positive: "1", threshold: 0.5, standard: [equalized-odds, four-fifths]}}
  - {id: data, stage: data, with: {data: validation.csv, profile: profile.json, train: train.csv}}
"""

THEIRS = """
import json, sys
import joblib, pandas as pd
from bdp_model_gate import GateConfig, ModelGate, StructuredGateContext
from bdp_model_gate.structured import default_structured_checks

only, without = json.loads(sys.argv[1]), json.loads(sys.argv[2])
table = pd.read_csv("validation.csv")
features = [name for name in table.columns if name.startswith("x")]
model = joblib.load("model.joblib")
context = StructuredGateContext(
    model=model, X=table[features], y_true=table["label"].to_numpy(), y_pred=model.predict_proba(table[features])[:, 1],
    protected_df=pd.read_csv("protected.csv"), X_train=pd.read_csv("train.csv")[features], task="binary",
)
config = GateConfig()
checks = [one for one in default_structured_checks(config) if (not only or type(one).__name__ in only) and type(one).__name__ not in without]
report = ModelGate(checks=checks, config=config).run(context)
report.to_json("report.json")
"""


def make(folder: Path, rows: int) -> None:
    """The tables, and one forest as joblib and as ONNX."""
    import joblib
    import numpy as np
    import pandas as pd
    from skl2onnx import to_onnx
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import Pipeline

    rng = np.random.default_rng(0)
    names = [f"x{index}" for index in range(10)]
    values = rng.normal(size=(2 * rows, 10)).astype(np.float32)
    sex = rng.choice(["female", "male"], 2 * rows)
    region = rng.choice(["north", "south", "east", "west"], 2 * rows)
    logit = values[:, :4].sum(axis=1) + 0.4 * (sex == "male") + 0.5 * values[:, 4] * values[:, 5]
    label = (rng.random(2 * rows) < 1 / (1 + np.exp(-logit))).astype(int)
    table = pd.DataFrame(values, columns=names).assign(label=label)
    groups = pd.DataFrame({"sex": sex, "region": region})
    forest = RandomForestClassifier(100, min_samples_leaf=20, random_state=0).fit(table.loc[: rows - 1, names], label[:rows])
    joblib.dump(forest, folder / "model.joblib")
    passing = ColumnTransformer([("x", "passthrough", names)]).fit(table.loc[: rows - 1, names])
    model = to_onnx(Pipeline([("columns", passing), ("forest", forest)]), table.loc[:0, names], options={"zipmap": False})
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    table[:rows].join(groups[:rows]).to_csv(folder / "train.csv", index=False)
    kept = table[rows:].reset_index(drop=True)
    (folder / "ours").mkdir()
    kept.join(groups[rows:].reset_index(drop=True)).to_csv(folder / "ours" / "validation.csv", index=False)
    for name in ("model.onnx", "train.csv"):
        (folder / "ours" / name).symlink_to(folder / name)
    (folder / "ours" / "mlops.yaml").write_text(CONFIG)
    (folder / "ours" / "predicted.yaml").write_text(PREDICTED)
    scores = forest.predict_proba(kept[names])[:, 1]
    answers = pd.DataFrame({"label": kept["label"], "y_score": scores}).join(groups[rows:].reset_index(drop=True))
    answers.to_csv(folder / "ours" / "predictions.csv", index=False)
    kept.to_csv(folder / "validation.csv", index=False)
    groups[rows:].to_csv(folder / "protected.csv", index=False)


def cost(command: list[str], folder: Path, codes: tuple[int, ...]) -> dict[str, float]:
    """Processor and wall seconds of a process and all its descendants."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_", "PYTHON"))}
    environment = {**clean, "MLOPS_STAGE_CACHE": str(folder / ".cache")}
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - begun
    if done.returncode not in codes:
        raise SystemExit(f"{command}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{cpu:8.2f} s  {' '.join(command)[:100]}", file=sys.stderr)
    return {"cpu_s": round(cpu, 2), "wall_s": round(wall, 2)}


def theirs(folder: Path, peer: Path) -> dict[str, Any]:
    """The peer's runs; each check's own seconds from its report."""
    python = str(peer / "bin" / "python")
    (folder / "theirs.py").write_text(THEIRS)
    return {
        "shared": cost([python, "theirs.py", json.dumps(list(SHARED)), "[]"], folder, (0,)) | {"checks_s": checks(folder / "report.json")},
        "without_extras": cost([python, "theirs.py", "[]", json.dumps(EXTRAS)], folder, (0,))
        | {"checks_s": checks(folder / "report.json")},
    }


def whole(folder: Path, peer: Path) -> dict[str, Any]:
    """Its command line, with all that it does."""
    arguments = ["--model", "model.joblib", "--data", "validation.csv", "--target-col", "label", "--protected", "protected.csv"]
    arguments += ["--train-data", "train.csv", "--task", "binary", "--output", "whole.json"]
    return cost([str(peer / "bin" / "bdp-model-gate"), *arguments], folder, (0, 1, 2)) | {"checks_s": checks(folder / "whole.json")}


def checks(report: Path) -> dict[str, float]:
    """Wall seconds of the checks that took a tenth of a second or more; and which failed to run."""
    told = json.loads(report.read_text())
    results = [result for category in told["results_by_category"].values() for result in category]
    found: dict[str, float] = {}
    for result in results:
        if result.get("flag") == "CHECK_ERROR":
            raise SystemExit(f"the peer's {result['check_name']} failed: {result['detail']}")
        if (result.get("duration_ms") or 0) >= 100:
            found[result["check_name"]] = round(result["duration_ms"] / 1000, 2)
    return found


def ours(folder: Path) -> dict[str, Any]:
    """All four stages in one run; the profile of the training data, which is made once and kept, by itself; and each stage's own cost."""
    mlops = [sys.executable, "-P", "-m", "mlops_stage"]
    place = folder / "ours"
    profile = cost([*mlops, "data", "profile", "train.csv", "--output", "profile.json"], place, (0,))
    run = cost([*mlops, "run", "-q"], place, (0, 1, 5))
    shared = cost([*mlops, "run", "-q", "--config", "predicted.yaml", "--out", "shared"], place, (0, 1, 5))
    told = json.loads((place / "mlops-out" / "run.json").read_text())
    alike = json.loads((place / "shared" / "run.json").read_text())
    outcomes = {report["id"]: report["outcome"] for report in [*told["reports"], *alike["reports"]]}
    if "error" in outcomes.values():
        raise SystemExit(f"a stage could not run: {[report['summary'] for report in told['reports']]}")
    stages = {name: round(one["cpu_seconds"], 2) for name, one in told["cost"].items()}
    return {"run": run, "shared": shared, "profile_once": profile, "stages_cpu_s": stages, "outcomes": outcomes}


def medians(runs: list[dict[str, Any]]) -> dict[str, float]:
    """Middle processor seconds of each part over several runs."""
    return {part: statistics.median(run[part]["cpu_s"] for run in runs) for part in runs[0] if "cpu_s" in runs[0][part]}


def main() -> None:
    """Run both in turn, and print costs and ratios as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--peer", type=Path, default=PEER)
    parser.add_argument("--runs", type=int, default=3, help="of either, in turn")
    parser.add_argument("--whole", action="store_true", help="the peer's whole run too, which takes minutes")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make(folder, asked.rows)
        pairs = [(ours(folder), theirs(folder, asked.peer)) for _ in range(asked.runs)]
        dear = whole(folder, asked.peer) if asked.whole else {}
    mine, peers = (medians([pair[side] for pair in pairs]) for side in (0, 1))
    told = {
        "rows": asked.rows,
        "ours": [pair[0] for pair in pairs],
        "theirs": [pair[1] for pair in pairs],
        "whole": dear,
        "ratio_of_all": round(peers["without_extras"] / mine["run"], 1),
        "ratio_of_whole": round(dear["cpu_s"] / mine["run"], 1) if dear else None,
        "ratio_on_the_checks_that_both_do": round(peers["shared"] / mine["shared"], 1),
        "shared_checks": SHARED,
    }
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
