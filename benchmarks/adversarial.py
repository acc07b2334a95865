"""HopSkipJump and Square of stage `adversarial` against ART and foolbox: same model, same rows, one thread, in turns; and against closed forms.

Times are told of 100 rows (50 of the two large networks); distances beside ART from the same starts, which differ little, of up to 600 rows (150), with an interval.

foolbox runs in an environment of its own, made on the first use under ~/.cache/mlops-stage/bench. Models are trained here with scikit-learn and
exported with skl2onnx; the convolutional one has random filters, and a trained last layer.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))  # before NumPy is loaded

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from adversarial_targets import LARGE, PAIRED, POOL, Counted, Target, targets

from mlops_stage.inputs.model import open_model
from mlops_stage.stages.adversarial.hopskipjump import hop_skip_jump
from mlops_stage.stages.adversarial.kinds import kind_of
from mlops_stage.stages.adversarial.linear import linear_margin
from mlops_stage.stages.adversarial.space import box
from mlops_stage.stages.adversarial.square import Image, square
from mlops_stage.stages.adversarial.starts import labelled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[Any]


TIMED = 100
DRAWS = 2000
SQUARES = ("digits_mlp", "digits_logreg", "digits_rf", "digits_gb")
FOOLBOX = """
import json, sys, time
import foolbox, numpy as np, onnxruntime as ort
path, rows = sys.argv[1:3]
options = ort.SessionOptions(); options.intra_op_num_threads = options.inter_op_num_threads = 1; options.log_severity_level = 3
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
asked = 0
def scores(x):
    global asked
    asked += len(x)
    return session.run(["probabilities"], {name: np.ascontiguousarray(x, dtype=np.float32)})[0]
data = np.load(rows)
x, y, starts = data["x"], data["y"], data["starts"]
import eagerpy as ep
model = foolbox.models.NumPyModel(scores, bounds=(0, 1))
best = cpu = None
for turn in range(int(sys.argv[3])):
    np.random.seed(turn); asked = 0
    attack = foolbox.attacks.HopSkipJumpAttack(steps=10, initial_gradient_eval_steps=100, max_gradient_eval_steps=1000)
    begun, used = time.perf_counter(), time.process_time()
    found = attack.run(model, ep.NumPyTensor(x), foolbox.criteria.Misclassification(ep.NumPyTensor(y)), starting_points=ep.NumPyTensor(starts))
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    cpu = used if cpu is None else min(cpu, used)
    found = np.asarray(getattr(found, "raw", found))
    best = seconds if best is None else min(best, seconds)
print(json.dumps({"seconds": best, "cpu": cpu, "median": float(np.median(np.linalg.norm(found - x, axis=1))), "queries": asked / len(x)}))
"""


def ours(target: Target, seed: int, iterations: int = 10) -> dict[str, float]:
    return summary(*found_by_us(target, seed, iterations))


def found_by_us(target: Target, seed: int, iterations: int = 10) -> tuple[Numbers, float, dict[str, float]]:
    """Distances, queries a row, and time."""
    oracle = target.oracle()
    width = target.rows.shape[1]
    clock = Clock()
    pool = labelled(oracle, target.pool)
    found = hop_skip_jump(
        oracle,
        target.rows,
        target.labels,
        np.arange(len(target.rows)),
        box(width),
        norm="l2",
        iterations=iterations,
        seed=seed,
        pool=pool,
    )
    spent = clock.spent()
    assert (oracle.labels(found.rows) != target.labels)[found.fooled].all()
    return found.distance, (found.queries.sum() + POOL) / len(target.rows), spent


class Clock:
    """Wall and processor seconds since it was made; the latter do not count what else the machine does."""

    def __init__(self) -> None:
        self.begun = (time.perf_counter(), time.process_time())

    def spent(self) -> dict[str, float]:
        """Both."""
        return {"seconds": time.perf_counter() - self.begun[0], "cpu": time.process_time() - self.begun[1]}


def summary(distances: Numbers, queries: float, spent: dict[str, float]) -> dict[str, float]:
    return spent | {"median": float(np.median(distances)), "success": float(np.isfinite(distances).mean()), "queries": queries}


def art(target: Target, seed: int, *, pooled: bool) -> dict[str, float]:
    """ART's attack with its defaults; with `pooled`, from our starts and bisected at the end to the same closeness as ours."""
    return summary(*found_by_art(target, seed, pooled=pooled))


def found_by_art(target: Target, seed: int, *, pooled: bool) -> tuple[Numbers, float, dict[str, float]]:
    """Distances, queries a row, and time."""
    from art.attacks.evasion import HopSkipJump
    from art.estimators.classification import BlackBoxClassifier

    counted = Counted(target.path)
    classes = counted(target.rows[:8]).shape[1]
    width = target.rows.shape[1]
    classifier = BlackBoxClassifier(counted, (width,), classes, clip_values=(0.0, 1.0))
    attack = HopSkipJump(classifier, targeted=False, norm=2, max_iter=10, max_eval=1000, init_eval=100, init_size=100, verbose=False)
    np.random.seed(seed)  # noqa: NPY002  (what ART reads, in part)
    counted.asked = 0
    clock = Clock()
    options = {"x_adv_init": nearest(target)} if pooled else {}
    found = attack.generate(target.rows.copy(), **options)
    if pooled:
        found = bisected(counted, target, found)
    spent = clock.spent()
    queries = counted.asked / len(target.rows)
    other = counted(found).argmax(axis=1) != target.labels
    return np.where(other, np.linalg.norm(found - target.rows, axis=1), np.inf), queries, spent


def paired(target: Target, runs: int) -> dict[str, Any]:
    """Our median distance over that of ART from the same starts, bisected as well: the ratio over all rows and seeds, with its interval.

    The interval is of 90 %, so that each end is a one-sided bound of 95 %; rows are drawn anew with both of their results, and so are seeds, for medians of
    a hundred rows differ by several per cent between samples although no attack is better on either.
    """
    mine, theirs = ([each(target, seed) for seed in range(runs)] for each in (found_by_us, lambda *one: found_by_art(*one, pooled=True)))
    near, far = (np.stack([distances for distances, _, _ in some]) for some in (mine, theirs))
    rng = np.random.default_rng(0)
    drawn = [np.ix_(rng.integers(0, runs, runs), rng.integers(0, near.shape[1], near.shape[1])) for _ in range(DRAWS)]
    low, high = np.quantile([ratio(near[some], far[some]) for some in drawn], (0.05, 0.95))
    queries = sum(asked for _, asked, _ in mine) / sum(asked for _, asked, _ in theirs)
    figures = {"rows": near.shape[1], "seeds": runs, "median": ratio(near, far), "low": low, "high": high, "queries": queries}
    return rounded(figures) | {"held": bool(high <= 1.02 and queries <= 1.02)}


def ratio(near: Numbers, far: Numbers) -> float:
    """Of the medians over rows; of several seeds their mean."""
    return float(np.median(near, axis=1).mean() / np.median(far, axis=1).mean())


def nearest(target: Target) -> Numbers:
    """For each row the nearest row of the pool that the model gives another label."""
    labels = Counted(target.path)(target.pool).argmax(axis=1)
    starts = np.empty_like(target.rows)
    for place, (row, label) in enumerate(zip(target.rows, target.labels, strict=True)):
        others = target.pool[labels != label]
        starts[place] = others[np.square(others - row).sum(axis=1).argmin()]
    return starts


def bisected(scores: Counted, target: Target, far: Numbers) -> Numbers:
    low, high = np.zeros(len(far)), np.ones(len(far))
    for _ in range(10):
        middle = (low + high) / 2
        mixed = (target.rows + middle[:, None] * (far - target.rows)).astype(np.float32)
        other = scores(mixed).argmax(axis=1) != target.labels
        low, high = np.where(other, low, middle), np.where(other, middle, high)
    return np.asarray((target.rows + high[:, None] * (far - target.rows)).astype(np.float32))


def foolbox(target: Target, folder: Path, runs: int) -> dict[str, float]:
    """The attack of foolbox from the same starts, in an environment of its own."""
    home = Path.home() / ".cache/mlops-stage/bench/foolbox"
    python = home / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
    if subprocess.run([python, "-c", "import foolbox, onnxruntime"], check=False, capture_output=True).returncode:
        subprocess.run([python, "-m", "pip", "install", "-q", "foolbox==3.3.4", "onnxruntime", "setuptools"], check=True)
    rows = folder / f"{target.name}.npz"
    np.savez(rows, x=target.rows, y=target.labels, starts=nearest(target))
    done = subprocess.run([python, "-W", "ignore", "-c", FOOLBOX, target.path, rows, str(runs)], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def compared(target: Target, folder: Path, runs: int) -> dict[str, Any]:
    """All four in turns; seconds are the least of the runs, distances the median over them."""
    kept: dict[str, list[dict[str, float]]] = {"ours": [], "art": [], "art_pool": []}
    ours(target, 99, 1)  # the first call of a session is slower
    for seed in range(runs):
        kept["ours"].append(ours(target, seed))
        kept["art"].append(art(target, seed, pooled=False))
        kept["ours"].append(ours(target, 100 + seed))
        kept["art_pool"].append(art(target, seed, pooled=True))
    told = {name: summed(each) for name, each in kept.items()}
    told["foolbox"] = foolbox(target, folder, runs)
    mine = told["ours"]
    ratios = {
        "wall_vs_art": told["art"]["seconds"] / mine["seconds"],
        "cpu_vs_art": told["art"]["cpu"] / mine["cpu"],
        "queries_vs_art": mine["queries"] / told["art"]["queries"],
        "median_vs_art": mine["median"] / told["art"]["median"],
        "wall_vs_foolbox": told["foolbox"]["seconds"] / mine["seconds"],
        "cpu_vs_foolbox": told["foolbox"]["cpu"] / mine["cpu"],
        "median_vs_foolbox": mine["median"] / told["foolbox"]["median"],
        "time_to_art_median": told["art"]["cpu"] / seconds_to(target, told["art"]["median"]),
    }
    return {name: rounded(each) for name, each in (*told.items(), ("ratios", ratios))}


def squares(target: Target, runs: int) -> dict[str, Any]:
    """Square at two sizes on digits: accuracy that is left, queries and seconds; ART's with its own defaults for the windows."""
    from art.attacks.evasion import SquareAttack
    from art.estimators.classification import BlackBoxClassifierNeuralNetwork

    told: dict[str, Any] = {}
    for epsilon in (0.1, 0.2):
        mine, theirs = [], []
        for seed in range(runs):
            oracle = target.oracle()
            clock = Clock()
            found = square(
                oracle,
                target.rows,
                target.labels,
                np.arange(len(target.rows)),
                box(target.rows.shape[1]),
                epsilon=epsilon,
                queries=300,
                seed=seed,
                image=Image(1, 8, 8),
            )
            mine.append({"accuracy": 1 - found.fooled.mean(), "queries": found.queries.mean(), **clock.spent()})
            counted = Counted(target.path)
            classifier = BlackBoxClassifierNeuralNetwork(counted, (1, 8, 8), 10, channels_first=True, clip_values=(0.0, 1.0))
            np.random.seed(seed)  # noqa: NPY002  (what ART reads)
            clock = Clock()
            attack = SquareAttack(classifier, eps=epsilon, max_iter=300, p_init=0.8, verbose=False)
            made = attack.generate(target.rows.reshape(-1, 1, 8, 8), target.labels)
            spent, queries = clock.spent(), counted.asked / len(target.rows)
            accuracy = (counted(made).argmax(axis=1) == target.labels).mean()
            theirs.append({"accuracy": accuracy, "queries": queries, **spent})
        each = {"ours": summed(mine), "art": summed(theirs)}
        each["ratios"] = {key: each["ours"][key] / each["art"][key] for key in ("accuracy", "queries", "cpu")}
        told[str(epsilon)] = {name: rounded(figures) for name, figures in each.items()}
    return told


def against_closed_form(target: Target, runs: int) -> dict[str, float]:
    """Median of distance over the least possible one, for a linear model."""
    model = open_model(target.path.name, target.path.parent)
    affine = kind_of(model, "label").affine
    assert affine is not None
    told = {}
    for norm in ("l2", "linf"):
        space = box(target.rows.shape[1])
        closed = linear_margin(target.oracle(), affine, target.rows, target.labels, space, norm=norm).distance
        ratios = []
        for seed in range(runs):
            oracle = target.oracle()
            pool = labelled(oracle, target.pool)
            places = np.arange(len(target.rows))
            found = hop_skip_jump(oracle, target.rows, target.labels, places, space, norm=norm, iterations=10, seed=seed, pool=pool)
            ratios.append(float(np.median(found.distance / closed)))
        told[norm] = float(np.median(ratios))
    return rounded(told)


def summed(runs: list[dict[str, float]]) -> dict[str, float]:
    return {key: (min if key in {"seconds", "cpu"} else np.median)([run[key] for run in runs]) for key in runs[0]}


def rounded(figures: dict[str, float]) -> dict[str, float]:
    return {key: float(f"{value:.4g}") for key, value in figures.items()}


def seconds_to(target: Target, median: float) -> float:
    """Processor seconds that the fewest iterations take whose median is not above a given one."""
    for iterations in range(11):
        found = min((ours(target, seed, iterations) for seed in (0, 1, 2)), key=lambda run: run["cpu"])
        if found["median"] <= median:
            return found["cpu"]
    return float("inf")


def main() -> None:
    """Print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--models", default="", help="such as digits_mlp,cancer_rf; all of them by default")
    parser.add_argument("--parts", default="hop_skip_jump,paired,square,linear")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for target in targets(folder, [part for part in asked.models.split(",") if part]):
            few = target.first(TIMED if len(target.rows) > PAIRED // max(LARGE.values()) else TIMED // 2)
            told: dict[str, Any] = {"hop_skip_jump": compared(few, folder, asked.runs)} if "hop_skip_jump" in asked.parts else {}
            if "paired" in asked.parts:
                told["over_art_from_the_same_starts"] = paired(target, asked.runs)
            if "square" in asked.parts and target.name in SQUARES:
                told["square"] = squares(few, asked.runs)
            if "linear" in asked.parts and target.name.endswith("logreg"):
                told["over_closed_form"] = against_closed_form(few, asked.runs)
            print(json.dumps({target.name: told}), flush=True)


if __name__ == "__main__":
    main()
