"""gitlab-ci-local, started."""

import pytest


@pytest.fixture(scope="session")
def gitlab(load, bench):
    return load("gitlab").start(bench("gitlab"))
