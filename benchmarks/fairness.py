"""`mlops-stage fairness` against Fairlearn on the same rows in the same run, and the error rates of its gates by simulation.

Speed is processor time: of the engine's call beside `MetricFrame` with the same arrays in one process, and of whole processes that read the same file.
The peer's bootstrap of 20,000 rows takes minutes and runs only with `--peer-bootstrap`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlops_stage import gate
from mlops_stage.estimates import Rate, Sampled
from mlops_stage.inputs.predictions import Predictions
from mlops_stage.inputs.tables.values import Codes
from mlops_stage.report import Metric, Observations
from mlops_stage.stages.fairness.counting import count, merged
from mlops_stage.stages.fairness.estimating import metrics_of, overall
from mlops_stage.stages.fairness.grouping import by_column, crossed
from mlops_stage.stages.fairness.terms import Terms
from mlops_stage.stats.chance import chance
from mlops_stage.stats.classification import BINARY_RATES
from mlops_stage.stats.gaps import largest_difference, smallest_ratio
from mlops_stage.stats.redrawn import between, rates, redrawn
from mlops_stage.stats.shares import Shares

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from mlops_stage.stages.fairness.grouping import Grouping
    from mlops_stage.stats.cells import Cells

NAMES = ("selection_rate", "tpr", "fpr", "fnr", "precision", "accuracy")
CLASSES = ("0", "1")
RULES, POINT = gate.Rules(), gate.Rules(mode="point")
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


# --- error rates ---


def kolmogorov(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The asymptotic p-value of the two-sample test; conservative where values repeat."""
    points = np.union1d(a, b)
    gap = np.abs(
        np.searchsorted(np.sort(a), points, side="right") / len(a) - np.searchsorted(np.sort(b), points, side="right") / len(b)
    ).max()
    scaled = gap * np.sqrt(len(a) * len(b) / (len(a) + len(b)))
    return 1.0 if scaled < 0.2 else float(min(1.0, 2 * sum((-1) ** (k - 1) * np.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))))


def bootstrap_alike(draws: int, repeats: int) -> dict[str, Any]:
    """Our bootstrap of cells against a bootstrap of rows, beside two bootstraps of rows: how many tests reject at 5 %."""
    rng = np.random.default_rng(0)
    counts = rng.multinomial(400, rng.dirichlet(np.ones(12))).reshape(3, 2, 2)
    codes = np.repeat(np.arange(12), counts.ravel())

    def by_rows() -> NDArray[np.float64]:
        drawn = codes[rng.integers(0, len(codes), (draws, len(codes)))] + 12 * np.arange(draws)[:, None]
        return np.bincount(drawn.ravel(), minlength=12 * draws).reshape(draws, 3, 2, 2).astype(float)

    def figures(tables: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        found: list[NDArray[np.float64]] = []
        for name in NAMES:
            by_group = rates(tables, *BINARY_RATES[name][:2])
            found += [figure[np.isfinite(figure)] for figure in (*between(by_group), *by_group.T)]
        return found

    ours, noise = [], []
    for repeat in range(repeats):
        reference = figures(by_rows())
        cells = np.concatenate(list(redrawn(counts, 400, draws, repeat)))
        ours += [kolmogorov(a, b) for a, b in zip(figures(cells), reference, strict=True)]
        noise += [kolmogorov(a, b) for a, b in zip(figures(by_rows()), reference, strict=True)]
    return {
        "tests": len(ours),
        "rejected_cells_against_rows": round(float(np.mean(np.array(ours) < 0.05)), 4),
        "rejected_rows_against_rows": round(float(np.mean(np.array(noise) < 0.05)), 4),
        "smallest_p_cells_against_rows": round(min(ours), 4),
        "smallest_p_rows_against_rows": round(min(noise), 4),
    }


def coverage() -> dict[str, Any]:
    """Exact coverage of a group's rate, nominally 95 %, over n = 20 … 200 and p = .05 … .5."""
    worst = (1.0, 0, 0.0)
    every = []
    shares = np.arange(5, 51) / 100
    for n in range(20, 201):
        log_choose = np.cumsum(np.log(np.concatenate(([1.0], np.arange(n, 0, -1) / np.arange(1, n + 1)))))
        k = np.arange(n + 1)
        low, high = (np.array([Rate(int(i), n).bound(level) for i in k]) for level in (0.025, 0.975))
        for p in shares.tolist():
            chances = np.exp(log_choose + k * np.log(p) + (n - k) * np.log1p(-p))
            held = float(chances[(low <= p) & (p <= high)].sum())
            every.append(held)
            worst = min(worst, (held, n, p))
    return {"mean": round(float(np.mean(every)), 4), "worst": round(worst[0], 4), "at_n": worst[1], "at_p": worst[2]}


def groups(rng: np.random.Generator, sizes: Sequence[int], shares: Sequence[float]) -> Shares:
    """Fresh groups."""
    whole = np.array(sizes)
    return Shares(rng.binomial(whole, shares).astype(float), whole.astype(float))


def verdict(text: str, estimate: Sampled | None, smallest: float, rules: gate.Rules) -> str:
    """The gate's, with the small-group policy of the stage."""
    if estimate is None:
        return "inconclusive"
    criterion = gate.parse(text)
    incomplete = "a group is too small" if smallest < rules.min_denominator else ""
    metric = Metric(name=criterion.metric, estimate=estimate, slice=criterion.slice, incomplete=incomplete)
    return str(gate.judge(Observations(metrics=(metric,)), [criterion], rules).gates[0].verdict)


def settings() -> Iterator[tuple[str, str, list[int], list[float], str]]:
    """Gate, what is true, sizes, rates, and the only verdict besides inconclusive that is right (none on the threshold)."""
    ratio, gap = "selection_rate_ratio[by=g] >= 0.8", "tpr_difference[by=g] <= 0.1"
    for n in (20, 30, 50, 100):
        yield ratio, f"equal .3, {n} beside 1,000 rows", [n, 1_000], [0.3, 0.3], "passed"
        yield ratio, f"equal .3, {n} rows each", [n, n], [0.3, 0.3], "passed"
        yield gap, f"equal .7, {n} rows each", [n, n], [0.7, 0.7], "passed"
    yield ratio, "ratio .6 (.18 and .3), 1,000 rows each", [1_000, 1_000], [0.18, 0.3], "failed"
    yield ratio, "ratio .6 (.3 and .5), 1,000 rows each", [1_000, 1_000], [0.3, 0.5], "failed"
    yield gap, "gap .2 (.6 and .8), 500 rows each", [500, 500], [0.6, 0.8], "failed"
    yield gap, "gap .2 in one of 10 groups of 500", [500] * 10, [0.8] * 9 + [0.6], "failed"
    yield gap, "equal .7, 10 groups of 500", [500] * 10, [0.7] * 10, "passed"
    yield gap, "equal .7, 2 groups of 1,000", [1_000] * 2, [0.7] * 2, "passed"
    yield gap, "gap .2 between 2 groups of 500, and one of 8", [500, 500, 8], [0.6, 0.8, 0.7], "failed"
    for n in (50, 200, 1_000):
        yield ratio, f"on the threshold (.24 and .3), {n} rows each", [n, n], [0.24, 0.3], ""
        yield gap, f"on the threshold (.6 and .7), {n} rows each", [n, n], [0.6, 0.7], ""
        yield gap, f"on the threshold, 5 groups at .6 and 5 at .7, {n} rows each", [n] * 10, [0.6] * 5 + [0.7] * 5, ""


def error_rates(draws: int) -> list[dict[str, Any]]:
    """How often each gate passes, fails and stays inconclusive."""
    found = []
    for text, truth, sizes, shares, right in settings():
        rng = np.random.default_rng(1)
        figure = smallest_ratio if "ratio" in text else largest_difference
        verdicts = [verdict(text, figure([groups(rng, sizes, shares)], RULES.min_denominator), min(sizes), RULES) for _ in range(draws)]
        row: dict[str, Any] = {"gate": text, "truth": truth}
        row |= {name: round(verdicts.count(name) / draws, 4) for name in ("passed", "failed", "inconclusive")}
        found.append({**row, "right": right})
    return found


def no_gap(draws: int) -> dict[str, Any]:
    """Ten equal groups of together 20,000 rows: how often some gap is claimed, and how often a percentile bootstrap would."""
    rng = np.random.default_rng(2)
    by_bound = by_test = naive = 0
    for _ in range(draws):
        figure = groups(rng, [2_000] * 10, [0.3] * 10)
        by_bound += largest_difference([figure], RULES.min_denominator).bound(0.05) > 0  # type: ignore[union-attr]  # ten groups
        by_test += chance(figure, 1_000, 0).p_value <= 0.05
    for _ in range(draws // 10):
        figure = groups(rng, [2_000] * 10, [0.3] * 10)
        again = rng.binomial(2_000, figure.values, size=(400, 10)) / 2_000
        naive += np.quantile(again.max(axis=1) - again.min(axis=1), 0.05) > 0
    return {
        "draws": draws,
        "bound_above_0": by_bound / draws,
        "p_value_at_most_.05": by_test / draws,
        "percentile_bootstrap": naive / (draws // 10),
    }


def halving(pairs: int) -> list[dict[str, Any]]:
    """Both halves of a fresh data set against the population's own value: how often one passes and the other fails."""
    found = []
    subjects: list[tuple[str, list[float]]] = [
        ("selection_rate_ratio[by=g] >= 0.8", [0.24, 0.3]),
        ("tpr_difference[by=g] <= 0.1", [0.6, 0.7]),
        ("tpr_difference[by=g] <= 0.1", [0.6, 0.7, 0.65, 0.68]),
    ]
    for (text, shares), n in product(subjects, (100, 1_000)):
        figure = smallest_ratio if "ratio" in text else largest_difference
        row: dict[str, Any] = {"gate": text, "groups": len(shares), "rows of each group in each half": n}
        for name, rules in (("evidence", RULES), ("point", POINT)):
            rng = np.random.default_rng(3)
            drawn = [verdict(text, figure([groups(rng, [n] * len(shares), shares)], 30), n, rules) for _ in range(2 * pairs)]
            row[name] = sum({a, b} == {"passed", "failed"} for a, b in zip(drawn[::2], drawn[1::2], strict=True)) / pairs
        found.append(row)
    return found


# --- what is printed ---


def broken(found: dict[str, Any]) -> Iterator[str]:
    """The promises that do not hold."""
    promises = (
        ("speed", lambda part: part["times_less"] >= 200 and part["largest_difference_of_values"] <= 1e-12),
        ("speed", lambda part: part["ours_with_1000_bootstrap_draws_cpu_s"] <= 1),
        ("whole_process", lambda part: part["times_less"] >= 4),
        ("bootstrap", lambda part: part["times_less"] >= 1_000),
        ("memory", lambda part: part["extra_mib"] <= 64),
        ("coverage", lambda part: part["worst"] >= 0.9195),
        ("no_gap", lambda part: part["bound_above_0"] <= 0.06 and part["p_value_at_most_.05"] <= 0.06),
        ("bootstrap_alike", lambda part: part["rejected_cells_against_rows"] <= max(0.05, part["rejected_rows_against_rows"])),
        ("halving", lambda part: all(row["evidence"] <= 0.01 for row in part)),
        ("error_rates", lambda part: all(_honest(row) for row in part)),
    )
    for name, holds in promises:
        if name in found and not holds(found[name]):
            yield name


def _honest(row: dict[str, Any]) -> bool:
    if not row["right"]:
        return max(row["passed"], row["failed"]) <= 0.07
    if row["right"] == "passed":
        return bool(row["failed"] <= 0.015)
    return bool(row["passed"] <= 0.001 and (row["failed"] >= 0.95 or "ratio .6" not in row["truth"]))


def main() -> int:
    """Measure what is asked for, print JSON part by part, and say which promise does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--draws", type=int, default=2_000)
    parser.add_argument("--only", choices=("speed", "errors"))
    parser.add_argument("--peer-bootstrap", action="store_true")
    asked = parser.parse_args()
    parts: dict[str, Callable[[], Any]] = {}
    if asked.only != "errors":
        parts["speed"] = lambda: speed(asked.rows)
        parts["whole_process"] = lambda: processes(asked.rows)
        parts["memory"] = lambda: memory(asked.rows, 50)
    if asked.peer_bootstrap:
        parts["bootstrap"] = lambda: resampling(20_000, 100)
    if asked.only != "speed":
        parts["coverage"] = coverage
        parts["bootstrap_alike"] = lambda: bootstrap_alike(5_000, 20)
        parts["no_gap"] = lambda: no_gap(asked.draws)
        parts["error_rates"] = lambda: error_rates(asked.draws)
        parts["halving"] = lambda: halving(asked.draws)
    found: dict[str, Any] = {}
    for name, part in parts.items():
        found[name] = part()
        print(json.dumps({name: found[name]}, indent=2), flush=True)
    faults = list(broken(found))
    for fault in faults:
        print(f"broken: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
