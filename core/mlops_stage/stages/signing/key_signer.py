"""Signing with a key: the bundles, and the proof that they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from mlops_stage.errors import InputError, UsageError
from mlops_stage.evidence.paths import existing, relative
from mlops_stage.stages.signing import dsse, keys
from mlops_stage.stages.signing.signers import Signed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from mlops_stage.stages.signing.gathering import Item
    from mlops_stage.stages.signing.params import SignParams
    from mlops_stage.workspace import Workspace


class KeySigner:
    """Signs with a key of one's own."""

    def __init__(self, key: EllipticCurvePrivateKey) -> None:
        self._key = key
        self._public = key.public_key()
        self.who = f"key {keys.hint(self._public)[:16]}"

    def check(self, statement: bytes, bundle: bytes) -> Signed:
        """See `Signer`."""
        if dsse.payload_of(bundle) != statement:
            raise InputError("it carries another statement", "sign again")
        try:
            self._public.verify(dsse.signature_of(bundle), dsse.pae(statement), ec.ECDSA(SHA256()))
        except InvalidSignature as error:
            raise InputError("its signature is not of this key", "sign again") from error
        return Signed(who=self.who, stamped=False, logged=False)

    def sign(self, items: Sequence[Item], finished: Callable[[Item, bytes], None]) -> None:
        """See `Signer`."""
        for item in items:
            finished(item, keys.sign_with_key(item.content, self._key))


def from_params(params: SignParams, workspace: Workspace) -> KeySigner:
    """The signer of the key that was named.

    Raises:
        UsageError: no such file or variable, or a key of another kind.
        InputError: it cannot be opened.
    """
    path = existing(workspace.root, params.key or "", "key")
    password = None
    if params.key_password_env:
        password = workspace.env.get(params.key_password_env)
        if not password:
            raise UsageError(
                "key_password_env: there is no such variable, or it is empty", "give the name of the variable, not the password"
            )
    return KeySigner(keys.open_key(path, relative(workspace.root, path), password))
