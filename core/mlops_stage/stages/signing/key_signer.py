"""Signing with a key: the bundles, what others confirm of them, and the proof that they hold."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mlops_stage.errors import InputError, UsageError
from mlops_stage.evidence.paths import existing, relative
from mlops_stage.stages.signing import dsse, keys, signers, waiting
from mlops_stage.stages.signing.services import Services, services_of
from mlops_stage.stages.signing.verifying import key as public_key
from mlops_stage.stages.signing.verifying.refusal import RefusalError
from mlops_stage.stages.signing.verifying.trust import Trust, open_trust

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from mlops_stage.stages.signing.gathering import Item
    from mlops_stage.stages.signing.params import SignParams
    from mlops_stage.stages.signing.verifying.origin import Origin
    from mlops_stage.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class KeySigner:
    """Signs with a key of one's own; the key never leaves this process."""

    key: EllipticCurvePrivateKey = field(repr=False)
    trust: Trust | None
    services: Services
    worker: waiting.Worker

    @property
    def remarks(self) -> Sequence[str]:
        """See `Signer`."""
        old = "the trust config names a log of version 1 only, which would be sent the whole statement: it was not asked"
        return (old,) if self.services.old_log else ()

    def check(self, statement: bytes, bundle: bytes) -> Origin:
        """See `Signer`."""
        origin = public_key.KeySigner(key=self.key.public_key(), trust=self.trust).verify(signers.read(statement, bundle))
        if (self.services.stamps and not origin.moments) or (self.services.log and not origin.logged):
            raise RefusalError("verify/assurance", "the bundle lacks a time stamp or a log entry that this run would add")
        return origin

    def keeps(self, origin: Origin) -> bool:
        """See `Signer`: `check` believes this key alone."""
        del origin
        return True

    def sign(self, items: Sequence[Item], finished: Callable[[Item, bytes], None]) -> None:
        """See `Signer`."""
        signatures = {item.name: keys.signature(item.content, self.key) for item in items}
        hint = keys.hint(self.key.public_key())
        if not self.services.stamps and not self.services.log:
            for item in items:
                finished(item, dsse.key_bundle(item.content, signatures[item.name], dsse.Material(hint=hint)))
            return
        named = {item.name: item for item in items}
        for result in self.worker.results(self._job(items, signatures)):
            if "name" in result:
                item = named[result["name"]]
                stamps = tuple(base64.b64decode(stamp) for stamp in result["stamps"])
                material = dsse.Material(hint=hint, entries=result["entries"], stamps=stamps)
                finished(item, dsse.key_bundle(item.content, signatures[item.name], material))

    def _job(self, items: Sequence[Item], signatures: Mapping[str, bytes]) -> dict[str, Any]:
        public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        listed = [
            {"name": item.name, "statement": dsse.encoded(item.content), "signature": dsse.encoded(signatures[item.name])} for item in items
        ]
        return {
            "verb": "endorse",
            "public": dsse.encoded(public),
            "stamps": self.services.stamps,
            "log": self.services.log,
            "items": listed,
        }


def from_params(params: SignParams, workspace: Workspace) -> KeySigner:
    """The signer of the key that was named.

    Raises:
        UsageError: no such file or variable, or a key of another kind.
        InputError: it cannot be opened, or a trust config that cannot be read.
    """
    path = existing(workspace.root, params.key or "", "key")
    password = None
    if params.key_password_env:
        password = workspace.env.get(params.key_password_env)
        if not password:
            raise UsageError(
                "key_password_env: there is no such variable, or it is empty", "give the name of the variable, not the password"
            )
    trust, services = None, Services()
    if params.trust_config:
        config = existing(workspace.root, params.trust_config, "trust_config")
        trust = open_trust(config, params.trust_config)
        try:
            services = services_of(config.read_bytes(), workspace.clock())
        except RefusalError as error:
            raise InputError(f"trust_config: {error.message}", "give Sigstore's client trust config, as JSON") from error
        if services.unbelieved(trust):
            raise InputError(f"trust_config names a {services.unbelieved(trust)} to ask, and none to trust", "mend its trusted root")
    key = keys.open_key(path, relative(workspace.root, path), password)
    return KeySigner(key=key, trust=trust, services=services, worker=waiting.worker_of(params, workspace))
