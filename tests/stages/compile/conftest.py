"""The zoo of small models, each trained once, and targets to compile them for."""

import importlib.util
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlops_stage.stages.compile import worker
from mlops_stage.stages.compile.targets import load_targets


@pytest.fixture(scope="session")
def zoo():
    """The module beside this one."""
    return _beside("zoo")


def _beside(name):
    spec = importlib.util.spec_from_file_location(f"compile_{name}", Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def forking():
    """While `with forking():` lasts, workers are forked from a process that has imported what they need: see forking.py beside this one."""
    server = _beside("forking").Server()
    replaced = SimpleNamespace(**vars(subprocess) | {"Popen": server.started})

    @contextmanager
    def lasting():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(worker, "subprocess", replaced)
            yield

    yield lasting
    server.close()


@pytest.fixture(scope="session")
def specimen(zoo, tmp_path_factory):
    """A model of the zoo by name, with its rows; made once."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = zoo.specimen(name, tmp_path_factory.mktemp(name))
        return made[name]

    return get


@pytest.fixture(scope="session")
def host():
    """The target for this machine."""
    return load_targets(["host"], Path.cwd())[0]
