"""A copy of the native files for one organisation: a project of its own, which installs one release from where that organisation keeps it."""

from __future__ import annotations

import hashlib
import re
import shlex
from typing import TYPE_CHECKING

from mlops_stage import native
from mlops_stage.adapter import Layout
from mlops_stage.errors import UsageError
from mlops_stage.evidence.redact import shown, without_credentials
from mlops_stage.hookspecs import OURS
from mlops_stage.native import text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlops_stage.adapter import Adapter
    from mlops_stage.host import Catalogue

PAGE = "README.md"


def layout(version: str, *, image: str = "", index_url: str = "", wheel: Path | None = None, repository: str = "") -> Layout:
    """What the copy installs.

    Args:
        version: the release whose stages the copy offers, which is the one that writes it.
        image: an image with that release in it, by digest.
        index_url: the package index to install from where a machine is configured for none.
        wheel: the file of that release, as the index offers it; only its digest is used.
        repository: `owner/name@ref` under which jobs will know the copy.

    Raises:
        UsageError: one of them is not what a copy may hold.
    """
    if image and not re.fullmatch(r"[^\s@]+@sha256:[0-9a-f]{64}", image):
        raise UsageError(
            f"the image {image} is not named by its digest", "write registry/name@sha256:…, as `skopeo inspect` or the registry shows it"
        )
    if repository and not re.fullmatch(r"[\w.-]+/[\w.-]+@[\w./-]+", repository):
        raise UsageError(f"{shown(repository)} is no repository with a tag, branch or commit", "such as acme/actions@v1")
    if index_url:
        _check(index_url)
        if not wheel:
            raise UsageError(
                "--index-url says where the wheel is, and no wheel is named", "--wheel names its file; what counts is its digest"
            )
    digest = _digest(wheel, version) if wheel else ""
    return Layout(kind="vendor", version=version, image=image, index_url=index_url, wheel_sha256=digest, repository=repository)


def _check(index_url: str) -> None:
    """It is written into files that many may read."""
    found = re.fullmatch(r"https?://(?P<user>[^/?#]*@)?[^/?#@]+(/[^?#]*)?(?P<more>[?#].*)?", index_url)
    if not found or not index_url.isprintable() or " " in index_url:
        raise UsageError(
            f"{shown(without_credentials(index_url))} is no address of a package index", "such as https://packages.example.org/simple"
        )
    if found["user"] or found["more"]:
        what = "a user name or a password" if found["user"] else "what follows ? or #, which may be a token"
        raise UsageError(
            f"the address of the index holds {what}", "leave it out: each machine has its own, in UV_DEFAULT_INDEX, PIP_INDEX_URL or .netrc"
        )


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


def _page(adapters: Sequence[Adapter], copy: Layout) -> str:
    options = [word for adapter in adapters for word in ("--ci", adapter.name.replace("_", "-"))]
    options += ["--image", copy.image] * bool(copy.image) + ["--index-url", copy.index_url] * bool(copy.index_url)
    options += ["--repository", copy.repository] * bool(copy.repository)
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
