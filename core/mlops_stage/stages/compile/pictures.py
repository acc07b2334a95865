"""How long each variant takes beside the model as given, and how large it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.estimates import Bounded, NotEstimable
from mlops_stage.report import Bar, Bars, Interval, Intervals
from mlops_stage.stages.compile.telling import ratio_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlops_stage.report import Figure
    from mlops_stage.stages.compile.results import Compiled, Variant

_KIB = 1024


def drawn(compiled: Sequence[Compiled]) -> Iterator[Figure]:
    """Latency of all variants that were timed, and size of all that were built; nothing where there is nothing to compare."""
    built = [(one, variant) for one in compiled for variant in one.variants if variant.footprint is not None]
    timed = [(one, variant) for one, variant in built if variant.latency is not None]
    if timed:
        yield Intervals(
            name="latency",
            title="How long a variant takes, beside the model as given",
            caption="Left of the line is faster. Both ran in turn on this machine, one row at a time; bars are 95 % intervals.",
            x_label="times as long as the model as given",
            rows=tuple(_interval(one, variant) for one, variant in timed),
            reference=1.0,
            reference_label="as long",
        )
    if len(built) > 1:
        yield Bars(
            name="size",
            title="How large a variant is",
            caption="All files of the artefact together.",
            x_label="target and precision",
            y_label="KiB",
            bars=tuple(
                Bar(label=_label(one, variant), value=variant.footprint.artifact_bytes / _KIB)
                for one, variant in built
                if variant.footprint
            ),
        )


def _interval(one: Compiled, variant: Variant) -> Interval:
    ratio, note = ratio_of(variant), "ships" if variant is one.shipped else ""
    if isinstance(ratio, Bounded):
        low, high = ratio.bound(0.025), ratio.bound(0.975)
        return Interval(label=_label(one, variant), value=ratio.value, low=low, high=high, n=ratio.n, note=note)
    reason = ratio.reason if isinstance(ratio, NotEstimable) else note
    return Interval(label=_label(one, variant), value=None, low=None, high=None, n=None, note=reason)


def _label(one: Compiled, variant: Variant) -> str:
    return f"{one.target.name}, {variant.precision}"
