"""A repository that GitHub Actions builds: how it is known, and what it should add."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from mlops_stage import host
from mlops_stage_github_actions import workflows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_stage.stage import Stage

WORKFLOWS = ".github/workflows"
CONFIG = "mlops.yaml"


def present(root: Path) -> bool:
    """Whether there is a workflow in this repository."""
    return any((root / WORKFLOWS).glob("*.y*ml"))


def snippet(root: Path) -> str:
    """The jobs to add: one runs what mlops.yaml names; what must prove who it is comes in a job of its own, with the permission for that.

    What reads what that one made comes in a job after it.
    """
    known = host.discover(os.environ).stages
    entries = [(name, known[stage]) for name, stage in _entries(root) if stage in known]
    apart = {stage.name: stage for _, stage in entries if workflows.alone(stage)}
    after = [(name, stage) for name, stage in entries if stage.name not in apart and apart.keys() & set(stage.consumes)]
    first = [(name, stage) for name, stage in entries if stage.name not in apart and (name, stage) not in after]
    return "".join(
        [
            f"  # among the jobs of a workflow in {WORKFLOWS}\n",
            _job("evaluate", "Evaluate", first, only=bool(apart)) + _UPLOAD,
            *map(_apart, apart.values()),
            *(
                [_job("verify", "Verify", after, only=True, needs=tuple(apart)) + "      # whatever deploys follows here\n"]
                if after
                else []
            ),
        ]
    )


def _job(key: str, title: str, entries: list[tuple[str, Stage]], *, only: bool, needs: tuple[str, ...] = ()) -> str:
    """Judge these; with `needs`, on what those jobs hand on."""
    wanted = workflows.permissions(tuple(need for _, stage in entries for need in stage.needs))
    return "".join(
        [
            f"  {key}:\n    name: {title}\n",
            f"    needs: {needs[0] if len(needs) == 1 else list(needs)}\n" if needs else "",
            "    runs-on: ubuntu-latest\n",
            _permissions(wanted, "judged"),
            f"    steps:\n      - uses: {_pinned('actions/checkout')}\n        with:\n          persist-credentials: false\n",
            _DOWNLOAD if needs else "",
            f"      - uses: mlops/evaluate@{workflows.RELEASE}\n",
            f"        with:\n          stages: {','.join(name for name, _ in entries)}\n" if only else "",
        ]
    )


def _pinned(action: str) -> str:
    commit, release = workflows.PINNED[action]
    return f"{action}@{commit} # {release}"


_UPLOAD = (
    f"      - if: always()\n        uses: {_pinned('actions/upload-artifact')}\n        with:\n          name: {workflows.ARTIFACT}\n"
    f"          path: |\n            {workflows.ARTIFACT}\n            !{workflows.ARTIFACT}/*/evidence/private/**\n"
)
_DOWNLOAD = f"      - uses: {_pinned('actions/download-artifact')}\n        with:\n          name: {workflows.ARTIFACT}\n          path: {workflows.ARTIFACT}\n"


def _apart(stage: Stage) -> str:
    called = f"mlops/evaluate/{WORKFLOWS}/{stage.kebab}.yml@{workflows.RELEASE}"
    head = f"  {stage.kebab}:\n    name: {stage.kebab.capitalize()}\n    needs: evaluate\n"
    return head + _permissions(workflows.permissions(stage.needs), "signed") + f"    uses: {called}\n"


def _permissions(allowed: Mapping[str, str], done: str) -> str:
    return "    permissions:\n" + workflows.explained(allowed, done)


def _entries(root: Path) -> list[tuple[str, str]]:
    """Id and stage of what the configuration runs; nothing where it cannot be read, which is somebody else's to tell."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        config: Any = YAML(typ="safe").load((root / CONFIG).read_text(encoding="utf-8"))
        runs = config.get("runs") or [{"stage": name} for name in config.get("stages") or ()]
        return [(str(run.get("id", run["stage"])), str(run["stage"])) for run in runs]
    except (OSError, UnicodeDecodeError, YAMLError, AttributeError, KeyError, TypeError):
        return []
