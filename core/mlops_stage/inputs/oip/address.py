"""Where a served model is: `https://host[:port][/prefix]/v2/models/NAME[/versions/VERSION]`, and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import unquote, urlsplit

from mlops_stage.errors import UsageError
from mlops_stage.evidence.redact import shown, without_credentials

_FORM = "write it as https://host/v2/models/NAME, or https://host/v2/models/NAME/versions/VERSION"
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_PATH = re.compile(r"(?P<prefix>(?:/[^/]+)*?)/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?/?")


@dataclass(frozen=True, kw_only=True)
class Address:
    """The parts of a served model's URL."""

    origin: str
    """Scheme, host and port: the only place that ever hears the token."""
    prefix: str
    """What stands before `/v2`, as it was written; often nothing."""
    model: str
    """Name of the model, as it stands in the URL."""
    version: str
    """As it stands in the URL; empty where none does."""
    secure: bool
    loopback: bool
    """Whether the host is this machine, by its literal address or as `localhost`."""

    @property
    def server(self) -> str:
        """The path of the server's own metadata."""
        return f"{self.prefix}/v2"

    @property
    def path(self) -> str:
        """The path of the model's metadata."""
        version = f"/versions/{self.version}" if self.version else ""
        return f"{self.prefix}/v2/models/{self.model}{version}"

    @property
    def url(self) -> str:
        """The whole address in its one spelling."""
        return self.origin + self.path

    @property
    def name(self) -> str:
        """The model's name without the escapes of a URL."""
        return unquote(self.model)


def is_url(source: str) -> bool:
    """Whether a param names something on a server and not a file."""
    return "://" in source


def parsed(source: str, what: str) -> Address:
    """The parts of a URL.

    Args:
        source: as the user wrote it.
        what: the param that named it.

    Raises:
        UsageError: no address of a served model, or one with a password in it.
    """
    told = f"{what}: {shown(without_credentials(source), 160)}"
    try:
        parts = urlsplit(source.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError(f"{told} is no URL: {shown(error)}", _FORM) from error
    scheme = parts.scheme.lower()
    if scheme not in {"http", "https"}:
        raise UsageError(f"{told} is neither http nor https", f"{_FORM}; what lies elsewhere is fetched in a step before this one")
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"{told} holds a name or password, which reports would show",
            "take it out, put the token into an environment variable and name that one with model_token_env",
        )
    found = _PATH.fullmatch(parts.path)
    if not _is_host(host) or not found or parts.query or parts.fragment or ";" in parts.path or not _is_plain(source.strip()):
        raise UsageError(f"{told} is not the address of a served model (Open Inference Protocol v2)", _FORM)
    where = f"[{host}]" if ":" in host else host
    return Address(
        origin=f"{scheme}://{where}" + (f":{port}" if port is not None else ""),
        prefix=found["prefix"],
        model=found["model"],
        version=found["version"] or "",
        secure=scheme == "https",
        loopback=_is_loopback(host),
    )


def same_origin(first: str, second: str) -> bool:
    """Whether two URLs lead to the same scheme, host and port; a default port may be written or not."""
    try:
        pairs = [urlsplit(url) for url in (first, second)]
        ports = [part.port or {"http": 80, "https": 443}.get(part.scheme) for part in pairs]
    except ValueError:
        return False
    return pairs[0].scheme == pairs[1].scheme and pairs[0].hostname == pairs[1].hostname and ports[0] == ports[1]


def _is_plain(text: str) -> bool:
    segments = urlsplit(text).path.split("/")
    return (
        text.isascii()
        and text.isprintable()
        and " " not in text
        and "\\" not in text
        and not {".", ".."} & {unquote(one) for one in segments}
    )


def _is_host(host: str) -> bool:
    """A name that the domain name system could hold (RFC 1123, and underscores, which occur), or an address."""
    return bool(_HOST.fullmatch(host)) or _address_of(host) is not None


def _is_loopback(host: str) -> bool:
    address = _address_of(host)
    return host == "localhost" if address is None else address.is_loopback


def _address_of(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
