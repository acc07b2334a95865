"""The stage at work: open, gather rows, compile for each target, prove, and write down what ships and where it comes from."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError, UsageError
from mlops_stage.evidence.digest import sha256
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.oip.address import is_url
from mlops_stage.report import Finding, Level, NotApplicable, Observations
from mlops_stage.stages.compile import pictures, telling
from mlops_stage.stages.compile.building import GIVEN, Bench, check_precisions, compiled
from mlops_stage.stages.compile.cache import Shelf
from mlops_stage.stages.compile.converted import Form, converted
from mlops_stage.stages.compile.evidence import written
from mlops_stage.stages.compile.material import gathered, open_file
from mlops_stage.stages.compile.offers import backends_of, offered_to
from mlops_stage.stages.compile.parity.drop import predictions_of
from mlops_stage.stages.compile.parity.rows import ENOUGH
from mlops_stage.stages.compile.parity.tiers import TIERS, agree
from mlops_stage.stages.compile.targets import load_targets
from mlops_stage.workspace import WORK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_stage.hookspecs import Gathered
    from mlops_stage.inputs.model import Model
    from mlops_stage.report import Metric
    from mlops_stage.stages.compile.material import Material
    from mlops_stage.stages.compile.params import CompileParams
    from mlops_stage.stages.compile.parity.rows import Probes
    from mlops_stage.stages.compile.parity.tiers import Outputs
    from mlops_stage.stages.compile.results import Compiled
    from mlops_stage.stages.compile.targets import Target
    from mlops_stage.workspace import Workspace

_SERVED = "The model is served from an address; there is no file to compile."


def act(params: CompileParams, workspace: Workspace) -> Observations | NotApplicable:
    """Compile a model for every target, and say of each what ships, that it answers the same, how fast it is and where it comes from.

    Raises:
        UsageError: no model; a target, file or column that is not there.
        InputError: an input that cannot be used.
        StageError: a required target whose backend is not installed.
    """
    if not params.model:
        raise UsageError("there is nothing to compile", "give model: an ONNX file, or the folder that holds it")
    started = workspace.clock()
    if is_url(params.model):
        return NotApplicable(reason=_SERVED)
    model = open_file(params.model, workspace.root)
    check_precisions(params)
    targets = load_targets(params.targets, workspace.root)
    offered = offered_to(workspace)
    backends = backends_of(targets, offered)
    workspace.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=WORK, dir=workspace.out) as folder:
        workspace.progress(0.0, "reading rows")
        material = gathered(params, model, workspace.root, Path(folder))
        bench, others = _bench(params, workspace, model, material, backends["ort"])
        found = _all(bench, targets, backends, workspace)
        figures, doubts = _beside_original(bench, found, backends, others)
        if all(one.absent for one in found):
            return NotApplicable(reason=f"Nothing was compiled: {'; '.join(dict.fromkeys(one.absent for one in found))}.")
        kept = written(params, workspace, found, bench=bench, started=started)
    size = sum((model.path.parent / name).stat().st_size for name, _ in model.digests)
    source = telling.Source(name=model.name, size=size, real=material.probes.real)
    workspace.progress(1.0, "done")
    return Observations(
        metrics=(*figures, *telling.metrics(found, source)),
        findings=(*material.doubts, *doubts, *_remarks(material.probes, offered, source), *telling.findings(found, source)),
        subjects=(*model.subjects(), *material.subjects, *kept.subjects),
        evidence=kept.evidence,
        figures=tuple(pictures.drawn(found)),
        outputs=kept.outputs,
        failure=telling.failure(found),
    )


def _all(bench: Bench, targets: Sequence[Target], backends: Mapping[str, str], workspace: Workspace) -> list[Compiled]:
    """Every target in turn."""
    found: list[Compiled] = []
    for place, target in enumerate(targets):

        def progress(done: float, what: str, place: int = place) -> None:
            workspace.progress(0.1 + 0.9 * (place + done) / len(targets), what)

        found.append(compiled(bench, target, backends[target.backend], progress))
    return found


def _beside_original(
    bench: Bench, found: Sequence[Compiled], backends: Mapping[str, str], given: Outputs
) -> tuple[tuple[Metric, ...], tuple[Finding, ...]]:
    """The model as given, and what ships and runs here, beside what the framework answered; nothing where that is not known."""
    known = bench.material.known
    if known is None:
        return (), ()
    forms = [Form(outputs=given)]
    for one in found:
        if one.shipped is not None and one.shipped.artefact is not None and not one.foreign:
            answers, _ = bench.answers(backends[one.target.backend], one.target, one.shipped.artefact, [known.feeds])
            forms.append(Form(outputs=answers[0], tier=TIERS[one.shipped.precision], target=one.target.name))
    return converted(known, bench.model, forms)


def _bench(params: CompileParams, workspace: Workspace, model: Model, material: Material, ort: str) -> tuple[Bench, Outputs]:
    """What all targets have in common, the answers of the model as given among it; and those on the rows with labels or with original predictions."""
    workspace.progress(0.05, f"asking the model about {material.probes.rows:,} rows")
    work = material.feeds.parent
    bench = Bench(
        params=params,
        model=model,
        source=_copied(model, work / "given"),
        ort=ort,
        material=material,
        shelf=shelf_of(params, workspace),
        work=work,
    )
    labelled = material.labelled
    others = labelled or material.known
    again = Path(shutil.copyfile(material.feeds, work / "again.npz"))
    answers, _ = bench.answers(ort, GIVEN, bench.source, [material.feeds, again, *([others.feeds] if others else [])])
    fickle = agree(answers[0], answers[1], "exact", decides=False).verdict == "failed"
    right = predictions_of(model, answers[2], labelled.table, labelled.question) if labelled else None
    return replace(bench, reference=answers[0], right=right, fickle=fickle), answers[2] if others else {}


def shelf_of(params: CompileParams, workspace: Workspace) -> Shelf | None:
    """The cache, or None where it is not used: when everything is built anew, and where the secret is not there, as in jobs for a stranger's change."""
    if params.effort == "deep":
        return None
    if params.cache_key_env is None:
        return Shelf(workspace.cache)
    secret = workspace.env.get(params.cache_key_env, "")
    return Shelf(workspace.cache, secret.encode("utf-8", "surrogateescape")) if secret else None


def _copied(model: Model, folder: Path) -> Path:
    """The files of the model as they were screened, where nobody else can change them.

    Raises:
        InputError: one of them was changed meanwhile.
    """
    for name, digest in model.digests:
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model.path.parent / name, place)
        if sha256(place) != digest:
            raise InputError(f"{shown(model.name)} was changed while it was read", "let no other step write the model while this one runs")
    return folder / model.path.name


def _remarks(asked: Probes, offered: Gathered, source: telling.Source) -> list[Finding]:
    """What a reader should know about the rows, and about plugins that could not answer."""
    found = [
        Finding(rule="compile/broken-plugin", level=Level.WARNING, message=f"{shown(one.name)} offers no backend: {shown(one.reason, 160)}")
        for one in offered.broken
    ]
    if asked.weak:
        few = f"give data of {ENOUGH} rows or more, and let rows be no lower"
        hint = few if asked.real else "give data: rows with the model's inputs, as in real use"
        message = f"that the answers are the same is shown weakly: {asked.weak}"
        found.append(Finding(rule="compile/weak-rows", level=Level.WARNING, message=message, location=source.name, hint=hint))
    return found + [Finding(rule="compile/choice", level=Level.NOTE, message=note) for note in asked.notes]
