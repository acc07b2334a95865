"""Sets of criteria taken from a law or from the literature, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError, nearest
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_stage.report import Op


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What is asked of a gap between the groups of each sensitive column."""

    metric: str
    op: Op
    number: float


@dataclass(frozen=True, kw_only=True)
class Standard:
    """One set of criteria."""

    name: str
    title: str
    source: str
    """Where it comes from, for people."""
    limits: tuple[Limit, ...]
    binary: bool = False
    """Whether it has a meaning for two classes only, one of them the favourable decision."""


DEFAULT = "equalized-odds"
STANDARDS: Mapping[str, Standard] = {
    standard.name: standard
    for standard in (
        Standard(
            name=DEFAULT,
            title="Errors as frequent in every group: true and false positive rates differ by at most 0.1",
            source="Hardt, Price and Srebro 2016, Equality of Opportunity in Supervised Learning; the tolerance is ours",
            limits=(
                Limit(metric="tpr_difference", op="<=", number=0.1),
                Limit(metric="fpr_difference", op="<=", number=0.1),
            ),
        ),
        Standard(
            name="four-fifths",
            title="No group is selected less than four fifths as often as the group selected most",
            source="29 CFR 1607.4(D), Uniform Guidelines on Employee Selection Procedures",
            limits=(Limit(metric="selection_rate_ratio", op=">=", number=0.8),),
            binary=True,
        ),
    )
}
"""In evidence mode a ratio below 0.8 fails only where its upper 95 % bound is below it too, so that no group fails on "small numbers" that are "not
statistically significant", in the regulation's words; and only a ratio whose lower bound reaches 0.8 passes."""


def chosen(names: Iterable[str]) -> tuple[Standard, ...]:
    """The standards of these names, each once; hyphens and underscores are alike.

    Raises:
        UsageError: a name that is none.
    """
    found: dict[str, Standard] = {}
    for name in names:
        plain = name.strip().lower().replace("_", "-")
        if plain not in STANDARDS:
            raise UsageError(f"there is no standard {shown(name)!r}", nearest(plain, STANDARDS) or f"there are {', '.join(STANDARDS)}")
        found[plain] = STANDARDS[plain]
    return tuple(found.values())
