"""groovy-cps, with the release's library and the plugin's."""

import pytest


@pytest.fixture(scope="session")
def jenkins(load, bench):
    return load("jenkins").start(bench("jenkins"))
