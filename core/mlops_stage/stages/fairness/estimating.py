"""Figures of groups, and of the gaps between them, from their cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.estimates import Difference, NotEstimable, Ratio, Sampled
from mlops_stage.evidence.redact import HIDDEN
from mlops_stage.report import Metric
from mlops_stage.stages.fairness.between import between_groups, calibration_between
from mlops_stage.stages.fairness.grouping import CLASS
from mlops_stage.stages.fairness.rates import COMPOSITES, RATES, calibration_rates, rates_of, total
from mlops_stage.stages.fairness.telling import bare, share_of, telling_of
from mlops_stage.stages.fairness.terms import DEFAULTS, Terms
from mlops_stage.stats.overall import Beside, differences_to_overall, ratios_to_overall

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlops_stage.estimates import Estimate
    from mlops_stage.report import Slice
    from mlops_stage.stages.fairness.grouping import Grouping
    from mlops_stage.stages.fairness.hiding import Ranges
    from mlops_stage.stages.fairness.rates import Rate
    from mlops_stage.stages.fairness.telling import Telling
    from mlops_stage.stats.cells import Cells

__all__ = ["DEFAULTS", "Terms", "calibration_of", "metrics_of", "overall"]


_OF_CROSSED = frozenset(name for parts in COMPOSITES.values() for name in parts)
"""Rates of groups of several columns crossed, of which there are hundreds; the others follow from these, or are of few."""


def overall(cells: Cells, classes: Sequence[str], told: Ranges | None = None) -> list[Metric]:
    """Figures of all rows; `cells` of any grouping of them, shape (G, K, K); `told` is what may be told of all rows."""
    return [_metric(rate, (), share_of(rate, 0)) for rate in rates_of(total(cells), classes, told, told)]


def metrics_of(cells: Cells, grouping: Grouping, classes: Sequence[str], terms: Terms = DEFAULTS) -> list[Metric]:
    """Figures of each group, and of the gaps between groups.

    Names and slices, for each of `selection_rate`, `tpr`, `fpr`, `fnr`, `tnr`, `precision`, `accuracy`:

    - `tpr[sex=female]`: of one group; also of groups outside. Of columns crossed only selection rate, TPR and FPR (and the accuracy of several classes).
    - `tpr_difference_to_overall[sex=female]`, `tpr_ratio_to_overall[sex=female]`: to all rows; of columns crossed only the difference.
    - `tpr_difference_to_reference[sex=female]`, `tpr_ratio_to_reference[sex=female]`: to the reference group, if there is one.
    - `tpr_difference[by=sex]`, `tpr_ratio[by=sex]`: the largest difference, the smallest ratio between any two groups.

    And by grouping: `demographic_parity_difference` and `_ratio` (of selection rates), `equal_opportunity_difference` and `_ratio` (of TPR),
    `equalized_odds_difference` and `_ratio` (the worse of TPR and FPR), all `[by=sex]` and with Fairlearn's values; `demographic_parity_p_value`,
    `equal_opportunity_p_value` and `equalized_odds_p_value`: how likely so large a gap is where all groups are the same (permutation, max-T).

    In a multi-class task rates are those of one class against all others, `tpr[sex=female,class=b]`, figures between groups also exist by class,
    `tpr_difference[by=sex,class=b]`, and `tpr_difference[by=sex]` is the largest over classes.

    Args:
        cells: from `count`, shape (G, K, K).
        grouping: of the same rows.
        classes: names of the K classes; (negative, positive) in a binary task.
        terms: how groups are compared.
    """
    found: list[Metric] = []
    telling = telling_of(cells, grouping, classes, terms)
    rates = telling.rates
    alone = len(grouping.columns) == 1
    own = [rate for rate in rates if alone or rate.name in _OF_CROSSED or (rate.name == "accuracy" and len(classes) > 2)]  # noqa: PLR2004  (binary)
    reported = [(rate, telling.reported(rate)) for rate in own]
    for rate, groups in reported:
        estimates = zip(groups, telling.estimates(rate, groups), strict=True)
        found += [_metric(rate, grouping.slice(group), estimate) for group, estimate in estimates]
    for rate, groups in reported:
        if not rate.label:
            found += _to_overall(rate, telling, groups, ("difference", "ratio") if alone else ("difference",))
    for rate, groups in reported:
        if terms.reference is not None:
            found += _to_reference(rate, telling, groups, terms.reference)
    return found + between_groups(cells, rates, grouping, terms)


def calibration_of(cells: Cells, grouping: Grouping, terms: Terms = DEFAULTS) -> list[Metric]:
    """How far the same score means something else in another group: `calibration_difference[by=sex]` and `calibration_ratio[by=sex]`.

    Compared is the share of positives among rows of about the same score (Chouldechova 2017, Big Data 5:153, calls equal shares "test-fair").

    Args:
        cells: from `count_scores`, shape (G, B, 2).
        grouping: of the same rows.
        terms: how groups are compared.
    """
    unsure = None if terms.told is None else terms.told.unsure_labels
    return calibration_between(calibration_rates(cells, unsure), grouping, terms)


def _metric(rate: Rate, where: Slice, estimate: Estimate) -> Metric:
    return Metric(name=rate.name, estimate=estimate, slice=_with_class(where, rate), direction=RATES[rate.name])


def _side(score: float) -> int:
    return (score > 0) - (score < 0)


def _to_overall(rate: Rate, telling: Telling, groups: Sequence[int], kinds: Sequence[str]) -> Iterator[Metric]:
    """Some groups beside all rows; in a multi-class task of accuracy only."""
    groups = [group for group in groups if group not in telling.grouping.outside]
    functions, masked = {"difference": differences_to_overall, "ratio": ratios_to_overall}, telling.masked(rate)
    some = np.array(groups, dtype=np.intp)
    besides = [Beside(one.group.of(some), one.rest.of(some), one.part[some]) for one in rate.besides]
    each = {kind: functions[kind](*besides) for kind in kinds}
    for place, group in enumerate(groups):
        where = telling.grouping.slice(group)
        reason = _why_not(rate, group)
        for kind, found in each.items():
            estimate: Estimate = found[place] or NotEstimable(0, reason)
            if masked[group] or (rate.weighted and not rate.is_told(group)):
                estimate = HIDDEN
            yield Metric(name=f"{rate.name}_{kind}_to_overall", estimate=estimate, slice=where)


def _why_not(rate: Rate, group: int) -> str:
    """Why a group cannot be compared with all rows."""
    beside = rate.besides[len(rate.besides) // 2]
    if not beside.group.known[group]:
        return f"no {rate.of} in this group"
    return (
        f"no {rate.of} outside this group" if not beside.rest.known[group] else f"{rate.name} of all rows is 0, so there is no ratio to it"
    )


def _to_reference(rate: Rate, telling: Telling, groups: Sequence[int], reference: int) -> Iterator[Metric]:
    """Some groups beside another of them; groups are independent."""
    grouping, masked = telling.grouping, telling.masked(rate)
    for group in groups:
        if group == reference or group in grouping.outside:
            continue
        difference: Estimate = HIDDEN
        ratio: Estimate = HIDDEN
        if not (masked[group] or masked[reference]):
            difference, ratio = _beside(rate, group, reference)
        where = _with_class(grouping.slice(group), rate)
        yield Metric(name=f"{rate.name}_difference_to_reference", estimate=difference, slice=where)
        yield Metric(name=f"{rate.name}_ratio_to_reference", estimate=ratio, slice=where)


def _beside(rate: Rate, group: int, reference: int) -> tuple[Estimate, Estimate]:
    """Difference and ratio of two groups."""
    known, whole = rate.shares.known, rate.shares.whole
    if not known[group]:
        missing = NotEstimable(0, f"no {rate.of} in this group")
        return missing, missing
    if not known[reference]:
        missing = NotEstimable(0, f"no {rate.of} in the reference group")
        return missing, missing
    if rate.is_told(group) and rate.is_told(reference):
        own, base = bare(rate.shares.middle, group), bare(rate.shares.middle, reference)
        nothing = NotEstimable(base.n, f"{rate.name} of the reference group is 0, so there is no ratio to it")
        return Difference(own, base), Ratio(own, base) if base.value > 0 else nothing
    lowest, middle, highest = rate.shares.lowest, rate.shares.middle, rate.shares.highest
    pairs = {
        side: (bare(mine, group), bare(theirs, reference))
        for side, mine, theirs in ((-1, lowest, highest), (0, middle, middle), (1, highest, lowest))
    }
    n = float(min(whole[group], whole[reference]))
    differences = {side: Difference(*pair) for side, pair in pairs.items()}
    difference = Sampled.from_limits(differences[0].value, n, lambda score: differences[_side(score)].limit(score))
    if any(base.k <= 0 for _, base in pairs.values()):
        return difference, NotEstimable(n, f"{rate.name} of the reference group may be 0, so there is no ratio to it")
    ratios = {side: Ratio(*pair) for side, pair in pairs.items()}
    return difference, Sampled.from_limits(ratios[0].value, n, lambda score: ratios[_side(score)].limit(score))


def _with_class(where: Slice, rate: Rate) -> Slice:
    return (*where, (CLASS, rate.label)) if rate.label else where
