"""Pipelines on groovy-cps, the interpreter of Jenkins: at every step the program is saved, and read back into new classes."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios import Job, Ran

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scenarios import Bench, Call

JVM = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
REPOSITORY = "https://github.com/mlops/evaluate"
PLUGIN = ("trial", "reader")
"""Stages of the plugin's own library."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """One build to do."""

    pipeline: Path
    project: Path
    """What `checkout scm` brings."""
    home: Path
    """For its workspaces."""
    keep: Path
    """Where artifacts are archived."""
    variables: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict)
    absent: Sequence[str] = ()
    """Steps of plugins that the controller does not have."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a build ended."""

    status: str
    """SUCCESS, UNSTABLE or FAILURE."""
    steps: Sequence[Mapping[str, Any]]
    """In order: step, given, and what else is known of it (value, folder, log, code)."""
    saves: int = 0
    largest: int = 0
    """Bytes of the program where they were most."""
    mismatches: Sequence[str] = ()
    result: Any = None
    error: str = ""

    def of(self, name: str) -> list[Mapping[str, Any]]:
        """The steps of that name."""
        return [step for step in self.steps if step["step"] == name]


@dataclass(frozen=True)
class Jenkins:
    """The engine: groovy-cps and our host for it, with shared libraries as a controller has them."""

    folder: Path
    libraries: Sequence[Path]
    home: Path
    machine: Mapping[str, str]
    sources: Mapping[str, Path] = field(default_factory=dict)
    """By stage, and "" for all others: the checkout that the command is installed from."""
    enter: Sequence[str] = ()
    """What the controller and its agents are started with, such as `nsenter`."""

    def builds(self, every: Iterable[Build]) -> list[Done]:
        """Do these builds, in one process."""
        plan = {"libraries": [str(folder) for folder in self.libraries], "builds": [self._asked(build) for build in every]}
        number = len(list(self.home.glob("plan-*.json")))
        asked, told = self.home / f"plan-{number}.json", self.home / f"report-{number}.json"
        asked.write_text(json.dumps(plan))
        argv = [*self.enter, *JVM, "-cp", f"{self.folder}/classes:{self.folder}/jars/*", "host.Host", str(asked), str(told)]
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=1500)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        return [Done(**report) for report in json.loads(told.read_text())]

    def _asked(self, build: Build) -> dict[str, Any]:
        asked: dict[str, Any] = {name: str(getattr(build, name)) for name in ("pipeline", "project", "home", "keep")}
        build.home.mkdir(parents=True, exist_ok=True)
        agent = {
            "PATH": f"{os.environ['PATH']}:{self.home / 'bin'}",
            "HOME": str(build.home),
            "LC_ALL": "C.UTF-8",
            "JENKINS_URL": "https://jenkins.example/",
        }
        asked["variables"] = {**agent, "BUILD_TAG": "jenkins-models-7", **self.machine, **build.variables}
        remotes = {REPOSITORY: str(self.sources[""])}
        return {**asked, "remotes": remotes, "credentials": dict(build.credentials), "absent": list(build.absent)}

    def run(self, project: Path, jobs: Sequence[Job], keep: Path) -> dict[str, list[Ran]]:
        """A build for each job; what each call left, by job."""
        every: list[Build] = []
        for job in jobs:
            folder = self.home / f"job-{job.name}"
            folder.mkdir(parents=True)
            pipeline = folder / "Jenkinsfile"
            pipeline.write_text(self._pipeline(job), encoding="utf-8")
            every.append(Build(pipeline=pipeline, project=project, home=folder / "home", keep=keep / job.name))
        return {job.name: _ran(job, done, keep) for job, done in zip(jobs, self.builds(every), strict=True)}

    def _pipeline(self, job: Job) -> str:
        """Each call tells how it went; the first that failed ends the build when all have been made."""
        lines = ["Exception broken = null", "node {", "    checkout scm"]
        for place, call in enumerate(job.calls):
            lines += [
                f"    record(begin: {place})",
                "    try {",
                f"        record(result: {self.step(call, {'out': f'kept-{place}'})})",
                "    } catch (Exception failure) {",
                "        broken = broken ?: failure",
                "    }",
            ]
        lines += [
            "    sh 'mkdir -p kept-0; ls -A > kept-0/tree.txt; env > kept-0/env.txt'",
            "    archiveArtifacts(artifacts: 'kept-0/*.txt')",
        ]
        return "\n".join([*lines, "}", "if (broken) {", "    throw broken", "}", ""])

    def step(self, call: Call, more: Mapping[str, str]) -> str:
        """The step of that stage, in Groovy."""
        source = self.sources.get(call.stage, self.sources[""])
        given = {**more, **call.inputs, "source": str(source)}
        name = "mlopsStage" if call.stage == "run" else camel(f"mlops-{call.stage}")
        return f"{name}({', '.join(f'{camel(key)}: {literal(value)}' for key, value in given.items())})"


def start(bench: Bench) -> Jenkins:
    """groovy-cps, with our library and that of the plugin."""
    folder = bench.engine("jenkins", "classes/host/Host.class")
    (bench.home / "bin").mkdir()
    (bench.home / "bin/uv").symlink_to(Path(sysconfig.get_path("scripts")) / "uv")  # with pip the bootstrap is tried in tests of its own
    libraries = (bench.release / "plugins" / "jenkins", bench.trial)
    sources = {"": bench.release, **dict.fromkeys(PLUGIN, bench.trial)}
    return Jenkins(folder, libraries, bench.home, bench.machine, sources)


def camel(name: str) -> str:
    """As Groovy writes names."""
    first, *rest = name.split("-")
    return first + "".join(word.capitalize() for word in rest)


def literal(value: str) -> str:
    """A text in which nothing is expanded, in ASCII."""
    escaped = "".join(
        one if " " <= one < "\x7f" and one not in "\\'" else f"\\u{ord(one):04x}" if ord(one) > 127 else f"\\{_ESCAPES[one]}"
        for one in value
    )
    return f"'{escaped}'"


_ESCAPES = {"\n": "n", "\r": "r", "\t": "t", "\\": "\\", "'": "'"}


def _ran(job: Job, done: Done, keep: Path) -> list[Ran]:
    assert not done.mismatches, done.mismatches
    parts: list[list[Mapping[str, Any]]] = []
    for step in done.steps:
        if step["step"] == "record" and "begin" in step["given"]:
            parts.append([])
        elif parts:
            parts[-1].append(step)
    assert len(parts) == len(job.calls), done.error
    return [_call(part, keep / job.name / f"kept-{place}") for place, part in enumerate(parts)]


def _call(steps: Sequence[Mapping[str, Any]], out: Path) -> Ran:
    names = [step["step"] for step in steps]
    shell = next((step for step in steps if step["step"] == "sh" and "label" in step["given"]), {"code": -1, "log": ""})
    result = next((step["given"]["result"] for step in steps if step["step"] == "record"), {})
    state = "failed" if "record" not in names else "amber" if "unstable" in names else "passed"
    outputs = {**result.get("outputs", {}), **({"outcome": result["outcome"]} if result else {})}
    return Ran(state=state, exit_code=shell["code"], outputs=outputs, log=shell["log"], out=out)
