"""Fixtures that every room shares: the command as a process, and a plugin that misbehaves on demand."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mlops_stage import host

SITE = Path(__file__).parent / "fixtures" / "site"
"""Holds an installed distribution `mlops-stage-trial`: put it on the path and its stages are there."""


@dataclass
class Command:
    """`mlops-stage` in a folder of its own, as a user would run it."""

    cwd: Path
    env: dict[str, str] = field(default_factory=dict)

    def environment(self, **env: str) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_", "PYTHONPATH"))}
        return {**clean, "MLOPS_STAGE_CACHE": str(self.cwd / ".cache"), **self.env, **env}

    def __call__(self, *args: object, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "mlops_stage", *map(str, args)],
            cwd=self.cwd,
            env=self.environment(**env),
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    def write(self, name: str, text: str) -> Path:
        path = self.cwd / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def mlops(tmp_path):
    """The command with the built-in stages only."""
    return Command(tmp_path, {"MLOPS_STAGE_PLUGINS": "none"})


@pytest.fixture
def trial(tmp_path):
    """The command with the trial plugin installed."""
    return Command(tmp_path, {"PYTHONPATH": str(SITE), "MLOPS_STAGE_PLUGINS": "trial"})


@pytest.fixture
def trial_catalogue(monkeypatch):
    """The catalogue with the trial plugin, in this process and in children."""
    monkeypatch.syspath_prepend(str(SITE))
    monkeypatch.setenv("PYTHONPATH", str(SITE))
    return host.discover({"MLOPS_STAGE_PLUGINS": "trial"})


@pytest.fixture
def serve(tmp_path):
    """Serve an ONNX file through the Open Inference Protocol in a process of its own; gives the origin. Options are those of fixtures/oip.py."""
    started = []

    def start(model, *flags, **options):
        named = [word for key, value in options.items() for word in (f"--{key.replace('_', '-')}", str(value))]
        server = subprocess.Popen(
            [sys.executable, str(SITE.parent / "oip.py"), str(model), "--log", str(tmp_path / "requests.jsonl"), *flags, *named],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(server)
        port = server.stdout.readline().strip()
        return f"{'https' if 'certificate' in options else 'http'}://127.0.0.1:{port}"

    yield start
    for server in started:
        server.kill()
        server.wait()
        server.stdout.close()
