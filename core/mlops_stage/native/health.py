"""What keeps a run from starting, or from ending well: the machine, the installation, the configuration, in plain words."""

from __future__ import annotations

import os
import platform
import shutil
import ssl
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from mlops_stage import __version__
from mlops_stage.errors import StageError
from mlops_stage.evidence.redact import shown, without_credentials
from mlops_stage.fields import describe
from mlops_stage.hookspecs import told
from mlops_stage.host import resolve
from mlops_stage.native.extras import missing
from mlops_stage.params import Refusal
from mlops_stage.runner import folders, policy, process
from mlops_stage.words import counted, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlops_stage.config.file import Config
    from mlops_stage.host import Catalogue
    from mlops_stage.params import Request

_TIGHT = 2**30
"""Bytes that a run with its copies and caches soon needs."""
_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    about: str
    state: Literal["good", "note", "wrong"]
    says: str
    do: str = ""
    """How to mend it."""


@dataclass(frozen=True, kw_only=True)
class Patient:
    """What is examined."""

    catalogue: Catalogue
    env: Mapping[str, str]
    out: Path
    config: Callable[[], tuple[Config, tuple[Request | Refusal, ...]]]
    """Reads mlops.yaml and everything that it asks; raises what a run would."""


def examine(patient: Patient) -> Iterator[Check]:
    """Everything that can be told without a network."""
    yield _good("python", f"{platform.python_version()} at {sys.executable}, mlops-stage {__version__}")
    yield from _machine(patient)
    yield from _plugins(patient.catalogue)
    yield from _configured(patient)
    yield _system(patient)
    yield from _tokens(patient.env)
    yield from _proxies(patient.env)
    yield from _certificates(patient.env)


def _machine(patient: Patient) -> Iterator[Check]:
    memory = process.machine_memory()
    yield _good("memory", f"{memory / 2**30:.1f} GiB, of which a stage may use {process.MEMORY_SHARE:.0%} unless limits say otherwise")
    yield _writable("output", patient.out, lambda: folders.usable(patient.out, ()))
    cache = folders.cache(patient.env)
    yield _writable("cache", cache, lambda: folders.writable(cache))
    for about, place in (("disk", _existing(patient.out)), ("temporary files", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(place).free
        says = f"{free / 2**30:.1f} GiB are free where {place} lies"
        yield _good(about, says) if free >= _TIGHT else _wrong(about, says, "free some space; TMPDIR moves temporary files elsewhere")


def _writable(about: str, place: Path, attempt: Callable[[], None]) -> Check:
    """Try it, and leave no folder behind that was not there."""
    there = _existing(place)
    try:
        attempt()
    except StageError as error:
        return _wrong(about, error.message, error.hint)
    finally:
        new = place
        while new != there:
            with suppress(OSError):
                new.rmdir()
            new = new.parent
    return _good(about, f"{place} can be written")


def _existing(place: Path) -> Path:
    return next(one for one in (place, *place.parents) if one.exists())


def _plugins(catalogue: Catalogue) -> Iterator[Check]:
    for broken in catalogue.broken:
        do = f"update or uninstall {broken.distribution}, or leave it out of MLOPS_STAGE_PLUGINS"
        yield _wrong("plugins", f"{broken.name} of {broken.distribution} is broken: {broken.reason}", do)
    if not catalogue.broken:
        owners = listed(f"{name} {version}".strip() for name, version in catalogue.plugins.items())
        yield _good("plugins", f"{counted(len(catalogue.stages), 'stage')} of {owners}")


def _configured(patient: Patient) -> Iterator[Check]:
    try:
        policy.refuse(patient.env)
        config, asked = patient.config()
    except StageError as error:
        yield _wrong("config", error.message, error.hint)
        return
    if not config.name:
        yield _note("config", "there is no mlops.yaml here", "`mlops-stage init` writes a first one")
        return
    yield _good("config", f"{config.name} asks for {listed([one.id for one in asked]) if asked else 'nothing'}")
    for stage in dict.fromkeys(one.stage for one in asked):
        yield from _libraries(stage, patient.catalogue)
    for one in asked:
        yield from _variables(one, patient.env)


def _libraries(name: str, catalogue: Catalogue) -> Iterator[Check]:
    stage = catalogue.stages.get(name)
    if stage is None:
        yield _wrong("stages", f"{name} is asked for and cannot be used", "`mlops-stage plugins` says why")
        return
    absent = missing(stage)
    if absent:
        yield _wrong("stages", f"{name} needs {listed(absent)}, not installed here", f"pip install '{stage.distribution}[{stage.extra}]'")
    else:
        yield _good("stages", f"{name} has the libraries that it needs")


def _variables(one: Request | Refusal, env: Mapping[str, str]) -> Iterator[Check]:
    """Whether what the params name is set. A name that no variable has is not shown: it may be the token itself."""
    for item in () if isinstance(one, Refusal) else describe(type(one.params)):
        name = getattr(one.params, item.name) if item.names_variable else None  # type: ignore[union-attr]  # no Refusal has items
        if name and not env.get(name):
            yield _wrong(
                "tokens", f"{one.id}: {item.name} names a variable that is not set", "hand it to this job, as its system describes"
            )
        elif name:
            yield _good("tokens", f"{one.id}: {name}, which {item.name} names, is set")


def _system(patient: Patient) -> Check:
    found = []
    for adapter in patient.catalogue.adapters.values():
        try:
            if adapter.detect and resolve(adapter.detect, f"adapter '{adapter.name}' of {adapter.distribution}")(patient.env):
                found.append(adapter.name)
        except Exception as error:  # noqa: BLE001  (an adapter may be anybody's)
            return _wrong("ci", f"the adapter {adapter.name} of {adapter.distribution} failed: {told(error)}", "update or uninstall it")
    return _good("ci", f"this is {listed(found)}") if found else _note("ci", "this is none of the CI systems that are known here")


def _tokens(env: Mapping[str, str]) -> Iterator[Check]:
    """Which tokens of the CI system are there; of none the value."""
    found = [name for name in process.IDENTITY if "TOKEN" in name and env.get(name)]
    yield (
        _good("tokens", f"{listed(found)} {'is' if len(found) == 1 else 'are'} set")
        if found
        else _note("tokens", "no identity token of a CI system is there, so `sign` needs a key")
    )


def _proxies(env: Mapping[str, str]) -> Iterator[Check]:
    for name in _PROXIES:
        if not env.get(name):
            continue
        try:
            parts = urlsplit(env[name] if "://" in env[name] else f"http://{env[name]}")
            usable = bool(parts.hostname) and (parts.port or True)
        except ValueError:
            usable = False
        says = f"{name} is {shown(without_credentials(env[name]))}" if "://" in env[name] else f"{name} is set"
        yield _good("proxy", says) if usable else _wrong("proxy", f"{name} names no proxy", "write http://host:port")


def _certificates(env: Mapping[str, str]) -> Iterator[Check]:
    named = [name for name in _CERTIFICATES if env.get(name)]
    for name in named:
        place = Path(env[name])
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(**({"capath": str(place)} if place.is_dir() else {"cafile": str(place)}))
        except (OSError, ssl.SSLError) as error:
            why = "does not exist" if not place.exists() else f"cannot be used: {getattr(error, 'reason', None) or error.strerror}"
            yield _wrong("certificates", f"{name}: {shown(place)} {why}", "name a PEM file with the certificates to trust")
        else:
            yield _good("certificates", f"{name}: {shown(place)} is trusted")
    if not named:
        paths = ssl.get_default_verify_paths()
        there = any(place and os.path.exists(place) for place in (paths.cafile, paths.capath))  # noqa: PTH110  (None among them)
        yield (
            _good("certificates", "those of this system are trusted")
            if there
            else _note("certificates", "this system has none of its own; libraries bring theirs", "SSL_CERT_FILE names others")
        )


def _good(about: str, says: str) -> Check:
    return Check(about=about, state="good", says=says)


def _note(about: str, says: str, do: str = "") -> Check:
    return Check(about=about, state="note", says=says, do=do)


def _wrong(about: str, says: str, do: str) -> Check:
    return Check(about=about, state="wrong", says=says, do=do)
