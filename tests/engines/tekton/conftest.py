"""Tekton, with the Tasks of this repository and of the trial plugin's."""

import pytest


@pytest.fixture(scope="session")
def tekton(load, bench):
    return load("tekton").beside(bench("tekton"))
