"""The loopback deployment that signs and stamps in these tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))  # the double is a package of its own there
sys.path.insert(0, str(Path(__file__).with_name("verifying")))  # bundles made by hand

from sigstore_double import Double


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
