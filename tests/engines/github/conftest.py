"""act, with the release and a plugin's actions under their published names."""

import pytest


@pytest.fixture(scope="session")
def act(load, bench):
    return load("github").start(bench("act"))
