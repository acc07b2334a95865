"""The further commands of the stage `data`."""

from __future__ import annotations

from mlops_stage.stage import Command

SYNTH = Command(
    summary="Write a first contract from a table, with a comment on every rule",
    params="mlops_stage.stages.data.params:SynthParams",
    run="mlops_stage.stages.data.synth:run",
)
LINT = Command(
    summary="Check a contract, and tell what it demands in plain sentences",
    params="mlops_stage.stages.data.params:LintParams",
    run="mlops_stage.stages.data.lint:run",
)
PROFILE = Command(
    summary="Write the statistics of a table, from which later data must not drift",
    params="mlops_stage.stages.data.params:ProfileParams",
    run="mlops_stage.stages.data.profiling:run",
)
