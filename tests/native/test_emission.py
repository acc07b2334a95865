"""What adapters tell their CI system, each isolated from the others."""

from dataclasses import replace
from pathlib import Path

import pytest

from mlops_stage.adapter import Adapter
from mlops_stage.errors import ExitCode, UsageError
from mlops_stage.host import Catalogue
from mlops_stage.native import emission
from mlops_stage.report import Run

RUN = Run(reports=(), ids=(), started="2026-01-01T00:00:00Z", seconds=1.0)
OUT = Path("out")
BELL = Adapter(name="bell", summary="Ring", native="bell:native", detect="here", emit="rings", distribution="bell-ci")


def rings(run, env):
    return {"-": f"::ring {run.started}\n", env["BELL_FILE"]: "rung=1\n"}


def whispers(_, env):
    return {env["BELL_FILE"]: ""}


def points(_, env):
    return {env["BELL_FILE"]: env["MLOPS_INPUT_OUT"]}


def breaks(*_):
    raise ValueError("no rope\nat all")


def refuses(*_):
    raise UsageError("BELL is no number", "give one")


@pytest.fixture(autouse=True)
def _resolved(monkeypatch):
    known = {
        "here": lambda env: "BELL" in env,
        "rings": rings,
        "whispers": whispers,
        "points": points,
        "breaks": breaks,
        "refuses": refuses,
    }
    monkeypatch.setattr(emission, "resolve", lambda *args: known[args[0]])


def test_texts_are_appended_to_the_files_of_the_system_in_use(tmp_path):
    file = tmp_path / "rung"
    file.write_text("before=0\n")
    said, failures = emission.emit(RUN, Catalogue(adapters={"bell": BELL}), {"BELL": "1", "BELL_FILE": str(file)}, OUT)
    assert said == "::ring 2026-01-01T00:00:00Z\n"
    assert failures == ()
    assert file.read_text() == "before=0\nrung=1\n"


def test_a_system_that_is_not_in_use_is_told_nothing(tmp_path):
    assert emission.emit(RUN, Catalogue(adapters={"bell": BELL}), {"BELL_FILE": str(tmp_path / "rung")}, OUT) == ("", ())
    assert not (tmp_path / "rung").exists()


def test_an_adapter_that_breaks_is_named_and_the_others_speak(tmp_path):
    adapters = {"bad": replace(BELL, name="bad", emit="breaks"), "bell": BELL}
    said, failures = emission.emit(RUN, Catalogue(adapters=adapters), {"BELL": "1", "BELL_FILE": str(tmp_path / "rung")}, OUT)
    assert said.startswith("::ring")
    assert [(failure.code, failure.message) for failure in failures] == [
        (ExitCode.INTERNAL, "adapter 'bad' of bell-ci failed: ValueError: no rope")
    ]


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    _, failures = emission.emit(RUN, Catalogue(adapters={"bell": BELL}), {"BELL": "1", "BELL_FILE": str(tmp_path / "no" / "rung")}, OUT)
    assert "FileNotFoundError" in failures[0].message


def test_a_file_that_belongs_to_the_run_alone_hands_on_nothing_else(tmp_path):
    file, other = tmp_path / "rung", tmp_path / "other"
    other.write_text("LD_PRELOAD=./evil.so\n")
    file.symlink_to(other)
    emission.emit(RUN, Catalogue(adapters={"bell": replace(BELL, anew=True)}), {"BELL": "1", "BELL_FILE": str(file)}, OUT)
    assert file.read_text() == "rung=1\n"
    assert other.read_text() == "LD_PRELOAD=./evil.so\n"
    emission.emit(RUN, Catalogue(adapters={"bell": replace(BELL, anew=True, emit="whispers")}), {"BELL": "1", "BELL_FILE": str(file)}, OUT)
    assert not file.exists()


def test_a_wrong_value_that_an_adapter_reads_is_no_bug(tmp_path):
    adapters = {"bad": replace(BELL, name="bad", emit="refuses")}
    _, failures = emission.emit(RUN, Catalogue(adapters=adapters), {"BELL": "1", "BELL_FILE": str(tmp_path / "rung")}, OUT)
    assert [(failure.code, failure.message, failure.hint) for failure in failures] == [(ExitCode.USAGE, "BELL is no number", "give one")]


def test_adapters_are_told_the_real_output_directory(tmp_path):
    file = tmp_path / "rung"
    env = {"BELL": "1", "BELL_FILE": str(file), "MLOPS_INPUT_OUT": "of-the-step"}
    emission.emit(RUN, Catalogue(adapters={"bell": replace(BELL, emit="points")}), env, Path("merged/all"))
    assert file.read_text() == "merged/all"
