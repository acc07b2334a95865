"""The native files in this repository are what the records say, and a record cannot change without one of them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_stage import native
from mlops_stage.adapter import Layout
from mlops_stage.host import ALLOW_LIST, Catalogue, discover
from mlops_stage.native import text

ROOT = Path(__file__).parents[2]
CATALOGUE = discover({ALLOW_LIST: "none"})
STAGE = "scan"
"""Has fields of its own, a flag, choices and outputs; each adapter writes what it writes for any other in the same way."""
TRIED = 3
"""So many of its fields are changed: all fields take the same way."""
UNTOLD = {"gitlab": "output "}
"""What an adapter's files do not tell: a job of GitLab hands on its outputs as variables, which a component does not declare."""


class Changed(Catalogue):
    """A catalogue in which the params of a stage are others."""

    def fields(self, name):
        return FIELDS.get(name) or super().fields(name)


FIELDS = {}


def written(adapter, stage, fields=()):
    FIELDS.clear()
    FIELDS[stage.name] = fields
    changed = Changed(stages={stage.name: stage}, adapters=CATALOGUE.adapters, plugins=CATALOGUE.plugins)
    try:
        return native.files(changed, native.chosen(changed, [adapter]), Layout(version="1"))
    finally:
        FIELDS.clear()


def mutations():
    """Every value of the record and of its fields that native files tell, each changed alone."""
    stage = CATALOGUE.stage(STAGE)
    fields = CATALOGUE.fields(STAGE)
    yield "summary", replace(stage, summary="Do something else"), fields
    yield "name", replace(stage, name="scam"), fields
    yield "output added", replace(stage, outputs={**stage.outputs, "colour": "a colour"}), fields
    for name, told in stage.outputs.items():
        yield f"output {name} gone", replace(stage, outputs={key: text for key, text in stage.outputs.items() if key != name}), fields
        yield f"output {name} told", replace(stage, outputs={**stage.outputs, name: f"{told} now"}), fields
    for place, field in enumerate(fields[:TRIED]):
        every = {"help": f"{field.help} now", "name": f"{field.name}_now", "choices": (*field.choices, "now")}
        every |= {"default": "now"} if field.kind in {"text", "choice"} else {}
        for key, value in every.items():
            yield f"{field.name}.{key}", stage, (*fields[:place], replace(field, **{key: value}), *fields[place + 1 :])
        yield f"{field.name} gone", stage, (*fields[:place], *fields[place + 1 :])


def test_the_committed_files_are_what_generate_writes():
    made = native.files(CATALOGUE, native.chosen(CATALOGUE, ()), Layout(version=CATALOGUE.plugins["mlops-stage"]))
    assert len(made) > len(CATALOGUE.stages)
    assert native.difference(ROOT, made) == "", "run `mlops-stage adapters generate`"


@pytest.mark.parametrize("adapter", sorted(CATALOGUE.adapters))
def test_each_change_of_a_record_is_found(adapter, monkeypatch):
    monkeypatch.setattr(text, "yaml", lambda *documents: json.dumps(documents))  # the same documents, in a tenth of the time
    before = written(adapter, CATALOGUE.stage(STAGE), CATALOGUE.fields(STAGE))
    unseen = [what for what, stage, fields in mutations() if written(adapter, stage, fields) == before]
    assert [what for what in unseen if not what.startswith(UNTOLD.get(adapter, "-"))] == []


def test_a_stage_that_proves_who_it_is_gets_a_job_that_may():
    stage = replace(CATALOGUE.stage(STAGE), needs=("oidc",))
    workflow = written("github_actions", stage, CATALOGUE.fields(STAGE))[".github/workflows/scan.yml"]
    assert "id-token: write" in workflow
    assert ".github/workflows/scan.yml" not in written("github_actions", CATALOGUE.stage(STAGE), CATALOGUE.fields(STAGE))
