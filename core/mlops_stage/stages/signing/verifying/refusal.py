"""Why something is not believed."""

from __future__ import annotations


class RefusalError(Exception):
    """One statement or file is refused, and why; it costs that statement or file, never the whole stage."""

    def __init__(self, rule: str, message: str, hint: str = "", files: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.rule = rule
        """`verify/<reason>`; each has its section in the reference."""
        self.message = message
        self.hint = hint
        self.files = files
        """Names of the files that it is about; none where it is about a bundle or a requirement."""
