"""How much a signature shows, in words."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_stage.stages.signing.verifying.origin import Origin


class Level(StrEnum):
    """From the least to the most."""

    KEY = "key"
    STAMPED = "stamped"
    LOGGED = "logged"
    PRIVATE = "identity"
    PUBLIC = "public_identity"

    @property
    def rank(self) -> int:
        """Higher shows more."""
        return list(Level).index(self)


WORDS = {
    Level.KEY: "somebody who has the private key signed this, and nothing shows who or when; whoever has the key can sign and deny it",
    Level.STAMPED: "somebody who has the private key signed this, and a time-stamping authority confirms when; nothing shows who",
    Level.LOGGED: "somebody who has the private key signed this, and a log that is trusted holds the signature, so that it cannot be made in secret",
    Level.PRIVATE: "an identity signed this that your own Sigstore instance confirmed at that time, and its log holds the signature",
    Level.PUBLIC: "an identity signed this that the public Sigstore confirmed at that time, and a log that everybody can read holds the signature",
}


def level_of(origin: Origin) -> Level:
    """What a signature that holds shows."""
    if origin.issuer:
        return Level.PUBLIC if origin.public else Level.PRIVATE
    if origin.logged:
        return Level.LOGGED
    return Level.STAMPED if origin.moments else Level.KEY


def least(origins: Iterable[Origin]) -> Level | None:
    """The level of all together: that of the weakest; None of none."""
    return min((level_of(origin) for origin in origins), key=lambda level: level.rank, default=None)
