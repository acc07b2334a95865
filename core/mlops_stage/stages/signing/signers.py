"""What a signer is: a key of one's own, or an identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mlops_stage.errors import StageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlops_stage.stages.signing.gathering import Item


class OutageError(StageError):
    """A service did not answer, or not as it should; what was signed before is kept (exit 3)."""


@dataclass(frozen=True, kw_only=True)
class Signed:
    """What a verified bundle says."""

    who: str
    """The identity and its issuer, or the key, in words: `key 3f1a…`."""
    stamped: bool
    """Whether an authority vouches for the time."""
    logged: bool
    """Whether it stands in a transparency log."""


class Signer(Protocol):
    """Makes bundles, and checks its own."""

    def check(self, statement: bytes, bundle: bytes) -> Signed:
        """What the bundle says, if it carries this very statement and all of it holds.

        Raises:
            StageError: it does not; the message says why.
        """
        ...

    def sign(self, items: Sequence[Item], finished: Callable[[Item, bytes], None]) -> None:
        """Sign all of them and hand each bundle over as soon as it is there.

        Raises:
            OutageError: a service failed; items that were handed over stay good.
        """
        ...
