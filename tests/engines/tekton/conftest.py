"""Tekton, with the Tasks of this repository and of the trial plugin's."""

import os

import pytest


@pytest.fixture(scope="session")
def tekton(load, bench):
    if os.geteuid() != 0:
        required = os.environ.get("MLOPS_STAGE_REQUIRE_ENGINES") == "1"
        (pytest.fail if required else pytest.skip)("only root may give a container its own root and user")
    return load("tekton").start(bench("tekton"))
