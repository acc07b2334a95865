"""The loopback deployment that signs and stamps in these tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))  # the double is a package of its own there
sys.path.insert(0, str(Path(__file__).with_name("verifying")))  # bundles made by hand

from signed_project import in_this_process
from sigstore_double import Double

from mlops_stage.stages.signing import waiting


@pytest.fixture(scope="session")
def shared_double(tmp_path_factory):
    """One deployment for tests that switch nothing off; its logs grow."""
    with Double(tmp_path_factory.mktemp("sigstore")) as double:
        yield double


@pytest.fixture
def double(tmp_path):
    """A deployment of the test's own, which it may break."""
    with Double(tmp_path / "sigstore") as double:
        yield double


@pytest.fixture
def own_process():
    """For tests of what only the process for the services can do: be ended."""


@pytest.fixture
def impatient(request, monkeypatch):
    """Services are given up soon, and asked from this process where the test does not want the real one."""
    if "own_process" not in request.fixturenames:
        in_this_process(monkeypatch)
    monkeypatch.setattr(waiting, "PATIENCE", {"connect": 2.0, "read": 1.0, "attempts": 2, "pause": 0.05})
