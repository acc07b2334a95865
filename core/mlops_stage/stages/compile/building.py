"""One target after the other: each variant is built or taken from the cache, run in a fresh process, compared and timed."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_stage import __version__
from mlops_stage.errors import LimitError, StageError, UsageError, nearest
from mlops_stage.evidence.redact import shown
from mlops_stage.params import Limits
from mlops_stage.report import Failure
from mlops_stage.stages.compile import arrays, worker
from mlops_stage.stages.compile.backends.backend import (
    NATIVE,
    PRECISIONS,
    BrokenBackendError,
    BuildError,
    Footprint,
    MissingBackendError,
    learned,
)
from mlops_stage.stages.compile.cache import Shelf, key_of
from mlops_stage.stages.compile.latency import ROUNDS, Latency
from mlops_stage.stages.compile.parity.drop import measured_drop, predictions_of
from mlops_stage.stages.compile.parity.tiers import TIERS, agree
from mlops_stage.stages.compile.parity.weights import is_quantised
from mlops_stage.stages.compile.results import FULL, Compiled, Variant, chosen
from mlops_stage.stages.compile.targets import Target, foreign, processor_features, surpassed
from mlops_stage.stages.compile.targets.releases import other_release
from mlops_stage.words import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mlops_stage.inputs.answers import Predictions
    from mlops_stage.inputs.model import Model
    from mlops_stage.stages.compile.material import Labelled, Material
    from mlops_stage.stages.compile.params import CompileParams
    from mlops_stage.stages.compile.parity.tiers import Agreement, Outputs

_ROUNDS = {"quick": ROUNDS, "standard": ROUNDS, "deep": 2 * ROUNDS}
"""Of the first look at latency, by effort."""
DISBELIEVED = "what the cache held does not answer as the model does: it was thrown away, and built anew"
_FICKLE = "the model as given does not answer the same twice, so nothing can be compared with it"
GIVEN = Target(name="the model as given", backend="ort")
"""What artefacts are compared with: the model in ONNX Runtime, as every other stage runs it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """What all targets have in common."""

    params: CompileParams
    model: Model
    source: Path
    """A copy of the model, which nobody else can change."""
    ort: str
    """The reference of the backend that runs it."""
    material: Material
    shelf: Shelf | None
    work: Path
    reference: Outputs = field(default_factory=dict)
    """The answers of the model as given, on the rows to compare."""
    right: Predictions | None = None
    """The same on rows with labels."""
    fickle: bool = False
    """Whether the model as given does not answer the same twice, so that nothing can be told of any other form of it."""

    @property
    def model_bytes(self) -> int:
        """Bytes of all its files."""
        return sum((self.source.parent / name).stat().st_size for name, _ in self.model.digests)

    def call(self, verb: str, backend: str, target: Target, **job: Any) -> dict[str, Any]:
        """A job of a worker's."""
        plain = {name: str(value) if isinstance(value, Path) else value for name, value in job.items()}
        limits = Limits(memory=self.params.limits.memory, cpu=self.params.limits.cpu, wall=self.params.build_limit)
        return worker.call({"verb": verb, "backend": backend, "target": asdict(target), **plain}, limits, self.work)

    def answers(self, backend: str, target: Target, artefact: Path, feeds: Sequence[Path]) -> tuple[list[Outputs], Footprint]:
        """The answers of an artefact to each file of rows, loaded in a fresh process, and what it takes; of a foreign one that alone, for no rows are given."""
        made = {str(one): str(self.work / f"answers-{place}.npz") for place, one in enumerate(feeds)}
        source = None if target is GIVEN else self.source  # the model as given went through the screen when it was opened
        weighed = self.call("footprint", backend, target, artefact=artefact, source=source, feeds=made, rows=1, shapes=self.material.shapes)
        return [arrays.load(Path(one)) for one in made.values()], Footprint(**weighed)


@dataclass(frozen=True, kw_only=True)
class _Aim:
    """A target, and what compiles for it."""

    target: Target
    backend: str
    """The reference of the backend."""
    versions: Mapping[str, str]
    away: str
    """Why what is made for it is not run here; empty if it is."""
    newer: str = ""
    """Why it is not timed here; empty if it is."""


def compiled(bench: Bench, target: Target, backend: str, progress: Callable[[float, str], None]) -> Compiled:
    """All variants of one target, and the one that ships.

    Args:
        bench: what all targets have in common.
        target: what is compiled for.
        backend: the reference of its backend.
        progress: told how far it is, from 0 to 1.

    Raises:
        MissingBackendError: the backend is not installed, and the target is required.
    """
    try:
        return _compiled(bench, target, backend, progress)
    except MissingBackendError as error:
        if target.required:
            raise
        return Compiled(target=target, absent=f"{error.message}; {error.hint}")
    except StageError as error:
        return Compiled(target=target, broken=Failure(code=error.code, message=f"{target.name}: {error.message}", hint=error.hint))


def _compiled(bench: Bench, target: Target, backend: str, progress: Callable[[float, str], None]) -> Compiled:
    coverage = bench.call("supports", backend, target, source=bench.source)
    if coverage["verdict"] == "unsupported":
        return Compiled(target=target, unsupported=tuple(coverage["reasons"]))
    versions = coverage["versions"]
    aim = _Aim(target=target, backend=backend, versions=versions, away=unseen(target, versions), newer=surpassed(target))
    wanted = ladder(bench.params, target, aim.away)
    found = []
    for done, precision in enumerate(wanted):
        progress(done / len(wanted), f"{target.name}: {precision}")
        found.append(_variant(bench, aim, precision))
    whole = Compiled(target=target, versions=tuple(versions.items()), foreign=aim.away, newer=aim.newer, variants=tuple(found))
    return replace(whole, shipped=chosen(whole, bench.params.prefer))


def check_precisions(params: CompileParams) -> None:
    """Refuse words that are no precision.

    Raises:
        UsageError: such a word.
    """
    for word in params.precision:
        if word not in PRECISIONS:
            raise UsageError(f"precision: there is no {shown(word)!r}", nearest(word, PRECISIONS))


def lacking(params: CompileParams, *, learns: bool, labelled: bool) -> str:
    """What eight bits take that was not given; empty where it was.

    Args:
        params: what was asked.
        learns: whether there are rows to learn ranges from.
        labelled: whether there are rows with labels.
    """
    if learns and labelled:
        return ""
    needs = [] if learns else ["rows to learn the ranges of numbers from, which nothing is judged on"]
    names = [] if learns else ["train"]
    if not labelled:
        needs.append("rows with labels to show what it costs")
        names += ["label (the column of data that holds them)"] if params.data else ["data", "label"]
    return f"it takes {', and '.join(needs)}; give {listed(names)}"


def unseen(target: Target, versions: Mapping[str, str]) -> str:
    """Why what is made for a target is not run here: it is for another machine, or for other releases of its runtime; empty if it is run.

    Args:
        target: what is compiled for.
        versions: as the backend tells them, its runtime first.
    """
    return foreign(target) or other_release(target, versions)


def ladder(params: CompileParams, target: Target, away: str) -> tuple[str, ...]:
    """The precisions to try, the most exact first: fp32 always, others where target and params allow; of a target that is not run here fp32 alone."""
    asked = params.precision or PRECISIONS
    if away:
        return (FULL,)
    return tuple(one for one in PRECISIONS if one == FULL or (one in target.precisions and one in asked))


def _variant(bench: Bench, aim: _Aim, precision: str) -> Variant:
    lacking = _lacking(bench) if precision == "int8" else ""
    if lacking:
        return Variant(precision=precision, failure=f"was not tried: {lacking}")
    folder = bench.work / "targets" / aim.target.name / precision
    folder.mkdir(parents=True)
    shelf = None if aim.away else bench.shelf  # what never runs here cannot be proven, so it is built
    key = _key(bench, aim, precision)
    disbelieved = ""
    taken = shelf.fetch(key, folder, bench.model_bytes) if shelf is not None else None
    if taken is not None:
        found, disbelieved = _from_cache(bench, aim, Variant(precision=precision, artefact=folder / taken, cached=True))
        if found is not None:
            return found
        shutil.rmtree(folder)
        folder.mkdir()
    found = _anew(bench, aim, precision, folder)
    if shelf is not None and found.artefact is not None and not found.failure:
        shelf.keep(key, found.artefact.relative_to(folder).as_posix(), folder)
    return replace(found, notes=(*found.notes, disbelieved)) if disbelieved else found


def _from_cache(bench: Bench, aim: _Aim, taken: Variant) -> tuple[Variant | None, str]:
    """What the cache held, where it stands the same proof as all else; else why not, in our words: those of a stranger's file are not repeated."""
    try:
        found = _checked(bench, aim, replace(taken, notes=_known(bench, aim, taken.precision)))
    except LimitError:
        return None, "what the cache held could not be proven within the limits: it was thrown away, and built anew"
    except BuildError:
        return None, "what the cache held cannot be opened or run: it was thrown away, and built anew"
    if not found.failure:
        return found, ""
    unlike = found.agreement is not None and not found.agreement.passed
    return None, DISBELIEVED if unlike else "what the cache held does not pass the proof: it was thrown away, and built anew"


def _known(bench: Bench, aim: _Aim, precision: str) -> tuple[str, ...]:
    """What follows for an artefact from its target and from what it was made of, without a word of its own."""
    if precision == FULL and aim.target.native and aim.target.backend == "ort":
        return (NATIVE,)
    calibration = bench.material.calibration if precision == "int8" else None
    return (learned(len(next(iter(arrays.load(calibration).values())))),) if calibration is not None else ()


def _anew(bench: Bench, aim: _Aim, precision: str, folder: Path) -> Variant:
    """Built, proven and timed.

    Raises:
        BrokenBackendError: it crashed on full precision, without which nothing ships.
        LimitError: full precision took more memory or time than it may.
    """
    made, doing = Variant(precision=precision), "made"
    try:
        made, doing = _built(bench, aim, precision, folder), "run"
        return made if made.failure else _checked(bench, aim, made)
    except (BuildError, LimitError) as error:
        if precision == FULL and isinstance(error, BrokenBackendError | LimitError):
            raise  # no fault of the model, so no verdict on it
        return replace(made, failure=f"cannot be {doing}: {error.message}")


def _checked(bench: Bench, aim: _Aim, made: Variant) -> Variant:
    """Proven and timed, as far as this machine can."""
    if made.artefact is None:
        return made
    if aim.away:
        return replace(made, footprint=bench.answers(aim.backend, aim.target, made.artefact, [])[1])
    proven = _proven(bench, aim, made, made.artefact)
    return proven if proven.failure or aim.newer else replace(proven, latency=_timed(bench, aim, made.artefact))


def _lacking(bench: Bench) -> str:
    """What it takes to try eight bits."""
    return lacking(bench.params, learns=bench.material.calibration is not None, labelled=bench.right is not None)


def _key(bench: Bench, aim: _Aim, precision: str) -> str:
    return key_of(
        model=bench.model.digests,
        target=asdict(aim.target),
        versions={**aim.versions, "mlops-stage": __version__},
        precision=precision,
        calibration=bench.material.calibration_sha256 if precision == "int8" else "",
        machine=sorted(processor_features()) if aim.target.native else (),
    )


def _built(bench: Bench, aim: _Aim, precision: str, folder: Path) -> Variant:
    calibration = bench.material.calibration if precision == "int8" else None
    job = {"source": bench.source, "precision": precision, "calibration": calibration, "folder": folder}
    built = bench.call("build", aim.backend, aim.target, **job)
    notes = tuple(built["notes"])
    same = precision != FULL and not built["changed"]
    failure = f"is the same as fp32 ({'; '.join(notes) or 'nothing in it can be converted'})" if same else ""
    return Variant(precision=precision, failure=failure, artefact=Path(built["path"]), notes=notes)


def _proven(bench: Bench, aim: _Aim, made: Variant, artefact: Path) -> Variant:
    """Loaded in a fresh process and compared row by row; in fewer bits also by what it costs on rows with labels."""
    eight, right = made.precision == "int8", bench.right
    labelled = bench.material.labelled if made.precision != FULL and right is not None else None
    also = [labelled.feeds] if labelled is not None else []
    answers, footprint = bench.answers(aim.backend, aim.target, artefact, [bench.material.feeds, *also])
    decides, fewest = right is None or right.task != "regression", bench.params.min_denominator
    agreement = agree(bench.reference, answers[0], TIERS[made.precision], decides=decides, fewest=fewest)
    if bench.fickle:
        agreement = replace(agreement, verdict="inconclusive", curable=False, reasons=(_FICKLE,))
    made = replace(made, agreement=agreement, footprint=footprint)
    if not agreement.passed:
        return replace(made, failure=_differing(agreement))
    if labelled is not None and right is not None:
        made = _priced(bench, made, answers[1], labelled, right)
    if made.failure:
        return made
    if not eight:
        overflow = _overflowing(bench, aim, artefact) if is_quantised(bench.model.facts) else ""
        return replace(made, notes=(*made.notes, f"{overflow}, as of the model as given")) if overflow else made
    overflow = _overflowing(bench, aim, artefact)
    return replace(made, failure=f"does not answer the same on every processor: {overflow}" if overflow else "")


def _priced(bench: Bench, made: Variant, answers: Outputs, labelled: Labelled, right: Predictions) -> Variant:
    """With what fewer bits cost on rows with labels."""
    lossy = predictions_of(bench.model, answers, labelled.table, labelled.question)
    drop = measured_drop(right, lossy, bench.params.drop, fewest=bench.params.min_denominator)
    return replace(made, drop=drop, failure="" if drop.passed else f"costs too much: {'; '.join(drop.reasons)}")


def _differing(agreement: Agreement) -> str:
    reasons = "; ".join(agreement.reasons)
    if agreement.verdict == "inconclusive":
        return f"was not shown to answer as the model does: {reasons}{'; more rows (rows, or effort) may show it' if agreement.curable else ''}"
    return f"does not answer as the model does: {reasons}"


def _overflowing(bench: Bench, aim: _Aim, artefact: Path) -> str:
    """Why an eight-bit artefact may answer otherwise on other processors; empty where none of its sums can overflow."""
    found = bench.call("saturation", aim.backend, aim.target, artefact=artefact, feeds=bench.material.feeds)
    if found["verdict"] == "safe":
        return ""
    return "sums of it overflow on this processor" if found["verdict"] == "seen" else "sums of it may overflow on others"


def _timed(bench: Bench, aim: _Aim, artefact: Path) -> Latency:
    given = {"backend": bench.ort, "target": asdict(GIVEN), "artefact": str(bench.source)}
    rounds, seed = _ROUNDS[bench.params.effort], bench.params.seed
    timed = bench.call(
        "latency", aim.backend, aim.target, artefact=artefact, given=given, feeds=bench.material.one, rounds=rounds, seed=seed,
        limit=aim.target.latency_ratio,
    )  # fmt: skip
    told: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in timed.items()}
    return Latency(**told)


def files_of(artefact: Path) -> Sequence[Path]:
    """The file that is opened, then whatever else belongs to it."""
    others = sorted(path for path in artefact.parent.rglob("*") if path.is_file() and path != artefact)
    return [artefact, *others]
