"""What the stage `sign` is asked."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mlops_stage.fields import EXECUTION, NAMES_VARIABLE, PATH
from mlops_stage.params import Model, Params

_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"

TrustConfig = Annotated[
    str | None,
    Field(
        description="Sigstore's client trust config (JSON): which services sign, and whom to trust; unset: the public ones",
        json_schema_extra=PATH,
    ),
]


class SignParams(Params):
    """Give `key`, or of an identity one of `identity_token_file`, `identity_token_env` and `ambient`."""

    model: Annotated[
        Model, Field(description="model that is signed as well: of a folder, every file, in the format of OpenSSF Model Signing")
    ] = None
    key: Annotated[
        str | None,
        Field(description="PEM file with an ECDSA key on P-256 to sign with, instead of an identity", json_schema_extra=PATH),
    ] = None
    key_password_env: Annotated[
        str | None,
        Field(description="environment variable with the password of the key", pattern=_VARIABLE, json_schema_extra=NAMES_VARIABLE),
    ] = None
    identity_token_file: Annotated[
        str | None, Field(description="file with the identity token (a JWT) of this job", json_schema_extra=PATH)
    ] = None
    identity_token_env: Annotated[
        str | None,
        Field(
            description="environment variable with the identity token of this job, such as SIGSTORE_ID_TOKEN",
            pattern=_VARIABLE,
            json_schema_extra=NAMES_VARIABLE,
        ),
    ] = None
    ambient: Annotated[
        bool, Field(description="ask the CI system for an identity token: GitHub, GitLab, Buildkite, CircleCI, Google Cloud, Tekton")
    ] = False
    trust_config: TrustConfig = None
    deadline: Annotated[
        int, Field(gt=0, le=3600, description="seconds after which no service is waited for any longer", json_schema_extra=EXECUTION)
    ] = 300

    def spared(self) -> frozenset[str]:
        """No identity token where none is asked of the CI system, and no way to the network where a key signs alone."""
        alone = self.key and not self.trust_config
        return frozenset({*(() if self.ambient else ("oidc",)), *(("network",) if alone else ())})
