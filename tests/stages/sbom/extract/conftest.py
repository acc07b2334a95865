"""A project folder of which an inventory is made in this process."""

import json
import os
import pickle
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mlops_stage.stages.sbom.extract import inventory
from mlops_stage.workspace import Workspace

FIELDS = ("model", "data", "train", "reference", "contract", "lock")


@dataclass
class Explosive:
    def __reduce__(self):
        return os.abort, ()


@dataclass
class Project:
    """Files, and the inventory of them."""

    root: Path
    env: dict[str, str] = field(default_factory=lambda: {"PATH": os.environ["PATH"]})
    plugins: tuple = ()

    def write(self, name, content):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def json(self, name, content):
        return self.write(name, json.dumps(content))

    def network(self, name="model.onnx", *, external=False, **about):
        """A network of two layers; with `external`, its weights lie in a file beside it."""
        weights = numpy_helper.from_array(np.ones((4, 300), dtype=np.float32), "w")
        last = numpy_helper.from_array(np.ones((300, 2), dtype=np.float32), "v")
        nodes = [
            helper.make_node("MatMul", ["x", "w"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("MatMul", ["r", "v"], ["y"]),
        ]
        ports = (
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4]),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2]),
        )
        graph = helper.make_graph(nodes, "g", [ports[0]], [ports[1]], [weights, last])
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="pytorch", producer_version="2.9", **about
        )
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(model, path, save_as_external_data=external, location=f"{path.name}.data", size_threshold=100)
        return path

    def explosive(self, name):
        """A pickle that ends the process when it is loaded."""
        return self.write(name, pickle.dumps(Explosive()))

    def commit(self, *, at="2026-01-02T03:04:05Z", remote="", tag=""):
        for words in (
            ["init", "-q", "-b", "main"],
            ["add", "-A"],
            ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-m", "m"],
            *([["remote", "add", "origin", remote]] if remote else []),
            *([["tag", tag]] if tag else []),
        ):
            when = {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
            subprocess.run(["git", *words], cwd=self.root, check=True, env={**os.environ, **when}, capture_output=True)

    def look(self, *, declare=None, **given):
        asked = SimpleNamespace(**dict.fromkeys(FIELDS), declare=declare or {})
        asked.__dict__.update(given)
        out = self.root / "mlops-out"
        return inventory(
            asked,
            Workspace(root=self.root, run_dir=out, out=out / "sbom", cache=self.root / ".cache", env=self.env, plugins=self.plugins),
        )


@pytest.fixture
def project(tmp_path):
    """An empty folder, and an environment in which nothing is installed."""
    root = tmp_path / "project"
    root.mkdir()
    made = Project(root)
    made.env["VIRTUAL_ENV"] = str(tmp_path / "bare")
    (tmp_path / "bare" / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    return made


def texts_of(value):
    """Every text in an inventory, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts_of(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts_of(one)


@pytest.fixture
def unclean():
    """The texts of an inventory that hold control characters, or that no file can hold as UTF-8."""
    return lambda found: [
        text
        for text in texts_of(asdict(found))
        if any(not (mark.isprintable() or mark == "\n") for mark in text) or "\udc80" <= max(text, default="") <= "\udfff"
    ]


@pytest.fixture
def rules():
    """The rules of an inventory's findings."""
    return lambda found: [finding.rule for finding in found.findings]
