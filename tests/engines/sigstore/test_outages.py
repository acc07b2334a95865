"""Services that are gone or hang: bounded time, nothing lost, and signing goes on where it stopped."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from project import Project

pytestmark = pytest.mark.interop


@pytest.fixture
def project(sigstore, tmp_path):
    return Project(sigstore, tmp_path)


def stopped(sigstore, name):
    """Halt a service of this very deployment, so that it accepts connections and never answers; returns how to let it go on."""
    pid = next(pid for pid in below(sigstore.process) if _is(Path(f"/proc/{pid}/cmdline"), sigstore.binaries / name))
    os.kill(pid, signal.SIGSTOP)
    return lambda: os.kill(pid, signal.SIGCONT)


def below(process):
    """A process and all that it started."""
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from below(int(child))


def _is(file, binary):
    try:
        return file.read_bytes().split(b"\0")[0] == str(binary).encode()
    except OSError:  # it has just ended
        return False


@pytest.mark.parametrize("service", ["fulcio", "rekor-server", "timestamp-server", "ctlog"])
def test_a_service_that_hangs_costs_the_deadline_and_no_statement(project, service):
    go_on = stopped(project.sigstore, service)
    try:
        begun = time.monotonic()
        asked = ["sign", "--model", "model", "--identity-token-file", "token", "--deadline", "6"]
        (project.root / "token").write_text(project.sigstore.token())
        done = project.stage(*asked, "--trust-config", project.sigstore.folder / "trust_config.json", check=False)
        waited = time.monotonic() - begun
    finally:
        go_on()
    assert done.returncode == 3, done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    assert waited < 30
    assert (project.root / "mlops-out" / "attestations" / "pending" / "scan.json").is_file()
    time.sleep(1)  # what was halted catches up
    project.sign()
    assert not (project.root / "mlops-out" / "attestations" / "pending").exists()
    assert json.loads((project.root / "mlops-out" / "sign" / "report.json").read_text())["outcome"] == "passed"
    project.verify("--require", "scan", alone=True)
