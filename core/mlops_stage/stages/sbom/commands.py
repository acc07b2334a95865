"""The further commands of the stage `sbom`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mlops_stage.fields import ARGUMENT, PATH
from mlops_stage.params import Verb
from mlops_stage.stage import Command

DIFF = Command(
    summary="Tell what changed between two bills of materials: models, figures, data, libraries",
    params="mlops_stage.stages.sbom.commands:DiffParams",
    run="mlops_stage.stages.sbom.diff:run",
)
LINT = Command(
    summary="Check a CycloneDX file of any tool: its schema, and what the schema cannot see",
    params="mlops_stage.stages.sbom.commands:LintParams",
    run="mlops_stage.stages.sbom.linting:run",
)


class DiffParams(Verb):
    """`mlops-stage sbom diff BEFORE AFTER`."""

    before: Annotated[str, Field(description="the earlier document", json_schema_extra={**ARGUMENT, **PATH})]
    after: Annotated[str, Field(description="the later document", json_schema_extra={**ARGUMENT, **PATH})]
    fail_on_change: Annotated[bool, Field(description="exit with code 1 when anything changed")] = False


class LintParams(Verb):
    """`mlops-stage sbom lint SOURCE`."""

    source: Annotated[str, Field(description="document to check, CycloneDX in JSON", json_schema_extra={**ARGUMENT, **PATH})]
    spec: Annotated[
        Literal["1.6", "1.7"] | None, Field(description="version of CycloneDX that it should have; unset: the one it names")
    ] = None
    fail_on: Annotated[Literal["error", "warning"], Field(description="level of findings from which on the exit code is 1")] = "error"
