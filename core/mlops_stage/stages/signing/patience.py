"""How long a service is waited for, and how often it is asked."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import requests
import urllib3
from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Made = TypeVar("Made")

THREADS = 50
"""A log of version 2 answers once a second, however many ask: so all ask at once."""

_REFUSED = frozenset({400, 401, 403, 404, 405, 413, 422})
"""Answers that will be the same next time."""
_NO_ADDRESS = (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema)
_SLOW = (requests.Timeout, urllib3.exceptions.ReadTimeoutError)
_CUT = (requests.ConnectionError, urllib3.exceptions.HTTPError, ConnectionError)


class RefusedError(Exception):
    """A service answered, and its answer is no."""


class GivenUpError(Exception):
    """A service failed as often as it was asked."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Bounds for one service; those of `HTTPAdapter` alone do not end an answer that drips in, which the parent's deadline does."""

    connect: float = 5.0
    """Seconds until a connection stands."""
    read: float = 30.0
    """Seconds between two pieces of an answer."""
    attempts: int = 4
    pause: float = 0.5
    """Seconds before the second attempt; doubled before each further one, and between half and all of it by chance, so that many jobs do not come back at once."""
    over: threading.Event = field(default_factory=threading.Event, repr=False)
    """Set when a service was given up: what has not begun by then does not begin."""

    def session(self) -> requests.Session:
        """A session that waits no longer than this."""
        return self.bound(requests.Session())

    def bound(self, session: requests.Session) -> requests.Session:
        """Let a session of a library wait no longer than this."""
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Bounded(self.connect, self.read))
        return session

    def ask(self, service: str, question: Callable[[], Made]) -> Made:
        """The answer to a question, asked again while the service is out of order.

        Args:
            service: how messages name it, `the certificate authority`.
            question: raises what it likes when the service fails.

        Raises:
            RefusedError: the service says no.
            GivenUpError: it failed each time, or another one was given up meanwhile.
        """
        for attempt in range(self.attempts):
            if self.over.is_set():
                raise GivenUpError(f"{service} was not asked any more")
            try:
                return question()
            except RefusedError:
                raise
            except Exception as error:  # HTML instead of JSON, a cut connection, a library's own: all the same to us
                if isinstance(error, _NO_ADDRESS):
                    raise RefusedError(f"{service} has no address that can be asked") from error
                status, said = _answer(error)
                if status in _REFUSED:
                    raise RefusedError(f"{service} refuses with status {status}: {said}") from error
                last = f"{service} failed: status {status}: {said}" if status else f"{service} failed: {_told(error)}"
            if attempt + 1 < self.attempts:
                time.sleep(self.pause * 2**attempt * random.uniform(0.5, 1.0))  # noqa: S311  (nobody gains by guessing it)
        self.over.set()
        raise GivenUpError(f"{last}, {self.attempts} times")


def in_parallel(work: Callable[[Any], None], items: Sequence[Any]) -> None:
    """Do all of them at once; the first failure is raised when all have ended."""
    with ThreadPoolExecutor(max_workers=max(1, min(THREADS, len(items)))) as pool:
        ended = [pool.submit(work, item) for item in items]
    for one in ended:
        one.result()


class _Bounded(HTTPAdapter):
    """Waits no longer than it was told, whatever its caller forgets to say."""

    def __init__(self, connect: float, read: float) -> None:
        super().__init__()
        self._bounds = (connect, read)

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        """See `HTTPAdapter`."""
        kwargs["timeout"] = kwargs.get("timeout") or self._bounds
        return super().send(*args, **kwargs)


def _answer(error: BaseException) -> tuple[int, str]:
    """Status and message of the HTTP error behind an exception; 0 where there is none."""
    for one in _behind(error):
        if isinstance(one, requests.HTTPError) and one.response is not None:
            return one.response.status_code, _message(one.response)
    return 0, ""


def _behind(error: BaseException) -> Iterator[BaseException]:
    """An exception, and those that brought it about: libraries wrap them in their own."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _message(response: requests.Response) -> str:
    try:
        plain = response.json()
    except ValueError:
        return response.reason or "no message"
    return str(plain.get("message") or response.reason) if isinstance(plain, dict) else str(response.reason)


def _told(error: BaseException) -> str:
    chain = tuple(_behind(error))
    if any(isinstance(one, _SLOW) for one in chain):
        return "it did not answer in time"
    return "no connection" if any(isinstance(one, _CUT) for one in chain) else "its answer cannot be used"
