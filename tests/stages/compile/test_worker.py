"""Jobs in processes of their own, with a backend that misbehaves on demand."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from mlops_stage.errors import LimitError, StageError
from mlops_stage.params import Limits
from mlops_stage.stages.compile import arrays, worker
from mlops_stage.stages.compile.backends.backend import BrokenBackendError, BuildError, MissingBackendError

BACKEND = """
import os, resource, signal, socket, sys, tempfile, time

class Trial:
    name, extra = "trial", "trial"

    def versions(self):
        print("a library that talks", flush=True)
        held = str(resource.getrlimit(resource.RLIMIT_DATA)[0])
        return {"home": os.environ["HOME"], "temporary": tempfile.gettempdir(), "secret": os.environ.get("SECRET_TOKEN", ""), "held": held}

    def supports(self, facts, target):
        from mlops_stage.stages.compile.backends.backend import Coverage

        if target.native:
            raise ValueError("first line\\nsecond line")
        return Coverage(verdict="supported")

    def compile(self, source, precision, target, calibration, folder):
        if precision == "connect":
            socket.create_connection(("127.0.0.1", 9))
        if precision == "talk":
            return socket.socket(socket.AF_UNIX)
        if precision == "grow":
            bytearray(2**40)
        if precision == "thread":
            from mlops_stage.stages.compile.backends.backend import BuildError

            raise BuildError("the library does not load it: no room", "leave it out") from RuntimeError("x: Resource temporarily unavailable")
        if precision == "sleep":
            time.sleep(60)
        if precision == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if precision == "leave":
            os._exit(7)

    def footprint(self, artefact, target, rows=1, shapes=None):
        import a_library_that_nobody_has
"""


@pytest.fixture
def job(tmp_path, monkeypatch, host):
    """What the misbehaving backend is told, in a process of its own unless one is not needed."""
    (tmp_path / "trial_backend.py").write_text(BACKEND)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SECRET_TOKEN", "canary")

    def call(verb, wall=60, memory=None, *, here=False, **more):
        asked = {
            "verb": verb,
            "backend": "trial_backend:Trial",
            "target": asdict(host),
            "source": "/x",
            "folder": "/x",
            "artefact": "/x",
            "rows": 1,
            "feeds": {},
            **more,
        }
        return worker.perform(asked) if here else worker.call(asked, Limits(wall=wall, memory=memory), tmp_path)

    return call


@pytest.fixture
def model(zoo, tmp_path):
    return str(zoo.written(zoo.plain([helper.make_node("Relu", ["x"], ["y"])]), tmp_path / "m.onnx"))


def test_it_sees_no_secret_and_a_home_of_its_own(job, model, tmp_path):
    told = job("supports", source=model)
    assert told["verdict"] == "supported"
    assert told["versions"]["secret"] == ""
    assert int(told["versions"]["held"]) == worker.own_memory()
    assert 2**26 < worker.own_memory() <= 0.8 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert Path(told["versions"]["home"]).parent == Path(told["versions"]["temporary"]).parent == tmp_path


def test_a_worker_may_have_as_much_memory_as_the_stage(monkeypatch):
    monkeypatch.setattr(worker.resource, "getrlimit", lambda _kind: (2**33, worker.resource.RLIM_INFINITY))
    assert worker.own_memory() == 2**33


def test_libraries_that_are_not_installed(job):
    with pytest.raises(MissingBackendError, match="needs a_library_that_nobody_has") as caught:
        job("footprint", source=None)
    assert caught.value.hint == "pip install 'mlops-stage[trial]'"
    with pytest.raises(MissingBackendError, match="needs nowhere_to_be_found"):
        job("supports", backend="nowhere_to_be_found:Backend", here=True)
    with pytest.raises(StageError, match="cannot be loaded"):
        job("supports", backend="trial_backend:Absent", here=True)


def test_no_network(job):
    with pytest.raises(BuildError, match="PermissionError"):
        job("build", precision="connect")
    with pytest.raises(BuildError, match="TypeError"):  # a socket of this machine was made: what fails is that it is no artefact
        job("build", precision="talk")


def test_limits(job):
    begun = time.monotonic()
    with pytest.raises(LimitError, match="compiling sleep for host did not finish within 1 s") as caught:
        job("build", wall=1, precision="sleep")
    assert caught.value.hint.startswith("raise it with --build-limit 4,")
    assert time.monotonic() - begun < 20
    with pytest.raises(LimitError, match="more memory"):
        job("build", memory=2**30, precision="grow")
    with pytest.raises(LimitError, match="more memory"):  # in the words of a library, which a backend takes for the model's fault
        job("build", precision="thread")


@pytest.mark.parametrize(("how", "told"), [("crash", "crashed \\(SIGSEGV\\)"), ("leave", "exit code 7 and no answer")])
def test_every_end_has_words(job, how, told):
    with pytest.raises(BrokenBackendError, match=told):
        job("build", precision=how)


def test_what_a_library_raises_is_one_line(job, model, host):
    with pytest.raises(BrokenBackendError, match="^ValueError: first line$"):
        job("supports", source=model, target=asdict(replace(host, native=True)))


def test_a_model_there_and_back(specimen, host, tmp_path):
    """Build, run and weigh, what is built elsewhere in a fresh process; names with slashes and text come through."""
    held = specimen("boosted")
    ort = {"backend": "mlops_stage.stages.compile.backends.ort:OrtBackend", "target": asdict(host)}
    folder = tmp_path / "made"
    folder.mkdir()
    built = worker.perform({"verb": "build", **ort, "source": str(held.path), "precision": "fp32", "folder": str(folder)})
    feeds, out = tmp_path / "feeds.npz", tmp_path / "out.npz"
    arrays.save(feeds, held.rows)
    weighed = worker.call(
        {"verb": "footprint", **ort, "artefact": built["path"], "source": str(held.path), "rows": 1, "feeds": {str(feeds): str(out)}},
        Limits(),
    )
    assert list(arrays.load(out)) == ["label", "probabilities"]
    assert weighed["ram_bytes"] > 2**20
    odd = {"a/b": np.array(["x", "é"], dtype=object), "file": np.arange(3)}
    arrays.save(tmp_path / "odd.npz", odd)
    back = arrays.load(tmp_path / "odd.npz")
    assert {name: values.tolist() for name, values in back.items()} == {name: values.tolist() for name, values in odd.items()}


def _lives(process):
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


def test_it_goes_with_its_parent():
    """A worker whose parent is killed does not stay."""
    code = (
        "import os, time; from mlops_stage.stages.compile.confinement import confine\n"
        "child = os.fork()\n"
        "if child == 0:\n confine({}, os.getppid()); print(os.getpid(), flush=True); time.sleep(60)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        grandchild = int(parent.stdout.readline())
        assert _lives(grandchild)
        parent.send_signal(signal.SIGKILL)
    until = time.monotonic() + 5
    while _lives(grandchild) and time.monotonic() < until:
        time.sleep(0.02)
    assert not _lives(grandchild)


def test_a_built_in_backend_whose_library_is_missing_names_its_extra(job, tmp_path, model):
    (tmp_path / "openvino").mkdir()
    (tmp_path / "openvino" / "__init__.py").write_text("raise ModuleNotFoundError('gone', name='openvino')")
    with pytest.raises(MissingBackendError, match="the backend openvino needs openvino") as caught:
        job("supports", backend="mlops_stage.stages.compile.backends.openvino:OpenVinoBackend", source=model)
    assert caught.value.hint == "pip install 'mlops-stage[openvino]'"


def test_a_worker_that_finds_nothing_wrong_loads_nothing_that_only_reports_need():
    """It is started several times for each variant, and pydantic would be a third of that."""
    load = "import sys, mlops_stage.stages.compile.worker, mlops_stage.stages.compile.backends.ort; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-P", "-c", load], capture_output=True, text=True, check=True).stdout.split()
    assert "onnxruntime" in loaded
    assert not {"pydantic", "mlops_stage.report"} & set(loaded)
