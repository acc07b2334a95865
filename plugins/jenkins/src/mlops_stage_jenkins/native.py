"""A Jenkins shared library: one step for each stage over one that knows every input, and the scripts that install the command."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

from mlops_stage.native import bootstrapping, inputs, text
from mlops_stage_jenkins.emission import SENTENCE, TESTS, WARNINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlops_stage.adapter import Layout
    from mlops_stage.host import Catalogue
    from mlops_stage.native.inputs import Input

_FOLDER = "plugins/jenkins/"
_SOURCE = ("source", "folder in the workspace with a checkout of {0}, to install from")
_SHARED = "Run the stage that `stage` names"
_OPTIONAL = " All inputs are optional; mlops.yaml may hold their values."
_SWITCHES = (
    ("publish", "false: publish no report of this call"),
    ("returnStatus", "true: give the map back whatever the exit code is; the pipeline decides"),
)
_JOINED = {inputs.STAGES: ",", inputs.REPORTS: ":"}
"""Texts that are lists to a pipeline, and what joins them."""
RUN, MERGE = "run", "merge"
"""What `mlopsStage` runs when no stage is named; and what makes one page of reports from several agents."""


def native(catalogue: Catalogue, layout: Layout) -> dict[str, str]:
    """`vars/` and `resources/`: below `plugins/jenkins` in our own repository (the library's `libraryPath`), elsewhere at the top."""
    folder = _FOLDER if layout.kind == "project" else ""
    shared = _shared(layout, catalogue.stages)
    offered = {stage.name: inputs.of_stage(catalogue, stage) for stage in catalogue.stages.values()}
    told = {stage.name: (f"{stage.summary}.", stage.outputs) for stage in catalogue.stages.values()}
    if layout.distribution == "mlops-stage":
        offered = {RUN: inputs.of_run(), **offered, MERGE: inputs.of_merge()}
        told[MERGE] = ("Make one page and one verdict of the output directories of several agents.", {})
    made = {
        f"vars/{shared}.groovy": _library(layout, offered, catalogue),
        f"vars/{shared}.txt": _page(
            layout, shared, f"{_SHARED}{', or what mlops.yaml names' * (RUN in offered)}.", offered.get(RUN, ()), {}
        ),
    }
    for name, (summary, outputs) in told.items():
        step = camel(f"mlops_{name}")
        made[f"vars/{step}.groovy"] = text.heading(layout, "// ") + _step(name, summary, shared)
        made[f"vars/{step}.txt"] = _page(layout, step, summary, offered[name], outputs)
    if _installs(layout):
        made |= {f"resources/{_package(layout)}/{name}": script for name, script in bootstrapping.texts(layout).items()}
    return {folder + path: content for path, content in made.items()}


def _shared(layout: Layout, stages: Iterable[str]) -> str:
    """The step that all others call: named after the distribution, and by one word more where the step of a stage has that name."""
    name = camel(layout.distribution.lower())  # a capital would make it a class
    return name + "Stages" * (name in {camel(f"mlops_{stage}") for stage in stages})


def camel(name: str) -> str:
    """As Groovy writes names: `row_id` is `rowId`."""
    first, *rest = re.split(r"[-_.]+", name)
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def _step(name: str, summary: str, shared: str) -> str:
    told = summary.replace("*/", "* /")
    body = f"    given = {shared}.plain(given)\n    return {shared}.one('{name}', given)\n"
    return f"\n/** {told} */\nMap<String, Object> call(Map<Object, Object> given = [:]) {{\n{body}}}\n"


def _library(layout: Layout, offered: Mapping[str, Sequence[Input]], catalogue: Catalogue) -> str:
    """The step that all others call, with what this layout installs and the table of all inputs written in."""
    source = (files("mlops_stage_jenkins") / "library.groovy").read_text(encoding="utf-8")
    own = [*(("source", "text"),) * _from_checkout(layout), *((name, "true or false") for name, _ in _SWITCHES)]
    places = {
        "RESOURCES": _package(layout),
        "ABSENT": _absent(layout),
        "NEEDED": _needed(layout),
        "SAY": "say source too" if _from_checkout(layout) else "this library installs nothing",
        "TESTS": TESTS,
        "WARNINGS": WARNINGS,
        "SENTENCE": SENTENCE,
        "OWN": "[" + ", ".join(f"{name}: [{quoted(kind)}]" for name, kind in own) + "]",
        "INSTALLING": ", ".join(quoted(item.name) for item in inputs.BOOTSTRAP),
        "ORIGIN": _origin(layout),
        "SETTINGS": _settings(catalogue),
        "TABLE": "\n".join(_row(name, every) for name, every in offered.items()),
    }
    for name, value in places.items():
        source = source.replace(f"@{name}@", value)
    return text.heading(layout, "// ") + source


def _row(stage: str, every: Iterable[Input]) -> str:
    """One stage of the table.

    Raises:
        ValueError: two inputs have one name in Groovy.
    """
    names = {camel(item.name): item for item in every}
    if len(names) != len(list(every)):
        raise ValueError(f"two inputs of '{stage}' have one name in Groovy")
    told = {name: (_kind(item), item.variable, *_JOINED.get(item, "")) for name, item in names.items()}
    lines = [f"            {name}: [{', '.join(map(quoted, row))}]," for name, row in told.items()]
    return "\n".join([f"        {stage}: [", *lines, "        ],"])


def _kind(item: Input) -> str:
    return "list" if item in _JOINED else item.kind


def _settings(catalogue: Catalogue) -> str:
    """What the step of a stage sets for the scripts, by stage, where it sets anything."""
    told = {stage.name: bootstrapping.settings(stage) for stage in catalogue.stages.values()}
    rows = [
        f"{name}: [" + ", ".join(quoted(f"{key}={value}") for key, value in given.items()) + "]" for name, given in told.items() if given
    ]
    return "[" + (", ".join(rows) or ":") + "]"


def _from_checkout(layout: Layout) -> bool:
    return layout.kind != "vendor"


def _installs(layout: Layout) -> bool:
    """A vendored library for which there is an image installs nothing: the agent runs that image."""
    return layout.kind != "vendor" or not layout.image


def _package(layout: Layout) -> str:
    return layout.distribution.replace("-", "_")


def _needed(layout: Layout) -> str:
    if layout.kind != "plugin":
        return "''"
    return f"given.get('source') ? '' : {quoted(f'mlops-stage: say source: <folder with a checkout of {layout.distribution}>')}"


def _absent(layout: Layout) -> str:
    if layout.image:
        return f"let it run in {layout.image}"
    return "let the agent run an image that holds it, or say source: <folder with a checkout of its repository>"


def _origin(layout: Layout) -> str:
    if layout.kind == "vendor":
        release = {} if layout.image else bootstrapping.release(layout)
        return "[" + ", ".join(quoted(f"{name}={value}") for name, value in release.items()) + "]"
    lock = f", 'MLOPS_STAGE_LOCK=' + given.get('source') + {quoted('/' + bootstrapping.LOCK)}" if layout.kind == "plugin" else ""
    return f"given.get('source') ? ['MLOPS_STAGE_SOURCE=' + given.get('source'){lock}] : []"


def quoted(value: str) -> str:
    """A Groovy literal in which nothing is expanded."""
    safe = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{safe}'"


def _page(layout: Layout, step: str, summary: str, every: Iterable[Input], outputs: Mapping[str, str]) -> str:
    """What Jenkins shows under Pipeline Syntax, Global Variables Reference: plain text, for its default formatter shows tags as they are."""
    own = [("source", _SOURCE[1].format(f"the repository of {layout.distribution}"))] if _from_checkout(layout) else []
    rows = [
        *((camel(item.name), described(item)) for item in (*every, *(inputs.BOOTSTRAP if _installs(layout) else ()))),
        *own,
        *_SWITCHES,
    ]
    given = "".join(f"  {name} - {help_}\n" for name, help_ in rows)
    back = "".join(f"  outputs.{name} - {help_}\n" for name, help_ in outputs.items())
    return (
        f"{text.heading(layout, '')}\n"
        f"{step}(...): {summary}{'' if step == camel(f'mlops_{MERGE}') else _OPTIONAL}\n\n"
        f"{given}\n"
        "It returns a map, after every report is published:\n\n"
        "  outcome - passed, failed, inconclusive, not_applicable or error\n"
        "  exitCode - the exit code; 5 makes the build unstable, any other but 0 ends it\n"
        "  sentence - what the reports say of it in a sentence, where there is one\n"
        f"{back}"
    )


def described(item: Input) -> str:
    """The help of an input with its kind, its choices and its default."""
    kinds = {"list": ", or a Groovy list", "mapping": "; a map", "flag": "; true or false"}
    choices = f"; one of {', '.join(item.choices)}" if item.choices else ""
    default = f" (default: {item.default})" if item.default else ""
    return f"{item.help}{kinds.get(_kind(item), '')}{choices}{default}"
