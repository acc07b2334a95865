"""What was attacked and how, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.evidence.redact import shown
from mlops_stage.stages.adversarial.results import size
from mlops_stage.stages.adversarial.schema import Category, Number, OneHot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.stages.adversarial.schema import Feature
    from mlops_stage.stages.adversarial.space import Norm

ATTACKS = {"linear": "the exact solution for linear models", "hop_skip_jump": "HopSkipJump", "square": "Square"}


def rows(count: int) -> str:
    """`1 row`, `1,200 rows`."""
    return "1 row" if count == 1 else f"{count:,} rows"


def kind(name: str) -> str:
    """What a model is: `the model is …`."""
    return {
        "remote": "served",
        "linear": "linear",
        "differentiable": "differentiable",
        "opaque": "neither linear nor trees nor differentiable",
    }.get(name, f"a {name}")


def feature_name(feature: Feature) -> str:
    """The column; of a group what its columns have in common, else the first and how many more."""
    if not isinstance(feature, OneHot):
        return shown(feature.column, 40)
    if feature.stem:
        return shown(feature.stem, 40)
    return f"{shown(feature.columns[0], 30)} and {len(feature.columns) - 1} more"


def change(norm: Norm, epsilons: Sequence[float]) -> str:
    """What an attacker does at some sizes: `changing any column by at most 0.05 and 0.1 standard deviations`."""
    unit = "standard deviation" if tuple(epsilons) == (1,) else "standard deviations"
    sizes = f"{listed([size(epsilon) for epsilon in epsilons])} {unit}"
    return (
        f"changing any column by at most {sizes}"
        if norm == "linf"
        else f"changing columns by at most {sizes} in all (root of the sum of squares)"
    )


def validity(features: Sequence[Feature]) -> str:
    """How many columns of which kind, and how many of them nobody may change: one clause."""
    kinds = [
        (sum(isinstance(one, Number) and not one.whole for one in features), "number"),
        (sum(isinstance(one, Number) and one.whole for one in features), "whole number"),
        (sum(isinstance(one, Category) for one in features), "category"),
        (sum(isinstance(one, OneHot) for one in features), "one-hot group"),
    ]
    told = ", ".join(f"{count} {_plural(word, count)}" for count, word in kinds if count)
    fixed = sum(bool(one.fixed) for one in features)
    turned = sum(isinstance(one, Number) and one.way != "both" and not one.fixed for one in features)
    rest = [f"{fixed} of them fixed"] if fixed else []
    rest += [f"{turned} that may only rise or only fall"] if turned else []
    return told + (f"; {', '.join(rest)}" if rest else "")


def _plural(word: str, count: int) -> str:
    if count == 1:
        return word
    return "categories" if word == "category" else f"{word}s"


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
