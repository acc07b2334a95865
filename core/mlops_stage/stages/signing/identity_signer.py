"""Signing with the identity of a CI job, through Sigstore: the bundles, and the proof that they hold."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography import x509

from mlops_stage.errors import InputError, StageError, UsageError
from mlops_stage.evidence.paths import existing
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing import dsse, signers, tokens, waiting
from mlops_stage.stages.signing.regular import read_secret
from mlops_stage.stages.signing.services import services_of
from mlops_stage.stages.signing.verifying import trust as trusting
from mlops_stage.stages.signing.verifying.identity import UNREADABLE, Expected, identity_of, issuer_of
from mlops_stage.stages.signing.verifying.keyless import IdentitySigner as Verifier
from mlops_stage.stages.signing.verifying.refusal import RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from mlops_stage.stages.signing.gathering import Item
    from mlops_stage.stages.signing.params import SignParams
    from mlops_stage.stages.signing.verifying.bundle import Bundle
    from mlops_stage.stages.signing.verifying.origin import Origin
    from mlops_stage.workspace import Workspace

_MOST_TOKEN_BYTES = 64 * 1024
_CONFIG_HINT = "give Sigstore's client trust config, as JSON: both halves, the trusted root and the signing config"


@dataclass(frozen=True, kw_only=True)
class IdentitySigner:
    """Signs as whoever the token names; the token is handed to the worker and to nobody else."""

    token: str = field(repr=False)
    """Empty where the worker shall ask the CI system."""
    ambient: bool
    given: str = field(repr=False)
    """The trust config, JSON; empty for the public Sigstore."""
    worker: waiting.Worker
    _verifiers: dict[Expected, Verifier] = field(default_factory=dict, repr=False)
    """For each identity that a bundle names: making one is dear, and almost always it is the same."""

    @cached_property
    def config(self) -> str:
        """The trust config; that of the public Sigstore is fetched when it is first asked for.

        Raises:
            OutageError: it cannot be fetched.
        """
        if self.given:
            return self.given
        for result in self.worker.results({"verb": "config"}):
            return str(result["config"])
        raise StageError("the trust config of the public Sigstore did not come", "give trust_config: a file")

    @property
    def remarks(self) -> Sequence[str]:
        """See `Signer`."""
        services = json.loads(self.config)["signingConfig"]
        said = []
        if any(service.get("majorApiVersion") == 1 for service in services.get("rekorTlogUrls", ())):
            said.append("the log is sent whole statements (its version is 1), and keeps their digests")
        said += [f"the token goes to {shown(url)} without encryption" for url in _plain(services.get("caUrls", ()))]
        return said

    def check(self, statement: bytes, bundle: bytes) -> Origin:
        """See `Signer`."""
        found = signers.read(statement, bundle)
        named = _named_by(found)
        verifier = self._verifiers.setdefault(named, Verifier(named, self._trust))
        return verifier.verify(found)

    def keeps(self, origin: Origin) -> bool:
        """See `Signer`; where it cannot be seen that the token is of that very identity, the statement is signed again."""
        return origin.signer in self._names["identities"] and origin.issuer in self._names["issuers"]

    def sign(self, items: Sequence[Item], finished: Callable[[Item, bytes], None]) -> None:
        """See `Signer`."""
        named = {item.name: item for item in items}
        job = {
            "verb": "identity",
            "config": self.config,
            "token": self.token,
            "ambient": self.ambient,
            "items": [{"name": item.name, "statement": dsse.encoded(item.content)} for item in items],
        }
        for result in self.worker.results(job, self._get_ready):
            if "name" in result:
                finished(named[result["name"]], result["bundle"].encode() + b"\n")

    def _get_ready(self) -> None:
        """Have sigstore's verifier at hand, and a trusted root that it can use, by the time that the first bundle comes."""
        _ = Verifier(Expected(identity="", issuer=""), self._trust).verifier

    @cached_property
    def _names(self) -> Mapping[str, Sequence[str]]:
        """Whom the token names; the worker asks the CI system for it."""
        if self.token:
            return tokens.names(self.token)
        for result in self.worker.results({"verb": "names", "token": "", "ambient": self.ambient}):
            return {name: [str(one) for one in result[name]] for name in ("identities", "issuers")}
        raise StageError("it was not said whose identity token this is", "give identity_token_file or identity_token_env")

    @cached_property
    def _trust(self) -> trusting.Trust:
        return trusting.from_json(self.config.encode())


def _plain(services: Sequence[Mapping[str, str]]) -> list[str]:
    """Addresses that are read without encryption, but for those on this machine."""
    asked = [urlsplit(service["url"]) for service in services]
    return [one.geturl() for one in asked if one.scheme != "https" and one.hostname not in {"localhost", "127.0.0.1", "::1"}]


def _named_by(bundle: Bundle) -> Expected:
    """Whom the certificate itself names: whether it is the right one is for who verifies to say."""
    if bundle.certificate is None:
        raise RefusalError("verify/other-signer", "a key signed the bundle")
    try:
        certificate = x509.load_der_x509_certificate(bundle.certificate)
        return Expected(identity=identity_of(certificate), issuer=issuer_of(certificate))
    except UNREADABLE as error:
        raise RefusalError("verify/certificate", "the signer's certificate cannot be read") from error
    except UsageError as error:
        raise RefusalError("verify/no-identity", error.message) from error


def from_params(params: SignParams, workspace: Workspace) -> IdentitySigner:
    """The signer of the identity that a token proves.

    Raises:
        UsageError: no token and no leave to ask for one, or no such file or variable.
        InputError: a token file or trust config that cannot be read.
    """
    given = ""
    if params.trust_config:
        given = _config(existing(workspace.root, params.trust_config, "trust_config"), params.trust_config, workspace.clock())
    return IdentitySigner(token=_token(params, workspace), ambient=params.ambient, given=given, worker=waiting.worker_of(params, workspace))


def _token(params: SignParams, workspace: Workspace) -> str:
    """From the file, else from the variable; empty where the CI system is to be asked."""
    if params.identity_token_file:
        path = existing(workspace.root, params.identity_token_file, "identity_token_file")
        try:
            found = read_secret(path, _MOST_TOKEN_BYTES).decode("ascii").strip()
        except (OSError, UnicodeDecodeError):
            # neither shown nor chained: the error may hold a part of the token
            raise InputError(
                f"cannot read a token from {shown(params.identity_token_file)}", "it should hold one JWT and nothing else"
            ) from None
        if not found:
            raise InputError(f"{shown(params.identity_token_file)} is empty", "it should hold one JWT and nothing else")
        return found
    if params.identity_token_env:
        found = workspace.env.get(params.identity_token_env, "").strip()
        if not found:
            raise UsageError(
                "identity_token_env: there is no such variable, or it is empty", "give the name of the variable, not the token"
            )
        return found
    if params.ambient:
        return ""
    raise UsageError(
        "there is nothing to sign with",
        "give key: a PEM file; or the identity of this job: identity_token_file, identity_token_env, or ambient: true to ask the CI system",
    )


def _config(path: Path, name: str, now: datetime) -> str:
    """The trust config, if the worker can use it; sigstore is not asked here, for it takes as long to come as the worker."""
    trust = trusting.open_trust(path, name)
    content = path.read_bytes()
    try:
        found = services_of(content, now)
    except RefusalError as error:
        raise InputError(f"{shown(name)} names no services to sign with: {error.message}", _CONFIG_HINT) from error
    if not found.certificates or not (found.log or found.old_log):
        lacking = "it lacks a certificate authority or a log that is in use now"
        raise InputError(f"{shown(name)} names no services to sign with: {lacking}", _CONFIG_HINT)
    if found.unbelieved(trust):
        raise InputError(f"{shown(name)} names a {found.unbelieved(trust)} to ask, and none to trust", _CONFIG_HINT)
    return content.decode()
