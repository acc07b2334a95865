"""Which columns say something about people that a contract must not repeat: by their names, by the look of their values, by checksums."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlops_stage.evidence.redact import personal, shown

if TYPE_CHECKING:
    from collections.abc import Collection

    from mlops_stage.inputs.tables.observed import Observed

_GROUPS = re.compile(
    r"(^|_)(race|ethnic|ethnicity|religion|religious|faith|nationality|native_country|country_of_birth|sex|gender|sexual_orientation|orientation|"
    r"disability|disabled|diagnosis|health|hiv|political|party|union_member|caste|skin_colou?r)($|_)"
)
_IDENTIFIERS = re.compile(
    r"(^|_)(patient|person|customer|employee|member|user|citizen|national|insurance|driver|licen[cs]e)_?(id|no|nr|number|name)($|_)"
)
_WORDS = {
    "email": "e-mail addresses",
    "ip": "internet addresses",
    "iban": "bank accounts (the IBAN's checksum is right)",
    "card": "payment cards (the Luhn checksum is right)",
    "phone": "telephone numbers",
    "ssn": "social security numbers",
}
_SHARE = 0.5
_FEW = 10
_BYTE = 255


def reason(column: Observed, named: Collection[str] = ()) -> str:
    """Why a column is sensitive, in a few words; empty where nothing says so.

    Args:
        column: what is known of it.
        named: columns that the user calls sensitive.
    """
    if column.name in named:
        return "it was named as sensitive"
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.name).lower()
    plain = re.sub(r"[^a-z0-9]+", "_", plain)
    if _GROUPS.search(plain):
        return "by its name it says which group people belong to"
    if personal(column.name) or _IDENTIFIERS.search(plain):
        return "by its name it identifies people"
    for look, words in _WORDS.items():
        cells = column.looks.get(look, 0)
        if cells and _holds(look, cells, column):
            share = 100 * cells / column.present
            told = f"{share:.0f} % of its cells" if share >= 1 else "some of its cells"
            return f"{told} look like {words}"
    return ""


def _holds(look: str, cells: int, column: Observed) -> bool:
    """Whether that many cells of a look are no accident."""
    valid = [cell for cell in column.samples.get(look, ()) if _CHECKS.get(look, bool)(cell)]
    enough = len(valid) >= _SHARE * len(column.samples.get(look, ()))
    if look in {"email", "iban"}:  # nothing else looks so
        return enough and (cells >= _FEW or cells >= _SHARE * column.present)
    return enough and cells >= _SHARE * column.present


def luhn(text: str) -> bool:
    """Whether the digits of a payment card add up (ISO/IEC 7812-1)."""
    digits = [int(mark) for mark in text if mark.isdigit()]
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(reversed(digits))]
    return bool(digits) and sum(doubled) % 10 == 0


def iban(text: str) -> bool:
    """Whether an IBAN's check digits are right (ISO 7064, MOD 97-10)."""
    plain = text.replace(" ", "").upper()
    turned = plain[4:] + plain[:4]
    return turned.isalnum() and turned.isascii() and int("".join(str(int(mark, 36)) for mark in turned)) % 97 == 1


def ip(text: str) -> bool:
    """Whether the parts of an IPv4 address are bytes; an IPv6 address is taken as it looks."""
    return ":" in text or all(int(part) <= _BYTE for part in text.split("."))


_CHECKS = {"card": luhn, "iban": iban, "ip": ip}


def told(why: str) -> str:
    """The comment above a sensitive column."""
    return f"Sensitive: {shown(why, 160)}. So nothing is said here about its values, and reports show only their shape."
