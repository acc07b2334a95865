"""What the stage `data` and its further commands are asked."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mlops_stage.fields import ARGUMENT, PATH
from mlops_stage.params import Contract, Data, Params, Profile, RowId, Sensitive, TextList, Train, Verb

Table = Annotated[str | None, Field(description="name of the table in a contract that declares several")]
Now = Annotated[
    str | None,
    Field(
        description="time that freshness is measured from, such as 2026-01-31T12:00:00Z, so that a run can be repeated; unset: the clock"
    ),
]


class DataParams(Params):
    """Give `data`; and what it is held against: `contract`, `profile`, `train`."""

    data: Data = None
    contract: Contract = None
    table: Table = None
    profile: Profile = None
    train: Train = None
    row_id: RowId = None
    keys: Annotated[TextList, Field(description="columns whose values must not stand both in data and in train, such as patient_id")] = ()
    sensitive: Sensitive = ()
    reveal: Annotated[bool, Field(description="show the values of failing cells in evidence; without it only their shape")] = False
    now: Now = None


class SynthParams(Verb):
    """`mlops-stage data contract synth [SOURCE]`."""

    source: Annotated[
        str | None, Field(description="table to learn from; unset: data of mlops.yaml", json_schema_extra={**ARGUMENT, **PATH})
    ] = None
    data: Data = None
    output: Annotated[str, Field(description="file to write", json_schema_extra=PATH)] = "contract.odcs.yaml"
    profile: Profile = None
    label: Annotated[str | None, Field(description="column with the truth: the shares of its classes are declared too")] = None
    row_id: RowId = None
    sensitive: Sensitive = ()
    force: Annotated[bool, Field(description="replace a contract that is there already")] = False


class LintParams(Verb):
    """`mlops-stage data contract lint [SOURCE]`."""

    source: Annotated[
        str | None, Field(description="contract to check; unset: contract of mlops.yaml", json_schema_extra={**ARGUMENT, **PATH})
    ] = None
    contract: Contract = None
    data: Data = None
    table: Table = None


class ProfileParams(Verb):
    """`mlops-stage data profile [SOURCE]`."""

    source: Annotated[
        str | None, Field(description="table to profile; unset: data of mlops.yaml", json_schema_extra={**ARGUMENT, **PATH})
    ] = None
    data: Data = None
    output: Annotated[str, Field(description="file to write", json_schema_extra=PATH)] = "profile.json"
    contract: Contract = None
    table: Table = None
    sensitive: Sensitive = ()
