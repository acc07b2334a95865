"""The zoo of small models, each trained once, and targets to compile them for."""

import importlib.util
import sys
from pathlib import Path

import pytest

from mlops_stage.stages.compile.targets import load_targets


@pytest.fixture(scope="session")
def zoo():
    """The module beside this one."""
    spec = importlib.util.spec_from_file_location("compile_zoo", Path(__file__).with_name("zoo.py"))
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


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
