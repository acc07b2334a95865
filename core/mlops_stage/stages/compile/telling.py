"""What is reported of each target: figures, and sentences about what ships, what does not, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_stage.errors import InternalError, worst
from mlops_stage.estimates import NotEstimable, Point, Sampled
from mlops_stage.evidence.redact import shown
from mlops_stage.report import Failure, Finding, Level, Metric
from mlops_stage.stages.compile.criteria import ARTEFACT, LATENCY, PARITY, RAM
from mlops_stage.stages.compile.results import FULL
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlops_stage.estimates import Estimate
    from mlops_stage.report import Slice
    from mlops_stage.stages.compile.backends.backend import Footprint
    from mlops_stage.stages.compile.parity.drop import Drop
    from mlops_stage.stages.compile.results import Compiled, Variant

_LONG = 300
_NAMED_ROWS = 5
_KIB = 1024
_BACKENDS = {"ort": "ONNX Runtime", "openvino": "OpenVINO"}


@dataclass(frozen=True, kw_only=True)
class Source:
    """What artefacts are compared with."""

    name: str
    """The model's path, relative to the root."""
    size: int
    """Bytes of all its files."""
    real: int = 0
    """How many of the rows that answers were compared on are real ones."""


def metrics(compiled: Sequence[Compiled], source: Source) -> Iterator[Metric]:
    """Figures of every target that something was tried for, sliced by `target`; never a time, only ratios of times."""
    for one in compiled:
        if one.variants:
            yield from _of_target(one, source)


def _of_target(one: Compiled, source: Source) -> Iterator[Metric]:
    where: Slice = (("target", one.target.name),)
    ships, unseen = one.shipped, f"the target is not emulated here: {one.foreign}"
    yield Metric(name=PARITY, estimate=_parity(one, unseen), slice=where, direction="higher")
    yield Metric(name=LATENCY, estimate=_ratio(one, unseen), slice=where, direction="lower")
    if ships is not None and ships.agreement is not None:
        agreement = ships.agreement
        yield Metric(name="label_agreement", estimate=agreement.labels, slice=where, direction="higher")
        yield Metric(name="largest_difference", estimate=Point(agreement.largest, n=agreement.rows), slice=where, direction="lower")
        yield Metric(name="ties", estimate=Point(float(agreement.ties)), unit="rows", slice=where)
    if ships is not None and ships.drop is not None:
        yield from _drops(ships.drop, where)
    if ships is not None and ships.footprint is not None:
        yield Metric(name=ARTEFACT, estimate=Point(float(ships.footprint.artifact_bytes)), unit="bytes", slice=where, direction="lower")
        yield Metric(name=RAM, estimate=_ram(ships.footprint), unit="bytes", slice=where, direction="lower")
        share = Point(ships.footprint.artifact_bytes / source.size)
        yield Metric(name="size_ratio", estimate=share, slice=where, direction="lower")
    yield from _budgets(one, where)


def _ram(footprint: Footprint) -> Estimate:
    if footprint.ram_bytes is None:
        return NotEstimable(0, "the shapes of what lies between inputs and outputs cannot be told")
    return Point(float(footprint.ram_bytes))


def _drops(drop: Drop, where: Slice) -> Iterator[Metric]:
    """What fewer bits cost, over all rows and in each group; positive is worse."""
    name = f"{drop.metric}_drop"
    yield Metric(name=name, estimate=drop.estimate, slice=where, direction="lower")
    for group, estimate in drop.by_group:
        yield Metric(name=name, estimate=estimate, slice=(*where, *group), direction="lower")


def _budgets(one: Compiled, where: Slice) -> Iterator[Metric]:
    """What the target allows, where there is something to judge by it: the size of an artefact that is there, the time of one that runs here."""
    target = one.target
    if target.latency_ratio is not None and not one.foreign and not one.newer:
        yield Metric(name=f"{LATENCY}_budget", estimate=Point(target.latency_ratio), slice=where)
    if one.shipped is None or one.shipped.footprint is None:
        return
    for name, most in ((ARTEFACT, target.artifact_bytes), (RAM, target.ram_bytes)):
        if most is not None:
            yield Metric(name=f"{name}_budget", estimate=Point(float(most)), unit="bytes", slice=where)


def _parity(one: Compiled, unseen: str) -> Estimate:
    if one.foreign:
        return NotEstimable(0, unseen)
    compared = one.shipped or one.full
    if one.shipped is None and one.open is not None:
        return NotEstimable(one.open.rows, "; ".join(one.open.reasons))
    rows = compared.agreement.rows if compared is not None and compared.agreement is not None else None
    return Point(0.0 if one.shipped is None else 1.0, n=rows)


def _ratio(one: Compiled, unseen: str) -> Estimate:
    """Log-normal between the bounds of the bootstrap."""
    if one.foreign:
        return NotEstimable(0, unseen)
    if one.shipped is None:
        return NotEstimable(0, "nothing ships")
    if one.newer:
        return NotEstimable(0, one.newer)
    return ratio_of(one.shipped)


def ratio_of(variant: Variant) -> Estimate:
    """The latency of a variant as a multiple of the source's."""
    if variant.latency is None:
        return NotEstimable(0, "it was not timed")
    return NotEstimable(variant.latency.rounds, variant.latency.reason) if variant.timed is None else variant.latency.estimate


def failure(compiled: Sequence[Compiled]) -> Failure | None:
    """Why there is no verdict: targets of which a backend made nothing, and no fault of the model's; None where there are none."""
    broken = [one.broken for one in compiled if one.broken is not None]
    if not broken:
        return None
    more = f" (and {counted(len(broken) - 1, 'more target')})" if broken[1:] else ""
    return Failure(code=worst(one.code for one in broken), message=f"{broken[0].message}{more}", hint=broken[0].hint)


def findings(compiled: Sequence[Compiled], source: Source) -> Iterator[Finding]:
    """What ships on each target, what does not, and why."""
    for one in compiled:
        name = one.target.name
        if one.absent:
            yield _finding("compile/backend-missing", Level.WARNING, f"{name} was left out: {one.absent}", source)
        elif one.broken is not None:
            yield Finding(rule="compile/broken", level=Level.ERROR, message=one.broken.message, location=source.name, hint=one.broken.hint)
        elif one.unsupported:
            told = "; ".join(shown(reason, _LONG) for reason in one.unsupported[:_NAMED_ROWS])
            yield _finding("compile/unsupported", Level.ERROR, f"{name}: {backend_name(one)} cannot compile this model: {told}", source)
        else:
            yield from _told(one, source)


def _told(one: Compiled, source: Source) -> Iterator[Finding]:
    if one.foreign:
        message = f"{one.target.name} is not emulated: {one.foreign}; what was made for it was never run, and nothing is claimed of it"
        hint = "run this stage with the same params on such a machine, with such a runtime"
        yield Finding(rule="compile/not-emulated", level=Level.WARNING, message=message, location=source.name, hint=hint)
    if one.shipped is not None:
        yield Finding(rule="compile/shipped", level=Level.NOTE, message=_shipped(one, one.shipped, source))
    for variant in one.variants:
        if variant is not one.shipped:
            yield _left_out(one, variant, source)
        elif variant.cached:
            message = f"{one.target.name}: {variant.precision} is of an earlier run, from the cache, and was proven anew"
            yield Finding(rule="compile/cached", level=Level.NOTE, message=message)


def _shipped(one: Compiled, ships: Variant, source: Source) -> str:
    parts = [f"{one.target.name}: {ships.precision} for {backend_name(one)}{'' if one.foreign else ' ships'}"]
    if ships.agreement is not None:
        ties = f", {counted(ships.agreement.ties, 'tie')} left out" if ships.agreement.ties else ""
        rows = f"{counted(ships.agreement.rows, 'row')} ({source.real:,} real; {ships.agreement.tier}{ties})"
        parts.append(f"it answers as the model does on {rows}{_runtime(one)}{', on a newer processor' if one.newer else ''}")
    else:
        parts.append(f"it was made{_runtime(one)}, and does not ship before it is judged there")
    if ships.drop is not None and not isinstance(ships.drop.estimate, NotEstimable):
        lost = f"{100 * ships.drop.estimate.value:.2g}"
        parts.append(f"it costs {lost} points of accuracy" if ships.drop.metric == "accuracy" else f"its mean error is {lost} % larger")
    ratio = ratio_of(ships)
    if isinstance(ratio, Sampled):
        parts.append(f"it takes {ratio.value:.2f} times as long ({ratio.bound(0.025):.2f} to {ratio.bound(0.975):.2f})")
    elif one.newer:
        parts.append(f"how long it takes there cannot be told: {one.newer}")
    elif ships.latency is not None and isinstance(ratio, NotEstimable):
        parts.append(f"how long it takes cannot be told: {ratio.reason}")
    if ships.footprint is not None:
        size, memory = ships.footprint.artifact_bytes, ships.footprint.ram_bytes
        needs = "what memory it needs cannot be told" if memory is None else f"needs about {_spelled(memory)} of memory"
        parts.append(f"it has {_spelled(size)}, {size / source.size:.2f} times the model, and {needs}")
    parts += ships.notes
    return "; ".join(parts)


def _spelled(size: int) -> str:
    """`167 KiB`; below one, bytes."""
    if size < _KIB:
        return counted(size, "byte")
    return f"{size / _KIB**2:,.1f} MiB" if size >= _KIB**2 else f"{size / _KIB:,.0f} KiB"


def _runtime(one: Compiled) -> str:
    """` with ONNX Runtime 1.26.0`: the release that was used here."""
    return f" with {backend_name(one)} {shown(one.versions[0][1])}" if one.versions else ""


def _left_out(one: Compiled, variant: Variant, source: Source) -> Finding:
    """Why a variant does not ship; that of full precision must, so it is grave when it cannot."""
    name, reason = one.target.name, shown(variant.failure, _LONG) or _slower(one, variant)
    if variant.precision == FULL and one.shipped is None:
        level = Level.ERROR if one.open is None else Level.WARNING
        return _finding("compile/no-artefact", level, f"{name}: nothing ships, for fp32 {reason}", source)
    return Finding(rule="compile/left-out", level=Level.NOTE, message=f"{name}: {variant.precision} does not ship: it {reason}")


def _slower(one: Compiled, variant: Variant) -> str:
    ratio = ratio_of(variant)
    if isinstance(ratio, NotEstimable):
        return f"answers the same, but how long it takes cannot be told: {ratio.reason}"
    if not isinstance(ratio, Sampled) or one.shipped is None:
        raise InternalError("a variant without a latency was compared", "this is a bug")
    return f"answers the same, but is not better than {one.shipped.precision}: it takes {ratio.value:.2f} times as long as the model"


def backend_name(one: Compiled) -> str:
    """`ONNX Runtime`."""
    return _BACKENDS.get(one.target.backend, shown(one.target.backend))


def _finding(rule: str, level: Level, message: str, source: Source) -> Finding:
    return Finding(rule=rule, level=level, message=message, location=source.name, hint=_HINTS[rule])


_HINTS = {
    "compile/backend-missing": "install it, or say `required: true` in the target's file to make this an error",
    "compile/unsupported": "choose another target, or export the model with other operators",
    "compile/no-artefact": "the folder evidence/ of this report says on which rows; tell the authors of the backend",
}
