"""What must not be shown: small counts, and text that would break a line or a page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_CREDENTIALS = re.compile(r"(\w://)[^/\s@]+@")

MINIMUM_COUNT = 10
"""Counts below this name people more than groups; the threshold most statistical offices use."""


def masked_levels(counts: Mapping[str, int], minimum: int = MINIMUM_COUNT) -> frozenset[str]:
    """The levels whose counts must be hidden where the total of all counts is known.

    Primary: every count from 1 to `minimum - 1`; a zero names nobody. Complementary: what is hidden can be found by subtraction as a sum, so the
    next smallest levels are hidden too until at least two are and their sum reaches `minimum`. Ties go by name.
    """
    occupied = sorted((level for level, count in counts.items() if count > 0), key=lambda level: (counts[level], level))
    hidden = [level for level in occupied if counts[level] < minimum]
    if not hidden:
        return frozenset()
    for level in occupied[len(hidden) :]:
        if len(hidden) > 1 and sum(counts[name] for name in hidden) >= minimum:
            break
        hidden.append(level)
    return frozenset(hidden)


def shown(value: object, limit: int = 80) -> str:
    """Text of unknown origin for one line of a message: no control characters, and shortened in the middle."""
    raw = str(value)
    if len(raw) > 4 * limit:
        raw = raw[: 2 * limit] + raw[-2 * limit :]
    text = "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in raw)
    half = (limit - 1) // 2
    return text if len(text) <= limit else f"{text[:half]}…{text[-half:]}"


def without_credentials(text: str) -> str:
    """The text with user and password of every address in it masked: `https://***@host/path`."""
    return _CREDENTIALS.sub(r"\1***@", text)
