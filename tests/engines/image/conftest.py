"""The image, built by buildah on the machine's own Debian, and containers of it as a cluster would run them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(Path(__file__).parent))

_ROOM = 4 * 1024**3
"""Bytes that storage and unpacked images take at most."""


@pytest.fixture(scope="session")
def builder(engine, tmp_path_factory):
    """buildah with a storage of its own, in memory where there is room: copying layers is most of what a build takes."""
    from image import Builder

    folder = engine("image", "base.tar")
    if os.geteuid() != 0 or not shutil.which("buildah"):
        refuse = pytest.fail if "image" in os.environ.get("MLOPS_STAGE_REQUIRE_ENGINES", "").split() else pytest.skip
        refuse("buildah and the right to mount are needed")
    memory = Path("/dev/shm")  # noqa: S108  (a folder of its own is made in it)
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > _ROOM
    with tempfile.TemporaryDirectory(prefix="mlops-image-", dir=memory if roomy else tmp_path_factory.getbasetemp()) as storage:
        made = Builder(engine=folder, storage=Path(storage))
        made.imported("base", folder / "base.tar", "/")
        made.imported("uv", folder / "uv", "/uv")
        yield made
        made.forget()


@pytest.fixture(scope="session")
def context(release, tmp_path_factory):
    """A checkout of the release, with something in it that does not belong into an image."""
    folder = tmp_path_factory.mktemp("context") / "release"
    shutil.copytree(release, folder)
    (folder / ".env").write_text("TOKEN=s3cret\n")
    return folder


@pytest.fixture(scope="session")
def quality(builder, context):
    """The image of one flavour."""
    return builder.build(context, "quality")


@pytest.fixture(scope="session")
def container(builder, quality, tmp_path_factory):
    """Run a command in it: read-only root, no network, nobody's user; returns what it did and the work folder."""
    root = builder.unpacked(quality)
    config = builder.config(quality)

    def run(*words: str, files=None):
        work = tmp_path_factory.mktemp("work")
        for name, content in (files or {}).items():
            (work / name).write_bytes(content)
        for path in (work, *work.rglob("*")):
            os.chown(path, 65532, 65532)
        env = dict(item.split("=", 1) for item in config["Env"]) | {
            "ROOT": str(root),
            "WORK": str(work),
            "NOBODY": config["User"].split(":")[0],
        }
        alone = [
            "unshare",
            *["-m", "-n", "-i", "-u", "-p", "-f", "--propagation", "private", "sh"],
            str(Path(__file__).with_name("confine.sh")),
        ]
        argv = [*alone, *(words or config["Cmd"])]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=120)
        return done, work

    return run


@pytest.fixture
def configuration(builder, quality):
    """What the image says of itself."""
    return builder.config(quality)
