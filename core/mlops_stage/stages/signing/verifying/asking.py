"""From params to whom we believe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.evidence.paths import existing
from mlops_stage.evidence.required import parse
from mlops_stage.stages.signing.verifying.checking import Asked
from mlops_stage.stages.signing.verifying.identity import Expected
from mlops_stage.stages.signing.verifying.key import KeySigner, open_public_key
from mlops_stage.stages.signing.verifying.keyless import IdentitySigner
from mlops_stage.stages.signing.verifying.levels import Level
from mlops_stage.stages.signing.verifying.trust import open_trust, public_trust

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_stage.stages.signing.verifying.checking import Signer
    from mlops_stage.stages.signing.verifying.params import VerifyParams


def asked_of(params: VerifyParams, root: Path) -> Asked:
    """What must hold, as the params say.

    Raises:
        UsageError: nobody or two to believe, half of an identity, or a requirement that says nothing.
        InputError: a key or trust config that cannot be read or used.
        StageError: the public Sigstore's trusted root is not on this machine.
    """
    return Asked(
        signer=_signer(params, root),
        require=tuple(parse(text) for text in params.require),
        assurance=Level(params.assurance),
        conversions=frozenset(params.conversions),
    )


def _signer(params: VerifyParams, root: Path) -> Signer:
    both = "give key, or identity and issuer"
    named = [name for name in ("identity", "issuer", "repository") if getattr(params, name)]
    if params.key is not None and named:
        raise UsageError(f"key and {named[0]} name two signers", f"{both}, not both")
    trust = open_trust(existing(root, params.trust_config, "trust_config"), params.trust_config) if params.trust_config else None
    if params.key is not None:
        return KeySigner(key=open_public_key(existing(root, params.key, "key"), params.key), trust=trust)
    if params.identity is None or params.issuer is None:
        lacking = "nobody is named whose signature would be believed" if not named else f"{named[0]} alone names no signer"
        raise UsageError(lacking, both)
    expected = Expected(identity=params.identity, issuer=params.issuer, repository=params.repository or "")
    signer = IdentitySigner(expected, trust or public_trust())
    _ = signer.verifier  # a trusted root that cannot be used is no fault of the bundles
    return signer
