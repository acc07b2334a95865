"""What becomes of a target whose backend misbehaves, and of what the cache holds."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from onnx import helper

from mlops_stage.errors import LimitError
from mlops_stage.inputs.model import open_model
from mlops_stage.stages.compile.backends.backend import BuildError, Footprint
from mlops_stage.stages.compile.building import DISBELIEVED, Bench, compiled
from mlops_stage.stages.compile.cache import Shelf
from mlops_stage.stages.compile.params import CompileParams
from mlops_stage.stages.compile.targets import Target
from mlops_stage.stages.compile.telling import Source, failure, findings, metrics

BACKEND = """
import os, resource, signal, time

class Trial:
    name, extra = "trial", ""

    def versions(self):
        return {"lib": "1"}

    def supports(self, facts, target):
        from mlops_stage.stages.compile.backends.backend import BuildError, Coverage

        if target.name == "unsure":
            raise BuildError("a table is not there", "get it")
        return Coverage(verdict="unknown")

    def compile(self, source, precision, target, calibration, folder):
        from mlops_stage.stages.compile.backends.backend import BuildError

        if target.name == "slow":
            time.sleep(60)
        if target.name == "large":
            bytearray(2**40)
        if target.name == "crashing":
            os.kill(os.getpid(), signal.SIGSEGV)
        if target.name == "faulty":
            raise KeyError("absent")
        raise BuildError("an operator is in the way")
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """As much of the material as is looked at."""

    feeds: str = "feeds"
    one: str = "one"
    calibration: None = None
    labelled: None = None


@pytest.fixture
def given(zoo, tmp_path):
    """What a bench is made of: a small model, and rows."""
    zoo.written(zoo.plain([helper.make_node("Relu", ["x"], ["y"])]), tmp_path / "m.onnx")
    params = CompileParams.model_validate({"model": "m.onnx", "build_limit": 2, "precision": ["fp32"]})
    model = open_model("m.onnx", tmp_path)
    return {"params": params, "model": model, "source": model.path, "ort": "", "material": Rows(), "shelf": None, "work": tmp_path}


def tell(_done, _what):
    """Nobody watches."""


SOURCE = Source(name="m.onnx", size=100)


@pytest.mark.parametrize(
    ("name", "told", "hint"),
    [
        ("slow", "slow: compiling fp32 for slow did not finish within 2 s", "raise it with --build-limit 8, or choose another target"),
        ("large", "large: compiling fp32 for large needed more memory than its limit", "raise it with --limits memory=8GiB"),
        ("crashing", "crashing: compiling fp32 for crashing crashed (SIGSEGV)", ""),
        ("faulty", "faulty: KeyError: 'absent'", ""),
        ("unsure", "unsure: a table is not there", "get it"),
    ],
)
def test_what_a_backend_does_wrong_is_an_error_of_that_target_and_no_verdict_on_the_model(given, tmp_path, monkeypatch, name, told, hint):
    (tmp_path / "misbehaving.py").write_text(BACKEND)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    one = compiled(Bench(**given), Target(name=name, backend="trial"), "misbehaving:Trial", tell)
    assert (one.variants, one.broken.code, one.broken.message) == ((), 3, told)
    assert hint in one.broken.hint
    assert [finding.rule for finding in findings([one], SOURCE)] == ["compile/broken"]
    assert list(metrics([one], SOURCE)) == []
    assert failure([one]) == one.broken
    assert failure([one, one]).message == f"{told} (and 1 more target)"


def test_what_a_backend_cannot_make_of_a_model_is_a_verdict_on_it(given, tmp_path, monkeypatch):
    (tmp_path / "misbehaving.py").write_text(BACKEND)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    one = compiled(Bench(**given), Target(name="plain", backend="trial"), "misbehaving:Trial", tell)
    assert [variant.failure for variant in one.variants] == ["cannot be made: an operator is in the way"]
    assert one.broken is None
    assert failure([one]) is None


ANSWERS = {"y": np.linspace(0, 1, 200, dtype=np.float32).reshape(50, 4)}
OTHERS = {"y": ANSWERS["y"] + 1}
TIMES = {
    "ratio": 1.0,
    "low": 0.99,
    "high": 1.01,
    "quantiles": [1.0] * 17,
    "control": 1.0,
    "rounds": 30,
    "seconds": [1.0, 1.0],
    "verdict": "passed",
    "reason": "",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Scripted(Bench):
    """A bench on which artefacts do what their content says, without any process."""

    done: list = field(default_factory=list)

    def call(self, verb, *_whom, **job):
        self.done.append(verb)
        if verb == "supports":
            return {"verdict": "supported", "reasons": (), "versions": {"lib": "1"}}
        if verb == "build":
            (job["folder"] / "model.bin").write_text("right")
            return {"path": str(job["folder"] / "model.bin"), "changed": True, "notes": ["folded"]}
        return TIMES

    def answers(self, *asked):
        what = asked[2].read_text()
        if what == "hostile":
            raise BuildError("the operator ignore all findings is of a domain", "never")
        if what == "slow":
            raise LimitError("it took too long", "never")
        return [OTHERS if what == "other" else ANSWERS], Footprint(artifact_bytes=1, ram_bytes=1)


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ("other", DISBELIEVED),
        ("hostile", "what the cache held cannot be opened or run: it was thrown away, and built anew"),
        ("slow", "what the cache held could not be proven within the limits: it was thrown away, and built anew"),
        ("right", ""),
    ],
)
def test_what_the_cache_holds_is_proven_or_built_anew_and_says_nothing_itself(given, tmp_path, held, told):
    shelf = Shelf(tmp_path / "cache")
    bench = Scripted(**given | {"shelf": shelf, "reference": ANSWERS})
    target = Target(name="t", backend="trial")
    (first,) = compiled(bench, target, "", tell).variants
    assert (first.cached, first.notes, first.failure) == (False, ("folded",), "")
    (entry,) = (tmp_path / "cache" / "compile").iterdir()
    (tmp_path / "forged").mkdir()
    (tmp_path / "forged" / "model.bin").write_text(held)
    shelf.keep(entry.name, "model.bin", tmp_path / "forged")
    again = Scripted(**given | {"shelf": shelf, "reference": ANSWERS, "work": tmp_path / "again"})
    (found,) = compiled(again, target, "", tell).variants
    assert (found.cached, found.notes, found.failure) == ((False, ("folded", told), "") if told else (True, (), ""))
    assert again.done.count("build") == bool(told)
    assert found.artefact.read_text() == "right"
