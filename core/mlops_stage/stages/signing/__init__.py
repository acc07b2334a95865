"""Stages `sign` and `verify`: who said so, and does it still hold."""

from __future__ import annotations

from mlops_stage.reporter import Reporter
from mlops_stage.stage import Stage

SIGN = Stage(
    name="sign",
    summary="Sign what the other stages found, and the model, with an identity or a key",
    params="mlops_stage.stages.signing.params:SignParams",
    act="mlops_stage.stages.signing.act:act",
    criteria="mlops_stage.stages.signing.signed:criteria",
    init="mlops_stage.stages.signing.init:sign",
    plan="mlops_stage.stages.signing.plan:plan",
    consumes=("*",),
    outputs={
        "attestations": "folder with the statements and their bundles, below the output directory",
        "signer": "identity or key that signed",
        "signed": "number of statements with a bundle that holds",
        "level": "what the weakest signature shows: key, stamped, logged, identity, public_identity",
    },
    reproducible=False,
    needs=("oidc", "network"),
    extra="sign",
)
ATTESTATIONS = Reporter(
    name="attestations",
    summary="attestations/, each report as an in-toto statement, unsigned",
    render="mlops_stage.stages.signing.reporter:render",
    evidence=True,
    stale="mlops_stage.stages.signing.reporter:stale",
    carried="mlops_stage.stages.signing.reporter:carried",
)
VERIFY = Stage(
    name="verify",
    summary="Check before deploy that the files are those that were tested, and who says so",
    params="mlops_stage.stages.signing.verifying.params:VerifyParams",
    measure="mlops_stage.stages.signing.verify:measure",
    criteria="mlops_stage.stages.signing.criteria:verified",
    init="mlops_stage.stages.signing.init:verify",
    plan="mlops_stage.stages.signing.verifying.plan:plan",
    consumes=("*", "sign"),
    outputs={
        "statements": "number of statements that hold",
        "refused": "number of bundles and files that are refused",
        "level": "what the weakest signature shows: key, stamped, logged, identity, public_identity; none where nothing holds",
    },
    extra="verify",
)
