"""What kind of question a model answers, decided by a stated rule: binary, multiclass or regression; and which class is the positive one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mlops_stage.errors import InputError, UsageError, alike
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables.values import FEW_LEVELS, Summary, canonical_text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

Task = Literal["binary", "multiclass", "regression"]
DeclaredTask = Literal["auto", "binary", "multiclass", "regression"]

_AFFIRMATIVE = frozenset({"1", "true", "yes", "y", "t", "positive", "pos"})
_OPPOSITES = {"1": "0", "0": "1", "true": "false", "false": "true", "yes": "no", "no": "yes", "-1": "1"}
_TWO = 2


def is_classification(label: Summary, prediction: Summary | None, declared: DeclaredTask, *, scores_by_class: bool = False) -> bool:
    """Whether labels are classes rather than quantities.

    A declared task wins. Otherwise: one score column per class, or labels that are text or booleans, mean classification; labels that are whole numbers
    of at most 50 distinct values do so too, unless the predictions hold fractions; everything else is regression.

    Raises:
        InputError: two classes but predictions with fractions, which are scores under the wrong name.
        UsageError: labels and predictions are whole numbers of more than 50 distinct values, which may be either.
    """
    if declared != "auto":
        return declared != "regression"
    if scores_by_class or label.textual:
        return True
    if prediction is not None and not prediction.textual and not label.fractions and not prediction.fractions:
        distinct = max(label.numbers, prediction.numbers)
        if distinct > FEW_LEVELS:
            raise UsageError(
                f"labels and predictions are whole numbers of more than {FEW_LEVELS} different values: classes or quantities?",
                "declare task: regression, or task: multiclass",
            )
    if label.fractions or label.numbers > FEW_LEVELS:
        return False
    if prediction is None or not prediction.fractions:
        return True
    if label.numbers <= _TWO:
        raise InputError(
            "the label has two classes, but the predictions hold fractions: they look like scores",
            "name that column with score (y_score by default), or declare task: regression",
        )
    return False


def is_binary(levels: Collection[str], declared: DeclaredTask) -> bool:
    """Whether there are two classes at most; a declared task wins.

    Raises:
        InputError: declared binary, but there are more classes.
    """
    if declared == "binary" and len(levels) > _TWO:
        raise InputError(
            f"task is binary, but labels and predictions have {len(levels)} classes: {shown(', '.join(levels))}",
            "declare task: multiclass, or mend the labels",
        )
    return declared != "multiclass" and len(levels) <= _TWO


def binary_classes(levels: Sequence[str], declared: str | None, scored: Sequence[str] = ()) -> tuple[tuple[str, str], str]:
    """`(negative, positive)` and why it was chosen so.

    The positive class is the declared one; else the one that is called `1`, `true`, `yes` or the like; else the only one that has a score column
    of its own; else the last in alphabetical order. Where only one class occurs, the other is its opposite, or `not <class>`.

    Args:
        levels: the classes that occur, one or two, in canonical text.
        declared: the param `positive`.
        scored: classes that have a score column.

    Raises:
        UsageError: the declared class does not occur.
    """
    wanted = canonical_text(declared) if declared else None
    if wanted is not None and wanted not in levels:
        if len(levels) == 1:
            return (levels[0], wanted), "declared"
        near = alike(wanted, levels)
        raise UsageError(
            f"positive: there is no class {shown(wanted)!r}",
            f"did you mean {shown(near)!r}?" if near else f"the classes are {shown(', '.join(levels))}",
        )
    both = tuple(levels) if len(levels) == _TWO else _with_opposite(levels[0])
    affirmative = [level for level in both if level.lower() in _AFFIRMATIVE]
    alone = [level for level in both if level in scored] if len(scored) == 1 else []
    if wanted is not None:
        positive, why = wanted, "declared"
    elif len(affirmative) == 1:
        positive, why = affirmative[0], "by its name"
    elif alone:
        positive, why = alone[0], "the one that has a score column"
    else:
        positive, why = max(both), "the last in alphabetical order; declare another with positive"
    negative = both[0] if both[1] == positive else both[1]
    return (negative, positive), why


def _with_opposite(level: str) -> tuple[str, str]:
    return level, _OPPOSITES.get(level.lower(), f"not {level}")
