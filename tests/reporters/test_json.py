from __future__ import annotations

import json

from mlops_stage.report import Run, adapter_of
from mlops_stage.reporters.json import render


def test_the_record_reads_back_as_the_same_run(any_run):
    (text,) = render(any_run).values()
    assert adapter_of(Run).validate_python(json.loads(text)) == any_run


def test_the_file_is_valid_utf_8_whatever_the_names(runs):
    assert render(runs("hostile"))["run.json"].encode()


def test_time_and_cost_stand_here(runs):
    plain = json.loads(render(runs("demo"))["run.json"])
    assert plain["started"] == "2026-11-21T09:15:00Z"
    assert plain["cost"]["candidate"]["wall_seconds"] == 1.04
    assert plain["ids"] == ["candidate", "against_baseline", "ambitious", "small_groups"]
