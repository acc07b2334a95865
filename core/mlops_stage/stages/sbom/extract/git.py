"""The state of the repository, from git itself: commit, tag and remote, without its hooks, its helpers or anything over a network."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from mlops_stage.evidence.redact import without_credentials
from mlops_stage.stages.sbom.extract.scene import claim
from mlops_stage.stages.sbom.facts import Confidence, Git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlops_stage.stages.sbom.extract.scene import Found, Scene

_SECONDS = 20
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_SSH = re.compile(r"(?:ssh://)?[\w.-]+@([\w.-]+)(?::\d+/|[:/])(.+)")
_WEB = re.compile(r"(?:https?|git)://(?:\S*@)?([^/?#;]+)/([^?#;]+)")
_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "LC_ALL": "C",
}
_SETTINGS = ("core.fsmonitor=false", f"core.hooksPath={os.devnull}", "core.pager=cat", "log.showSignature=false", "diff.external=")


def git_of(root: Path) -> Git | None:
    """What git says of the repository around a folder; None where there is none, no commit, or no git."""
    told = _asked(root, "log", "-1", "--no-show-signature", "--format=%H %ct").split()
    if len(told) != 2 or not _COMMIT.fullmatch(told[0]):  # noqa: PLR2004  (commit and time)
        return None
    tags = _asked(root, "tag", "--points-at", "HEAD", "--sort=-version:refname").splitlines()
    return Git(
        commit=told[0],
        committed=int(told[1]),
        remote=address(_asked(root, "config", "--get", "remote.origin.url").strip()),
        tag=tags[0].strip() if tags else "",
        dirty=bool(_asked(root, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all", failed="?").strip()),
    )


def extract(scene: Scene) -> Iterator[Found]:
    """When the model and the data were last committed: the time of a file itself is that of the checkout."""
    for key, part in scene.parts.items():
        told = _asked(scene.root, "log", "-1", "--no-show-signature", "--format=%cI", "--", str(part.place)).strip()
        if re.fullmatch(r"[0-9T:+-]+Z?", told):
            yield claim(key, "timestamp", _utc(told), "git", Confidence.INFERRED)


def address(remote: str) -> str:
    """A remote as a public https address; empty for a path of this machine and whatever else is none.

    User, password, query and port of ssh are left out: `git@host:owner/name.git` is `https://host/owner/name`.
    """
    found = _WEB.fullmatch(remote) or _SSH.fullmatch(remote)
    if found is None:
        return ""
    path = re.sub(r"(\.git)?/*$", "", found[2])
    return without_credentials(f"https://{found[1]}/{path}") if path and found[1].partition(":")[0] != "localhost" else ""


def _utc(iso: str) -> str:
    from datetime import UTC, datetime

    return datetime.fromisoformat(iso).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _asked(root: Path, *words: str, failed: str = "") -> str:
    """What git prints, or `failed` where it fails or takes too long."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | _QUIET
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    try:
        done = subprocess.run(
            ["git", *settings, *words], cwd=root, env=env, capture_output=True, timeout=_SECONDS, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return failed
    return done.stdout.decode("utf-8", "replace")
