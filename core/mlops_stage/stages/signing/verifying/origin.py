"""Who signed a statement, and what shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A signature that holds."""

    signer: str
    """The identity, or `key <digest>`."""
    issuer: str = ""
    """Who vouched for the identity; empty where a key of one's own signed."""
    public: bool = False
    """The identity was confirmed by the public Sigstore, not by an instance of one's own."""
    moments: tuple[datetime, ...] = ()
    """When the signature existed, as somebody else vouches."""
    logged: bool = False
    """A log that is trusted holds it."""
    unchecked: tuple[str, ...] = ()
    """What the bundle holds besides and nobody looked at, for want of a trust config."""
