"""What the stage `verify` is asked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mlops_stage.fields import PATH
from mlops_stage.params import DemandList, Model, Params, TextList
from mlops_stage.stages.signing.params import TrustConfig


class VerifyParams(Params):
    """Give `key`, or `identity` and `issuer`: whom you believe; and `model`, what is to be deployed."""

    model: Annotated[Model, Field(description="what is to be deployed: a file of any format, or a folder with every file in it")] = None
    bundles: Annotated[
        str | None,
        Field(
            description="folder with the signed statements (*.sigstore.json, *.jsonl, model.sig), or one such file; unset: those of this run",
            json_schema_extra=PATH,
        ),
    ] = None
    key: Annotated[
        str | None, Field(description="PEM file with the public key that must have signed (ECDSA on P-256)", json_schema_extra=PATH)
    ] = None
    identity: Annotated[
        str | None,
        Field(
            description="who must have signed, exactly: the workflow's file and branch as its certificate names it, or an e-mail address"
        ),
    ] = None
    issuer: Annotated[
        str | None,
        Field(description="who must have confirmed that identity, exactly, such as https://token.actions.githubusercontent.com"),
    ] = None
    repository: Annotated[
        str | None, Field(description="repository for which the workflow must have run, where several repositories share one workflow")
    ] = None
    trust_config: TrustConfig = None
    require: Annotated[
        DemandList,
        Field(
            description="statements that must be there: run ids, as in data,fairness=inconclusive (passed if unsaid), or predicate types"
        ),
    ] = ()
    conversions: Annotated[
        TextList,
        Field(
            description="build types (SLSA) of builds that keep what a model does, such as those of your compiler: reports on what they "
            "were made from count then"
        ),
    ] = ()
    assurance: Annotated[
        Literal["key", "stamped", "logged", "identity", "public_identity"],
        Field(description="the least that each signature must show"),
    ] = "key"
