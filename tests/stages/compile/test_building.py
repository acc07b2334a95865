"""What becomes of a target whose backend misbehaves, and of what the cache holds."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from onnx import helper

from mlops_stage.errors import LimitError
from mlops_stage.inputs.model import open_model
from mlops_stage.stages.compile.backends.backend import BrokenBackendError, BuildError, Footprint
from mlops_stage.stages.compile.building import DISBELIEVED, Bench, compiled
from mlops_stage.stages.compile.cache import Shelf
from mlops_stage.stages.compile.params import CompileParams
from mlops_stage.stages.compile.targets import Target
from mlops_stage.stages.compile.telling import Source, failure, findings, metrics

BACKEND = """
import os, signal

class Trial:
    name, extra = "trial", ""

    def versions(self):
        return {"lib": "1"}

    def supports(self, facts, target):
        from mlops_stage.stages.compile.backends.backend import Coverage

        return Coverage(verdict="unknown")

    def compile(self, source, precision, target, calibration, folder):
        os.kill(os.getpid(), signal.SIGSEGV)
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """As much of the material as is looked at."""

    feeds: str = "feeds"
    one: str = "one"
    calibration: None = None
    shapes: dict = field(default_factory=dict)
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

    broken: dict = field(default_factory=dict)
    """What a verb raises, by its name."""
    done: list = field(default_factory=list)

    def call(self, verb, *_whom, **job):
        self.done.append(verb)
        if verb in self.broken:
            raise self.broken[verb]
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


def test_of_what_the_cache_held_is_said_what_follows_from_its_target(given, tmp_path):
    shelf, target = Shelf(tmp_path / "cache"), Target(name="t", backend="ort", native=True)
    for folder in ("one", "two"):
        bench = Scripted(**given | {"shelf": shelf, "reference": ANSWERS, "work": tmp_path / folder})
        (found,) = compiled(bench, target, "", tell).variants
    assert (found.cached, found.notes) == (True, ("optimised for this machine's processor: no other will take it",))


def test_of_a_model_that_does_not_answer_the_same_twice_nothing_is_told(given):
    (found,) = compiled(Scripted(**given | {"reference": ANSWERS}, fickle=True), Target(name="t", backend="trial"), "", tell).variants
    assert found.agreement.verdict == "inconclusive"
    told = "the model as given does not answer the same twice, so nothing can be compared with it"
    assert found.failure == f"was not shown to answer as the model does: {told}"


def told_of(one):
    """A broken target, its one finding, and no figure."""
    assert one.variants == ()
    assert [(finding.rule, finding.message) for finding in findings([one], SOURCE)] == [("compile/broken", one.broken.message)]
    assert list(metrics([one], SOURCE)) == []
    assert failure([one]) == one.broken
    return one.broken.code, one.broken.message, one.broken.hint


def test_a_crash_is_an_error_of_that_target_and_no_verdict_on_the_model(given, tmp_path, monkeypatch):
    (tmp_path / "misbehaving.py").write_text(BACKEND)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    one = compiled(Bench(**given), Target(name="t", backend="trial"), "misbehaving:Trial", tell)
    assert told_of(one)[:2] == (3, "t: compiling fp32 for t crashed (SIGSEGV)")
    assert failure([one, one]).message == "t: compiling fp32 for t crashed (SIGSEGV) (and 1 more target)"


@pytest.mark.parametrize("verb", ["supports", "build", "latency"])
@pytest.mark.parametrize("kind", [LimitError, BrokenBackendError])
def test_so_is_whatever_a_backend_does_wrong_at_any_step(given, kind, verb):
    bench = Scripted(**given | {"reference": ANSWERS}, broken={verb: kind("it took too long", "give it more")})
    assert told_of(compiled(bench, Target(name="t", backend="trial"), "", tell)) == (3, "t: it took too long", "give it more")


def test_a_backend_that_cannot_say_what_it_supports_ends_its_own_target_alone(given):
    bench = Scripted(**given, broken={"supports": BuildError("a table is not there", "get it")})
    assert told_of(compiled(bench, Target(name="t", backend="trial"), "", tell)) == (3, "t: a table is not there", "get it")


def test_in_fewer_bits_it_costs_that_precision_alone(given):
    class Half(Scripted):
        def call(self, verb, *whom, **job):
            if job.get("precision") == "fp16":
                raise LimitError("it took too long", "never")
            return super().call(verb, *whom, **job)

    params = given["params"].model_copy(update={"precision": ("fp32", "fp16")})
    one = compiled(Half(**given | {"reference": ANSWERS, "params": params}), Target(name="t", backend="trial"), "", tell)
    assert [variant.failure for variant in one.variants] == ["", "cannot be made: it took too long"]
    assert one.shipped.precision == "fp32"
    assert one.broken is None


def test_what_a_backend_cannot_make_of_a_model_is_a_verdict_on_it(given):
    bench = Scripted(**given, broken={"build": BuildError("an operator is in the way", "never")})
    one = compiled(bench, Target(name="t", backend="trial"), "", tell)
    assert [variant.failure for variant in one.variants] == ["cannot be made: an operator is in the way"]
    assert one.broken is None
    assert failure([one]) is None
