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
    """The job to add: it runs what mlops.yaml names; what must prove who it is comes in a job of its own, with the permission for that."""
    known = host.discover(os.environ).stages
    entries = [(name, known[stage]) for name, stage in _entries(root) if stage in known]
    together = [(name, stage) for name, stage in entries if not workflows.alone(stage)]
    apart = {stage.name: stage for _, stage in entries if workflows.alone(stage)}
    return _evaluating(together, apart=bool(apart)) + "".join(map(_apart, apart.values()))


def _evaluating(entries: list[tuple[str, Stage]], *, apart: bool) -> str:
    needs = tuple(need for _, stage in entries for need in stage.needs)
    checkout = workflows.PINNED["actions/checkout"]
    only = f"        with:\n          stages: {','.join(name for name, _ in entries)}\n" if apart else ""
    return (
        "  evaluate:\n    name: Evaluate\n    runs-on: ubuntu-latest\n"
        + _permissions(workflows.permissions(needs), "judged")
        + f"    steps:\n      - uses: actions/checkout@{checkout[0]} # {checkout[1]}\n        with:\n          persist-credentials: false\n"
        + f"      - uses: mlops/evaluate@{workflows.RELEASE}\n{only}"
        + (_upload() if apart else "")
    )


def _upload() -> str:
    action, (commit, release) = "actions/upload-artifact", workflows.PINNED["actions/upload-artifact"]
    return (
        f"      - if: always()\n        uses: {action}@{commit} # {release}\n        with:\n          name: {workflows.ARTIFACT}\n"
        f"          path: |\n            {workflows.ARTIFACT}\n            !{workflows.ARTIFACT}/*/evidence/private/**\n"
    )


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
