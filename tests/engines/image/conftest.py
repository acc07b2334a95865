"""The smallest image that holds a stage, built by buildah on the machine's own Debian, and containers of it as a cluster would run them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import stages


@pytest.fixture(scope="session")
def built(once, engine, load, release, trial_repository):
    """What all tests look at: the image `scan`, and what a user makes of it with a plugin, in which commands run."""

    def make(folder):
        context = folder / "context"
        shutil.copytree(release, context)
        (context / ".env").write_text("TOKEN=s3cret\n")  # what does not belong into an image
        return load("image").small(engine("image", "images"), context, trial_repository, folder)

    return once("images", make)


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    return stages.project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def container(built, project, tmp_path):
    """Run a command in it: read-only root, no network, nobody's user; returns what it did and the work folder."""

    def run(*words: str):
        work = Path(shutil.copytree(project, tmp_path / "work", dirs_exist_ok=True))
        for path in (work, *work.rglob("*")):
            os.chown(path, 65532, 65532)
        image = built.theirs
        env = dict(item.split("=", 1) for item in image.config["Env"])
        env |= {"ROOT": str(image.root), "WORK": str(work), "NOBODY": image.config["User"].split(":")[0]}
        alone = ["unshare", "-m", "-n", "-i", "-u", "-p", "-f", "--propagation", "private", "sh", Path(__file__).with_name("confine.sh")]
        argv = [*alone, *(words or image.config["Cmd"])]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=120)
        return done, work

    return run
