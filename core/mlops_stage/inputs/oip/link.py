"""The link to one server: verified TLS, time-outs, a few retries, capped answers, and a token that goes nowhere else."""

from __future__ import annotations

import secrets
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from mlops_stage.errors import InputError, UsageError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.oip.address import same_origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.inputs.oip.address import Address

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
"""Between two pieces of an answer."""
ANSWER_SECONDS = 300.0
"""For an answer as a whole, however it trickles."""
MOST_BYTES = 64 * 2**20
"""Of one answer: 1,024 rows of 8,192 numbers in binary."""
TRIES = 4
_BACK_OFF_SECONDS = 0.25
_LONGEST_PAUSE = 10.0
_AGAIN = {429, 502, 503, 504}
"""The server is busy or not there yet; asking a model changes nothing, so it may be asked again."""
_REDIRECTS = {301, 302, 303, 307, 308}
_KEEPS_METHOD = {307, 308}
_MOST_REDIRECTS = 3
_PIECE = 2**16
_HEADERS = {"Accept": "application/json, application/octet-stream", "Accept-Encoding": "identity", "User-Agent": "mlops-stage"}


class Reply(NamedTuple):
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    """Names without regard to case."""
    body: bytes

    @property
    def good(self) -> bool:
        """Whether the status says so (2xx)."""
        return 200 <= self.status < 300  # noqa: PLR2004  (RFC 9110, 15.3)


class Link:
    """Asks one origin over one kept connection; follows no redirect to another."""

    def __init__(self, address: Address, token: str = "", env: Mapping[str, str] | None = None) -> None:
        """Connect to nothing yet.

        Args:
            address: whose origin is asked.
            token: bearer token, or empty.
            env: where `SSL_CERT_FILE` or `SSL_CERT_DIR` name further authorities.

        Raises:
            UsageError: the token would go over plain http to another machine, or those authorities are not there.
        """
        if token and not (address.secure or address.loopback):
            raise UsageError(
                f"the token is not sent to {shown(address.origin)} over plain http, where anybody on the way can read it", "use https"
            )
        self.address = address
        self._token = token
        self._session = requests.Session()
        self._session.trust_env = False  # ~/.netrc would replace our token, and proxies would hear the rows
        self._session.verify = _authorities(env or {})
        self._session.headers.clear()
        self._session.headers.update(_HEADERS | ({"Authorization": f"Bearer {token}"} if token else {}))

    def get(self, path: str) -> Reply:
        """Ask for a resource."""
        return self._followed("GET", path, None, {})

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Ask something of a resource."""
        return self._followed("POST", path, body, headers)

    def said(self, text: object, limit: int = 120) -> str:
        """Text that the server wrote, for a message: on one line, shortened, the token masked should it echo it."""
        plain = " ".join(str(text).split())
        return shown(plain.replace(self._token, "***") if self._token else plain, limit)

    def _followed(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        url = self.address.origin + path
        for _ in range(_MOST_REDIRECTS + 1):
            reply = self._patient(method, url, body, headers)
            if reply.status not in _REDIRECTS:
                return reply
            target = urljoin(url, reply.headers.get("Location", ""))
            if not same_origin(url, target):
                where = self.said(f"{urlsplit(target).scheme}://{urlsplit(target).netloc.rpartition('@')[2]}")
                raise InputError(
                    f"{shown(self.address.origin)} redirects to {where}, where neither the rows nor the token are sent",
                    "give the address that the model itself has",
                )
            if method != "GET" and reply.status not in _KEEPS_METHOD:
                break
            url = target
        raise InputError(f"{shown(url, 160)} redirects again and again", "give the address that the model itself has")

    def _patient(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """The answer, asked for again with growing pauses while the server is busy or drops the connection."""
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            pause = _BACK_OFF_SECONDS * 2**attempt * (0.5 + secrets.randbelow(500) / 1000)  # jitter: many jobs do not return at once
            try:
                reply = self._once(method, url, body, headers)
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
                if last or isinstance(error, requests.exceptions.SSLError) or "NameResolution" in repr(error):
                    raise self._unreachable(error) from None  # the cause would print the request, its headers among it
            except requests.Timeout:
                raise InputError(
                    f"{shown(self.address.origin)} did not answer within {READ_SECONDS:.0f} s",
                    "look at the server's log, or give it more time per row",
                ) from None
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                raise InputError(f"{shown(self.address.origin)} cannot be asked: {self.said(error)}", "check the address") from None
            else:
                if reply.status not in _AGAIN or last:
                    return reply
                pause = max(pause, _retry_after(reply))
            time.sleep(pause)
        raise AssertionError  # pragma: no cover

    def _once(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        begun = time.monotonic()
        asked = self._session.request(
            method, url, data=body, headers=dict(headers), stream=True, allow_redirects=False, timeout=(CONNECT_SECONDS, READ_SECONDS)
        )
        with closing(asked) as response:
            coding = response.headers.get("Content-Encoding", "identity").lower()
            if coding != "identity":
                raise InputError(
                    f"{shown(self.address.origin)} compresses its answers although it was asked not to ({self.said(coding, 40)})",
                    "switch compression off for this route",
                )
            held = bytearray()
            for piece in response.iter_content(_PIECE):
                held += piece
                if len(held) > MOST_BYTES:
                    raise InputError(
                        f"{shown(self.address.origin)} answers with more than {MOST_BYTES >> 20} MiB", "ask a model with smaller outputs"
                    )
                if time.monotonic() - begun > ANSWER_SECONDS:
                    raise requests.ReadTimeout
            return Reply(response.status_code, response.headers, bytes(held))

    def _unreachable(self, error: requests.RequestException) -> InputError:
        where, told = shown(self.address.origin), repr(error)
        if isinstance(error, requests.exceptions.SSLError):
            if any(word in told for word in _PLAIN):
                return InputError(
                    f"no trusted connection to {where}: it speaks plain http there",
                    "write http:// if that is meant, or let the server speak TLS",
                )
            reason = next((word for word in _TLS if word in told), "")
            return InputError(
                f"no trusted connection to {where}: {_TLS.get(reason, 'TLS failed')}",
                "certificates are always verified; name your own authority's certificate file in SSL_CERT_FILE",
            )
        reason = next((word for word in _REASONS if word in told), "")
        scheme = "" if reason or self.address.secure else "; if it speaks TLS, write https://"  # what drops plain http may do so for that
        return InputError(
            f"nothing answers at {where}: {_REASONS.get(reason, 'the connection was lost')}",
            f"start the server before this stage, and check host and port{scheme}",
        )


_TLS = {
    "self-signed": "its certificate is self-signed",
    "self signed": "its certificate is self-signed",
    "unable to get local issuer": "its certificate comes from an authority that is not known here",
    "expired": "its certificate has expired",
    "mismatch": "its certificate is for another host",
    "doesn't match": "its certificate is for another host",
}
_PLAIN = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "record layer failure", "PACKET_LENGTH_TOO_LONG")
"""What OpenSSL calls an answer that is no TLS; by version and by the answer's bytes."""
_REASONS = {
    "NameResolution": "no such host",
    "refused": "connection refused",
    "ConnectTimeout": f"no connection within {CONNECT_SECONDS:.0f} s",
    "unreachable": "no route to it",
    "No route": "no route to it",
}


def token_from(env: Mapping[str, str], name: str | None) -> str:
    """The token in the variable of that name; empty where no variable was named.

    Raises:
        UsageError: the variable is not set, or holds what is no token. Its value is never shown.
    """
    if not name:
        return ""
    token = env.get(name, "").strip()
    if not token:
        # the name is not repeated: it may be the token itself, given in the wrong place
        raise UsageError(
            "model_token_env: the variable that it names is not set, or empty",
            "set that variable from a secret of the pipeline, and give its name, never the token itself",
        )
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise UsageError(
            f"model_token_env: what {shown(name)} holds is no token: it has blanks or other characters in it",
            "give the bare token, without `Bearer`",
        )
    return token


def _authorities(env: Mapping[str, str]) -> str | bool:
    named = next(((name, env[name]) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if env.get(name)), None)
    if named is None:
        return True
    if not Path(named[1]).exists():
        raise UsageError(f"{named[0]} names {shown(named[1])}, which does not exist", "name the file of your authority's certificates")
    return named[1]


def _retry_after(reply: Reply) -> float:
    """Seconds that the server asks for, at most ten."""
    text = reply.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_PAUSE) if text.isascii() and text.isdigit() else 0.0
