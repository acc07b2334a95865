"""The baseline brought beside the answers to judge: how it is compared, and what speaks against that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_stage.report import Finding, Level
from mlops_stage.stages.quality import validity
from mlops_stage.stages.quality.baseline import baseline
from mlops_stage.stages.quality.comparing import ByFigures, ByRows, Withheld
from mlops_stage.stages.quality.divisions import CLASS, all_rows, by_column
from mlops_stage.stages.quality.estimating import Answers, figures
from mlops_stage.stages.quality.pairing import Pairing, paired
from mlops_stage.stats.resampling import DRAWS

if TYPE_CHECKING:
    from mlops_stage.estimates import Estimate
    from mlops_stage.inputs.predictions import Predictions
    from mlops_stage.report import Slice, Subject
    from mlops_stage.stages.quality.comparing import Comparison
    from mlops_stage.stages.quality.params import QualityParams
    from mlops_stage.workspace import Workspace

_IN_DOUBT = "the baseline's labels or figures are in doubt; see the findings"


@dataclass(frozen=True)
class Beside:
    """What the answers are compared with, if anything."""

    comparison: Comparison | None = None
    subjects: tuple[Subject, ...] = ()
    findings: tuple[Finding, ...] = ()


def beside(params: QualityParams, workspace: Workspace, judged: Predictions) -> Beside:
    """The baseline of the params, ready to be compared with; row by row where both have answers for the same rows."""
    found = baseline(params, workspace, judged)
    if found is None:
        return Beside()
    if found.predictions is None:
        in_doubt = any(finding.level is Level.ERROR for finding in found.findings)
        known = Withheld(_IN_DOUBT) if in_doubt else ByFigures(found.figures)
        return Beside(known, found.subjects, (*found.findings, _apart(found.name, "only its figures are known")))
    strange = tuple(validity.strange_decisions(found.predictions, "baseline"))
    match = paired(judged, found.predictions)
    if isinstance(match, Finding):
        return Beside(Withheld(_IN_DOUBT), found.subjects, (match, *strange))
    if not isinstance(match, Pairing):
        earlier = _figures(found.predictions, params)
        doubts = tuple(validity.worse_than_chance({name: one for (name, where), one in earlier.items() if not where}, "baseline"))
        comparison = Withheld(_IN_DOUBT) if doubts else ByFigures(earlier)
        return Beside(comparison, found.subjects, (*doubts, *strange, _apart(found.name, match.why)))
    rows = ByRows(Answers(match.new, paired=True), Answers(match.old, paired=True), DRAWS[params.effort], params.seed)
    doubts = tuple(validity.worse_than_chance(rows.whole.by_group[0], "baseline"))
    return Beside(Withheld(_IN_DOUBT) if doubts else rows, found.subjects, (*doubts, *strange, *match.findings))


def _figures(old: Predictions, params: QualityParams) -> dict[tuple[str, Slice], Estimate]:
    """All figures of the baseline's own rows."""
    found: dict[tuple[str, Slice], Estimate] = {}
    for division in (all_rows(old), *by_column(old)):
        own = figures(Answers(old), division, draws=DRAWS[params.effort], seed=params.seed)
        for group, estimates in enumerate(own.by_group):
            found |= {(name, division.slice(group)): estimate for name, estimate in estimates.items()}
        for level, estimates in own.by_class.items():
            found |= {(name, ((CLASS, level),)): estimate for name, estimate in estimates.items()}
    return found


def _apart(name: str, why: str) -> Finding:
    message = f"the comparison with {name} is not row by row: {why}; both samples count as independent, which widens the interval of every difference"
    hint = "give the baseline's predictions for these rows, or its model: then what both have in common cancels"
    return Finding(rule="quality/unpaired-comparison", level=Level.NOTE, message=message, hint=hint)
