"""act, with the release and a plugin's actions under their published names."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def act(engine, release, machine, trial_repository, tmp_path_factory):
    from engine import Act

    home = tmp_path_factory.mktemp("act")
    actions = {"acme/trial@v1": trial_repository}
    return Act(binary=engine("github", "act") / "act", release=release, home=home, env=machine, actions=actions)
