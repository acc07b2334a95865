"""The record that describes an adapter: the binding to one CI system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Layout:
    """For whom native files are written: they install what stands here, and lie where that repository wants them."""

    kind: Literal["project", "plugin", "vendor"] = "project"
    """`project` is our own repository, `plugin` that of a distribution with stages of its own, `vendor` a new one that an organisation keeps for itself.

    Paths: in `project` native files lie below `plugins/<ci>/`. In `plugin` and `vendor` they lie at the top, where the CI system looks for them:
    `templates/` (GitLab), `vars/`, `src/` and `resources/` (Jenkins), `task/`, `stepaction/` and `pipeline/` (Tekton), `action.yml` and `<stage>/action.yml` (GitHub).

    What is installed: `project` installs from its own checkout; `plugin` too, beside what its file `mlops-stage.lock` lists. `vendor` has no source: it
    runs `mlops-stage` in `image` where there is one and the CI system can, else it carries both scripts of `native.bootstrapping.texts` and sets for them
    what `native.bootstrapping.release` returns.
    """
    distribution: str = "mlops-stage"
    """Whose stages they are for."""
    version: str = ""
    """The release that they install."""
    wheel_sha256: str = ""
    """Of that release's wheel, for installing it from an index; empty where it is not known, as in our own repository before it is built."""
    image: str = ""
    """`registry/name@sha256:…` with that release in it; empty where nobody has published one."""
    index_url: str = ""
    """The package index of that organisation; empty means the one that the machine is configured for. Never holds credentials."""
    repository: str = ""
    """`owner/name@ref` under which jobs know the copy, for files of it that call others of it; empty where nobody has said."""


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """References are "module:attribute" and are resolved on first use."""

    name: str
    """`[a-z][a-z0-9]*(_[a-z0-9]+)*`: `github_actions`."""
    summary: str
    native: str
    """`(catalogue, layout) -> {path: text}`: the native files for these stages; pure."""
    present: str = ""
    """`(root) -> bool`: whether the repository uses this CI system."""
    snippet: str = ""
    """`(root) -> text`: what `mlops-stage init` tells the user to add to it."""
    detect: str = ""
    """`(env) -> bool`: whether this process runs in that system."""
    emit: str = ""
    """`(run, env) -> {file to append to: text}`, `-` for standard output: annotations, summary and outputs; pure. `env` is that of the process, with the
    real output directory in `MLOPS_INPUT_OUT`."""
    anew: bool = False
    """Whether the files that `emit` names hold nothing but what it says: what stands in one already, whoever put it there, is not handed on."""
    comment: str = ""
    """`(summary, env) -> text`: write the summary, Markdown, where the change under review is discussed; says what was done. Only `report comment` calls it."""
    distribution: str = ""
    """Filled in by the host."""
