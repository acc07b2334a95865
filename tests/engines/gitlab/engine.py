"""Pipelines on gitlab-ci-local with its shell executor: no container engine and no network; states and exit codes are read from its log."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import relay
from ruamel.yaml import YAML
from scenarios import Job, Ran

from mlops_stage import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scenarios import Bench, Call

TRIAL = f"PYTHONPATH={Path(__file__).parents[2] / 'fixtures' / 'site'} MLOPS_STAGE_PLUGINS=trial"
"""The plugin that the image would have beside all else."""

HOST = "gitlab.example"
IMAGE = f"registry.example/ml/mlops-stage@sha256:{'0' * 64}"
"""No job starts it: the shell executor leaves images alone, and `mlops-stage` lies on PATH as it would in the image."""
VERSION = __version__
_END = re.compile(
    r"^(?!parsing and downloads |pipeline )(?P<name>\S.*?) +finished in [\d.,a-z ]+?(?: +(?P<state>WARN|FAIL) (?P<code>\d+))? *$",
    re.MULTILINE,
)
_STATES = {None: "passed", "WARN": "amber", "FAIL": "failed"}


@dataclass(frozen=True)
class Done:
    """A whole pipeline: its exit code, state and exit code of each job that ran, and all that was printed."""

    code: int
    jobs: Mapping[str, tuple[str, int]]
    text: str


@dataclass(frozen=True)
class GitLab:
    """The engine: `components` are published projects, `group/project/ref` -> the folder that holds `templates`."""

    program: Path
    home: Path
    bin: Path
    """In front of PATH: what the image would hold."""
    env: Mapping[str, str] = field(default_factory=dict)
    """What the machine offers to each job."""
    components: Mapping[str, Path] = field(default_factory=dict)
    enter: tuple[str, ...] = ()
    """What stands before the command, to run it in another network."""

    def pipeline(self, project: Path, *options: str, **variables: str) -> Done:
        """Execute `.gitlab-ci.yml` of a committed project, or another file that the options name."""
        for name, folder in self.components.items():
            place = project / ".gitlab-ci-local" / "includes" / HOST / name / "templates"
            shutil.copytree(folder / "templates", place, dirs_exist_ok=True)
        argv = [*self.enter, str(self.program), "--force-shell-executor", "--shell-isolation", "--no-artifacts-to-source", "--color=false"]
        argv += ["--concurrency", "2", "--home", str(self.home), "--variable", "GITLAB_CI=true", *options]
        argv += [word for name, value in variables.items() for word in ("--variable", f"{name}={value}")]
        clean = {"PATH": f"{self.bin}:{os.environ['PATH']}", "HOME": str(self.home), "LC_ALL": "C.UTF-8", **self.env}
        done = subprocess.run(
            argv,
            cwd=project,
            env=clean,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=280,
        )
        jobs = {found["name"]: (_STATES[found["state"]], int(found["code"] or 0)) for found in _END.finditer(done.stdout)}
        return Done(code=done.returncode, jobs=jobs, text=done.stdout)

    def run(self, project: Path, jobs: Sequence[Job], keep: Path) -> dict[str, list[Ran]]:
        """Execute the jobs as one pipeline; a component is a job of its own, so each call is one."""
        calls = {job.name: [(f"{job.name}-{place}", call) for place, call in enumerate(job.calls)] for job in jobs}
        included = [include(name, call) for listed in calls.values() for name, call in listed]
        with (project / ".gitlab-ci.yml").open("w", encoding="utf-8") as stream:
            YAML().dump({"stages": ["test"], "include": included}, stream)
        commit(project)
        done = self.pipeline(project)
        return {job: [self.ran(project, done, named(name, call), keep) for name, call in listed] for job, listed in calls.items()}

    def ran(self, project: Path, done: Done, name: str, keep: Path) -> Ran:
        """What one job left; its artifacts are moved to `keep`."""
        assert name in done.jobs, done.text[-4000:]
        state, code = done.jobs[name]
        out = artifacts(project, name) / "mlops-out" / name
        kept = keep / name
        if out.is_dir():
            shutil.copytree(out, kept)
        log = (project / ".gitlab-ci-local" / "output" / f"{name}.log").read_text(encoding="utf-8")
        return Ran(state=state, exit_code=code, outputs=variables(kept / "variables.env"), log=log, out=kept)


def start(bench: Bench) -> GitLab:
    """gitlab-ci-local, with the components of an organisation and those of a plugin under their published names."""
    program = bench.engine("gitlab", "package/dist/index.js") / "package/dist/index.js"
    wheel = next(Path(bench.machine["UV_FIND_LINKS"]).glob("mlops_stage-*.whl"))
    published = {f"mlops/components/{VERSION}": vendored(bench.home / "components", wheel), "acme/trial/v1": bench.trial}
    home = bench.home / "home"
    home.mkdir()
    return GitLab(program=program, home=home, bin=image(bench.home / "bin"), env=bench.machine, components=published)


def light(gitlab: GitLab, folder: Path, channel: int, commands: str = "*") -> GitLab:
    """The same with an image whose `mlops-stage` is led to the process behind `channel`, which has imported it already; or only some commands of it."""
    script = folder / "mlops-stage"
    warm = relay.command(channel)
    script.write_text(f'#!/bin/sh\nexport {TRIAL}\ncase $1 in {commands}) {warm};; esac\nexec {gitlab.bin}/mlops-stage "$@"\n')
    script.chmod(0o755)
    return replace(gitlab, bin=folder)


def vendored(folder: Path, wheel: Path) -> Path:
    """The project of components that an organisation keeps: its image, and the wheel that they may install, are written in."""
    argv = [
        sys.executable,
        "-P",
        "-m",
        "mlops_stage",
        "adapters",
        "vendor",
        "--ci",
        "gitlab",
        "--image",
        IMAGE,
        "--wheel",
        wheel,
        "-o",
        folder,
    ]
    subprocess.run(argv, check=True, capture_output=True)
    return folder


def image(folder: Path) -> Path:
    """What the image would have on PATH: `mlops-stage`, from the environment of the tests, with the trial plugin in it."""
    folder.mkdir()
    script = folder / "mlops-stage"
    script.write_text(f'#!/bin/sh\n{TRIAL} exec {sys.executable} -P -m mlops_stage "$@"\n')
    script.chmod(0o755)
    return folder


def include(name: str, call: Call) -> dict[str, Any]:
    """One entry of `include:`."""
    if call.stage in {"trial", "reader"}:
        own = {"job-name": name, "image": IMAGE}
        return {"component": f"$CI_SERVER_FQDN/acme/trial/{call.stage}@v1", "inputs": {**own, **call.inputs}}
    component, own = ("full-pipeline", {"prefix": name}) if call.stage == "run" else (call.stage, {"job-name": name})
    return {"component": f"$CI_SERVER_FQDN/mlops/components/{component}@{VERSION}", "inputs": {**own, **call.inputs}}


def named(name: str, call: Call) -> str:
    """The job that a call becomes."""
    return f"{name}-evaluate" if call.stage == "run" else name


def artifacts(project: Path, name: str) -> Path:
    """Where the engine keeps what a job handed on."""
    return project / ".gitlab-ci-local" / "artifacts" / name


def variables(file: Path) -> dict[str, str]:
    """A dotenv report as GitLab reads it: what follows the first equals sign, nothing quoted but `$$`, which is `$`."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return dict(line.replace("$$", "$").split("=", 1) for line in lines)


def commit(project: Path) -> None:
    """Make the folder a repository whose head holds all of its files: jobs see nothing else."""
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    fresh = not (project / ".git").exists()
    if fresh:
        subprocess.run([*git, "init", "-q", "-b", "main"], cwd=project, check=True)
        subprocess.run([*git, "remote", "add", "origin", f"git@{HOST}:acme/models.git"], cwd=project, check=True)
        (project / ".git" / "info" / "exclude").write_text(".gitlab-ci-local/\n")
    subprocess.run([*git, "add", "-A"], cwd=project, check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "All files"], cwd=project, check=True)
    if fresh:
        subprocess.run([*git, "update-ref", "refs/remotes/origin/main", "HEAD"], cwd=project, check=True)
        subprocess.run([*git, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"], cwd=project, check=True)
