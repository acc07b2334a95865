"""The loopback deployment that signs and stamps in these tests."""

import sys
from contextlib import contextmanager
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


_REAL = waiting.Worker.results


@pytest.fixture
def real_worker(monkeypatch):
    """`with real_worker():` services are asked from a process of their own after all, for what only that can do: be ended."""

    @contextmanager
    def real(*, wanted=True):
        with monkeypatch.context() as patched:
            if wanted:
                patched.setattr(waiting.Worker, "results", _REAL)
            yield

    return real


@pytest.fixture
def impatient(monkeypatch):
    """Services are given up soon, and asked from this process, which spares a start of Python."""
    in_this_process(monkeypatch)
    monkeypatch.setattr(waiting, "PATIENCE", {"connect": 2.0, "read": 1.0, "attempts": 2, "pause": 0.05})
