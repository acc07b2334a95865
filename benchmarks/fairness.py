"""`mlops-stage fairness` against Fairlearn on the same rows in the same run: processor time and memory.

Of the engine's call beside `MetricFrame` with the same arrays in one process, and of whole processes that read the same file. The peer's bootstrap of 20,000
rows takes minutes and runs only with `--peer-bootstrap`. How often verdicts are wrong is measured in `fairness_gates.py`.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from measuring import promised

from mlops_stage.inputs.predictions import Predictions
from mlops_stage.inputs.tables.values import Codes
from mlops_stage.stages.fairness.counting import count, merged
from mlops_stage.stages.fairness.estimating import metrics_of, overall
from mlops_stage.stages.fairness.grouping import by_column, crossed
from mlops_stage.stages.fairness.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from mlops_stage.report import Metric
    from mlops_stage.stages.fairness.grouping import Grouping
    from mlops_stage.stats.cells import Cells

NAMES = ("selection_rate", "tpr", "fpr", "fnr", "precision", "accuracy")
CLASSES = ("0", "1")
SCRIPT = """
import sys, warnings
import pandas as pd
from fairlearn import metrics
from sklearn.metrics import accuracy_score, precision_score
warnings.simplefilter("ignore")
functions = {"selection_rate": metrics.selection_rate, "tpr": metrics.true_positive_rate, "fpr": metrics.false_positive_rate,
             "fnr": metrics.false_negative_rate, "precision": precision_score, "accuracy": accuracy_score}
rows = pd.read_parquet(sys.argv[1])
for columns in (["sex"], ["age"], ["sex", "age"]):
    frame = metrics.MetricFrame(metrics=functions, y_true=rows["y_true"], y_pred=rows["y_pred"], sensitive_features=rows[columns])
    print(frame.overall, frame.by_group, frame.difference(), frame.ratio())
"""


# --- the same rows for both ---


def table(rows: int) -> dict[str, NDArray[Any]]:
    """Answers that depend a little on two columns of 10 and 5 levels."""
    rng = np.random.default_rng(0)
    sex, age = rng.integers(0, 10, rows), rng.integers(0, 5, rows)
    label = (rng.random(rows) < 0.3 + 0.02 * age).astype(np.int64)
    answer = np.where(rng.random(rows) < 0.75 + 0.01 * sex, label, rng.integers(0, 2, rows))
    return {"sex": sex, "age": age, "y_true": label, "y_pred": answer}


def engine(columns: dict[str, NDArray[Any]], terms: Terms) -> tuple[Cells, Grouping, list[Metric]]:
    """The engine's call: groups, counts and all figures of the two columns crossed."""
    predictions = Predictions(task="binary", label=columns["y_true"], prediction=columns["y_pred"], classes=CLASSES)
    alone = [by_column(name, Codes(columns[name], tuple(map(str, range(size))))) for name, size in (("sex", 10), ("age", 5))]
    grouping = crossed(alone)
    cells = count(predictions, grouping)
    return cells, grouping, [*overall(cells, CLASSES), *metrics_of(cells, grouping, CLASSES, terms)]


def peer(columns: dict[str, NDArray[Any]], **options: Any) -> Any:
    """Fairlearn's frame, with every figure of the comparison asked for."""
    from fairlearn import metrics
    from sklearn.metrics import accuracy_score, precision_score

    functions = {
        "selection_rate": metrics.selection_rate,
        "tpr": metrics.true_positive_rate,
        "fpr": metrics.false_positive_rate,
        "fnr": metrics.false_negative_rate,
        "precision": precision_score,
        "accuracy": accuracy_score,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = metrics.MetricFrame(
            metrics=functions,
            y_true=columns["y_true"],
            y_pred=columns["y_pred"],
            sensitive_features=pd.DataFrame({name: columns[name].astype(str) for name in ("sex", "age")}),
            **options,
        )
        return frame, frame.difference(), frame.ratio()


def cpu(work: Callable[[], Any], runs: int = 1) -> tuple[float, Any]:
    """The least processor seconds of some runs, and the last result."""
    least, found = np.inf, None
    for _ in range(runs):
        begun = time.process_time()
        found = work()
        least = min(least, time.process_time() - begun)
    return least, found


def apart(found: tuple[Cells, Grouping, list[Metric]], theirs: Any) -> float:
    """The largest absolute difference between our values and Fairlearn's."""
    _, grouping, metrics = found
    known = {metric.label: metric.estimate for metric in metrics}
    frame, difference, ratio = theirs
    worst = 0.0
    for name in NAMES:
        by = f"[by={grouping.name}]"
        pairs = [
            (known[f"{name}_difference{by}"], difference[name]),
            (known[f"{name}_ratio{by}"], ratio[name]),
            (known[name], frame.overall[name]),
        ]
        if f"{name}[sex=0,age=0]" in known:  # of columns crossed, the rates that the others follow from are not reported
            pairs += [(known[f"{name}[sex={sex},age={age}]"], value) for (sex, age), value in frame.by_group[name].items()]
        worst = max(worst, *(abs(ours.value - value) for ours, value in pairs))  # type: ignore[union-attr]  # all are defined here
    return worst


def speed(rows: int) -> dict[str, Any]:
    """The engine's call beside Fairlearn's, point estimates there, everything here."""
    columns = table(rows)
    ours, found = cpu(lambda: engine(columns, Terms()), 5)
    resampled, _ = cpu(lambda: engine(columns, Terms(draws=1_000, bootstrap=True)), 3)
    theirs, frame = cpu(lambda: peer(columns))
    return {
        "rows": rows,
        "groups": 50,
        "fairlearn_cpu_s": round(theirs, 3),
        "ours_cpu_s": round(ours, 4),
        "times_less": round(theirs / ours),
        "largest_difference_of_values": apart(found, frame),
        "ours_with_1000_bootstrap_draws_cpu_s": round(resampled, 3),
    }


def resampling(rows: int, draws: int) -> dict[str, Any]:
    """Both with a bootstrap; ours never draws less than 200 times."""
    columns = table(rows)
    ours, _ = cpu(lambda: engine(columns, Terms(draws=max(draws, 200), bootstrap=True)), 5)
    theirs, _ = cpu(lambda: peer(columns, n_boot=draws, ci_quantiles=[0.025, 0.975], random_state=0))
    return {
        "rows": rows,
        "draws": draws,
        "fairlearn_cpu_s": round(theirs, 1),
        "ours_cpu_s": round(ours, 4),
        "times_less": round(theirs / ours),
    }


def memory(rows: int, shards: int) -> dict[str, Any]:
    """Extra memory of the engine with all rows at hand, and with so many rows in shards, each thrown away once counted."""
    columns = table(rows)
    engine(columns, Terms(draws=200))
    tracemalloc.start()
    engine(columns, Terms())
    extra = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    parts = (engine(table(rows), Terms(draws=200))[0] for _ in range(1))
    merged(parts)
    one = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    whole = merged(engine(table(rows), Terms(draws=200))[0] for _ in range(shards))
    many = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert int(whole.rows.sum()) == rows * shards
    return {
        "rows": rows,
        "extra_mib": round(extra / 2**20, 1),
        "streamed_one_shard_mib": round(one / 2**20, 1),
        f"streamed_{shards}_shards_mib": round(many / 2**20, 1),
    }


def processes(rows: int) -> dict[str, Any]:
    """Whole processes on the same Parquet file: reading, all figures of both columns and their crossing; ours with intervals, verdicts and pages."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        columns = table(rows)
        names = {name: np.char.add(name[0], columns[name].astype(str)) for name in ("sex", "age")}
        pd.DataFrame({**columns, **names}).to_parquet(top / "p.parquet")
        (top / "script.py").write_text(SCRIPT)
        ours = [sys.executable, "-P", "-m", "mlops_stage", "fairness", "--predictions", "p.parquet", "--sensitive", "sex,age", "-q"]
        theirs = [sys.executable, "script.py", "p.parquet"]
        seconds = {"ours": min(_child(ours, top) for _ in range(3)), "fairlearn": _child(theirs, top)}
    return {
        "rows": rows,
        **{f"{name}_cpu_s": round(value, 2) for name, value in seconds.items()},
        "times_less": round(seconds["fairlearn"] / seconds["ours"], 1),
    }


def _child(argv: Sequence[str], cwd: Path) -> float:
    """Processor seconds of a process and its descendants; a verdict other than passed is no failure here."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = subprocess.run(argv, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode
    assert code in {0, 1, 5}, f"{argv[:4]} ended with {code}"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measure, print JSON part by part, and say which promise does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--peer-bootstrap", action="store_true")
    asked = parser.parse_args()
    parts: dict[str, tuple[Callable[[], dict[str, Any]], Callable[[dict[str, Any]], bool]]] = {
        "speed": (
            lambda: speed(asked.rows),
            lambda told: (
                told["times_less"] >= 200
                and told["largest_difference_of_values"] <= 1e-12
                and told["ours_with_1000_bootstrap_draws_cpu_s"] <= 1
            ),
        ),
        "whole_process": (lambda: processes(asked.rows), lambda told: told["times_less"] >= 4),
        "memory": (
            lambda: memory(asked.rows, 50),
            lambda told: told["extra_mib"] <= 64 and told["streamed_50_shards_mib"] <= told["streamed_one_shard_mib"] + 8,
        ),
        "bootstrap": (lambda: resampling(20_000, 100), lambda told: told["times_less"] >= 1_000),
    }
    return promised({name: part for name, part in parts.items() if name != "bootstrap" or asked.peer_bootstrap})


if __name__ == "__main__":
    sys.exit(main())
