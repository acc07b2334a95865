"""JSON from strangers: strict, and small enough to look at."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing.verifying.refusal import RefusalError

AGAIN = "fetch it again from where it was signed"
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def doubled(names: Iterable[str]) -> str:
    """The first name that has stood there before; empty where each stands there once. One look at each, for strangers write long lists."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


def parsed(content: bytes, rule: str, what: str) -> Mapping[str, Any]:
    """The JSON object in the bytes; a key that stands there twice is refused, for two readers may take different ones.

    Raises:
        RefusalError: anything else, under that rule.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = doubled(name for name, _ in pairs)
            raise RefusalError(rule, f"{what} names {shown(twice)!r} twice, so two readers may read two things", AGAIN)
        return found

    def no_number(text: str) -> NoReturn:
        raise RefusalError(rule, f"{what} holds {text}, which is no JSON", AGAIN)

    try:
        plain = json.loads(content.decode("utf-8"), object_pairs_hook=once, parse_constant=no_number)
    except UnicodeDecodeError as error:
        raise RefusalError(rule, f"{what} is not UTF-8", AGAIN) from error
    except (ValueError, RecursionError) as error:
        raise RefusalError(rule, f"{what} {_no_json(error)}", AGAIN) from error
    if not isinstance(plain, dict):
        raise RefusalError(rule, f"{what} is no JSON object", AGAIN)
    return plain


def _no_json(error: Exception) -> str:
    """What a file is that is no JSON: empty, cut off, or something else."""
    if not isinstance(error, json.JSONDecodeError):
        return "is no JSON"
    if not error.doc.strip():
        return "is empty"
    cut = error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string")
    return "ends in the middle: it was cut off" if cut else "is no JSON"


def decoded(text: Any, rule: str, what: str) -> bytes:
    """The bytes that base64 spells.

    Raises:
        RefusalError: it is none, under that rule.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise RefusalError(rule, f"{what} is no base64", AGAIN) from error


class Reader:
    """Takes the parts of a JSON object by name and kind."""

    def __init__(self, plain: Any, rule: str, what: str) -> None:
        if not isinstance(plain, Mapping):
            raise RefusalError(rule, f"{what} is {'missing' if plain is None else 'no JSON object'}", AGAIN)
        self.plain, self.rule, self.what = plain, rule, what

    def only(self, *names: str) -> None:
        """Refuse every other field: what is not understood may change the meaning of the rest."""
        others = sorted(set(self.plain) - set(names))
        if others:
            raise RefusalError(self.rule, f"{self.what} has a field that is unknown here: {shown(others[0])!r}", AGAIN)

    def has(self, name: str) -> bool:
        """Whether there is something of that name; JSON from Go writes null for nothing."""
        return self.plain.get(name) is not None

    def text(self, name: str) -> str:
        """A text that is not empty."""
        value = self.plain.get(name)
        if not isinstance(value, str) or not value:
            self._lacks(name, "a text")
        try:
            value.encode()
        except UnicodeEncodeError:  # half of a pair that JSON may spell and no encoding takes
            self._lacks(name, "a text of Unicode")
        return value

    def content(self, name: str) -> bytes:
        """Bytes in base64 that are not empty."""
        return decoded(self.text(name), self.rule, f"{self.what}: {name}") or self._lacks(name, "bytes")

    def number(self, name: str) -> int:
        """A whole number that is not negative, also as a text, as protocol buffers write large ones."""
        value = self.plain.get(name)
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:  # noqa: PLR2004  (2**64 has twenty digits)
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self._lacks(name, "a number")
        return value

    def moment(self, name: str) -> datetime:
        """A time, UTC where it says nothing else."""
        text = self.text(name)
        try:
            found = datetime.fromisoformat(text)
        except ValueError as error:
            raise RefusalError(self.rule, f"{self.what}: {shown(text)} is no time", AGAIN) from error
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def validity(self) -> tuple[datetime, datetime | None]:
        """From when until when it is in use, by its `validFor`; from ever where no start stands there, and without an end where none does."""
        if not self.has("validFor"):
            return _EVER, None
        valid = self.inner("validFor")
        return valid.moment("start") if valid.has("start") else _EVER, valid.moment("end") if valid.has("end") else None

    def inner(self, name: str, what: str = "") -> Reader:
        """An object."""
        return Reader(self.plain.get(name), self.rule, what or f"{self.what}: {name}")

    def items(self, name: str) -> Sequence[Any]:
        """A list; absent is empty."""
        value = self.plain.get(name, ())
        if value is None:
            return ()
        if not isinstance(value, list | tuple):
            self._lacks(name, "a list")
        return value

    def _lacks(self, name: str, kind: str) -> NoReturn:
        told = f"lacks {name}, {kind}" if self.plain.get(name) in (None, "") else f"has something other than {kind} as {name}"
        raise RefusalError(self.rule, f"{self.what} {told}", AGAIN)
