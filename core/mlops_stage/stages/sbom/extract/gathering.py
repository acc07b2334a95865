"""Everything that can be found out about a model, its data, its libraries and the project around it, in one inventory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from mlops_stage import __version__, hookspecs
from mlops_stage.errors import InputError
from mlops_stage.evidence.paths import existing, relative
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.oip.address import is_url
from mlops_stage.report import Finding, Level
from mlops_stage.stages.sbom import hookspecs as specs
from mlops_stage.stages.sbom.extract import offered
from mlops_stage.stages.sbom.extract.assembly import assembled
from mlops_stage.stages.sbom.extract.ci import ci_of, epoch_of
from mlops_stage.stages.sbom.extract.declared import declared
from mlops_stage.stages.sbom.extract.files import model_part, states_of
from mlops_stage.stages.sbom.extract.git import git_of
from mlops_stage.stages.sbom.extract.scene import ROLES, Ancestor, Claim, Interface, Packages, Remark, Scene, Table, Usage, cleaned
from mlops_stage.stages.sbom.extract.tables import table_part
from mlops_stage.stages.sbom.facts import ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from mlops_stage.hookspecs import Offer
    from mlops_stage.stages.sbom.extract.scene import Found, Part
    from mlops_stage.stages.sbom.facts import Inventory
    from mlops_stage.workspace import Workspace

OURS = hookspecs.Plugin(name="sbom", distribution=hookspecs.OURS, version=__version__, load=lambda: offered)
_FOUND = (Claim, Ancestor, Usage, Interface, Table, Packages, Remark)
_CARDS = re.compile(r"model[_-]?card.*\.md|readme\.md")
_THEIRS = re.compile(r"[a-z][\w.-]{0,40}:[\w.:-]{1,80}")
_MOST = 100_000


class Asked(Protocol):
    """The part of the stage's params that says what to look at."""

    @property
    def model(self) -> str | None: ...  # noqa: D102  (as in SbomParams)
    @property
    def data(self) -> str | None: ...  # noqa: D102
    @property
    def train(self) -> str | None: ...  # noqa: D102
    @property
    def reference(self) -> str | None: ...  # noqa: D102
    @property
    def contract(self) -> str | None: ...  # noqa: D102
    @property
    def lock(self) -> str | None: ...  # noqa: D102
    @property
    def declare(self) -> Mapping[str, str]: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """What was found, before anything is concluded from it."""

    scene: Scene
    found: tuple[Found, ...]
    """In the order in which it counts."""
    remarks: tuple[Finding, ...]
    """What went wrong on the way."""

    @cached_property
    def inventory(self) -> Inventory:
        """What follows from all of it."""
        return assembled(self.scene, self.found, self.remarks)


def inventory(params: Asked, workspace: Workspace) -> Inventory:
    """What is known about the model, its data and its libraries; as `gathered`, and what follows from it."""
    return gathered(params, workspace).inventory


def gathered(params: Asked, workspace: Workspace) -> Gathered:
    """What is found about the model, its data and its libraries, in files, git, CI and declarations; nothing over a network.

    Raises:
        UsageError: a path that does not exist.
        InputError: a model, table or lock file that cannot be read, a hostile one, or one that is being written.
    """
    remarks: list[Finding] = []
    parts: dict[str, Part] = {}
    if params.model and not is_url(params.model):
        parts["model"], left_out = model_part(params.model, workspace.root, {workspace.run_dir, workspace.cache})
        remarks += left_out
    for key in ROLES:
        source = getattr(params, key)
        if source:
            workspace.progress(0.3, f"reading {key}")
            parts[key] = table_part(key, source, workspace.root)
    git, epoch = git_of(workspace.root, parts["model"].paths.values() if "model" in parts else ()), epoch_of(workspace.env)
    scene = Scene(
        root=workspace.root,
        parts=parts,
        env=workspace.env,
        git=git,
        ci=ci_of(workspace.env),
        epoch=epoch if epoch is not None else git.committed if git else None,
        served=params.model if params.model and is_url(params.model) else "",
        lock=params.lock,
        contract=params.contract,
        cards=_cards(parts.get("model"), workspace.root),
    )
    extractors = hookspecs.gather(specs, "mlops_sbom_extractors", (OURS, *workspace.plugins))
    remarks += [_broken(one.name, one.distribution, one.reason) for one in extractors.broken]
    found: list[Found] = [*declared(params.declare)]
    for offer in extractors.offers:
        found += _extracted(offer, scene, remarks)
    remarks += [one.finding for one in found if isinstance(one, Remark)]
    if any(states_of(part.paths.values()) != part.states for part in parts.values()):
        raise InputError("the model or its data was changed while it was read", "let no other step write them while this one runs")
    return Gathered(scene=scene, found=tuple(found), remarks=tuple(remarks))


def _extracted(offer: Offer, scene: Scene, remarks: list[Finding]) -> Sequence[Found]:
    """What one extractor found; one of another distribution that raises costs itself only."""
    if offer.distribution == hookspecs.OURS:
        return list(_records(offer, scene))
    try:
        return [_checked(one) for one in _records(offer, scene)]
    except Exception as error:  # noqa: BLE001  (a plugin may raise anything)
        remarks.append(_broken(getattr(offer.record, "name", "an extractor"), offer.distribution, hookspecs.told(error)))
        return []


def _records(offer: Offer, scene: Scene) -> Iterator[Found]:
    if not isinstance(offer.record, specs.Extractor):
        raise TypeError(f"it offered {type(offer.record).__name__}, not an Extractor")
    module, _, name = offer.record.extract.partition(":")
    for place, one in enumerate(getattr(import_module(module), name)(scene)):
        if not isinstance(one, _FOUND):
            raise TypeError(f"it gave {type(one).__name__}, not a Claim or the like")
        if place >= _MOST:
            raise ValueError(f"it gave more than {_MOST:,} facts")
        yield one


def _checked(one: Found) -> Found:
    """What others found, its text made harmless, and its elements such as they may have.

    Raises:
        ValueError: an element that is neither known nor has a colon.
    """
    found: Found = cleaned(one)
    if isinstance(found, Claim) and found.fact.element not in ELEMENTS and not _THEIRS.fullmatch(found.fact.element):
        raise ValueError(f"it gave the element {found.fact.element!r}, which is neither known nor has a colon, as in acme:shelf_life")
    return found


def _broken(name: str, distribution: str, reason: str) -> Finding:
    return Finding(
        rule="sbom/extractor-failed",
        level=Level.WARNING,
        message=f"the extractor {shown(name)} of {shown(distribution)} failed, and what it would say is missing: {shown(reason, 160)}",
        hint=f"report it to the authors of {shown(distribution)}, or leave it out with MLOPS_STAGE_PLUGINS",
    )


def _cards(part: Part | None, root: Path) -> tuple[tuple[str, Path], ...]:
    """Model cards: of a folder those in it; of a file those beside it that are surely about it."""
    if part is None:
        return ()
    if part.place.is_dir():
        top = [(file.path, part.paths[file.path]) for file in part.files if part.paths[file.path].parent == part.place]
        return tuple((name, path) for name, path in top if _CARDS.fullmatch(path.name.lower()))
    folder, stem = part.place.parent, part.place.stem.lower()
    found = []
    for path in sorted(folder.iterdir()):
        name = path.name.lower()
        about_it = name == f"{stem}.md" or re.fullmatch(r"model[_-]?card(\.md|.*\.md)", name) is not None
        beside = name == "readme.md" and path.is_file() and _front_matter(path)
        if path.is_file() and (about_it or beside):
            found.append((relative(root, path), existing(folder, path.name, "model")))
    return tuple(found)


def _front_matter(path: Path) -> bool:
    """Whether a README begins as model cards do; that of a project does not."""
    with path.open("rb") as stream:
        return stream.read(4).startswith(b"---")
