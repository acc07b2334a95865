"""Untrusted text made harmless for a terminal, a CI log, Markdown and HTML alike."""

from __future__ import annotations

import re

MOST = 500
"""Characters of one text that a page shows; a column name may be a megabyte long."""

_JOINERS = "\u200c\u200d"
"""Invisible, but Persian and emoji need them."""
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\U000e0100-\U000e01ef]|[\ufe00-\ufe0f]{2,}")
"""Invisible although Unicode calls them letters or marks; runs of variation selectors can carry hidden text."""
_COMMAND = re.compile(r"(?:(?<=\s)|^)::(?=\S)|##(?=\[|vso\[|teamcity\[)")
"""How a line of a log becomes a command to GitHub Actions, Azure Pipelines or TeamCity."""
_MARKDOWN = re.compile(
    r"[\\`*\[\]<|~$]"  # code, emphasis, links, HTML, cells, strike-through, formulas
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis, but not inside a word
    r"|^[-+>=#]|#(?=\w)"  # lists, quotes, headings, references to issues
    r"|&(?=#?\w+;)|:(?=//|[\w+-]+:)|(?<=www)\."  # entities, addresses, emoji
)
"""Only what would mean something is escaped, so that the source stays readable as well."""
_LINE_NUMBER = re.compile(r"^(\d+)([.)])")
_CODE = re.compile(r"[\\`*_{}\[\]<>#|~$&:!-]")
_SAFE_IN_BACKTICKS = re.compile(r"[^`|\\<&\n]+")


def harmless(text: str, most: int = MOST) -> str:
    r"""The text on one line, with nothing in it that a reader does not see.

    Control, bidirectional and invisible characters appear as `\u202e`; what would start a workflow command gets a space;
    what is longer than `most` characters is cut and says so.
    """
    if len(text) > most:
        text = f"{text[:most]}… ({len(text):,} characters)"
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() or letter in _JOINERS else _visible(letter) for letter in text)
    if not text.isascii():
        text = _UNSEEN.sub(lambda found: "".join(_code(letter) for letter in found[0]), text)
    if "::" in text or "##" in text:
        text = _COMMAND.sub(lambda found: f"{found[0][0]} {found[0][1]}" if found[0] == "::" else "## ", text)
    return text


def markdown(text: str, most: int = MOST) -> str:
    """The text as Markdown that renders as exactly these characters, in a table cell as well: no markup, no link, no mention."""
    escaped = _MARKDOWN.sub(r"\\\g<0>", harmless(text, most))
    return _LINE_NUMBER.sub(r"\1\\\2", escaped).replace("@", "@&#8203;")


def code(text: str, most: int = MOST) -> str:
    """The text as a code span of Markdown, in a table cell as well."""
    shown = harmless(text, most)
    if _SAFE_IN_BACKTICKS.fullmatch(shown) and shown == shown.strip():
        return f"`{shown}`"
    return f"<code>{_CODE.sub(lambda found: f'&#{ord(found[0])};', shown)}</code>"


def _visible(letter: str) -> str:
    known = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    if letter in known:
        return known[letter]
    return " " if letter.isspace() and ord(letter) > 0x9F and ord(letter) not in (0x2028, 0x2029) else _code(letter)  # noqa: PLR2004  (spaces of typography; below are C0 and C1 controls)


def _code(letter: str) -> str:
    number = ord(letter)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"  # noqa: PLR2004  (the end of the basic plane)
