"""A copy of the native files for one organisation: a project of its own, which installs one release from where that organisation keeps it."""

from __future__ import annotations

import hashlib
import re
import shlex
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlops_stage import native
from mlops_stage.adapter import Layout
from mlops_stage.errors import UsageError
from mlops_stage.hookspecs import OURS
from mlops_stage.native import text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlops_stage.adapter import Adapter
    from mlops_stage.host import Catalogue

PAGE = "README.md"


def layout(version: str, *, image: str = "", index_url: str = "", wheel: Path | None = None) -> Layout:
    """What the copy installs.

    Args:
        version: the release whose stages the copy offers, which is the one that writes it.
        image: an image with that release in it, by digest.
        index_url: the package index to install from where a machine is configured for none.
        wheel: the file of that release, as the index offers it; only its digest is used.

    Raises:
        UsageError: one of them is not what a copy may hold.
    """
    if image and not re.fullmatch(r"[^\s@]+@sha256:[0-9a-f]{64}", image):
        raise UsageError(
            f"the image {image} is not named by its digest", "write registry/name@sha256:…, as `skopeo inspect` or the registry shows it"
        )
    parts = urlsplit(index_url)
    if index_url and (parts.scheme not in {"https", "http"} or not parts.hostname):
        raise UsageError(f"{index_url} is no address of a package index", "such as https://packages.example.org/simple")
    if "@" in parts.netloc:
        raise UsageError(
            "the address of the index holds a user name or a password",
            "leave them out: each machine has its own, in UV_DEFAULT_INDEX, PIP_INDEX_URL or .netrc",
        )
    return Layout(kind="vendor", version=version, image=image, index_url=index_url, wheel_sha256=_digest(wheel, version) if wheel else "")


def _digest(wheel: Path, version: str) -> str:
    wanted = f"{OURS.replace('-', '_')}-{version}-"
    if not wheel.name.startswith(wanted) or wheel.suffix != ".whl":
        raise UsageError(
            f"{wheel.name} is not the wheel of {OURS} {version}",
            f"a copy installs the release that writes it; its wheel is called {wanted}….whl",
        )
    if not wheel.is_file():
        raise UsageError(f"there is no file {wheel}", f"`pip download --no-deps {OURS}=={version}` fetches it")
    with wheel.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def project(catalogue: Catalogue, adapters: Sequence[Adapter], copy: Layout) -> dict[str, str]:
    """Every file of the new project by its path: the native ones, and a page that says what it is and how it is renewed.

    Raises:
        UsageError: a CI system has nothing to install from.
        StageError: an adapter breaks, or two of them write one file.
    """
    made = native.files(catalogue, adapters, copy)
    return {PAGE: _page(adapters, copy), **made}


def write(root: Path, made: dict[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write what differs; what an earlier release wrote and this one does not is removed, and nothing else is touched.

    Returns:
        The paths written and removed.

    Raises:
        StageError: a file cannot be written.
        UsageError: a file of somebody else stands in the way.
    """
    changed, removed = native.write(root, made)
    seen = (
        file for file in sorted(root.rglob("*")) if file.is_file() and not file.is_symlink() and ".git" not in file.relative_to(root).parts
    )
    left = [file for file in seen if file.relative_to(root).as_posix() not in made and native.is_generated(file)]
    for file in left:
        file.unlink()
    return changed, (*removed, *(file.relative_to(root).as_posix() for file in left))


def _page(adapters: Sequence[Adapter], copy: Layout) -> str:
    options = [word for adapter in adapters for word in ("--ci", adapter.name.replace("_", "-"))]
    options += ["--image", copy.image] * bool(copy.image) + ["--index-url", copy.index_url] * bool(copy.index_url)
    renew = shlex.join(["mlops-stage", "adapters", "vendor", *options]) + " --wheel FILE" * bool(copy.wheel_sha256) + " -o ."
    sources = [f"the image `{copy.image}`"] * bool(copy.image)
    sources += [f"the wheel with the SHA-256 `{copy.wheel_sha256}`" + (f", from {copy.index_url}" if copy.index_url else "")] * bool(
        copy.wheel_sha256
    )
    return "\n".join(
        [
            text.heading(copy, "<!-- ").rstrip("\n") + " -->",
            f"# {OURS} {copy.version}",
            "",
            *(f"- {adapter.summary}." for adapter in adapters),
            "",
            f"These files run {OURS} {copy.version}: {', or '.join(sources) or 'whoever uses them says the image'}.",
            "They are generated. To renew them, install another release and run, in this folder:",
            "",
            "```sh",
            renew,
            "```",
            "",
        ]
    )
