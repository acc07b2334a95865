"""Latency on a clock of our own: verdicts and bounds under noise, prolonged looks, and a machine too busy to measure on."""

from dataclasses import asdict, dataclass

import numpy as np
import pytest

from mlops_stage.stages.compile.latency import LOOKS, ROUNDS, Latency, measure_latency


@dataclass
class Clock:
    """Time that passes only where somebody spends it."""

    now: float = 0.0

    def __call__(self):
        return int(self.now)


@dataclass
class Pretended:
    """A model that takes so many nanoseconds, give or take."""

    clock: Clock
    takes: object
    runs: int = 0

    def run(self, feeds):
        self.runs += 1
        self.clock.now += self.takes(self.runs) if callable(self.takes) else self.takes
        return feeds


def noisy(nanoseconds, seed, spread=0.05):
    rng = np.random.default_rng(seed)
    return lambda _: nanoseconds * (1 + abs(rng.normal(0, spread)) + (rng.exponential(20) if rng.random() < 0.01 else 0))


def measured(source, candidate, **options):
    """A measurement of two models by what they take; the source is loaded twice."""
    clock = Clock()
    return measure_latency(lambda: Pretended(clock, source()), lambda: Pretended(clock, candidate()), {}, clock=clock, **options)


@pytest.mark.parametrize(("ratio", "verdict"), [(0.5, "passed"), (1.0, "passed"), (1.04, "passed"), (1.06, "failed"), (3.69, "failed")])
def test_without_noise_the_ratio_is_exact(ratio, verdict):
    found = measured(lambda: 100_000, lambda: 100_000 * ratio)
    assert found.ratio == pytest.approx(ratio, rel=1e-6)
    assert found.verdict == verdict
    assert found.control == 1
    assert found.rounds > ROUNDS
    assert found.seconds == pytest.approx((1e-4, ratio * 1e-4))


@pytest.mark.parametrize(("ratio", "verdict"), [(1.0, "passed"), (1.1, "failed")])
def test_noise_does_not_change_the_verdict(ratio, verdict):
    """Rows 4 and 5 on a pretended machine; benchmarks/compile_parity.py has the real one."""
    seeds = iter(range(1000))
    found = [measured(lambda: noisy(1e6, next(seeds)), lambda: noisy(1e6 * ratio, next(seeds)), seed=seed) for seed in range(8)]
    assert [one.verdict for one in found] == [verdict] * 8
    assert all(abs(one.ratio / ratio - 1) < 0.02 for one in found)


def test_bounds_hold():
    seeds = iter(range(10_000))
    found = [
        measured(lambda: noisy(3e6, next(seeds), 0.2), lambda: noisy(3e6, next(seeds), 0.2), seed=seed, limit=9.0) for seed in range(100)
    ]
    assert sum(one.low <= 1 <= one.high for one in found) >= 54


def test_doubt_prolongs_the_measurement():
    seeds = iter(range(100))
    found = measured(lambda: noisy(5e6, next(seeds), 0.3), lambda: noisy(5e6 * 1.05, next(seeds), 0.3))
    assert found.rounds == LOOKS * ROUNDS
    assert found.verdict == "undetermined"
    assert "on both sides of 1.05" in found.reason


def test_a_busy_machine_is_not_measured_on():
    """The second copy of the source comes out slower than the first: whatever is true of the candidate, nothing is said."""
    loads = iter([1e5, 1.2e5])
    found = measured(lambda: next(loads), lambda: 1e5)
    assert found.verdict == "undetermined"
    assert found.control == pytest.approx(1.2)
    assert "too busy" in found.reason


def test_what_slows_both_cancels():
    """A machine that gets slower all the time: in turn, both are hit alike."""
    clock = Clock()
    drift = lambda: Pretended(clock, lambda _: 1e5 * (1 + clock.now / 1e9))  # noqa: E731  (loads a model)
    found = measure_latency(drift, drift, {}, clock=clock)
    assert found.verdict == "passed"
    assert abs(found.ratio - 1) < 0.02


def test_slow_models_are_run_seldom():
    clock, held = Clock(), []

    def load():
        held.append(Pretended(clock, 2e9))
        return held[-1]

    measure_latency(load, load, {}, rounds=10, clock=clock)
    assert [one.runs for one in held] == [3 + 10] * 3


def test_the_same_seed_the_same_order():
    def order(seed):
        clock, told = Clock(), []

        def load():
            name = len(held)
            held.append(name)
            return Pretended(clock, lambda _: told.append(name) or 1e6)

        held = []
        measure_latency(load, load, {}, rounds=10, seed=seed, clock=clock)
        return told

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_it_survives_the_way_between_processes():
    found = measured(lambda: 1e5, lambda: 1e5)
    plain = asdict(found)
    again = Latency(**{**plain, "quantiles": list(plain["quantiles"]), "seconds": list(plain["seconds"])})
    assert again.estimate == found.estimate
    assert found.estimate.value == found.ratio
    assert (found.estimate.bound(0.05), found.estimate.bound(0.95)) == (found.low, found.high)
