"""What must not be shown: small counts, and text that would break a line or a page."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from mlops_stage.estimates import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from mlops_stage.estimates import Estimate

_CREDENTIALS = re.compile(r"(\w://)\S+@")  # up to the last @: a password may hold slashes and further @
_TAIL = re.compile(r"(\w://[^\s?#;]*[?#;])\S+")

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


HIDDEN = NotEstimable(None, f"masked, for fewer than {MINIMUM_COUNT} rows could be told from it")
"""A figure that is masked."""


def masked(figures: Mapping[str, Estimate], kept: Collection[str] = ()) -> dict[str, Estimate]:
    """The figures of one slice or class with small counts in it: all are hidden but those in `kept`, and those of no rows at all."""
    return {
        name: figure if name in kept or (isinstance(figure, NotEstimable) and figure.n == 0) else HIDDEN for name, figure in figures.items()
    }


def masked_cells(counts: Sequence[Sequence[int]]) -> frozenset[tuple[int, int]]:
    """The cells (row, column) of a table that must be hidden where the sums of its rows and columns are known.

    Primary: every count from 1 to 9. Complementary: where a single cell of a row or column is hidden, the next smallest there is too,
    until none can be found by subtraction.
    """
    hidden = {(i, j) for i, row in enumerate(counts) for j, count in enumerate(row) if 0 < count < MINIMUM_COUNT}
    if not hidden:
        return frozenset()
    rows, columns = range(len(counts)), range(len(counts[0]))
    lines = [*([(i, j) for j in columns] for i in rows), *([(i, j) for i in rows] for j in columns)]
    alone = [line for line in lines if len(hidden.intersection(line)) == 1 < len(line)]
    while alone:
        others = (cell for cell in alone[0] if cell not in hidden)
        hidden.add(min(others, key=lambda cell: (counts[cell[0]][cell[1]] == 0, counts[cell[0]][cell[1]], cell)))
        alone = [line for line in lines if len(hidden.intersection(line)) == 1 < len(line)]
    return frozenset(hidden)


def window(count: Any) -> tuple[Any, Any]:
    """The numbers between which a count is told to lie where telling it would tell a small one: twenty, of which it is none of the five at either end.

    So there is room for the small one to be another. A zero is told, and no window begins below 10, for counts below are told otherwise.

    Args:
        count: 0, or 10 and more; a number, or an array of them.
    """
    low = (count - 5) // 10 * 10
    there = count > 0
    return (low + (low < MINIMUM_COUNT) * (MINIMUM_COUNT - low)) * there, (low + 19) * there


def shown(value: object, limit: int = 80) -> str:
    """Text of unknown origin for one line of a message: no control characters, and shortened in the middle."""
    raw = str(value)
    if len(raw) > 4 * limit:
        raw = raw[: 2 * limit] + raw[-2 * limit :]
    text = "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in raw)
    half = (limit - 1) // 2
    return text if len(text) <= limit else f"{text[:half]}…{text[-half:]}"


def without_credentials(text: str) -> str:
    """The text with user, password, query, parameters and fragment of every address in it masked: `https://***@host/path?***`."""
    return _TAIL.sub(r"\1***", _CREDENTIALS.sub(r"\1***@", text))


_SECRETS = (
    re.compile(r"(?P<kept>\w://)[^/\s@]*:[^/\s@]+(?=@)"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(
        r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{40,}|glpat-[\w-]{20,}|hf_[A-Za-z0-9]{30,}|(?:AKIA|ASIA)[A-Z0-9]{16}|xox[abps]-[\w-]{20,})"
    ),
    re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+"),
    re.compile(
        r"(?P<kept>[?&;](?:access_token|api_?key|password|secret|sig|signature|token|x-amz-signature|x-goog-signature)=)(?!\*\*\*)[^&\s]+",
        re.IGNORECASE,
    ),
)


def without_secrets(text: str) -> str:
    """The text with what looks like a password, a token or a key in it masked; the same text where nothing does."""
    for pattern in _SECRETS:
        text = pattern.sub(lambda found: f"{found.groupdict().get('kept') or ''}***", text)
    return text


def spared(value: Any) -> Any:
    """The same of every text in lists and mappings, as params are."""
    if isinstance(value, dict):
        return {key: spared(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [spared(item) for item in value]
    return without_secrets(value) if isinstance(value, str) else value


_HELD = (
    (re.compile(r"-----BEGIN [A-Z0-9 ]*KEY-----"), "a key"),
    (re.compile(r"-----BEGIN "), "a PEM file's content"),
    (re.compile(r"\A\s*M[C-I][A-Za-z0-9+/]{80,}={0,2}\s*\Z"), "a key"),  # base64 of DER, as keys are without the lines of PEM
    (re.compile(r"\A\s*(?:Bearer\s+)?eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*\s*\Z", re.IGNORECASE), "a token"),
    (re.compile(rf"\A\s*(?:Bearer\s+)?(?:{_SECRETS[2].pattern})[\w-]*\s*\Z"), "a token"),
    (re.compile(r"[\n\r]"), "several lines"),
)


def held_in(text: str) -> str:
    """What a text holds that should be the path of a file and is a file's content: `a key`, `a token`, `several lines`; empty of what may be a path."""
    return next((what for pattern, what in _HELD if pattern.search(text)), "")


def shape_of(value: str, limit: int = 40) -> str:
    """What a value looks like, without what it says: a letter is `a`, `A` or `x`, a digit `9`; other marks stay."""
    marks = [
        "9"
        if mark.isdigit()
        else mark
        if mark.isascii() and not mark.isalpha()
        else "a"
        if "a" <= mark <= "z"
        else "A"
        if "A" <= mark <= "Z"
        else "x"
        for mark in value[: limit + 1]
    ]
    return "".join(marks[:limit]).translate(_UNPRINTABLE) + ("…" if len(marks) > limit else "")


_UNPRINTABLE = dict.fromkeys((*range(32), 127), "�")


def digest_of(value: str, salt: str) -> str:
    """Twelve digits of a salted digest: equal values have the same one.

    Whoever has the salt can try values until one fits: it keeps a value from being read, not from being guessed where few values are possible.
    """
    return hashlib.sha256(f"{salt}|{value}".encode("utf-8", "backslashreplace")).hexdigest()[:12]


def redacted(value: str | None, *, sensitive: bool = False) -> str:
    """A value of a cell for evidence: its shape, and no digest, for a published salt makes short values a matter of trying; `(missing)` for none.

    Of a sensitive column marks of a kind in a row are one, so that `yes` and `no` look the same.
    """
    if value is None:
        return "(missing)"
    return re.sub(r"([aAx9])\1+", r"\1", shape_of(value, len(value)))[:40] if sensitive else shape_of(value)


_SQL_LITERALS = re.compile(
    r"""(?P<kept>"(?:[^"]|"")*")|(?P<text>[eE]'(?:\\.|''|[^'\\])*'|'(?:[^']|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|--[^\n]*|/\*.*?\*/)"""
    r"|(?P<number>(?<![\w.])\.?\d[\w.]*)",
    re.DOTALL,
)


def without_literals(sql: str) -> str:
    """A part of an SQL statement with `'***'` for every text and comment and `***` for every number in it."""
    return _SQL_LITERALS.sub(lambda found: found[0] if found["kept"] else "***" if found["number"] else "'***'", sql)


_PERSONAL = (
    re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"),
    re.compile(r"[A-Z]{2}\d{2}[ ]?([A-Z0-9]{4}[ ]?){2,7}[A-Z0-9]{1,4}"),
    re.compile(r"\+?[\d ()/.-]{7,20}"),
    re.compile(r"\d{1,3}(\.\d{1,3}){3}"),
    re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_+/=-]{16,}"),
)
_PERSONAL_NAMES = re.compile(
    r"(^|_)(e?mail|phone|tel|mobile|iban|ssn|social_security|passport|tax_?id|credit_?card|card_number|account|address|street|zip|postcode|postal_code|"
    r"first_?name|last_?name|full_?name|surname|name|dob|birth_?date|date_of_birth|ip|ip_address|password|passwd|secret|token|api_?key|credential|user_?name)($|_)"
)


def personal(name: str, values: Iterable[str] = ()) -> bool:
    """Whether a column looks as if its values named people or opened doors: by its name, or because a value is like an address, account, number or key."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_").replace(" ", "_")
    return bool(_PERSONAL_NAMES.search(plain)) or any(pattern.fullmatch(value.strip()) for value in values for pattern in _PERSONAL)
