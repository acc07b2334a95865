"""gitlab-ci-local, started."""

from dataclasses import replace

import pytest


@pytest.fixture(scope="session")
def gitlab(load, bench, once, tmp_path_factory):
    engine = load("gitlab")
    started = once("gitlab", lambda folder: engine.start(replace(bench("gitlab"), home=folder)))
    return replace(started, home=tmp_path_factory.mktemp("home"))


@pytest.fixture
def light(gitlab, load, channel, tmp_path):
    (tmp_path / "bin").mkdir()
    return load("gitlab").light(gitlab, tmp_path / "bin", channel)
