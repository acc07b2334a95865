"""act, with the release and a plugin's actions under their published names."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))  # the double of GitHub


@pytest.fixture(scope="session")
def act(load, bench):
    return load("github").start(bench("act"))
