"""Figures in the other sense: how much of what is asked is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.report import Bar, Bars
from mlops_stage.stages.sbom.elements import G7

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.stages.sbom.completeness import Answer


def by_cluster(answers: Sequence[Answer]) -> Bars:
    """Elements answered in full, of those asked for, by cluster."""
    whole = {answer.element.name for answer in answers if answer.whole}
    bars = []
    for cluster in dict.fromkeys(element.cluster for element in G7):
        asked = [element.name for element in G7 if element.cluster == cluster]
        bars.append(Bar(label=cluster, value=float(len(whole & set(asked))), low=0.0, high=float(len(asked))))
    return Bars(
        name="elements",
        title="What is known of what is asked",
        caption="A bar that fills its band answers everything that the G7 names for that part of an AI system.",
        x_label="part of the system",
        y_label="elements answered",
        bars=tuple(bars),
        band="elements asked for",
    )
