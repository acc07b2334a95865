"""How often the gates of `mlops-stage fairness` are wrong, by simulation: coverage, errors on and off the threshold, contradictions of halves."""

from __future__ import annotations

import argparse
import sys
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from measuring import promised

from mlops_stage import gate
from mlops_stage.estimates import Rate, Sampled
from mlops_stage.report import Metric, Observations
from mlops_stage.stats.chance import chance
from mlops_stage.stats.classification import BINARY_RATES
from mlops_stage.stats.gaps import largest_difference, smallest_ratio
from mlops_stage.stats.redrawn import between, rates, redrawn
from mlops_stage.stats.shares import Shares

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

NAMES = ("selection_rate", "tpr", "fpr", "fnr", "precision", "accuracy")
RULES, POINT = gate.Rules(), gate.Rules(mode="point")


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


def _honest(row: dict[str, Any]) -> bool:
    if not row["right"]:
        return max(row["passed"], row["failed"]) <= 0.07
    if row["right"] == "passed":
        return bool(row["failed"] <= 0.015)
    return bool(row["passed"] <= 0.001 and (row["failed"] >= 0.95 or "ratio .6" not in row["truth"]))


def main() -> int:
    """Measure, print JSON part by part, and say which promise does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2_000)
    asked = parser.parse_args()
    parts: dict[str, tuple[Callable[[], Any], Callable[[Any], bool]]] = {
        "coverage": (coverage, lambda told: told["worst"] >= 0.9195),
        "bootstrap_alike": (
            lambda: bootstrap_alike(5_000, 20),
            lambda told: told["rejected_cells_against_rows"] <= max(0.05, told["rejected_rows_against_rows"]),
        ),
        "no_gap": (lambda: no_gap(asked.draws), lambda told: told["bound_above_0"] <= 0.06 and told["p_value_at_most_.05"] <= 0.06),
        "error_rates": (lambda: error_rates(asked.draws), lambda told: all(_honest(row) for row in told)),
        "halving": (lambda: halving(asked.draws), lambda told: all(row["evidence"] <= 0.01 for row in told)),
    }
    return promised(parts)


if __name__ == "__main__":
    sys.exit(main())
