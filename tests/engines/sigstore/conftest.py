"""A real Sigstore deployment in a network namespace of its own, in which nothing but loopback exists."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import issuer  # noqa: E402  (a neighbour that is no package)
from orders import Orders  # noqa: E402  (as above)

_REQUIRED = "sigstore" in os.environ.get("MLOPS_STAGE_REQUIRE_ENGINES", "").split()


class Deployment:
    """Running services: `run` starts commands beside them."""

    def __init__(self, folder: Path, binaries: Path, process: int) -> None:
        self.folder = folder
        self.binaries = binaries
        self.process = process

    def token(self, shape="github", **claims):
        return issuer.token(self.folder, shape, **claims)

    @property
    def beside(self):
        """What a command starts with to run beside the services."""
        return ["nsenter", *_JOIN, "-t", str(self.process), "-n"]

    def run(self, *argv, cwd=None, env=None, check=True, alone=False):
        """Run a command in the services' namespace, or in one of its own without any interface."""
        enter = ["unshare", *_ROOTLESS, "-n"] if alone else self.beside
        clean = self._environment | (env or {})
        done = subprocess.run([*enter, *map(str, argv)], cwd=cwd, env=clean, capture_output=True, text=True, check=False, timeout=120)
        return _passed(done) if check else done

    def cosign(self, *argv, **how):
        return self.run(self.binaries / "cosign", *argv, **how)

    def stage(self, *argv, cwd, check=True, alone=False):
        """Run `mlops-stage` there, in a process that has imported it already."""
        done = self.commands.run([str(arg) for arg in argv], cwd, self._environment, alone=alone)
        return _passed(done) if check else done

    @cached_property
    def commands(self):
        return Orders(Path(__file__).with_name("commands.py"), self.beside)

    @property
    def _environment(self):
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "TUF_ROOT": str(self.folder / "tuf"),
        }

    def close(self):
        if "commands" in vars(self):
            self.commands.close()


def _passed(done):
    assert done.returncode == 0, f"{done.args}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


_ROOTLESS = [] if os.geteuid() == 0 else ["-r"]
_JOIN = [] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]


@pytest.fixture(scope="session")
def binaries():
    found = subprocess.run([HERE.parents[2] / ".ci" / "engines" / "sigstore.sh", "--where"], capture_output=True, text=True, check=False)
    folder = Path(found.stdout.strip() or "/nowhere")
    if not (folder / "cosign").exists():
        (pytest.fail if _REQUIRED else pytest.skip)(
            f"the Sigstore services are not built: .ci/engines.sh builds them {found.stderr.strip()}"
        )
    return folder


@pytest.fixture(scope="session")
def sigstore(binaries, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sigstore")
    command = ["unshare", *_ROOTLESS, "-n", sys.executable, str(HERE / "services.py"), str(folder), str(binaries)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        ready = process.stdout.readline()
        if not ready:
            (pytest.fail if _REQUIRED else pytest.skip)("the Sigstore services did not start; may this user make network namespaces?")
        deployment = Deployment(folder, binaries, json.loads(ready)["pid"])
        yield deployment
        deployment.close()
        process.stdin.close()
