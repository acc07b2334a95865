"""Files that back the report: the artefacts themselves, what was found out about each, and where they come from."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_stage import __version__, estimates
from mlops_stage.estimates import NotEstimable, Point
from mlops_stage.evidence.digest import of_json, sha256
from mlops_stage.evidence.paths import existing, relative, write_aside
from mlops_stage.report import Evidence, Subject, metric_label
from mlops_stage.stages.compile import arrays
from mlops_stage.stages.compile.building import files_of
from mlops_stage.stages.compile.provenance import PREDICATE_TYPE, Made, statement
from mlops_stage.stages.compile.targets import builtin
from mlops_stage.stages.compile.telling import ratio_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mlops_stage.stages.compile.building import Bench
    from mlops_stage.stages.compile.params import CompileParams
    from mlops_stage.stages.compile.parity.rows import Probes
    from mlops_stage.stages.compile.results import Compiled, Variant
    from mlops_stage.workspace import Workspace

FOLDER = "evidence"
PROVENANCE = "evidence/provenance.json"
_ASKED = ("model", "data", "train", "reference", "target", "precision", "prefer", "rows", "calibration_rows", "effort", "seed")
"""Params that decide what is made; the others say how it is judged."""
_LEARNT_FROM = ("train", "reference")
"""Roles of the tables from which ranges of numbers are learnt."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """What lies in the folder of the report."""

    subjects: tuple[Subject, ...]
    """Every file that ships."""
    evidence: tuple[Evidence, ...]
    outputs: Mapping[str, str]


def written(
    params: CompileParams,
    workspace: Workspace,
    compiled: Sequence[Compiled],
    *,
    bench: Bench,
    started: datetime,
) -> Written:
    """Put the artefacts in their places, and write what was found out about them."""
    probes = bench.material.probes
    ships: list[Subject] = []
    others: list[Evidence] = []
    made: list[Made] = []
    for one in compiled:
        if not one.variants:
            continue
        name = one.target.name
        if one.shipped is not None:
            files = _placed(workspace.out, name, one.shipped)
            ships += [Subject(role="artefact", name=path, sha256=digest) for path, digest in files]
            made += [_made(one, one.shipped, file, bench) for file in files]
        if one.full is not None and one.full is not one.shipped:
            kept = _placed(workspace.out, f"{name}/{one.full.precision}", one.full)
            others += [Evidence(path=path, sha256=digest) for path, digest in kept]
        others.append(_told(workspace.out, one, probes, params.seed))
        others += _rows(workspace.out, one, probes)
    artefacts = tuple(Evidence(path=one.name, sha256=one.sha256) for one in ships)
    if not made:
        return Written(subjects=(), evidence=tuple(others), outputs=_outputs(compiled, ships))
    libraries = {library: number for one in compiled for library, number in one.versions}
    told = statement(
        asked=_asked(params, workspace.root, compiled),
        made=made,
        materials=_materials(params, workspace.root, compiled, bench),
        byproducts=[(one.path, one.sha256) for one in others if "/private/" not in one.path],
        versions={"mlops-stage": __version__, **libraries},
        started=started,
        finished=workspace.clock(),
    )
    provenance = _text(workspace.out, PROVENANCE, told, PREDICATE_TYPE)
    return Written(subjects=tuple(ships), evidence=(*artefacts, *others, provenance), outputs=_outputs(compiled, ships))


def _asked(params: CompileParams, root: Path, compiled: Sequence[Compiled]) -> dict[str, Any]:
    """The params that decide what is made, in the same words wherever the project lies: paths relative to the root."""
    plain = {key: value for key, value in params.model_dump(mode="json").items() if key in _ASKED and value not in (None, [])}
    for key in ("model", "data", *_LEARNT_FROM):
        if key in plain and Path(plain[key]).is_absolute():
            plain[key] = relative(root, Path(plain[key]))
    return plain | {"target": [one.target.source for one in compiled]}


def _materials(params: CompileParams, root: Path, compiled: Sequence[Compiled], bench: Bench) -> list[Subject]:
    """The files that artefacts were made from: the model, the rows that ranges were learnt from, files that describe targets. Rows that only judged are none."""
    shipping = [(name, one) for name, one in zip(params.targets, compiled, strict=True) if one.shipped is not None]
    found = [*bench.model.subjects()]
    if any(one.shipped is not None and one.shipped.precision == "int8" for _, one in shipping):
        found += _learnt_from(bench)
    for name, one in shipping:
        if one.target.source not in builtin():
            found.append(Subject(role="target", name=one.target.source, sha256=sha256(existing(root, name, "target"))))
    return found


def _learnt_from(bench: Bench) -> list[Subject]:
    return [one for one in bench.material.subjects if one.role in _LEARNT_FROM]


def _placed(out: Path, place: str, variant: Variant) -> list[tuple[str, str]]:
    """Copy a variant's files; (path relative to the report's folder, SHA-256) of each, that which is opened first."""
    if variant.artefact is None:
        return []
    found = []
    for file in files_of(variant.artefact):
        path = Path(FOLDER, place, file.relative_to(variant.artefact.parent))
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, out / path)
        found.append((path.as_posix(), sha256(out / path)))
    return found


def _made(one: Compiled, ships: Variant, file: tuple[str, str], bench: Bench) -> Made:
    path, digest = file
    rows = _learnt_from(bench) if ships.precision == "int8" else []
    return Made(
        target=one.target.name,
        name=path,
        sha256=digest,
        precision=ships.precision,
        backend=one.target.backend,
        ancestors=tuple(one.sha256 for one in (*bench.model.subjects(), *rows)),
        cached=ships.cached,
    )


def _told(out: Path, one: Compiled, probes: Probes, seed: int) -> Evidence:
    """All that was found out about a target: the variants, the rows they were compared on, and times, which stand nowhere else."""
    counts = {kind: probes.kinds.count(kind) for kind in dict.fromkeys(probes.kinds)}
    plain = {
        "target": asdict(one.target),
        "versions": dict(one.versions),
        "rows": {"seed": seed, "number": probes.rows, "kinds": counts, "weak": probes.weak},
        "shipped": one.shipped.precision if one.shipped else "",
        "foreign": one.foreign,
        "variants": [_variant(variant) for variant in one.variants],
    }
    return _text(out, f"{FOLDER}/{one.target.name}.json", plain)


def _variant(variant: Variant) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "precision": variant.precision,
        "failure": variant.failure,
        "notes": list(variant.notes),
        "cached": variant.cached,
    }
    if variant.agreement is not None:
        found = variant.agreement
        labels = (
            {"reason": found.labels.reason} if isinstance(found.labels, NotEstimable) else {"same": found.labels.k, "of": found.labels.n}
        )
        worst = asdict(found.worst) if found.worst is not None else None
        plain["parity"] = {
            "tier": found.tier,
            "verdict": found.verdict,
            "rows": found.rows,
            "ties": found.ties,
            "labels": labels,
            "noise": {name: estimates.to_json(one) for name, one in found.noise.items()},
            "worst": worst and {key: value if not isinstance(value, float) else _number(value) for key, value in worst.items()},
            "failing": found.failing,
            "failing_rows": list(found.failing_rows),
        }
    if variant.drop is not None:
        drop = variant.drop
        groups = {metric_label(f"{drop.metric}_drop", where): estimates.to_json(one) for where, one in drop.by_group}
        plain["drop"] = {
            "metric": drop.metric,
            "verdict": drop.verdict,
            "budget": drop.budget,
            "all": estimates.to_json(drop.estimate),
            "groups": groups,
        }
    if variant.footprint is not None:
        plain["footprint"] = asdict(variant.footprint)
    if variant.latency is not None:
        ratio = ratio_of(variant)
        plain["latency"] = asdict(variant.latency) | {"estimable": not isinstance(ratio, NotEstimable | Point)}
    return plain


def _number(value: float) -> float | str:
    """JSON knows no infinity."""
    return value if abs(value) < float("inf") else str(value)


def _rows(out: Path, one: Compiled, probes: Probes) -> list[Evidence]:
    """The rows on which a variant answers otherwise, to ask again; they may be rows of people, so they stay private."""
    found = []
    for variant in one.variants:
        if variant.agreement is None or not variant.agreement.failing_rows:
            continue
        places = list(variant.agreement.failing_rows)
        path = f"{FOLDER}/private/{one.target.name}-{variant.precision}-rows.npz"
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        arrays.save(out / path, {name: values[places] for name, values in probes.feeds.items()})
        found.append(Evidence(path=path, sha256=sha256(out / path)))
    return found


def _outputs(compiled: Sequence[Compiled], ships: Sequence[Subject]) -> dict[str, str]:
    """Of the first target that something ships for, and the names of all of them."""
    shipping = [one for one in compiled if one.shipped is not None]
    if not shipping:
        return {"targets": ""}
    first = shipping[0]
    own = [one for one in ships if Path(one.name).is_relative_to(Path(FOLDER, first.target.name))]
    ratio = ratio_of(first.shipped) if first.shipped is not None and not first.foreign else None
    value = "" if ratio is None or isinstance(ratio, NotEstimable) else f"{ratio.value:.4g}"
    digest = own[0].sha256 if len(own) == 1 else of_json([[one.name, one.sha256] for one in own])
    return {
        "artefact": own[0].name,
        "sha256": digest,
        "latency_ratio": value,
        "targets": ",".join(one.target.name for one in shipping),
    }


def _text(out: Path, name: str, plain: Mapping[str, Any], predicate_type: str = "") -> Evidence:
    write_aside(out / name, json.dumps(plain, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n")
    return Evidence(path=name, sha256=sha256(out / name), predicate_type=predicate_type)
