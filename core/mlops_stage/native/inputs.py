"""What a native step may be given, in one neutral form for every CI system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_stage.fields import describe
from mlops_stage.params import RUN_WIDE, RunWide

if TYPE_CHECKING:
    from mlops_stage.fields import Field, Kind
    from mlops_stage.host import Catalogue
    from mlops_stage.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Input:
    """One input of a native step.

    None is required and each is empty when unset: mlops.yaml may hold the value, and the real defaults stand in one place, behind the command line.
    """

    name: str
    """With hyphens: `row-id`."""
    variable: str
    """The environment variable that carries it."""
    help: str
    kind: Kind = "text"
    choices: tuple[str, ...] = ()
    default: str = ""
    """What holds when it is unset, for people to read."""


CONFIG = Input(name="config", variable="MLOPS_INPUT_CONFIG", help="config file", default="mlops.yaml, if there is one")
OUT = Input(name="out", variable="MLOPS_INPUT_OUT", help="output directory", default="mlops-out")
REPORTS = Input(
    name="reports", variable="MLOPS_INPUT_REPORTS", help="output directories of earlier jobs whose reports this one reads, joined by colons"
)
ID = Input(name="id", variable="MLOPS_INPUT_ID", help="id of this run and its output folder, so that two of one stage never meet")
IF_CHANGED = Input(
    name="if-changed",
    variable="MLOPS_INPUT_IF_CHANGED",
    help="pass over a stage if nothing has changed that its earlier report, in the output directory or in reports, was made from",
    kind="flag",
)
FROM = Input(
    name="from",
    variable="MLOPS_INPUT_FROM",
    help="output directories of earlier jobs, or patterns such as reports/*; several are joined by commas",
    kind="list",
)
REQUIRE = Input(
    name="require",
    variable="MLOPS_INPUT_REQUIRE",
    help="ids that must be there and must have passed, as in data,fairness=inconclusive, or predicate types; joined by commas, or a JSON list",
    kind="list",
)
STAGES = Input(name="stages", variable="MLOPS_INPUT_STAGES", help="ids of mlops.yaml to run, joined by commas", default="all of them")

PYTHON = Input(
    name="python", variable="MLOPS_STAGE_PYTHON", help="interpreter to run with, 3.11 or newer", default="the newest that is found"
)
REQUIREMENTS = Input(
    name="requirements",
    variable="MLOPS_STAGE_REQUIREMENTS",
    help="file with your own plugins, each pinned with its hashes (pip's --require-hashes)",
)
WHEELS = Input(name="wheels", variable="MLOPS_STAGE_WHEELS", help="folder of wheels to install from, without any network")
BOOTSTRAP = (PYTHON, REQUIREMENTS, WHEELS)
"""What only concerns how the command is installed."""


def of_stage(catalogue: Catalogue, stage: Stage) -> tuple[Input, ...]:
    """Inputs of the step that runs one stage: its params, then those of the invocation."""
    return (*(_input(item) for item in catalogue.fields(stage.name) if not item.argument), ID, CONFIG, OUT, REPORTS, IF_CHANGED)


def of_run() -> tuple[Input, ...]:
    """Inputs of the step that runs what mlops.yaml names: which ids, then what all stages share."""
    return (STAGES, CONFIG, OUT, REPORTS, IF_CHANGED, *(_input(item) for item in describe(RunWide) if item.name in RUN_WIDE))


def of_merge() -> tuple[Input, ...]:
    """Inputs of the step that makes one page and one verdict of what separate jobs reported."""
    return (FROM, REQUIRE, OUT)


def _input(item: Field) -> Input:
    shown = ",".join(map(str, item.default)) if isinstance(item.default, tuple | list) else str(item.default)
    unset = item.default in (None, "", (), []) or item.kind == "mapping"
    several = ("; one per line, or a JSON list" if item.lines else "; joined by commas, or a JSON list") if item.kind == "list" else ""
    return Input(
        name=item.kebab,
        variable=item.variable,
        help=item.help + several,
        kind=item.kind,
        choices=item.choices,
        default="" if unset else shown,
    )
