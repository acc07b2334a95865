"""Whether the package index answers, and if not, why; the only part of an examination that uses a network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_stage.evidence.redact import shown, without_credentials
from mlops_stage.native import bootstrap
from mlops_stage.native.health import Check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

INDEXES = (
    *("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"),
    "MLOPS_STAGE_INDEX_URL",
)
"""Variables that name indexes. Which of them count depends on who installs, and the last holds only where no other says anything."""
WHEELS = "MLOPS_STAGE_WHEELS"
_SECONDS = 10
_REFUSED = (401, 403, 407)
_AT_ONCE = {"UV_HTTP_RETRIES": "0", "PIP_RETRIES": "0"}
"""Whoever examines wants to hear the first answer."""


def indexes(env: Mapping[str, str], *, network: bool) -> Iterator[Check]:
    """The indexes that packages are installed from, or the folder of wheels; they are asked only where `network` says so."""
    if env.get(WHEELS):
        yield _wheels(Path(env[WHEELS]))
        return
    settings = bootstrap.settings(dict(env))
    uv = bootstrap.preferred(settings)
    found = [(url, f"{shown(without_credentials(url))} ({name})") for name, url in _named(settings, "UV_" if uv else "PIP_")]
    for url, told in found or [("", f"the index that {'uv' if uv else 'pip'} is set up for")]:
        if not network:
            yield Check(about="index", state="note", says=f"{told} was not asked", do="`mlops-stage doctor --network` asks it")
        else:
            yield _asked(url, told, settings.get("SSL_CERT_FILE", "")) if url else _installer(told, uv)


def _named(settings: Mapping[str, str], installer: str) -> Iterator[tuple[str, str]]:
    """Variables and the addresses in them; uv's may bear a name of their own: `own=https://…`."""
    for name in INDEXES:
        if name.startswith(installer):
            own = INDEXES[-1] if settings.get(name) == settings.get(INDEXES[-1]) else name
            yield from ((own, re.sub(r"^[\w.-]+=", "", url)) for url in settings.get(name, "").split())


def _wheels(folder: Path) -> Check:
    count = len(list(folder.glob("*.whl"))) if folder.is_dir() else 0
    if count:
        return Check(about="index", state="good", says=f"{WHEELS}: packages come from {shown(folder)}, which holds {count} wheels")
    return Check(
        about="index", state="wrong", says=f"{WHEELS}: {shown(folder)} holds no wheel", do="put the wheels of the lock there, or unset it"
    )


def _installer(told: str, uv: str) -> Check:
    """Let the installer ask: it alone knows its own files of settings."""
    command = [uv, "pip", "compile", "--quiet", "--no-cache", "-"] if uv else [sys.executable, "-m", "pip", "index", "versions", "pip"]
    try:
        env = {**os.environ, **_AT_ONCE}
        done = subprocess.run(command, env=env, input="pip\n", capture_output=True, text=True, timeout=6 * _SECONDS, check=False)
        said = done.stderr.strip().splitlines()
    except (OSError, subprocess.TimeoutExpired):
        return Check(
            about="index", state="wrong", says=f"{told} does not answer", do="name the index with PIP_INDEX_URL, the proxy with HTTPS_PROXY"
        )
    if done.returncode == 0:
        return Check(about="index", state="good", says=f"{told} answers")
    if said and "No module named pip" in said[-1]:
        return Check(about="index", state="note", says="neither uv nor pip is there to ask it", do="name it with PIP_INDEX_URL")
    why = shown(without_credentials(said[-1]), 160) if said else f"exit code {done.returncode}"
    do = "name the index with PIP_INDEX_URL or UV_DEFAULT_INDEX, the proxy with HTTPS_PROXY, your own authority with SSL_CERT_FILE"
    return Check(about="index", state="wrong", says=f"{told} cannot be used: {why}", do=do)


def _asked(url: str, told: str, certificates: str) -> Check:
    import requests

    try:
        answer = requests.get(f"{url.rstrip('/')}/pip/", timeout=_SECONDS, stream=True, verify=certificates or True)
        answer.close()
    except (OSError, ValueError) as error:  # those of requests among them
        says, do = _why(error)
        return Check(about="index", state="wrong", says=f"{told} {says}", do=do)
    if answer.status_code in _REFUSED:
        do = "give the job the credentials of the index, in its URL or in ~/.netrc"
        return Check(about="index", state="wrong", says=f"{told} refuses: {answer.status_code} {shown(answer.reason)}", do=do)
    if not answer.ok:
        do = "see whether the URL ends where the index begins, mostly with /simple"
        return Check(about="index", state="wrong", says=f"{told} answers {answer.status_code} {shown(answer.reason)}", do=do)
    return Check(about="index", state="good", says=f"{told} answers")


def _why(error: Exception) -> tuple[str, str]:
    """What happened and what to do; the library's own text may hold the URL with its credentials."""
    import requests

    kinds: tuple[tuple[type[Exception], str, str], ...] = (
        (requests.exceptions.ProxyError, "cannot be reached through the proxy", "see HTTPS_PROXY, or name the host in NO_PROXY"),
        (
            requests.exceptions.SSLError,
            "shows a certificate that is not trusted",
            "name your own authority's certificate with SSL_CERT_FILE, REQUESTS_CA_BUNDLE and PIP_CERT",
        ),
        (
            requests.exceptions.Timeout,
            f"does not answer within {_SECONDS} s",
            "a firewall may hold it back; a proxy is named with HTTPS_PROXY",
        ),
        (
            requests.exceptions.ConnectionError,
            "cannot be reached",
            "see whether this job has a network, a proxy (HTTPS_PROXY), and the right URL",
        ),
    )
    return next(
        ((says, do) for kind, says, do in kinds if isinstance(error, kind)), ("is no URL that can be asked", "write https://host/simple")
    )
