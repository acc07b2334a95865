"""Tasks on Tekton's own code: its validation, Pod builder, entrypoint and status; only the cluster around them is stood in for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import kubelet  # noqa: E402  (a neighbour that is no package)
import pytest  # noqa: E402
from ruamel.yaml import YAML  # noqa: E402
from scenarios import Ran  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scenarios import Bench, Call, Job

ROOT = HERE.parents[2]
_NAME = "registry.example.com/mlops-stage"
IMAGE = f"{_NAME}@sha256:{64 * 'a'}"
_TEKTONS = ("entrypoint", "shell", "workingdirinit")
"""Images of Tekton's own, as the harness names them."""
_INSIDE = "/opt/mlops"
MOST_BYTES = 1024
"""All results of a step stay below it, whatever the stage: looked at after every TaskRun."""
_RESULT = 1
_GROUP = 65532
_CODES = {"inconclusive": 5}
_PROGRAM = f'#!/bin/sh\nexec {_INSIDE}/venv/bin/python -P -m mlops_stage "$@"\n'


def start(bench: Bench) -> Tekton:
    """The release's Tasks and those that were generated for the trial plugin, in the image that was built of both."""
    tools = _tools(bench)
    built = bench.image()
    return _tekton(bench, tools, f"{_NAME}@{built.digest}", kubelet.Image.unpacked(built.root, built.config))


def beside(bench: Bench) -> Tekton:
    """The same Tasks in the environment of the tests, for what holds whatever the image."""
    return _tekton(bench, _tools(bench), IMAGE, own(bench.home))


def own(home: Path, program: str = _PROGRAM) -> kubelet.Image:
    """This machine as an image: `mlops-stage` is the tests' own, or what is asked for."""
    places = {f"{_INSIDE}/{name}": ROOT / name for name in ("core", "plugins", "tests/fixtures/site")}
    path = [f"{_INSIDE}/core", *(f"{_INSIDE}/{folder.relative_to(ROOT)}" for folder in sorted(ROOT.glob("plugins/*/src")))]
    commands = home / "bin"
    commands.mkdir(exist_ok=True)
    (commands / "mlops-stage").write_text(program)
    (commands / "mlops-stage").chmod(0o755)
    places |= {f"{_INSIDE}/venv": Path(sys.prefix), f"{_INSIDE}/bin": commands}
    if not sys.base_prefix.startswith("/usr"):
        places[sys.base_prefix] = Path(sys.base_prefix).resolve()
    env = {
        "PATH": f"{_INSIDE}/bin:{_INSIDE}/venv/bin:/usr/bin:/bin",
        "PYTHONPATH": ":".join([*path, f"{_INSIDE}/tests/fixtures/site"]),
        "MLOPS_STAGE_PLUGINS": "trial",
    }
    return kubelet.Image(files={**kubelet.MACHINE, **places}, env=env)


def _tools(bench: Bench) -> Path:
    if os.geteuid() != 0:
        required = "tekton" in os.environ.get("MLOPS_STAGE_REQUIRE_ENGINES", "").split()
        (pytest.fail if required else pytest.skip)("only root may give a container its own root and user")
    return bench.engine("tekton", "taskpod")


def _tekton(bench: Bench, tools: Path, name: str, image: kubelet.Image) -> Tekton:
    catalogs = (bench.release / "plugins/tekton", bench.trial)
    theirs = kubelet.Image(files={**kubelet.MACHINE, "/ko-app": tools})
    return Tekton(tools=tools, catalogs=catalogs, home=bench.home, image=name, images={**dict.fromkeys(_TEKTONS, theirs), name: image})


def arrives(text: str) -> str:
    """What Kubernetes makes of a value, as the page of each Task says; the other forms that change stand in test_tasks."""
    return text.replace("$$", "$")


@dataclass(frozen=True, kw_only=True)
class Status:
    """What `kubectl get taskrun` would tell, and the log of each step."""

    succeeded: bool
    reason: str
    message: str
    results: Mapping[str, Any]
    codes: Mapping[str, int]
    logs: Mapping[str, str]
    messages: Mapping[str, str]
    """Termination messages: what a step handed to Tekton, as it did."""


@dataclass(frozen=True, kw_only=True)
class Tekton:
    """The engine: `catalogs` are folders with task/ and stepaction/."""

    tools: Path
    catalogs: Sequence[Path]
    home: Path
    image: str
    """The name that a Task is given."""
    images: Mapping[str, kubelet.Image]
    secrets: Mapping[tuple[str, str], str] = field(default_factory=dict)
    token: str = ""
    enter: Sequence[str] = ()

    def check(self, *files: Path, flags: str = "enable-api-fields=stable") -> str:
        """What Tekton's strict decoding and validation have against these files; empty when nothing."""
        done = subprocess.run([self.tools / "taskpod", "check", flags, *files], capture_output=True, text=True, check=False)
        assert bool(done.returncode) == bool(done.stderr), done
        return done.stderr

    def find(self, kind: str, name: str) -> Path:
        """The file of a Task or StepAction."""
        return next(file for folder in self.catalogs for file in sorted(folder.glob(f"{kind}/{name}/*/{name}.yaml")))

    def run(self, project: Path, jobs: Sequence[Job], keep: Path) -> dict[str, list[Ran]]:
        """A workspace for each job, a TaskRun in it for each call."""
        with ThreadPoolExecutor(3) as pool:  # a step mostly waits for its entrypoint, which looks once a second
            return dict(zip([job.name for job in jobs], pool.map(lambda job: self._job(project, job, keep), jobs), strict=True))

    def start(
        self,
        task: Path,
        params: Mapping[str, Any],
        source: Path | None,
        *,
        actions: Sequence[Path] = (),
        reports: Path | None = None,
        group: int | None = _GROUP,
    ) -> Status:
        """One TaskRun, from its objects to its status; `group` is that of the Pod's volumes."""
        claims = {name: folder for name, folder in (("source", source), ("reports", reports)) if folder}
        with tempfile.TemporaryDirectory(dir=self.home) as folder:
            scratch = Path(folder)
            order, pod = scratch / "run.yaml", scratch / "pod.json"
            with order.open("w", encoding="utf-8") as stream:
                YAML().dump(_task_run(task, params, claims, group), stream)
            built = self._taskpod("pod", task, order, *actions)
            node = kubelet.Node(images=self.images, claims=claims, secrets=self.secrets, token=self.token, enter=self.enter)
            ended = kubelet.run(built, node, scratch / "node")
            pod.write_text(json.dumps(ended.pod), encoding="utf-8")
            return _status(self._taskpod("status", task, order, pod, *actions), ended)

    def _job(self, project: Path, job: Job, keep: Path) -> list[Ran]:
        workspace = Path(tempfile.mkdtemp(dir=self.home))
        shutil.copytree(project, workspace, ignore=shutil.ignore_patterns(".git"), dirs_exist_ok=True)
        return [self._call(call, workspace, keep / job.name / f"kept-{place}") for place, call in enumerate(job.calls)]

    def _call(self, call: Call, workspace: Path, out: Path) -> Ran:
        """One TaskRun. Tekton uploads nothing: what a user's own Task would hand on is copied, without what is private."""
        shutil.rmtree(workspace / "mlops-out", ignore_errors=True)
        status = self.start(self.find("task", f"mlops-{call.stage}"), {"image": self.image, **call.inputs}, workspace)
        if (workspace / "mlops-out").exists():
            shutil.copytree(workspace / "mlops-out", out, ignore=shutil.ignore_patterns("private"))
        outcome = str(status.results.get("outcome", ""))
        amber = status.succeeded and json.loads(status.results["TEST_OUTPUT"])["result"] == "WARNING"
        return Ran(
            state="amber" if amber else "passed" if status.succeeded else "failed",
            exit_code=_CODES[outcome] if amber else status.codes["run"],
            outputs=status.results,
            log=status.logs["step-run"],
            out=out,
        )

    def _taskpod(self, *words: object) -> dict[str, Any]:
        done = subprocess.run([self.tools / "taskpod", *map(str, words)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise ValueError(done.stderr)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


def _task_run(task: Path, params: Mapping[str, Any], claims: Mapping[str, Path], group: int | None) -> dict[str, Any]:
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "TaskRun",
        "metadata": {"name": "run"},
        "spec": {
            "taskRef": {"name": task.stem},
            "params": [{"name": name, "value": value} for name, value in params.items()],
            **({"podTemplate": {"securityContext": {"fsGroup": group}}} if group is not None else {}),
            "workspaces": [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims],
        },
    }


def handed_over(message: str) -> int:
    """Bytes of the results in a step's termination message, without what Tekton adds of its own."""
    items = [item for item in json.loads(message) if item["type"] == _RESULT]
    return sum(len(item["key"].encode()) + len(item["value"].encode()) for item in items)


def _status(told: Mapping[str, Any], ended: kubelet.Ended) -> Status:
    condition = told["conditions"][0]
    messages = {state["name"]: state["state"]["terminated"]["message"] for state in ended.pod["status"]["containerStatuses"]}
    assert all(handed_over(message) < MOST_BYTES for message in messages.values()), messages
    return Status(
        succeeded=condition["status"] == "True",
        reason=condition["reason"],
        message=condition["message"],
        results={item["name"]: item["value"] for item in told.get("results", [])},
        codes={step["name"]: step["terminated"]["exitCode"] for step in told["steps"]},
        logs=ended.logs,
        messages=messages,
    )
