"""A machine with hardly anything on it, a release in miniature with its lock, and a checkout of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from index import locked, wheel  # a neighbour that is no package

SCRIPTS = Path(__file__).parents[2] / "core" / "mlops_stage" / "native"
MAIN = """
import importlib.util, json, os, sys
print(json.dumps({"argv": sys.argv[1:], "pid": os.getpid(), "path": sys.path, "prefix": sys.prefix,
                  "has": [name for name in ("tiny", "acme") if importlib.util.find_spec(name)],
                  "value": getattr(importlib.import_module("tiny"), "VALUE", 0) if importlib.util.find_spec("tiny") else 0}))
if "sleep" in sys.argv:
    sys.stdout.flush()
    sys.stdin.read()
sys.exit(7)
"""
TINY = wheel("tiny", "1.0", {"tiny.py": "VALUE = 1\n"})
FORGED = wheel("tiny", "1.0", {"tiny.py": "VALUE = 2\n"})
ACME = wheel("acme", "2.0", {"acme.py": ""})
RELEASE = wheel(
    "mlops_stage",
    "9.1",
    {
        "mlops_stage/__init__.py": "",
        "mlops_stage/__main__.py": MAIN,
        "mlops_stage/native/locks/core.txt": "",
        "mlops_stage/native/locks/all.txt": locked("tiny", "1.0", TINY),
    },
)
WHEELS = {"tiny-1.0-py3-none-any.whl": TINY, "acme-2.0-py3-none-any.whl": ACME, "mlops_stage-9.1-py3-none-any.whl": RELEASE}
_SHA256 = locked("mlops-stage", "9.1", RELEASE).rpartition(":")[2].strip()


@dataclass
class Machine:
    """A machine with hardly anything on it: `installer` is pip, or uv as well."""

    folder: Path
    installer: str
    env: dict[str, str] = field(default_factory=dict)

    def start(self, *args: str, scripts: Path = SCRIPTS, **env: str) -> subprocess.Popen[str]:
        given = {name: value for name, value in {**self.env, **env}.items() if value}
        return subprocess.Popen(
            ["/bin/sh", scripts / "bootstrap.sh", *args],
            cwd=self.folder,
            env=given,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        with self.start(*args, **env) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def says(self, *args: str, **env: str) -> dict[str, list[str]]:
        done = self(*args, **env)
        assert done.returncode == 7, done.stderr
        return json.loads(done.stdout)

    def refuses(self, *args: str, **env: str) -> list[str]:
        """The two last lines of what it says when it cannot install, with the exit code of a stage that could not run."""
        done = self(*args, **env)
        assert (done.returncode, done.stdout) == (3, ""), done
        assert "Traceback" not in done.stderr
        said = done.stderr.splitlines()[-2:]
        assert [line.split(":")[0] for line in said] == ["error", "hint"], done.stderr
        return [done.stderr, *said]


def machine_in(folder: Path, installer: str) -> Machine:
    tools = folder / "bin"
    tools.mkdir()
    for name in ("dirname", "uname", *(["uv"] if installer == "uv" else [])):
        own = Path(sys.executable).with_name(name)
        (tools / name).symlink_to(own if own.exists() else shutil.which(name) or "/nowhere")
    (tools / "python3.11").symlink_to(sys._base_executable)
    home = folder / "home"
    home.mkdir()
    env = {"PATH": str(tools), "HOME": str(home), "MLOPS_STAGE_ENVIRONMENTS": str(folder / "environments"), "LC_ALL": "C.UTF-8"}
    env |= {"MLOPS_STAGE_VERSION": "9.1", "MLOPS_STAGE_SHA256": _SHA256, "PIP_RETRIES": "1", "UV_HTTP_RETRIES": "0"}
    return Machine(folder, installer, env)


def filled(folder: Path, wheels: dict[str, bytes]) -> Path:
    """The folder, with these wheels in it."""
    for name, content in wheels.items():
        (folder / name).write_bytes(content)
    return folder


def checkout(folder: Path) -> Path:
    """A repository whose wheel is the release: its build backend hands it out."""
    source = repository(folder / "source", "mlops-stage", "9.1")
    locks = source / "core/mlops_stage/native/locks"
    locks.mkdir(parents=True)
    (locks / "core.txt").write_text("")
    (locks / "all.txt").write_text(locked("tiny", "1.0", TINY))
    return source


def repository(folder: Path, name: str, version: str) -> Path:
    """A repository whose build backend hands out one of the wheels."""
    folder.mkdir()
    wheel_name = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    (folder / wheel_name).write_bytes(WHEELS[wheel_name])
    (folder / "pyproject.toml").write_text(
        f'[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n[project]\nname = "{name}"\nversion = "{version}"\n'
    )
    (folder / "own.py").write_text(
        f"import pathlib, shutil\n\ndef build_wheel(folder, *_):\n    name = '{wheel_name}'\n"
        "    shutil.copy(pathlib.Path(__file__).with_name(name), folder)\n    return name\n"
    )
    return folder
