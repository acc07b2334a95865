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
    """Halt a service, so that it accepts connections and never answers; returns how to let it go on."""
    pid = next(int(file.parent.name) for file in Path("/proc").glob("[0-9]*/cmdline") if _is(file, sigstore.binaries / name))
    os.kill(pid, signal.SIGSTOP)
    return lambda: os.kill(pid, signal.SIGCONT)


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
        asked = ["sign", "--model", "model", "--identity-token-file", "token", "--deadline", "12"]
        (project.root / "token").write_text(project.sigstore.token())
        done = project.stage(*asked, "--trust-config", project.sigstore.folder / "trust_config.json", check=False)
        waited = time.monotonic() - begun
    finally:
        go_on()
    assert done.returncode == 3, done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    assert waited < 40
    assert (project.root / "mlops-out" / "attestations" / "pending" / "scan.json").is_file()
    time.sleep(1)  # what was halted catches up
    project.sign()
    assert not (project.root / "mlops-out" / "attestations" / "pending").exists()
    assert json.loads((project.root / "mlops-out" / "sign" / "report.json").read_text())["outcome"] == "passed"
    project.verify("--require", "scan", alone=True)


def test_signing_twice_signs_nothing_anew(project):
    project.sign()
    before = {bundle: bundle.read_bytes() for bundle in project.bundles}
    project.sign()
    assert {bundle: bundle.read_bytes() for bundle in project.bundles} == before
