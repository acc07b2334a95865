"""The record that describes a stage; everything else about it is derived from this."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


NAME = r"[a-z][a-z0-9]*(_[a-z0-9]+)*"
"""What names of stages, fields and outputs and the ids of runs look like."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A further verb of a stage, such as `mlops-stage data contract synth`. Its module is imported by the parent process, so it stays light."""

    summary: str
    """One line for `--help`."""
    params: str
    """Its `Verb` class; the field marked `ARGUMENT` is given without an option. What the command line leaves open comes from the stage's
    entry in mlops.yaml, where a param of the same name stands."""
    run: str
    """`(params, workspace) -> Reply`; works in the stage's child process, and writes what it writes below `workspace.root`."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a command says."""

    text: str
    """For standard output."""
    code: int = 0
    """The exit code."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A CI-neutral unit of work. References are "module:attribute" and are resolved on first use.

    Exactly one of `measure` and `act` is given; both are `(params, workspace) -> Observations | NotApplicable`.
    `act` is for stages that make artefacts.
    """

    name: str
    """`[a-z][a-z0-9]*(_[a-z0-9]+)*`; on the command line with hyphens."""
    summary: str
    """One line for `--help` and the reference page."""
    params: str
    """The stage's `Params` class; its module is imported by the parent process, so it stays light."""
    measure: str = ""
    act: str = ""
    criteria: str = ""
    """`(params, observations) -> iterable of Criterion | NoFinding`; pure."""
    commands: Mapping[str, str] = field(default_factory=dict)
    """Further verbs: the words after the stage's name -> reference to a `Command`, `{"contract synth": "…"}`."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """Native outputs: name without the stage's name -> help. `outcome` is always there."""
    init: str = ""
    """`(root) -> mapping of params, tuple of Way, or None`: what `mlops-stage init` writes for this stage in that repository; ways are written as comments."""
    drafts: str = ""
    """`(root) -> {words of a command: its params}`: commands that `mlops-stage init` carries out first, such as one that writes a first contract."""
    plan: str = ""
    """`(params, workspace) -> Plan`: rows, cost and the gates that the data cannot decide, before anything runs."""
    consumes: tuple[str, ...] = ()
    """Stages whose reports this one reads; `("*",)` means all earlier ones."""
    hookspecs: str = ""
    """The module of the hooks that this stage opens itself, such as one for further backends; light, for the parent imports it."""
    reproducible: bool = True
    """Whether the same inputs, params and seed give the same bytes, on any day and in any folder; a measured latency or a signature does not. It is a
    promise to whoever compares reports: a test tries every built-in stage that gives it, and a plugin's own tests should."""
    needs: tuple[str, ...] = ()
    """`oidc`: it is given the CI's identity token, which no other stage sees; `network`: it talks to servers that its params name; `ci`: it is told
    the repository, commit and run that the CI names. Where its params say that they spare one of these (`Params.spared`), it is not given that."""
    extra: str = ""
    """The optional dependency group that `measure` or `act` needs."""
    distribution: str = ""
    """Filled in by the host: the distribution the record came from."""

    @property
    def kebab(self) -> str:
        """The name as it stands on the command line."""
        return self.name.replace("_", "-")

    @property
    def work(self) -> str:
        """The reference that does the work: `measure` or `act`."""
        return self.measure or self.act
