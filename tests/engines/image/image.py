"""buildah, without a registry and without a network."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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

    def imported(self, name: str, source: Path, place: str) -> None:
        """An image of one layer."""
        container = self("from", "scratch")
        self("add", "--quiet", container, source, place)
        self("commit", "--quiet", "--timestamp", 0, "--rm", container, f"localhost/{name}")

    def build(self, context: Path, flavour: str, tag: str = "") -> str:
        """The id of the image of one flavour, built from the wheels that were fetched before, with the network cut."""
        arguments = {"BASE": "localhost/base", "UV_IMAGE": "localhost/uv", "FLAVOUR": flavour, "UV_OFFLINE": "1"}
        given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        folder = context / "plugins" / "image"
        name = f"localhost/mlops-stage:{tag or flavour}"
        options = ["--isolation", "chroot", "--pull-never", "--format", "oci", "--timestamp", 0, "--no-cache"]
        files = ["--ignorefile", folder / "Containerfile.dockerignore", "-f", folder / "Containerfile"]
        wheels = ["-v", f"{self.engine / 'wheels'}:/var/cache/uv"]
        self("bud", *options, *wheels, *given, *files, "-t", name, context)
        return self("inspect", "--type", "image", "--format", "{{.FromImageID}}", name)

    def config(self, image: str) -> dict[str, Any]:
        """Its configuration, as the Open Container Initiative writes it."""
        found: dict[str, Any] = json.loads(self("inspect", "--type", "image", image))["OCIv1"]["config"]
        return found

    def unpacked(self, image: str) -> Path:
        """Its files."""
        container = self("from", "--pull-never", image)
        return Path(self("mount", container))

    def forget(self) -> None:
        """Let go of what is mounted."""
        self("rm", "--all")
