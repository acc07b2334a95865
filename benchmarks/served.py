"""Served models: what a query costs over the loopback, in JSON and in binary, and how much of that is the protocol's.

The server is the tests' own, in a process of its own, around a linear model of 64 numbers, so that nearly all of the time is the wire's. Beside it, in the
same run and in turns, the same bytes are sent with nothing but `requests`, which is what the door adds its checks to.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import requests
from onnx import TensorProto, helper, numpy_helper

from mlops_stage.inputs.model import Served, open_model
from mlops_stage.inputs.oip.tensors import request

if TYPE_CHECKING:
    from collections.abc import Callable

SERVER = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "oip.py"
WIDTH = 64
BATCHES = (1, 64, 1024, 4096)
LIMIT = 5.0
"""Microseconds for each query of a binary batch of 4,096."""


def linear() -> bytes:
    """Two scores from 64 numbers."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", width]) for name, width in (("x", WIDTH), ("scores", 2))]
    weights = numpy_helper.from_array(np.random.default_rng(0).standard_normal((WIDTH, 2)).astype(np.float32), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["scores"])], "g", ends[:1], ends[1:], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    content: bytes = model.SerializeToString()
    return content


def microseconds(work: Callable[[], Any], rows: int, runs: int) -> float:
    """The median time of a call, for each of its rows."""
    work()
    seconds = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds) / rows * 1e6


def bare(model: Served, rows: np.ndarray[Any, Any]) -> Callable[[], Any]:
    """The same bytes by `requests` alone."""
    session = requests.Session()
    session.trust_env = False
    body, headers = request({port.name: port for port in model.inputs}, {"x": rows}, ["scores"], binary=model.binary)
    return lambda: session.post(f"{model.name}/infer", data=body, headers=headers, timeout=60).content


def measured(flags: list[str], file: Path, runs: int) -> dict[str, dict[str, float]]:
    """Microseconds for each query by batch."""
    server = subprocess.Popen([sys.executable, str(SERVER), str(file), *flags], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        model = open_model(f"http://127.0.0.1:{server.stdout.readline().strip()}/v2/models/income", file.parent)
        assert isinstance(model, Served)
        session = model.session()
        told = {}
        for batch in BATCHES:
            rows = np.random.default_rng(batch).standard_normal((batch, WIDTH)).astype(np.float32)
            ours = microseconds(lambda rows=rows: session.run({"x": rows}, ["scores"]), batch, runs)  # type: ignore[misc]  # the default binds the loop's value
            plain = microseconds(bare(model, rows), batch, runs)
            told[str(batch)] = {"us_per_query": round(ours, 2), "requests_alone_us": round(plain, 2), "ratio": round(ours / plain, 2)}
        return told
    finally:
        server.kill()
        server.wait()


def main() -> None:
    """Measure, print JSON, and fail above the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "m.onnx"
        file.write_bytes(linear())
        told = {name: measured(flags, file, asked.runs) for name, flags in (("binary", []), ("json", ["--json"]))}
    print(json.dumps(told, indent=2))
    sys.exit(told["binary"]["4096"]["us_per_query"] > LIMIT)


if __name__ == "__main__":
    main()
