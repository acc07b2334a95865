"""What was made, from what, by what: an in-toto statement of SLSA provenance v1, not yet signed (slsa.dev/spec/v1.0/provenance)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from mlops_stage.words import DOCS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mlops_stage.report import Subject

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
_HOME = f"{DOCS}/reference/stage-compile.html"
BUILD_TYPE = f"{_HOME}#what-the-provenance-says"
BUILDER = f"{_HOME}#who-the-builder-is"
"""The stage itself, on a machine that nobody vouches for; whoever signs the statement says where it ran."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """One file that ships, and where it comes from."""

    target: str
    name: str
    """Relative to the report's folder."""
    sha256: str
    precision: str
    backend: str
    ancestors: tuple[str, ...]
    """SHA-256 of each file of the model that it was made from, and of the table that ranges were learnt from."""
    cached: bool
    """Whether an earlier run built it."""


def statement(  # noqa: PLR0913  (each is one part of the predicate)
    *,
    asked: Mapping[str, Any],
    made: Sequence[Made],
    materials: Sequence[Subject],
    byproducts: Sequence[tuple[str, str]],
    versions: Mapping[str, str],
    started: datetime,
    finished: datetime,
) -> dict[str, Any]:
    """The statement whose subjects are the artefacts, and nothing else: what they were made from is no product.

    Args:
        asked: the params that decide what is made, as the user gave them.
        made: what ships, at least one file.
        materials: every file that something was made from, by digest; what only judged it is none.
        byproducts: (path, SHA-256) of files that were written beside the artefacts.
        versions: of this distribution and of the libraries that did the work.
        started: when the build began.
        finished: when it ended.
    """
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": dict(asked),
            "internalParameters": {"artefacts": [_artefact(one) for one in made]},
            "resolvedDependencies": [
                *({"name": one.name, "digest": {"sha256": one.sha256}, "annotations": {"role": one.role}} for one in materials),
                *({"uri": f"pkg:pypi/{name}@{number}"} for name, number in sorted(versions.items())),
            ],
        },
        "runDetails": {
            "builder": {"id": BUILDER, "version": dict(sorted(versions.items()))},
            "metadata": {"startedOn": _second(started), "finishedOn": _second(finished)},
            "byproducts": [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in byproducts],
        },
    }
    subject = [{"name": one.name, "digest": {"sha256": one.sha256}} for one in made]
    return {"_type": STATEMENT_TYPE, "subject": subject, "predicateType": PREDICATE_TYPE, "predicate": predicate}


def _artefact(one: Made) -> dict[str, Any]:
    """What the subject of the same digest is; its ancestors are materials."""
    return {
        "target": one.target,
        "name": one.name,
        "digest": {"sha256": one.sha256},
        "precision": one.precision,
        "backend": one.backend,
        "ancestors": [{"digest": {"sha256": sha256}} for sha256 in one.ancestors],
        "cached": one.cached,
    }


def _second(moment: datetime) -> str:
    """RFC 3339, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
