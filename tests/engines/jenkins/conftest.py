"""groovy-cps, with the release's library and the plugin's."""

import pytest
import relay


@pytest.fixture(scope="session")
def jenkins(load, bench):
    return load("jenkins").start(bench("jenkins"))


@pytest.fixture
def command(channel):
    """`command(folder)`: writes there the file `mlops-stage`, for agents, which runs in a process that has imported it already."""

    def write(folder):
        file = folder / "mlops-stage"
        file.write_text(f"#!/bin/sh\n{relay.command(channel)}")
        file.chmod(0o755)
        return file

    return write
