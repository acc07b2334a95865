"""Workflows on act in host mode: no container engine and no network; what the steps did is read from its JSON lines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ready
import relay
from ruamel.yaml import YAML
from scenarios import Job, Ran

from mlops_stage_github_actions.workflows import PINNED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scenarios import Bench

HERE = Path(__file__).parent
STUBS = {f"{name}@{commit}": HERE / "stubs" / name.split("/")[1] for name, (commit, _) in PINNED.items() if name != "actions/checkout"}
"""Actions of others, which need GitHub's servers; act checks out by itself."""
UPLOAD = next(name for name in STUBS if "upload" in name)

TRIAL = f"PYTHONPATH={HERE.parents[1] / 'fixtures' / 'site'} MLOPS_STAGE_PLUGINS=trial"
"""The plugin, where a job's environment would hold it."""

_NETWORK = ("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "NO_PROXY", "UV_DEFAULT_INDEX")
"""How this machine reaches the package index."""


@dataclass
class Step:
    """What one step did, of the innermost action that the lines tell of."""

    result: str = ""
    exit_code: int = 0
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    commands: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Annotations and the like: (command, text, properties)."""
    log: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Done:
    """A whole workflow."""

    code: int
    jobs: Mapping[str, str]
    steps: Mapping[tuple[str, ...], Step]
    """By (job, step, inner step, …)."""
    stderr: str


@dataclass(frozen=True)
class Act:
    """The engine: `release` holds what the tag `mlops/evaluate@v1` would."""

    binary: Path
    release: Path
    home: Path
    env: Mapping[str, str] = field(default_factory=dict)
    """What the machine offers to each job."""
    actions: Mapping[str, Path] = field(default_factory=dict)
    """Further published actions: `owner/name@ref` -> folder."""

    def workflow(self, project: Path, file: str, keep: Path, *options: str, event: str = "push") -> Done:
        """Execute one workflow file of a committed project."""
        local = {"mlops/evaluate@v1": self.release, **STUBS, **self.actions}
        argv = [str(self.binary), event, "-W", file, "--json", "--no-cache-server", "-P", "ubuntu-latest=-self-hosted"]
        argv += ["--action-cache-path", str(self.home / "act"), "--actor", "somebody"]
        given = {"GITHUB_REPOSITORY": "acme/models", "KEEP": str(keep), **self.env}
        argv += [word for name, value in given.items() for word in ("--env", f"{name}={value}")]
        argv += [word for name, folder in local.items() for word in ("--local-repository", f"{name}={folder}")]
        clean = {"PATH": f"{os.environ['PATH']}:{self.home / 'bin'}", "HOME": str(self.home), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [*argv, *options], cwd=project, env=clean, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=800
        )
        return _read(done)

    def run(self, project: Path, jobs: Sequence[Job], keep: Path) -> dict[str, list[Ran]]:
        """Execute the jobs as one workflow; what each call left, by job."""
        return self.done(project, jobs, keep)[1]

    def done(
        self, project: Path, jobs: Sequence[Job], keep: Path, env: Mapping[str, Mapping[str, str]] | None = None
    ) -> tuple[Done, dict[str, list[Ran]]]:
        """The same, and the steps as act tells of them; `env` gives the calls of a job variables."""
        folder = project / ".github" / "workflows"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "scenarios.yml").open("w", encoding="utf-8") as stream:
            YAML().dump(_workflow(jobs, env or {}), stream)
        commit(project)
        done = self.workflow(project, ".github/workflows/scenarios.yml", keep)
        assert set(done.jobs) == {job.name for job in jobs}, done.stderr[-3000:]
        return done, {job.name: [_ran(done, job, place, keep) for place in range(len(job.calls))] for job in jobs}


def start(bench: Bench) -> Act:
    """act, with the release and the plugin's actions under their published names."""
    binary = bench.engine("github", "act") / "act"
    (bench.home / "bin").mkdir()
    (bench.home / "bin/uv").symlink_to(Path(sysconfig.get_path("scripts")) / "uv")  # with pip the bootstrap is tried in tests of its own
    network = {name: value for name, value in os.environ.items() if name.upper() in _NETWORK}
    env = {**bench.machine, **network, "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache/uv")}
    return Act(binary=binary, release=bench.release, home=bench.home, env=env, actions={"acme/trial@v1": bench.trial})


def light(act: Act, folder: Path) -> Act:
    """The same with as much of the release as is read where environments are there already: act packs all of it for each call."""
    files = [path for place in ("plugins/github_actions", "core/mlops_stage/native") for path in (act.release / place).rglob("*")]
    for file in (act.release / "action.yml", *files):
        if file.is_file() and file.suffix != ".pyc":
            target = folder / "release" / file.relative_to(act.release)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    ready.offer(folder / "environments", ready.found(folder / "release")[1])
    return replace(act, release=folder / "release", env={**act.env, "MLOPS_STAGE_ENVIRONMENTS": str(folder / "environments")})


def led(act: Act, folder: Path, channel: int, *keys: str) -> Act:
    """The same with environments whose `mlops-stage` is the process behind `channel`, which has imported it already; what signs has one of its own.

    Those of plugins are found by their keys.
    """
    there = Path(act.env["MLOPS_STAGE_ENVIRONMENTS"])
    known = [mark.parent.name for mark in there.glob("*/pyvenv.cfg") if "the tests" in mark.read_text(encoding="utf-8")]
    ready.offer(folder, [*known, *keys])
    for python in folder.glob("*/bin/python"):
        python.write_text(f"#!/bin/sh\n{TRIAL} {relay.command(channel)}")
    return replace(act, env={**act.env, "MLOPS_STAGE_ENVIRONMENTS": str(folder)})


def key(release: Path, plugin: Path) -> str:
    """The key under which the action of a plugin's stage looks for its environment."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import bootstrap, os; print(bootstrap.Order(dict(os.environ), 'trial').key())"
    python, _ = ready.found(release)
    env = {"MLOPS_STAGE_SOURCE": str(plugin), "MLOPS_STAGE_LOCK": str(plugin / "mlops-stage.lock")}
    argv = [python, "-B", "-I", "-c", code, release / "core/mlops_stage/native"]
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout.strip()


def commit(project: Path) -> None:
    """Make the folder a repository whose head holds all of its files."""
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    if not (project / ".git").exists():
        subprocess.run([*git, "init", "-q", "-b", "main"], cwd=project, check=True)
        subprocess.run([*git, "remote", "add", "origin", "https://github.example/acme/models.git"], cwd=project, check=True)
    subprocess.run([*git, "add", "-A"], cwd=project, check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "All files"], cwd=project, check=True)


def _workflow(jobs: Sequence[Job], env: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    return {
        "name": "scenarios",
        "on": "push",
        "permissions": {"contents": "read"},
        "jobs": {job.name: {"runs-on": "ubuntu-latest", "steps": _steps(job, env.get(job.name, {}))} for job in jobs},
    }


def _steps(job: Job, env: Mapping[str, str]) -> list[dict[str, Any]]:
    calls = [
        {
            "id": f"call{place}",
            "if": "always()",
            "uses": uses(call.stage),
            "with": {"out": f"kept-{place}", **call.inputs},
            "env": dict(env),
        }
        for place, call in enumerate(job.calls)
    ]
    seen = {
        "if": "always()",
        "env": {"SEEN": "${{ toJSON(steps) }}"},
        "run": 'mkdir -p "kept-0" && printf %s "$SEEN" > kept-0/steps.json; ls -A > kept-0/tree.txt; env > kept-0/env.txt',
    }
    keep = {
        "if": "always()",
        "uses": UPLOAD,
        "with": {"name": job.name, "path": "kept-*/**/*\n!kept-*/*/evidence/private/**\n"},
    }
    return [{"uses": "actions/checkout@v4", "with": {"persist-credentials": False}}, *calls, seen, keep]


def uses(stage: str) -> str:
    """The published name of a stage's action."""
    if stage in {"trial", "reader"}:
        return f"acme/trial/{stage}@v1"
    return "mlops/evaluate@v1" if stage == "run" else f"mlops/evaluate/plugins/github_actions/{stage}@v1"


def _ran(done: Done, job: Job, place: int, keep: Path) -> Ran:
    name = f"call{place}"
    step = done.steps[job.name, name, "run"]
    seen = json.loads((keep / job.name / "kept-0" / "steps.json").read_text(encoding="utf-8"))[name]
    outputs = seen["outputs"]
    amber = step.result == "success" and outputs.get("outcome") == "inconclusive"
    state = "amber" if amber else "passed" if seen["outcome"] == "success" else "failed"
    code = int(outputs["exit-code"]) if amber else step.exit_code
    return Ran(state=state, exit_code=code, outputs=outputs, log="\n".join(step.log), out=keep / job.name / f"kept-{place}")


def _read(done: subprocess.CompletedProcess[str]) -> Done:
    jobs: dict[str, str] = {}
    steps: dict[tuple[str, ...], Step] = {}
    for line in done.stdout.splitlines():
        told = json.loads(line)
        if "jobResult" in told:
            jobs[_job(told)] = told["jobResult"]
        if "stepID" in told and told.get("stage") == "Main":
            _note(steps.setdefault((_job(told), *told["stepID"]), Step()), told)
    return Done(code=done.returncode, jobs=jobs, steps=steps, stderr=done.stderr)


def _job(told: Mapping[str, Any]) -> str:
    """The name of a job, of one of a matrix with its values, as GitHub shows it: `quality (north)`."""
    values = ", ".join(map(str, (told.get("matrix") or {}).values()))
    return f"{told['jobID']} ({values})" if values else str(told["jobID"])


def _note(step: Step, told: Mapping[str, Any]) -> None:
    match told.get("command"):
        case "set-output":
            step.outputs[told["name"]] = told["arg"]
        case "summary":
            step.summary = told["content"]
        case str() as command:
            step.commands.append((command, told.get("arg", ""), told.get("kvPairs") or {}))
        case _ if "stepResult" in told:
            step.result = told["stepResult"]
        case _ if told.get("raw_output"):
            step.log.append(told["msg"].rstrip("\n"))
        case _ if told["msg"].startswith("exit status "):
            step.exit_code = int(told["msg"].split()[-1])
        case _:
            pass
