"""Gates looked at before anything is attacked: a typo is told at once, not after the attacks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.gate import Rules, judge, parse_all, spell
from mlops_stage.report import Observations, metric_label
from mlops_stage.stages.adversarial import words
from mlops_stage.stages.adversarial.results import EPSILON, size, unmeasured

if TYPE_CHECKING:
    from mlops_stage.report import Criterion
    from mlops_stage.stages.adversarial.params import AdversarialParams


def check(params: AdversarialParams) -> tuple[Criterion, ...]:
    """The gates that the params ask for.

    Raises:
        UsageError: a gate that cannot be read, or on a figure that there will not be.
    """
    gates = parse_all(params.gates)
    expected = unmeasured(params.epsilons, "nothing was attacked yet")
    by_size = {metric.name for metric in expected if metric.slice}
    for gate in gates:
        where = dict(gate.slice)
        if gate.metric in by_size and not where:
            named = metric_label(gate.metric, ((EPSILON, size(params.epsilons[0])),))
            raise UsageError(f"gate {spell(gate)!r}: there is no metric {gate.metric} without a size", f"name one that is judged: {named}")
        if gate.metric in by_size and {*where} == {EPSILON}:
            _check_size(gate, where[EPSILON], params.epsilons)
    judge(Observations(metrics=tuple(expected)), gates, Rules())
    return gates


def _check_size(gate: Criterion, asked: str, epsilons: tuple[float, ...]) -> None:
    """Refuse a size that is not among those to be judged."""
    sizes = [size(epsilon) for epsilon in epsilons]
    if asked in sizes:
        return
    try:
        number = float(asked)
    except ValueError:
        number = math.nan
    if number in epsilons:
        hint = f"write {EPSILON}={size(number)}"
    elif number > 0 and math.isfinite(number):
        hint = f"add it: epsilons: [{', '.join(size(one) for one in sorted((*epsilons, number)))}]"
    else:
        hint = f"a size is a number above 0, in standard deviations of a column, such as {EPSILON}={sizes[0]}"
    raise UsageError(f"gate {spell(gate)!r}: the size {asked} is not judged; judged {_are(sizes)}", hint)


def _are(sizes: list[str]) -> str:
    return f"is {sizes[0]}" if len(sizes) == 1 else f"are {words.listed(sizes)}"
