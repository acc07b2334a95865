"""How long a compiled model takes beside its source: both in turn, so that what else the machine does falls on both, and the source against itself."""

from __future__ import annotations

import gc
import math
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mlops_stage.estimates import Sampled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mlops_stage.stages.compile.backends.backend import Runnable

    Load = Callable[[], Runnable]
    _Block = tuple[float, float, float]
    """Median times of one round, in seconds: the source, the candidate, the source once more."""

Verdict = Literal["passed", "failed", "undetermined"]
LIMIT = 1.05
"""What ships takes at most so many times what the source takes."""
ROUNDS = 30
LOOKS = 3
"""The measurement may be prolonged twice; its bounds allow for having been looked at each time (Bonferroni)."""
CONTROL = 0.02
"""The source beside itself must come out within so much of 1, or nothing is said."""
_WARM_UP = 30
_MOST_RUNS = 10
_BLOCK = 2e-3
"""Seconds of a block of runs of one model, where that takes no more than `_MOST_RUNS`."""
_LOOK = 0.5
"""Seconds of a look: models that are fast get more rounds, for they cost nothing."""
_MOST_ROUNDS = 8
"""Times the rounds that were asked for."""
_NANO = 1e9


@dataclass(frozen=True, kw_only=True)
class Latency:
    """How a compiled model's latency compares with its source's: medians of blocks of runs, paired by round."""

    ratio: float
    """Median over rounds of the candidate's time over the source's."""
    low: float
    high: float
    """One-sided 95 % bounds each, after `LOOKS` looks."""
    quantiles: tuple[float, ...]
    """The bounds at `estimates.LEVELS`, of which `estimate` is made."""
    control: float
    """The same ratio of the source to itself."""
    rounds: int
    seconds: tuple[float, float]
    """Median time of one run of the source and of the candidate; for evidence, never for a gate."""
    verdict: Verdict
    reason: str = ""
    """Why it is undetermined."""

    @property
    def estimate(self) -> Sampled:
        """The ratio with its bounds, to be judged by a gate."""
        return Sampled(self.ratio, self.rounds, self.quantiles)


def measure_latency(  # noqa: PLR0913  (what is compared, on what, how long, and the clock)
    load_a: Load,
    load_b: Load,
    feeds: Mapping[str, NDArray[Any]],
    rounds: int = ROUNDS,
    seed: int = 0,
    *,
    limit: float = LIMIT,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> Latency:
    """Measure two forms of a model in turn, and the first against itself.

    In each round the source, the candidate and a second copy of the source run one block of as many runs each, in random order; the ratio of the
    candidate's median to that of one copy, by turns, in the same round, is free of what slows the machine for longer than a round. The median over rounds
    has bounds by order statistics, which assume nothing of how times are distributed. While neither is shown, up to twice as many rounds again are added.

    Args:
        load_a: loads the source, one thread.
        load_b: loads the candidate, one thread.
        feeds: what each run is given: one row measures latency, many measure throughput.
        rounds: of each look, at least 10; models that are fast get up to eight times as many.
        seed: of the order.
        limit: the ratio to decide about.
        clock: nanoseconds.

    Returns:
        `passed` where the upper bound is at most `limit`, `failed` where the lower one is above it, else `undetermined`, as where the source beside
        itself comes out further than 2 % from 1.
    """
    runs = [_timed(model, feeds, clock) for model in (load_a(), load_b(), load_a())]
    warmed = [_warmed(run) for run in runs]
    length = max(length for length, _ in warmed)  # the same for all: medians of more runs lie lower where times have a long tail
    count = max(rounds, min(_MOST_ROUNDS * rounds, int(_LOOK / (length * sum(seconds for _, seconds in warmed)))))
    generator = np.random.Generator(np.random.PCG64(seed))
    with _undisturbed():
        return _decided(lambda: [_round(runs, length, generator) for _ in range(count)], limit)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Without Python's collector of garbage, which would run in the middle of a block."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _decided(look: Callable[[], list[_Block]], limit: float) -> Latency:
    """What is known after as many looks as it takes, at most `LOOKS`."""
    blocks = look()
    found = _judged(blocks, limit)
    for _ in range(LOOKS - 1):
        if found.verdict != "undetermined":
            break
        blocks += look()
        found = _judged(blocks, limit)
    return found


def _timed(model: Runnable, feeds: Mapping[str, NDArray[Any]], clock: Callable[[], int]) -> Callable[[], float]:
    def run() -> float:
        begin = clock()
        model.run(feeds)
        return (clock() - begin) / _NANO

    return run


def _warmed(run: Callable[[], float]) -> tuple[int, float]:
    """Warm up, and say how many runs make a block, and how many seconds one takes."""
    first = run()
    times = [run() for _ in range(max(2, min(_WARM_UP, int(1 / max(first, 1e-9)))))]
    typical = max(float(np.median(times[len(times) // 2 :])), 1e-9)
    return max(1, min(_MOST_RUNS, math.ceil(_BLOCK / typical))), typical


def _round(runs: Sequence[Callable[[], float]], length: int, generator: np.random.Generator) -> _Block:
    """The median of one block of each, in random order."""
    found = [0.0, 0.0, 0.0]
    for place in generator.permutation(len(runs)).tolist():
        found[place] = float(np.median([runs[place]() for _ in range(length)]))
    return found[0], found[1], found[2]


def _judged(blocks: Sequence[_Block], limit: float) -> Latency:
    times = np.array(blocks)
    # the copies take turns, for what one of them owes to where it lies in memory; their mean would vary less than the candidate and bias the median
    source = np.where(np.arange(len(times)) % 2, times[:, 2], times[:, 0])
    ratios = np.sort(times[:, 1] / source)
    control = float(np.median(times[:, 2] / times[:, 0]))
    middle = float(np.median(ratios))
    estimate = Sampled.from_limits(middle, len(ratios), lambda score: _order_statistic(ratios, score))
    low, high = estimate.bound(0.05), estimate.bound(0.95)
    verdict: Verdict = "passed" if high <= limit else "failed" if low > limit else "undetermined"
    reason = "" if verdict != "undetermined" else f"the ratio lies between {low:.3f} and {high:.3f}, on both sides of {limit:g}"
    if abs(control - 1) > CONTROL:
        verdict, reason = "undetermined", f"the source beside itself came out at {control:.3f}: this machine is too busy to measure on"
    seconds = (float(np.median(source)), float(np.median(times[:, 1])))
    return Latency(
        ratio=middle, low=low, high=high, quantiles=estimate.quantiles, control=control, rounds=len(ratios), seconds=seconds, verdict=verdict, reason=reason
    )  # fmt: skip


def _order_statistic(ordered: NDArray[np.float64], score: float) -> float:
    """The bound on the median whose confidence, over all looks, has this normal score: that of the ordered values which lies beyond with that chance."""
    count = len(ordered)
    tail = math.erfc(abs(score) / math.sqrt(2)) / 2 / (LOOKS if score else 1)
    if score == 0:
        return float(np.median(ordered))
    chance, beyond = 0.5**count, 0
    total = chance
    while total <= tail and beyond < count // 2:
        beyond += 1
        chance *= (count - beyond + 1) / beyond
        total += chance
    place = max(beyond - 1, 0)
    return float(ordered[place] if score < 0 else ordered[count - 1 - place])
