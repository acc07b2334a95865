"""The stage at work: read, learn what is valid, attack, confirm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.errors import UsageError
from mlops_stage.estimates import Bounded, NotEstimable, Rate
from mlops_stage.inputs.outputs import outputs_of
from mlops_stage.report import Finding, Level, NotApplicable, Observations
from mlops_stage.stages.adversarial import art, gates, pictures, selftest, words
from mlops_stage.stages.adversarial.asking import Target
from mlops_stage.stages.adversarial.budget import budget
from mlops_stage.stages.adversarial.campaign import Block, Campaign, carried_out
from mlops_stage.stages.adversarial.criteria import leading
from mlops_stage.stages.adversarial.evidence import write_rows, write_schema
from mlops_stage.stages.adversarial.kinds import kind_of
from mlops_stage.stages.adversarial.reading import blocks, material, sampled
from mlops_stage.stages.adversarial.remarks import Doubted, remarks
from mlops_stage.stages.adversarial.results import EPSILON, confirmed, least_step, metrics, size, unmeasured
from mlops_stage.stages.adversarial.schema import IMMUTABLE, LEAST_ROWS, synthesised
from mlops_stage.stages.adversarial.starts import labelled
from mlops_stage.stages.adversarial.tabular import Tabular

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mlops_stage.report import Metric
    from mlops_stage.stages.adversarial.kinds import Kind
    from mlops_stage.stages.adversarial.oracle import Oracle
    from mlops_stage.stages.adversarial.params import AdversarialParams, Attack
    from mlops_stage.stages.adversarial.reading import Material
    from mlops_stage.stages.adversarial.results import Results
    from mlops_stage.stages.adversarial.schema import Feature
    from mlops_stage.stages.adversarial.space import Flags, Rows
    from mlops_stage.workspace import Workspace

BLOCK = 100
"""Rows attacked together, for every number of processes: last digits of scores may depend on a row's neighbours in a call."""
_WALL = 3600
"""Seconds that a stage has where no limit says otherwise."""
_AGAIN = 3
"""So often rows are asked again, where some got another answer the second time."""
_SHARE = 0.8
"""So much of the wall time attacks may take; the rest is for confirming and writing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """All that is known before the first attack."""

    material: Material
    space: Tabular
    target: Target
    oracle: Oracle
    kind: Kind
    campaign: Campaign
    right: NDArray[np.intp]
    originals: Rows
    """Of the rows that the model gets right."""
    labels: NDArray[np.int64]
    doubted: Doubted


def measure(params: AdversarialParams, workspace: Workspace) -> Observations | NotApplicable:
    """Robust accuracy at each size of change, with the changed rows as private evidence.

    Raises:
        UsageError: nothing to attack; a file, column, input or attack that is not there.
        InputError: an input that cannot be used.
        InternalError: an attack does not find what is known to be there, so nothing that it withholds could be believed.
    """
    art.check(params.art)
    gates.check(params)
    known = _prepared(params, workspace)
    if not isinstance(known, Prepared):
        return known
    results = _attacked(known, params, workspace)
    workspace.progress(0.95, "writing what was found")
    found = metrics(results, params.epsilons, least_step(known.space))
    informing = _informing(known, results, params) if params.art else []
    evidence = [
        write_schema(workspace.out, known.material, known.space, params.category_distance),
        write_rows(workspace.out, known.material, results, known.space, known.campaign.attacks),
    ]
    workspace.progress(1.0, "done")
    told = remarks(known.material, known.campaign, known.kind, results, known.space, doubted=known.doubted)
    if any(one.rule == "adversarial/out-of-time" for one in told):
        workspace.clock()  # another day may leave more time, so what is said depends on it
    return Observations(
        metrics=tuple(found),
        findings=(*told, *informing),
        subjects=known.material.subjects,
        evidence=tuple(one for one in evidence if one is not None),
        figures=tuple(pictures.drawn(results, known.space, params.epsilons)),
        outputs=_outputs(found, params),
    )


def _prepared(params: AdversarialParams, workspace: Workspace) -> Prepared | Observations | NotApplicable:
    deadline = workspace.timer() + _SHARE * (params.limits.wall or _WALL)
    found = material(params, workspace, budget(params).rows)
    if isinstance(found, NotApplicable):
        return found
    features = synthesised(found.reference, found.data, immutable=params.immutable, monotone=params.monotone, others=found.columns)
    if all(feature.fixed for feature in features):
        return _unchangeable(found, features, params)
    space = Tabular(features, found.feeds, [found.data, found.reference], category_distance=params.category_distance)
    target = _target(found, params, workspace, deadline)
    oracle = target.oracle(space)
    kind = kind_of(found.model, target.label or target.scores or "")
    campaign = _campaign(found, params, space, oracle, kind)
    workspace.progress(0.08, "testing the attacks on models whose answer is known")
    selftest.check(campaign)
    rows = space.encoded(found.data)
    labels = oracle.labels(rows)
    same = labels == found.expected
    right = np.flatnonzero((found.answers.label == found.answers.prediction) & same)
    return Prepared(
        material=found,
        space=space,
        target=target,
        oracle=oracle,
        kind=kind,
        campaign=campaign,
        right=right,
        originals=rows[right],
        labels=labels[right],
        doubted=_doubted(oracle, rows, labels, ~same, space.rounded(found.data)),
    )


def _unchangeable(found: Material, features: Sequence[Feature], params: AdversarialParams) -> Observations | NotApplicable:
    """Nothing can change: by its nature, or because so few rows show no two values of any column, which decides nothing."""
    rows = found.reference.rows
    if rows >= LEAST_ROWS or all(feature.fixed == IMMUTABLE for feature in features):
        return NotApplicable("every column that the model takes is constant or immutable: nobody can change anything")
    right = found.answers.label == found.answers.prediction
    message = f"no column varies in the {words.rows(rows)} of {found.of_reference}, so that nobody can tell which changes are valid: nothing was attacked"
    told = unmeasured(
        params.epsilons,
        f"{words.rows(rows)} of {found.of_reference} cannot show which changes are valid",
        Rate(int(right.sum()), len(right)),
    )
    hint = f"give train or reference, a table of the same columns with at least {LEAST_ROWS} rows that show what is usual"
    finding = Finding(rule="adversarial/too-few-rows", level=Level.WARNING, message=message, hint=hint)
    return Observations(metrics=tuple(told), findings=(finding,), subjects=found.subjects, outputs=_outputs(told, params))


def _doubted(oracle: Oracle, rows: Rows, labels: NDArray[np.int64], otherwise: Flags, rounded: Flags) -> Doubted:
    """Why some rows get another answer than before, when all of them were asked as the table has them; asked again if there are any."""
    unstable = otherwise & ~rounded
    for _ in range(_AGAIN if otherwise.any() else 0):
        unstable |= oracle.labels(rows) != labels
    return Doubted(
        rounded=0 if unstable.any() else int(otherwise.sum()), unstable=int((unstable | otherwise).sum()) if unstable.any() else 0
    )


def _target(found: Material, params: AdversarialParams, workspace: Workspace, deadline: float) -> Target:
    """How to open the model, and which of its outputs to ask."""
    label, scores = outputs_of(found.model)
    return Target(
        model=found.model,
        source=params.model or "",
        root=workspace.root,
        env=workspace.env,
        token_env=params.model_token_env,
        label=label.name if label else None,
        scores=scores.name if scores and (found.scored or label is None) else None,
        classes=found.classes,
        deadline=deadline,
        clock=workspace.timer,
    )


def _campaign(found: Material, params: AdversarialParams, space: Tabular, oracle: Oracle, kind: Kind) -> Campaign:
    """What is done to every row, with a pool of the reference to start from."""
    spend = budget(params)
    attacks = _attacks(params, kind, space, has_scores=oracle.has_scores)
    pool = space.encoded(found.reference)[sampled(found.reference.rows, spend.pool, params.seed)]
    return Campaign(
        attacks=attacks,
        budget=spend,
        norm=params.norm,
        epsilons=params.epsilons,
        seed=params.seed,
        pool=labelled(oracle, pool),
        affine=kind.affine,
    )


def _attacks(params: AdversarialParams, kind: Kind, space: Tabular, *, has_scores: bool) -> tuple[Attack, ...]:
    able: dict[Attack, str] = {
        "linear": "" if kind.affine is not None else f"it needs a linear model, and this one is {words.kind(kind.name)}",
        "hop_skip_jump": "",
        "square": _without_square(params, has_scores=has_scores),
    }
    for name in params.attacks:
        if able[name]:
            raise UsageError(f"attacks: {name} cannot be used: {able[name]}", f"leave {name} out")
    if set(params.attacks) == {"linear"} and (~space.continuous & space.free & (space.grid / space.scale <= params.epsilons[-1])).any():
        raise UsageError(
            "attacks: linear alone changes no category, and these sizes allow it",
            "add hop_skip_jump, or name the categories with immutable",
        )
    return tuple(name for name, fault in able.items() if (name in params.attacks if params.attacks else not fault))


def _without_square(params: AdversarialParams, *, has_scores: bool) -> str:
    if params.norm != "linf":
        return "it limits the change of each column (norm linf)"
    return "" if has_scores else "it needs scores, and this model answers with labels only, or does not say which score is which class's"


def _attacked(known: Prepared, params: AdversarialParams, workspace: Workspace) -> Results:
    m = len(known.right)
    ids = known.material.ids[known.right]
    places = list(blocks(ids, BLOCK)) if m else []
    work = [Block(rows=known.originals[place], labels=known.labels[place], ids=ids[place]) for place in places]

    def told(done: int) -> None:
        workspace.progress(0.1 + 0.8 * done / m, f"attacked {done:,} of {m:,} rows")

    if m:
        told(0)
    outcomes = carried_out(known.campaign, known.target, known.space, work, oracle=known.oracle, processes=params.processes, progress=told)
    workspace.progress(0.9, "opening the model anew to confirm what was found")
    return confirmed(
        list(zip(places, outcomes, strict=True)),
        n=len(known.material.ids),
        right=known.right,
        originals=known.originals,
        labels=known.labels,
        space=known.space,
        norm=params.norm,
        fresh=known.target.in_overtime().oracle(known.space),
    )


def _informing(known: Prepared, results: Results, params: AdversarialParams) -> list[Finding]:
    given = art.Attacked(
        oracle=known.target.in_overtime().oracle(known.space),
        space=known.space,
        results=results,
        norm=params.norm,
        epsilon=params.epsilons[-1],
        seed=params.seed,
    )
    return art.informed(params.art, given)


def _outputs(found: Sequence[Metric], params: AdversarialParams) -> dict[str, str]:
    by_label = {metric.label: metric.estimate for metric in found}
    clean = by_label["clean_accuracy"]
    judged = leading(found)
    told = {"rows": f"{clean.n:.0f}", "epsilon": dict(judged.slice)[EPSILON] if judged else size(params.epsilons[0])}
    if not isinstance(clean, NotEstimable):
        told["clean_accuracy"] = f"{clean.value:.6g}"
    robust = judged.estimate if judged else None
    if not isinstance(robust, Bounded):
        return told
    return told | {
        "robust_accuracy": f"{robust.value:.6g}",
        "robust_accuracy_low": f"{robust.bound(0.025):.6g}",
        "robust_accuracy_high": f"{robust.bound(0.975):.6g}",
    }
