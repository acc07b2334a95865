"""groovy-cps, with the release's library and the plugin's."""

import sys
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import relay


@pytest.fixture(scope="session")
def jenkins(load, bench):
    return load("jenkins").start(bench("jenkins"))


@pytest.fixture
def command(channel):
    """`with command(folder) as file`: the file `mlops-stage` there, for agents, runs in a process that has imported it already."""
    return partial(relay.command, channel)
