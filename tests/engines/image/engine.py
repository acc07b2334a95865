"""buildah, without a registry and without a network: images of this release, and one with a plugin beside it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
WITH_PLUGINS = ROOT / "docs/examples/image/Containerfile"
_ROOM = 4 * 1024**3
"""Bytes that storage and unpacked images take at most."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image that lies unpacked."""

    digest: str
    root: Path
    config: dict[str, Any]
    """As the Open Container Initiative writes it."""


@dataclass(frozen=True, kw_only=True)
class Small:
    """What the tests of the image look at."""

    ids: tuple[str, str]
    """Of two builds with the same inputs."""
    config: dict[str, Any]
    theirs: Image


@dataclass(frozen=True)
class Builder:
    """Images in a storage of their own: the machine's is left alone."""

    engine: Path
    storage: Path

    def __call__(self, *words: object) -> str:
        own = ["buildah", "--root", self.storage / "images", "--runroot", self.storage / "run", "--storage-driver", "vfs"]
        done = subprocess.run(list(map(str, [*own, *words])), capture_output=True, text=True, check=False, timeout=280)
        assert done.returncode == 0, f"buildah {' '.join(map(str, words))}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return done.stdout.strip()

    def release(self, context: Path, flavour: str, tag: str = "") -> str:
        """The name of the image of one flavour, built from the wheels that were fetched before."""
        folder = context / "plugins" / "image"
        files = ["--ignorefile", folder / "Containerfile.dockerignore", "-f", folder / "Containerfile"]
        wheels = ["-v", f"{self.engine / 'wheels'}:/var/cache/uv"]
        return self._build(context, tag or flavour, *files, *wheels, BASE="localhost/base", FLAVOUR=flavour)

    def with_plugin(self, image: str, wheel: Path, tag: str) -> str:
        """The name of an image that a user makes of another, with a plugin that lies there as a wheel."""
        with tempfile.TemporaryDirectory(dir=self.storage) as folder:
            name, version, *_ = wheel.name.split("-")
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            Path(folder, "plugins.txt").write_text(f"{name}=={version} --hash=sha256:{digest}\n", encoding="utf-8")
            shutil.copy(wheel, folder)
            return self._build(Path(folder), tag, "-f", WITH_PLUGINS, IMAGE=image, UV_FIND_LINKS="/plugins")

    def _build(self, context: Path, tag: str, *words: object, **arguments: str) -> str:
        name = f"localhost/mlops-stage:{tag}"
        arguments |= {"UV_IMAGE": "localhost/uv", "UV_OFFLINE": "1"}
        given = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
        options = ["--isolation", "chroot", "--pull-never", "--format", "oci", "--timestamp", 0, "--no-cache"]
        self("bud", *options, *given, *words, "-t", name, context)
        return name

    def id(self, image: str) -> str:
        """The digest of its configuration, which names every layer."""
        return self("inspect", "--type", "image", "--format", "{{.FromImageID}}", image)

    def config(self, image: str) -> dict[str, Any]:
        """Its configuration."""
        found: dict[str, Any] = json.loads(self("inspect", "--type", "image", image))["OCIv1"]["config"]
        return found

    def kept(self, image: str, root: Path) -> Image:
        """An image with its files at a place where they stay when the builder has gone."""
        container = self("from", "--pull-never", image)
        subprocess.run(["cp", "-a", self("mount", container), root], check=True)
        digest = self("inspect", "--type", "image", "--format", "{{.FromImageDigest}}", image)
        return Image(digest=digest, root=root, config=self.config(image))


@contextmanager
def building(engine: Path, scratch: Path) -> Iterator[Builder]:
    """A builder, in memory where there is room, for copying layers is most of what a build takes."""
    if os.geteuid() != 0 or not shutil.which("buildah"):
        refuse = pytest.fail if "image" in os.environ.get("MLOPS_STAGE_REQUIRE_ENGINES", "").split() else pytest.skip
        refuse("buildah and the right to mount are needed")
    memory = Path("/dev/shm")  # noqa: S108  (a folder of its own is made in it)
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > _ROOM
    with tempfile.TemporaryDirectory(prefix="mlops-image-", dir=memory if roomy else scratch) as storage:
        made = Builder(engine, Path(storage))
        subprocess.run(["cp", "-a", engine / "images", storage], check=True)  # base and uv
        try:
            yield made
        finally:
            made("rm", "--all")


def for_plugin(engine: Path, release: Path, plugin: Path, folder: Path) -> Image:
    """The image of all stages with a plugin, from a folder with its source, unpacked where others can read it when the builder has gone."""
    wheel = _wheel(plugin, folder)
    with building(engine, folder) as build:
        image = build.with_plugin(build.release(release, "all"), wheel, "plugin")
        return build.kept(image, folder / "root")


def small(engine: Path, context: Path, plugin: Path, folder: Path) -> Small:
    """The image of one stage, twice, and what a user makes of it with a plugin, of which the files are kept."""
    wheel = _wheel(plugin, folder)
    with building(engine, folder) as build:
        one, two = (build.release(context, "scan", tag) for tag in ("one", "two"))
        theirs = build.kept(build.with_plugin(one, wheel, "plugin"), folder / "root")
        return Small(ids=(build.id(one), build.id(two)), config=build.config(one), theirs=theirs)


def _wheel(plugin: Path, folder: Path) -> Path:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, plugin]
    subprocess.run(build, check=True, capture_output=True)
    return next(folder.glob("*.whl"))
