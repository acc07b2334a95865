"""What is to be said beside the figures: what was done, what it proves, and what speaks against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.evidence.redact import MINIMUM_COUNT, shown
from mlops_stage.report import Finding, Level
from mlops_stage.stages.adversarial import words
from mlops_stage.stages.adversarial.criteria import CONSTANT_RULE
from mlops_stage.stages.adversarial.evidence import ROWS
from mlops_stage.stages.adversarial.results import SLACK, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.stages.adversarial.campaign import Campaign
    from mlops_stage.stages.adversarial.kinds import Kind
    from mlops_stage.stages.adversarial.reading import Material
    from mlops_stage.stages.adversarial.results import Results
    from mlops_stage.stages.adversarial.tabular import Tabular

_FEW = 30
"""Fewer equal answers may be chance."""
_MOST_NAMED = 3
_MOST_CLASSES = 8
_TWO = 2
_SCORE = 1.645
"""Of the normal distribution at 95 %."""


@dataclass(frozen=True, kw_only=True)
class Doubted:
    """Sampled rows that the model answers otherwise than it did when they were asked as the table has them."""

    rounded: int
    """Because their numbers were rounded to single precision."""
    unstable: int
    """Or because the model contradicts itself: then all of them."""


def remarks(  # noqa: PLR0913  (all that there is to remark on)
    material: Material, campaign: Campaign, kind: Kind, results: Results, space: Tabular, *, doubted: Doubted
) -> list[Finding]:
    """Findings, the gravest first."""
    constant = _constant(material, campaign, results)
    return [
        *constant,
        *([] if constant else _guessing(material, results)),
        *_strangers(material),
        *_unstable(material, doubted),
        *_unfinished(results),
        *_unconfirmed(results),
        *_fooled(results, space, campaign),
        *_untouched(results),
        _done(material, campaign, kind, results),
        *_valid(material, space, campaign.epsilons),
        *_narrowed(material, doubted),
    ]


def _constant(material: Material, campaign: Campaign, results: Results) -> list[Finding]:
    seen = {*campaign.pool.labels.tolist(), *results.labels.tolist(), *results.others.tolist()}
    rows = len(campaign.pool.labels) + results.n
    answers = material.answers.prediction
    if len(seen) > 1 or rows < _FEW or bool((answers != answers[0]).any()) or not results.complete:
        return []
    message = f"the model gave the same answer to all {rows:,} rows and to everything that attacks tried: there is nothing to change"
    return [Finding(rule=CONSTANT_RULE, level=Level.ERROR, message=message, hint="check the model's input, its threshold and its training")]


def _guessing(material: Material, results: Results) -> list[Finding]:
    """A model that is not shown to know its classes: what attacks change are guesses.

    Judged by balanced accuracy, which is 1 / classes for whoever ignores the rows, however frequent each class is; its bound is of 95 %, by the normal
    approximation with a success and a failure more in each class (Agresti and Coull 1998).
    """
    labels = material.answers.label.astype(np.int64)
    rows = np.bincount(labels)
    right = np.bincount(labels[results.right], minlength=len(rows))[rows > 0]
    rows = rows[rows > 0]
    if len(rows) < _TWO or results.n < _FEW:
        return []
    balanced, chance = float((right / rows).mean()), 1 / len(rows)
    shares = (right + 1) / (rows + 2)
    error = float(np.sqrt((shares * (1 - shares) / (rows + 2)).sum())) / len(rows)
    if balanced - _SCORE * error > chance:
        return []
    message = (
        f"averaged over the classes of the labels, the model gets {balanced:.0%} of {results.n:,} rows right; guessing gets {chance:.0%}. "
        "Nothing shows that it does better than guessing, and how robust guesses are says little"
    ).replace("%", " %")
    return [
        Finding(
            rule="validity/guessing", level=Level.WARNING, message=message, hint="check the label, the model's columns and its training"
        )
    ]


def _strangers(material: Material) -> list[Finding]:
    """Labels that are none of the classes that the model says it has."""
    answers = material.answers
    labels, given = answers.label.astype(np.int64), set(answers.prediction.astype(np.int64).tolist())
    known = material.classes[: material.named]
    strange = [place for place in np.unique(labels).tolist() if answers.classes[place] not in known and place not in given]
    if not known or not strange:
        return []
    count = int(np.isin(labels, strange).sum())
    names = words.listed([shown(answers.classes[place], 40) for place in strange[:_MOST_NAMED]])
    more = f" and {len(strange) - _MOST_NAMED} more" if len(strange) > _MOST_NAMED else ""
    have = ", ".join(shown(name, 40) for name in known[:_MOST_CLASSES]) + (" …" if len(known) > _MOST_CLASSES else "")
    message = f"{words.rows(count)} of {len(labels):,} have a label that the model never gives: {names}{more}; its classes are {have}. They count as wrong"
    hint = "check that labels and classes are written alike, or leave those rows out"
    return [Finding(rule="validity/label-mismatch", level=Level.WARNING, message=message, hint=hint)]


def _unstable(material: Material, doubted: Doubted) -> list[Finding]:
    """Rows that the model answers otherwise when it is asked the very same again."""
    if not doubted.unstable:
        return []
    message = (
        f"{doubted.unstable:,} of {len(material.ids):,} rows got another answer when the model was asked the same again: "
        "its answers are random, or depend on which rows are asked together"
    )
    hint = "export the model as it is used for predictions (in PyTorch: after model.eval()), without dropout or random numbers"
    return [Finding(rule="adversarial/unstable-answers", level=Level.WARNING, message=message, hint=hint)]


def _unfinished(results: Results) -> list[Finding]:
    if results.complete:
        return []
    message = (
        f"the time was over when {results.done:,} of {len(results.right):,} rows had been attacked: there are no figures of robustness"
    )
    hint = "raise limits wall, or lower effort or rows; with several processors, raise processes"
    return [Finding(rule="adversarial/out-of-time", level=Level.WARNING, message=message, hint=hint)]


def _unconfirmed(results: Results) -> list[Finding]:
    if not results.unconfirmed:
        return []
    count = words.rows(results.unconfirmed)
    told = "there are no figures of robustness" if results.silence else "counted as broken at every size"
    message = f"{count} of {len(results.right):,}, as they are or as they were changed, got another answer when the model was opened anew, or did not stay valid: {told}"
    hint = "a model that answers the same rows differently at different times cannot be judged by attacks; look for randomness in it"
    return [Finding(rule="adversarial/unconfirmed", level=Level.WARNING, message=message, hint=hint)]


def _fooled(results: Results, space: Tabular, campaign: Campaign) -> list[Finding]:
    """How many rows each size fooled; at the largest, through which columns."""
    m, largest = len(results.right), campaign.epsilons[-1]
    if results.silence or not m:
        return []
    counts = [int(np.count_nonzero(results.broken(epsilon))) for epsilon in campaign.epsilons]
    told = f"an attacker {words.change(campaign.norm, campaign.epsilons)} fooled {words.listed([f'{count:,}' for count in counts])} of {m:,} rows"
    told += " that the model gets right"
    if results.turned(largest).any():
        told += f", most often through {words.listed(_columns(results, space, largest))}"
    rest = "all withstood" if not counts[-1] else f"the other {m - counts[-1]:,} withstood" if counts[-1] < m else "none withstood"
    hint = f"the rows and their changes are in {ROWS}, which no page shows" if counts[-1] else ""
    message = f"{told}; {rest} these attacks within this budget"
    return [Finding(rule="adversarial/fooled", level=Level.NOTE, message=message, hint=hint)]


def _columns(results: Results, space: Tabular, epsilon: float) -> list[str]:
    """The columns that were changed most often, with the median size of their change where enough rows make it nobody's own."""
    broken = results.turned(epsilon)
    apart = np.abs(results.rows[broken] - results.originals[broken]) / np.where(space.continuous, space.scale, 1)
    moved = apart > SLACK
    told = []
    for place in np.argsort(-moved.sum(axis=0), kind="stable")[:_MOST_NAMED]:
        sizes = apart[moved[:, place], place]
        far = f" (by {np.median(sizes):.2g})" if space.continuous[place] and len(sizes) >= MINIMUM_COUNT else ""
        told += [words.feature_name(space.features[place]) + far] if len(sizes) else []
    return told


def _untouched(results: Results) -> list[Finding]:
    """Rows for which nothing valid at all was found are either safe or beyond these attacks; nobody can tell which."""
    none = int(np.count_nonzero(~np.isfinite(results.distance)))
    if results.silence or not none:
        return []
    message = f"for {none:,} of {len(results.right):,} rows no valid change of any size got another answer: only an attack that finds one could tell how near it is"
    return [Finding(rule="adversarial/no-change-found", level=Level.NOTE, message=message)]


def _done(material: Material, campaign: Campaign, kind: Kind, results: Results) -> Finding:
    names = words.listed([words.ATTACKS[name] for name in campaign.attacks])
    per_row = f", {results.queries / results.done:,.0f} queries a row" if results.done else ""
    found = [(name, int(np.count_nonzero(results.by == place))) for place, name in enumerate(campaign.attacks)]
    best = "; ".join(f"{words.ATTACKS[name]} found the smallest change of {count:,} rows" for name, count in found if count)
    message = (
        f"{results.n:,} of {material.total:,} rows were sampled; {len(results.right):,} that the model gets right were attacked by {names}{per_row}. "
        f"The model is {words.kind(kind.name)} ({kind.why})" + (f"; {best}" if best else "")
    )
    return Finding(rule="adversarial/attacks", level=Level.NOTE, message=message)


def _valid(material: Material, space: Tabular, epsilons: Sequence[float]) -> list[Finding]:
    rows = material.reference.rows
    still = [words.feature_name(space.features[place]) for place in np.flatnonzero(space.free & (space.grid / space.scale > epsilons[0]))]
    message = f"every change stays valid: {words.validity(space.features)}; ranges and units were learned from {rows:,} rows of {material.of_reference}"
    if still:
        named = words.listed(still if len(still) <= _MOST_NAMED else [*still[:_MOST_NAMED], f"{len(still) - _MOST_NAMED} more"])
        message += (
            f". A change of {size(epsilons[0])} is less than one step of {named}, so it cannot move {'it' if len(still) == 1 else 'them'}"
        )
    hint = "say with immutable and monotone what else nobody can change; evidence/valid-rows.json lists what counted as valid"
    found = [Finding(rule="adversarial/valid-rows", level=Level.NOTE, message=message, hint=hint)]
    if material.of_reference == "data":
        message = "neither reference nor train was given: what is valid was learned from the rows that are judged"
        found.append(
            Finding(
                rule="adversarial/no-reference", level=Level.NOTE, message=message, hint="give train, or another table of the same kind"
            )
        )
    return found


def _narrowed(material: Material, doubted: Doubted) -> list[Finding]:
    """Rows that the model answers otherwise once their numbers are in single precision."""
    if not doubted.rounded:
        return []
    message = (
        f"{doubted.rounded:,} of {len(material.ids):,} rows get another answer once their numbers are rounded to single precision, about seven digits; "
        "they count as wrong"
    )
    return [Finding(rule="adversarial/rounding", level=Level.WARNING, message=message, hint="write large numbers in other units")]
