"""What signs gets an environment for the one run: nothing that an earlier job of the same machine left is in it, and it is gone afterwards."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from machine import checkout  # a neighbour that is no package


def once(folder, wheels):
    temporary = folder / "tmp"
    temporary.mkdir()
    return {"MLOPS_STAGE_FRESH": "1", "MLOPS_STAGE_WHEELS": str(wheels), "TMPDIR": str(temporary)}


def test_nothing_that_an_earlier_job_left_is_used_and_nothing_stays(machine, wheels):
    kept = Path(machine.says("run", MLOPS_STAGE_WHEELS=str(wheels))["prefix"])
    caches = [kept, machine.folder / "home"]  # the environments, and what uv and pip keep
    poisoned = [file for cache in caches for file in cache.rglob("tiny.py")]
    assert len(poisoned) == (2 if machine.installer == "uv" else 1)
    for file in poisoned:
        file.unlink()  # it may be one file with two names
        file.write_text("VALUE = 'poisoned'\n")
    assert machine.says("run", MLOPS_STAGE_WHEELS=str(wheels))["value"] == "poisoned"
    env = once(machine.folder, wheels)
    said = machine.says("run", "a b", **env)
    assert (said["value"], said["argv"]) == (1, ["run", "a b"])
    assert not Path(said["prefix"]).is_relative_to(kept.parent)
    assert not Path(said["prefix"]).exists()
    assert list(Path(env["TMPDIR"]).iterdir()) == []
    assert [item.name for item in kept.parent.iterdir()] == [kept.name]


def test_a_checkout(quick, wheels):
    checkout(quick.folder)
    said = quick.says("run", MLOPS_STAGE_FRESH="1", MLOPS_STAGE_SOURCE="source", MLOPS_STAGE_WHEELS=str(wheels))
    assert said["has"] == ["tiny"]
    assert not (quick.folder / "environments").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_stops_it_stops_the_command_and_leaves_nothing(quick, wheels, number):
    env = once(quick.folder, wheels)
    with quick.start("run", "sleep", **env) as process:
        running = json.loads(process.stdout.readline())
        process.send_signal(number)
        assert process.wait(60) == 128 + number
    assert list(Path(env["TMPDIR"]).iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(running["pid"], 0)


def test_what_cannot_be_installed_leaves_nothing(quick, wheels):
    env = once(quick.folder, wheels)
    said = quick.refuses("run", **{**env, "MLOPS_STAGE_SHA256": "0" * 64})
    assert said[1].startswith("error: cannot install mlops-stage==9.1")
    assert list(Path(env["TMPDIR"]).iterdir()) == []
