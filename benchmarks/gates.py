"""Error rates of gates: coverage by exact computation, verdicts and the halving test by simulation.

    python benchmarks/gates.py [--json] [--draws 2000] [--seed 1]

Prints Markdown (or JSON) and exits 1 when a promise of the reference pages is broken. Needs `mlops-stage[quality]`, nothing else.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import dataclass
from itertools import chain, product
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage import gate
from mlops_stage.estimates import Difference, Estimate, Paired, Rate, Ratio
from mlops_stage.report import Criterion, Metric, Observations, Verdict
from mlops_stage.stats.classification import mean_rate
from mlops_stage.stats.linear import Groups, paired_difference
from mlops_stage.stats.ranking import rank, rank_figures, rising
from mlops_stage.stats.regression import error_figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.random import Generator
    from numpy.typing import NDArray

    Draw = Callable[[Generator, int], Estimate]

EVIDENCE = gate.Rules()
POINT = gate.Rules(mode="point", min_denominator=0)
HALVING_LIMIT = 0.01
FALSE_LIMIT = 0.075
"""A wrong verdict at the threshold itself: .05, and what approximate bounds and the simulation's own noise (.005 each way) add."""


# --- what is drawn ---


def accuracy(truth: float) -> Draw:
    """Correct rows, independent."""
    return lambda rng, n: Rate(int(rng.binomial(n, truth)), n)


def balanced_accuracy(recalls: tuple[float, ...], shares: tuple[float, ...]) -> Draw:
    """Labels by share, each class with its own recall."""

    def draw(rng: Generator, n: int) -> Estimate:
        rows = rng.multinomial(n, shares).tolist()
        return mean_rate([Rate(int(rng.binomial(count, recall)), count) for count, recall in zip(rows, recalls, strict=True) if count])

    return draw


def roc_auc(truth: float, positives: float) -> Draw:
    """Normal scores whose means lie so far apart that the area is `truth`."""
    apart = math.sqrt(2) * NormalDist().inv_cdf(truth)

    def draw(rng: Generator, n: int) -> Estimate:
        positive = rng.random(n) < positives
        score = rng.standard_normal(n) + apart * positive
        return rank_figures(rank(Groups(rows=n), rising(score), score, positive))["roc_auc"].estimate(0)

    return draw


def paired_area(old: float, difference: float, correlation: float) -> Draw:
    """Two models' normal scores for the same rows, half of them positive, and the change of the area from the old model's."""
    apart = [math.sqrt(2) * NormalDist().inv_cdf(area) for area in (old + difference, old)]

    def draw(rng: Generator, n: int) -> Estimate:
        positive = np.arange(n) < n // 2
        new, other = rng.standard_normal((2, n))
        scores = new + apart[0] * positive, correlation * new + math.sqrt(1 - correlation**2) * other + apart[1] * positive
        return _change(positive, *scores)

    return draw


def dropped_positives(old: float, difference: float) -> Draw:
    """The same, where the new model ranks a few positives below everything and all other rows as the old one does."""
    apart, share = math.sqrt(2) * NormalDist().inv_cdf(old), -difference / old

    def draw(rng: Generator, n: int) -> Estimate:
        positive = np.arange(n) < n // 2
        score = rng.standard_normal(n) + apart * positive
        lost = positive & (rng.random(n) < share)
        return _change(positive, np.where(lost, score - 100, score), score)

    return draw


def _change(positive: NDArray[np.bool_], new: NDArray[np.float64], old: NDArray[np.float64]) -> Estimate:
    groups = Groups(rows=len(positive))
    areas = [rank_figures(rank(groups, rising(score), score, positive), influence=True)["roc_auc"] for score in (new, old)]
    return paired_difference(groups, *areas).estimate(0)


def r2(truth: float, *, skewed: bool = False) -> Draw:
    """Targets and predictions with correlation .4; the predictions' scale is such that R² is `truth`."""
    correlation = 0.4
    scale = correlation + math.sqrt(correlation**2 - truth)

    def draw(rng: Generator, n: int) -> Estimate:
        known, unknown = rng.standard_normal((2, n))
        target = correlation * known + math.sqrt(1 - correlation**2) * (rng.standard_exponential(n) - 1 if skewed else unknown)
        return error_figures(Groups(rows=n), target, scale * known)["r2"].estimate(0)

    return draw


def paired(difference: float, disagreement: float) -> Draw:
    """Rows that only one of two models gets right."""
    gained, lost = (disagreement + difference) / 2, (disagreement - difference) / 2

    def draw(rng: Generator, n: int) -> Estimate:
        counts = rng.multinomial(n, (gained, lost, 1 - disagreement)).tolist()
        return Paired(counts[0], counts[1], n)

    return draw


# --- verdicts ---


@dataclass(frozen=True)
class Case:
    """A gate on data whose truth is known."""

    gate: str
    truth: str
    n: int
    draw: Draw
    right: str
    """The only verdict besides `inconclusive` that is not wrong; empty on the threshold, where each is wrong."""


def cases() -> Iterator[Case]:
    """The default gates of the quality stage, on the threshold and on both sides of it."""
    even, rare = (0.5, 0.5), (0.95, 0.05)
    for n in (200, 1000):
        for shares in (even, rare):
            yield Case("balanced_accuracy > 0.5", f"0.5 (random), positives {shares[1]:.0%}", n, balanced_accuracy((0.7, 0.3), shares), "")
            yield Case(
                "balanced_accuracy > 0.5", f"0.5 (constant), positives {shares[1]:.0%}", n, balanced_accuracy((1.0, 0.0), shares), ""
            )
            yield Case("balanced_accuracy > 0.5", f"0.6, positives {shares[1]:.0%}", n, balanced_accuracy((0.7, 0.5), shares), "passed")
            yield Case("roc_auc > 0.5", f"0.5, positives {shares[1]:.0%}", n, roc_auc(0.5, shares[1]), "")
            yield Case("roc_auc > 0.5", f"0.6, positives {shares[1]:.0%}", n, roc_auc(0.6, shares[1]), "passed")
        thirds = (1 / 3, 1 / 3, 1 / 3)
        yield Case("balanced_accuracy > 0.3333333333333333", "1/3 (random), 3 classes", n, balanced_accuracy((0.5, 0.3, 0.2), thirds), "")
        yield Case("balanced_accuracy > 0.3333333333333333", "0.4, 3 classes", n, balanced_accuracy((0.5, 0.4, 0.3), thirds), "passed")
        yield Case("r2 > 0", "0", n, r2(0.0), "")
        yield Case("r2 > 0", "0, skewed errors", n, r2(0.0, skewed=True), "")
        yield Case("r2 > 0", "0.1", n, r2(0.1), "passed")
        yield Case("r2 > 0", "-0.1", n, r2(-0.1), "failed")
    for n in (500, 2000, 10_000):
        yield Case("accuracy >= baseline - 0.01", "0.01 worse (on the margin)", n, paired(-0.01, 0.06), "")
        yield Case("accuracy >= baseline - 0.01", "the same", n, paired(0.0, 0.06), "passed")
        yield Case("accuracy >= baseline - 0.01", "0.03 worse", n, paired(-0.03, 0.06), "failed")


def area_cases() -> Iterator[Case]:
    """The gate on the area against a baseline, up to areas that leave no room for an interval on the plain scale."""
    for old, n, margin in ((0.999, 60, 0.005), (0.995, 60, 0.01), (0.99, 60, 0.01), (0.99, 400, 0.01), (0.9, 60, 0.01), (0.9, 400, 0.01)):
        text = f"roc_auc >= baseline - {margin}"
        for correlation in (0.0, 0.5, 0.9):
            yield Case(text, f"{margin} below {old}, scores correlate {correlation}", n, paired_area(old, -margin, correlation), "")
    for old, n, margin in ((0.9, 60, 0.01), (0.9, 400, 0.01), (0.99, 400, 0.005), (0.9, 2000, 0.005)):
        yield Case(
            f"roc_auc >= baseline - {margin}", f"{margin} below {old}, few positives dropped", n, dropped_positives(old, -margin), ""
        )
    for n in (400, 2000):
        yield Case("roc_auc >= baseline - 0.01", "as good, 0.9, scores correlate 0.9", n, paired_area(0.9, 0.0, 0.9), "passed")
        yield Case("roc_auc >= baseline - 0.01", "0.03 below 0.9, scores correlate 0.9", n, paired_area(0.9, -0.03, 0.9), "failed")


def verdicts(case: Case, draws: int, seed: int, rules: gate.Rules) -> list[str]:
    """The gate's verdict on each of `draws` fresh data sets."""
    rng = np.random.default_rng(seed)
    criterion = gate.parse(case.gate)
    found = []
    for _ in range(draws):
        estimate = case.draw(rng, case.n)
        metric = Metric(name=criterion.metric, estimate=estimate, versus=estimate if criterion.baseline else None)
        found.append(str(gate.judge(Observations(metrics=(metric,)), [criterion], rules).gates[0].verdict))
    return found


def error_rates(draws: int, seed: int) -> list[dict[str, Any]]:
    """How often each gate passes, fails and stays inconclusive."""
    rows = []
    for case in chain(cases(), area_cases()):
        found = verdicts(case, draws, seed, EVIDENCE)
        shares = {verdict: found.count(verdict) / draws for verdict in ("passed", "failed", "inconclusive")}
        wrong = max(share for verdict, share in shares.items() if verdict not in {"inconclusive", case.right})
        rows.append({"gate": case.gate, "truth": case.truth, "n": case.n, **shares, "wrong": wrong, "power": shares.get(case.right)})
    return rows


def halving(pairs: int, seed: int) -> list[dict[str, Any]]:
    """Both halves of a fresh data set against the population's own value: how often one passes and the other fails.

    Rows are drawn independently, so the first half and the second are random halves.
    """
    subjects: list[tuple[str, Draw]] = [
        ("accuracy >= 0.8", accuracy(0.8)),
        ("balanced_accuracy >= 0.6", balanced_accuracy((0.7, 0.5), (0.8, 0.2))),
        ("roc_auc >= 0.75", roc_auc(0.75, 0.3)),
        ("r2 >= 0.1", r2(0.1)),
        ("accuracy >= baseline - 0.01", paired(-0.01, 0.06)),
    ]
    rows = []
    for (text, draw), n in product(subjects, (100, 500)):
        row: dict[str, Any] = {"gate": text, "rows in each half": n}
        for rules in (EVIDENCE, POINT):
            found = verdicts(Case(text, "on the threshold", n, draw, ""), 2 * pairs, seed, rules)
            contradictions = sum({a, b} == {"passed", "failed"} for a, b in zip(found[::2], found[1::2], strict=True))
            row[rules.mode] = contradictions / pairs
        rows.append(row)
    return rows


def families(draws: int, seed: int) -> list[dict[str, Any]]:
    """Ten slices of 500 rows, each exactly on the threshold: how often any of them is said to fail, in a family and without one."""
    rng = np.random.default_rng(seed)
    anything = dict.fromkeys(("family", "separate"), 0)
    for _ in range(draws):
        metrics = tuple(
            Metric(name="accuracy", estimate=Rate(k, 500), slice=(("g", str(i)),)) for i, k in enumerate(rng.binomial(500, 0.8, size=10))
        )
        for name in anything:
            criteria = [
                Criterion(metric="accuracy", op=">=", number=0.8, slice=metric.slice, family="f" if name == "family" else "")
                for metric in metrics
            ]
            gates = gate.judge(Observations(metrics=metrics), criteria, EVIDENCE).gates
            anything[name] += any(one.verdict is Verdict.FAILED for one in gates)
    return [
        {"comparisons": 10, "any false fail, Holm": anything["family"] / draws, "any false fail, unadjusted": anything["separate"] / draws}
    ]


# --- exact coverage ---


def binomial(n: int, p: float) -> NDArray[np.float64]:
    """The chances of 0 … n."""
    k = np.arange(n + 1)
    log_choose = math.lgamma(n + 1) - np.array([math.lgamma(i + 1) + math.lgamma(n - i + 1) for i in k])
    return np.asarray(np.exp(log_choose + k * math.log(p) + (n - k) * math.log1p(-p)))


def wilson() -> list[dict[str, Any]]:
    """Rates of n = 20 … 200: both sides for 95 %, and the one-sided bounds that verdicts rest on."""
    found: dict[str, list[tuple[float, int, float]]] = {}
    for n in range(20, 201):
        low95, low, high, high95 = (np.array([Rate(k, n).bound(level) for k in range(n + 1)]) for level in (0.025, 0.05, 0.95, 0.975))
        for p in np.arange(0.05, 0.951, 0.01).tolist():
            chance = binomial(n, p)
            if p <= 0.5:
                found.setdefault("two-sided 95 %, n 20-200, p .05-.5", []).append((chance[(low95 <= p) & (p <= high95)].sum(), n, p))
            if n >= 30:
                band = "p .2-.8" if 0.2 <= p <= 0.8 else "p .05-.2 and .8-.95"
                worst = min(chance[low <= p].sum(), chance[high >= p].sum())
                found.setdefault(f"one-sided 95 %, the worse side, n 30-200, {band}", []).append((worst, n, p))
    return [_summed(f"Rate (Wilson), {name}", values) for name, values in found.items()]


def two_rates() -> list[dict[str, Any]]:
    """Differences and ratios of independent rates, one-sided at 95 %, the worse side."""
    shares = (0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95)
    kinds: tuple[tuple[str, type[Difference | Ratio], Callable[[float, float], float]], ...] = (
        ("Difference (Newcombe)", Difference, lambda a, b: a - b),
        ("Ratio (log, Wilson's bounds)", Ratio, lambda a, b: a / b),
    )
    rows = []
    for (name, kind, truth), (n_a, n_b) in product(kinds, ((30, 30), (40, 160), (100, 100))):
        pairs = [(i, j) for i in range(n_a + 1) for j in range(n_b + 1) if j or kind is Difference]
        estimates = [kind(Rate(i, n_a), Rate(j, n_b)) for i, j in pairs]
        low, high = (np.array([estimate.bound(level) for estimate in estimates]) for level in (0.05, 0.95))
        at = tuple(np.array(pairs).T)
        values = []
        for a, b in product(shares, shares):
            chance = np.outer(binomial(n_a, a), binomial(n_b, b))[at]
            held = min(chance[low <= truth(a, b) + 1e-12].sum(), chance[high >= truth(a, b) - 1e-12].sum())
            values.append((held + 1 - chance.sum(), min(n_a, n_b), a - b))  # what is not estimable claims nothing
        rows.append(_summed(f"{name}, one-sided, {n_a} and {n_b} rows", values))
    return rows


def tango() -> list[dict[str, Any]]:
    """Paired differences, one-sided at 95 %, the worse side."""
    rows = []
    for n in (50, 100, 200):
        cells = [(g, lost) for g in range(n + 1) for lost in range(n + 1 - g)]
        low, high = (np.array([Paired(g, lost, n).bound(level) for g, lost in cells]) for level in (0.05, 0.95))
        g, lost = np.array(cells).T
        log_count = math.lgamma(n + 1) - np.array([math.lgamma(i + 1) + math.lgamma(j + 1) + math.lgamma(n - i - j + 1) for i, j in cells])
        values = []
        for a, b in product((0.02, 0.05, 0.1, 0.2, 0.4), repeat=2):
            chance = np.exp(log_count + g * math.log(a) + lost * math.log(b) + (n - g - lost) * math.log(1 - a - b))
            values.append((min(chance[low <= a - b + 1e-12].sum(), chance[high >= a - b - 1e-12].sum()), n, a - b))
        rows.append(_summed(f"Paired (Tango), one-sided, {n} rows", values))
    return rows


def _summed(name: str, values: list[tuple[float, int, float]]) -> dict[str, Any]:
    worst, n, truth = min(values)
    return {
        "interval": name,
        "mean": float(np.mean([value[0] for value in values])),
        "worst": float(worst),
        "at n": n,
        "at truth": round(truth, 3),
    }


# --- what is printed ---


def markdown(title: str, rows: list[dict[str, Any]]) -> str:
    """One table."""
    names = list(rows[0])
    lines = [f"## {title}", "", f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    lines += [f"| {' | '.join(_cell(row[name]) for name in names)} |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


def broken(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The promises that do not hold."""
    rates = [f"{row['gate']} at {row['truth']}, n={row['n']}: {row['wrong']}" for row in found["Error rates"] if row["wrong"] > FALSE_LIMIT]
    halves = [f"{row['gate']}: {row['evidence']}" for row in found["Halving test"] if row["evidence"] > HALVING_LIMIT]
    holm = [
        f"a family fails falsely: {row['any false fail, Holm']}" for row in found["Families"] if row["any false fail, Holm"] > FALSE_LIMIT
    ]
    return rates + halves + holm


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    found = {
        "Exact coverage": wilson() + two_rates() + tango(),
        "Error rates": error_rates(options.draws, options.seed),
        "Families": families(options.draws // 2, options.seed),
        "Halving test": halving(options.draws, options.seed),
    }
    print(json.dumps(found, indent=2) if options.json else "\n\n".join(markdown(title, rows) for title, rows in found.items()))
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    for promise in broken(found):
        print(f"broken: {promise}", file=sys.stderr)
    return 1 if broken(found) else 0


if __name__ == "__main__":
    sys.exit(main())
