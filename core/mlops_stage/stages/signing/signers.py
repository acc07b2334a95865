"""What a signer is: a key of one's own, or an identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mlops_stage.errors import StageError
from mlops_stage.stages.signing.verifying import bundle as bundles
from mlops_stage.stages.signing.verifying.refusal import RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlops_stage.stages.signing.gathering import Item
    from mlops_stage.stages.signing.verifying.bundle import Bundle
    from mlops_stage.stages.signing.verifying.origin import Origin


class OutageError(StageError):
    """A service did not answer, or not as it should; what was signed before is kept (exit 3)."""


class Signer(Protocol):
    """Makes bundles, and checks its own."""

    @property
    def remarks(self) -> Sequence[str]:
        """What a reader should know of the services it uses."""
        ...

    def check(self, statement: bytes, bundle: bytes) -> Origin:
        """Who signed, if the bundle carries this very statement and all of it holds, and no less than what this signer makes.

        Raises:
            RefusalError: why it does not.
        """
        ...

    def keeps(self, origin: Origin) -> bool:
        """Whether a bundle of that signer, which holds, is as good as one that would be made now.

        Raises:
            OutageError: nobody says who would sign now.
            StageError: nobody would.
        """
        ...

    def sign(self, items: Sequence[Item], finished: Callable[[Item, bytes], None]) -> None:
        """Sign all of them and hand each bundle over as soon as it is there.

        Raises:
            OutageError: a service failed; items that were handed over stay good.
            StageError: a service says no.
        """
        ...


def read(statement: bytes, raw: bytes) -> Bundle:
    """A bundle of this very statement.

    Raises:
        RefusalError: it is none, or carries another.
    """
    found = bundles.read(raw, "the bundle")
    if found.payload != statement:
        raise RefusalError("verify/statement", "the bundle carries another statement")
    return found
