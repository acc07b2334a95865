"""How often verdicts on drift are wrong: datasets of 20 columns, judged as the stage `data` judges them.

    python benchmarks/drift.py [--draws 500] [--part still|moved|threshold|others]

No drift: the share of datasets of which some column fails, or which stay inconclusive. Drift: the share of datasets in which the column that drifted fails.
Counts are drawn as the bins of a profile see them: numbers as multinomial counts of 200 bins, categories as counts of five.
"place known": the power of a bound that knew beforehand where the distributions differ most, which no honest bound surpasses at that level.
Distances that a rule may name are judged at their threshold: 5 % may fail, and 5 % may pass.
"""

from __future__ import annotations

import argparse
from collections import Counter
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.estimates import Bounded, Rate
from mlops_stage.gate import Rules, judge
from mlops_stage.report import Criterion, Metric, Observations, Verdict
from mlops_stage.stats import drift

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NUMBERS, CATEGORIES = 14, 6
SHARES = np.array([0.5, 0.25, 0.15, 0.07, 0.03])
CUTS = np.array([NormalDist().inv_cdf(place / drift.EDGES) for place in range(1, drift.EDGES)])


def bins(shift: float) -> np.ndarray:
    """Shares of the profile's bins in normal data that moved by some standard deviations."""
    below = np.array([NormalDist(shift).cdf(cut) for cut in CUTS])
    return np.diff(np.concatenate([[0.0], below, [1.0]]))


def dataset(rng: np.random.Generator, before: int, rows: int, *, shift: float = 0.0, new: float = 0.0) -> list[tuple[Metric, Criterion]]:
    """Metrics and gates of one dataset; its first column of numbers and of categories may drift."""
    found = []
    still, moved = bins(0.0), bins(shift)
    for column in range(NUMBERS):
        estimate = drift.ks(rng.multinomial(before, still), rng.multinomial(rows, moved if column == 0 else still))
        found.append(gated("ks", f"n{column}", estimate, drift.THRESHOLD["ks"]))
    for column in range(CATEGORIES):
        strangers = rng.binomial(rows, new if column == 0 else 0.0)
        estimate = drift.linf(
            np.append(rng.multinomial(before, SHARES), 0), np.append(rng.multinomial(rows - strangers, SHARES), strangers)
        )
        found.append(gated("linf", f"c{column}", estimate, drift.THRESHOLD["linf"]))
        found.append(gated("new_category_share", f"c{column}", Rate(strangers, rows), drift.NEW_SHARE))
    return found


def gated(name: str, column: str, estimate: object, limit: float) -> tuple[Metric, Criterion]:
    """A metric and its gate, as the stage makes them."""
    where = (("column", column),)
    return Metric(name=name, estimate=estimate, slice=where), Criterion(metric=name, op="<=", number=limit, slice=where, family="drift")


def verdicts(made: list[tuple[Metric, Criterion]]) -> dict[str, Verdict]:
    """The verdict on each gate."""
    judged = judge(Observations(metrics=tuple(metric for metric, _ in made)), [criterion for _, criterion in made], Rules())
    return {f"{metric.name} {metric.slice[0][1]}": gate.verdict for (metric, _), gate in zip(made, judged.gates, strict=True)}


def main() -> None:
    """Print tables of error rates and of power."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--part", choices=PARTS, help="only this part")
    options = parser.parse_args()
    for name, part in PARTS.items():
        if options.part in {None, name}:
            part(np.random.default_rng(0), options.draws)


def tell(text: str) -> None:
    """A line as soon as it is known."""
    print(text, flush=True)


def without_drift(rng: np.random.Generator, draws: int) -> None:
    """How data sets without drift end."""
    tell("no drift: 20 columns, rows of profile and data | datasets that fail | inconclusive | passed")
    for before, rows in ((100, 100), (1_000, 1_000), (3_000, 3_000), (5_000, 5_000), (100_000, 100_000), (50_000, 1_000)):
        seen = Counter(overall(verdicts(dataset(rng, before, rows))) for _ in range(draws))
        tell(
            f"{before:>7,} {rows:>7,} | {seen['failed'] / draws:7.1%} | {seen['inconclusive'] / draws:7.1%} | {seen['passed'] / draws:7.1%}"
        )


def with_drift(rng: np.random.Generator, draws: int) -> None:
    """How often drift is found, by rows of data and of the profile."""
    tell(
        "one column moved by .3 sigma, one with a new category of 2 %: profile, data | moved found | place known | new category found"
        " | another column fails | without any drift passed"
    )
    for rows in (1_000, 2_000, 5_000, 10_000, 50_000):
        for before in (5_000, 10_000, 20_000, 50_000, 100_000):
            moved = known = strange = wrong = still = 0
            for _ in range(draws):
                found = verdicts(dataset(rng, before, rows, shift=0.3, new=0.02))
                moved += found["ks n0"] is Verdict.FAILED
                known += at_its_place(rng, before, rows) > drift.THRESHOLD["ks"]
                strange += found["new_category_share c0"] is Verdict.FAILED
                wrong += any(
                    verdict is Verdict.FAILED
                    for name, verdict in found.items()
                    if name not in {"ks n0", "new_category_share c0", "linf c0"}
                )
                still += overall(verdicts(dataset(rng, before, rows))) == "passed"
            tell(f"{before:>7,} {rows:>7,} | " + " | ".join(f"{count / draws:7.1%}" for count in (moved, known, strange, wrong, still)))


def at_the_threshold(rng: np.random.Generator, draws: int) -> None:
    """How often a column that stands exactly at the threshold is judged wrongly."""
    tell("one column alone at the threshold, a distance of .08 | fails | passes")
    far = np.full(drift.EDGES, 1 / drift.EDGES)
    far[:16], far[-16:] = 0.0, 2 / drift.EDGES
    for told, moved in (("a shift of .2009 sigma", bins(0.2009)), ("8 % of the rows from one end to the other", far)):
        for rows in (1_000, 5_000):
            failed = passed = 0
            for _ in range(draws * 2):
                metric, criterion = gated("ks", "n", drift.ks(rng.multinomial(rows, bins(0)), rng.multinomial(rows, moved)), 0.08)
                verdict = verdicts([(metric, criterion)])["ks n"]
                failed += verdict is Verdict.FAILED
                passed += verdict is Verdict.PASSED
            tell(f"{told}: {rows:>7,} {rows:>7,} | {failed / draws / 2:7.1%} | {passed / draws / 2:7.1%}")


def of_other_distances(rng: np.random.Generator, draws: int) -> None:
    """How often the distances that a rule may name are judged wrongly at their threshold."""
    tell("distance at its threshold | shape | rows of either | fails | passes")
    for name, shape, still, moved in at_thresholds():
        for rows in (300, 1_000):
            found = [distance(name, rng.multinomial(rows, still), rng.multinomial(rows, moved)) for _ in range(draws)]
            failed = sum(one.bound(0.05) > drift.THRESHOLD[name] for one in found)
            passed = sum(one.bound(0.95) <= drift.THRESHOLD[name] for one in found)
            tell(f"{name:>11} | {shape:>5} | {rows:>7,} | {failed / draws:7.1%} | {passed / draws:7.1%}")


PARTS = {"still": without_drift, "moved": with_drift, "threshold": at_the_threshold, "others": of_other_distances}


def at_its_place(rng: np.random.Generator, before: int, rows: int) -> float:
    """The lower bound of the difference at .15 sigma, where a shift of .3 sigma is largest, at the level that Holm leaves the first of all gates."""
    gates = NUMBERS + 2 * CATEGORIES
    f, g = (rng.binomial(n, NormalDist(shift).cdf(0.15)) / n for n, shift in ((rows, 0.3), (before, 0.0)))
    return float(g - f + NormalDist().inv_cdf(0.05 / gates) * np.sqrt(f * (1 - f) / rows + g * (1 - g) / before))


def distance(name: str, earlier: np.ndarray, now: np.ndarray) -> Bounded:
    """One of the distances that a rule may name."""
    if name == "wasserstein":
        found = drift.wasserstein(earlier, now, CUTS, 0)
    else:
        found = {"psi": drift.psi, "js": drift.js, "cramers_v": drift.cramers_v}[name](earlier, now, 0)
    assert isinstance(found, Bounded)
    return found


def at_thresholds() -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """(distance, shape of the change, shares of the profile, shares that lie as far from them as the threshold)."""
    still = np.full(drift.BANDS, 1 / drift.BANDS)
    shapes: dict[str, Callable[[float], np.ndarray]] = {
        "tilt": lambda size: np.exp(size * np.linspace(-1, 1, drift.BANDS)),
        "one": lambda size: np.append(np.exp(-3 * size), np.ones(drift.BANDS - 1)),
    }
    for name in ("psi", "js", "cramers_v"):
        for shape, weights in shapes.items():
            yield name, shape, still, reached(name, still, lambda size, weights=weights: weights(size) / weights(size).sum())
    yield "wasserstein", "shift", bins(0.0), reached("wasserstein", bins(0.0), bins)


def reached(name: str, still: np.ndarray, moved: Callable[[float], np.ndarray]) -> np.ndarray:
    """Shares as far from others as the threshold, by halving; of ten million rows a distance is what it is."""
    low, high = 1e-4, 1.5
    for _ in range(30):
        middle = (low + high) / 2
        whole = [np.round(shares * 1e7).astype(np.int64) for shares in (still, moved(middle))]
        low, high = (middle, high) if distance(name, *whole).value < drift.THRESHOLD[name] else (low, middle)
    return moved(high)


def overall(found: dict[str, Verdict]) -> str:
    """The outcome of a dataset."""
    seen = set(found.values())
    return "failed" if Verdict.FAILED in seen else "inconclusive" if Verdict.INCONCLUSIVE in seen else "passed"


if __name__ == "__main__":
    main()
