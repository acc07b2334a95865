"""gitlab-ci-local, with the components of an organisation and those of a plugin under their published names."""

import hashlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def components(tmp_path_factory, machine) -> Path:
    """The project of components that an organisation keeps: its image and the wheel that it installs are written in."""
    from engine import IMAGE

    from mlops_stage import __version__, host, native
    from mlops_stage.adapter import Layout

    wheel = next(Path(machine["UV_FIND_LINKS"]).glob("mlops_stage-*.whl"))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    layout = Layout(kind="vendor", version=__version__, wheel_sha256=digest, image=IMAGE)
    catalogue = host.discover({host.ALLOW_LIST: "none"})
    folder = tmp_path_factory.mktemp("components")
    native.write(folder, native.files(catalogue, native.chosen(catalogue, ["gitlab"]), layout))
    return folder


@pytest.fixture(scope="session")
def image(tmp_path_factory) -> Path:
    """What the image would have on PATH: `mlops-stage`, in the environment of the tests, with the trial plugin in it."""
    folder = tmp_path_factory.mktemp("image")
    script = folder / "mlops-stage"
    site = ROOT / "tests/fixtures/site"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={site} MLOPS_STAGE_PLUGINS=trial exec {sys.executable} -P -m mlops_stage "$@"\n')
    script.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def gitlab(engine, image, components, trial_repository, machine, tmp_path_factory):
    from engine import VERSION, GitLab

    program = engine("gitlab", "package/dist/index.js") / "package/dist/index.js"
    published = {f"mlops/components/{VERSION}": components, "acme/trial/v1": trial_repository}
    return GitLab(program=program, home=tmp_path_factory.mktemp("gitlab"), bin=image, env=machine, components=published)
