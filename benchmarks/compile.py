"""What compiled models are like: size and latency of int8, OpenVINO on models of trees, artefacts that are refused, memory, and the install.

    python benchmarks/compile.py [PART …]

Parts (all by default), each printed as JSON; a part that breaks its promise is named at the end, and the exit code is 1:

- int8: a residual network in int8 against fp32: size at most 0.30, latency (in turn, one thread, processor time) at most 0.70 of it
- lowered: a forest, boosted trees and a perceptron through OpenVINO: largest difference from ONNX Runtime at most 1e-6 on all rows
- refused: files that another machine or an older runtime will not take: three kinds, all told without opening them
- memory: what is reckoned for 64 and 256 rows against what a fresh process takes: 1.0 to 1.5 times
- install: megabytes of the packages that compiling needs beside numpy: at most 150, none of them PyTorch; and with duckdb, which reads tables
"""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
from measuring import promised
from onnx import helper

from mlops_stage.inputs.onnx.reader import read_facts
from mlops_stage.stages.compile import arrays
from mlops_stage.stages.compile.backends.openvino import OpenVinoBackend
from mlops_stage.stages.compile.backends.ort import OrtBackend
from mlops_stage.stages.compile.graphs import read_model
from mlops_stage.stages.compile.precision.half import halved
from mlops_stage.stages.compile.runtime import LEVELS, optimise
from mlops_stage.stages.compile.static import faults
from mlops_stage.stages.compile.targets import load_targets

BACKENDS = {"host": OrtBackend, "openvino-cpu": OpenVinoBackend}
ROUNDS, WARM_UP = 230, 30


def zoo() -> Any:
    """The module of small models."""
    path = Path(__file__).parents[1] / "tests" / "stages" / "compile" / "zoo.py"
    spec = importlib.util.spec_from_file_location("compile_zoo", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def target(name: str) -> Any:
    return load_targets([name], Path.cwd())[0]


def built(name: str, source: Path, precision: str = "fp32", rows: Path | None = None) -> Path:
    folder = Path(tempfile.mkdtemp(dir=source.parent))
    return BACKENDS[name]().compile(source, precision, target(name), rows, folder).path


def int8(folder: Path) -> dict[str, Any]:
    """Size and latency against the fp32 artefact, and how far the answers move."""
    held = zoo().specimen("residual", folder)
    rows = folder / "rows.npz"
    arrays.save(rows, held.train)
    full, small = built("host", held.path), built("host", held.path, "int8", rows)
    backend, host = OrtBackend(), target("host")
    answers = [backend.load(path, host).run(held.rows)["scores"] for path in (full, small)]
    one = {name: values[:1] for name, values in held.rows.items()}
    return {
        "size": round(small.stat().st_size / full.stat().st_size, 3),
        "latency": round(in_turn(*(backend.load(path, host) for path in (full, small)), one), 3),
        "difference": float(np.abs(answers[0] - answers[1]).max()),
        "same_class": float(np.mean(answers[0].argmax(1) == answers[1].argmax(1))),
    }


def in_turn(first: Any, second: Any, feeds: Any) -> float:
    """Median ratio of processor time, second to first, run one after the other on one thread: other work on the machine changes it little."""
    pairs = []
    for _ in range(ROUNDS):
        row = []
        for loaded in (first, second):
            begun = time.process_time_ns()
            loaded.run(feeds)
            row.append(time.process_time_ns() - begun)
        pairs.append(row)
    took = np.array(pairs[WARM_UP:])
    return float(np.median(took[:, 1] / took[:, 0]))


def lowered(folder: Path) -> dict[str, float]:
    """Largest difference of the scores from those of ONNX Runtime."""
    told = {}
    for name in ("forest", "boosted", "perceptron"):
        held = zoo().specimen(name, folder)
        both = {**held.rows, **{port: np.concatenate([held.rows[port], held.train[port]]) for port in held.rows}}
        expected = OrtBackend().load(held.path, target("host")).run(both)
        found = OpenVinoBackend().load(built("openvino-cpu", held.path), target("openvino-cpu")).run(both)
        told[name] = float(np.abs(found["probabilities"] - expected["probabilities"]).max())
    return told


def refused(folder: Path) -> dict[str, Any]:
    """A half-precision file with types that do not fit, a layout of one processor, and a file for a newer runtime."""
    made, kinds = zoo(), {}
    source = made.specimen("convolutional", folder).path
    converted, _ = halved(read_model(source))
    assert converted is not None
    next(node for node in converted.graph.node if node.op_type == "Cast").attribute[0].i = 1  # what converters have been seen to write
    broken = made.written(converted, folder / "broken.onnx")
    try:
        OrtBackend().load(broken, target("host"))
    except Exception as error:  # noqa: BLE001  (any refusal counts; its words are printed)
        kinds["half"] = str(error)
    nchwc = made.plain([helper.make_node("ReorderInput", ["x"], ["y"], domain="com.microsoft.nchwc")])
    nchwc.opset_import.append(helper.make_opsetid("com.microsoft.nchwc", 1))
    kinds["layout"] = "; ".join(faults(read_facts(made.written(nchwc, folder / "n.onnx")), target("host"), "1.31.1"))
    whole = folder / "all.onnx"
    optimise(read_model(source), whole, LEVELS.ORT_ENABLE_ALL)
    kinds["layout of this processor"] = "; ".join(faults(read_facts(whole), target("host"), "1.31.1")) or "none on this processor"
    new = made.written(made.plain([helper.make_node("Relu", ["x"], ["y"])], opset=23, ir=11), folder / "new.onnx")
    kinds["runtime"] = "; ".join(faults(read_facts(new), replace(target("x86-64-v2"), max_opset=None, max_ir=None), "1.31.1"))
    return {"told": kinds, "caught": sum(bool(kinds.get(kind)) for kind in ("half", "layout", "runtime"))}


def memory(folder: Path) -> dict[str, float]:
    """Reckoned against taken, each in a process of its own."""
    made, rng = zoo(), np.random.default_rng(0)
    net = made._Net(rng)  # noqa: SLF001  (the zoo is ours)
    out = "x"
    for into, to in ((512, 4096), (4096, 4096), (4096, 1024)):
        out = net.relu(net.linear(out, into, to))
    models = {
        "residual": (made.residual(rng), (3, 32, 32)),
        "wide": (made.residual(rng, 128, 6), (3, 32, 32)),
        "convolutional": (made.convolutional(rng), (1, 8, 8)),
        "dense": (net.model(out, ["n", 512], ["n", 1024]), (512,)),
    }
    tiny = made.written(made.plain([helper.make_node("Relu", ["x"], ["y"])]), folder / "tiny.onnx")
    told = {}
    for name, backend in BACKENDS.items():
        warm = built(name, tiny)
        for kind, (model, shape) in models.items():
            path = built(name, made.written(model, folder / f"{kind}.onnx"))
            for rows in (64, 256):
                reckoned = backend().footprint(path, target(name), rows).ram_bytes
                order = json.dumps([name, str(warm), str(path), [rows, *shape]])
                done = subprocess.run([sys.executable, __file__, "--taken", order], capture_output=True, text=True, check=True)
                told[f"{name}, {kind}, {rows} rows"] = round(reckoned / int(done.stdout), 2)
    return told


def taken(name: str, warm: str, path: str, shape: list[int]) -> int:
    """Bytes that an artefact takes in this process while it answers: the peak after it was loaded, beyond what there was before."""
    backend, found = BACKENDS[name](), target(name)
    backend.load(Path(warm), found).run({"x": np.zeros((1, 4), np.float32)})
    feeds = {"x": np.random.default_rng(0).normal(size=shape).astype(np.float32)}
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    before = _status("VmRSS")
    loaded = backend.load(Path(path), found)
    Path("/proc/self/clear_refs").write_text(
        "5"
    )  # the peak from here on: loading takes more for a moment, and answering is what a target must bear
    loaded.run(feeds)
    return _status("VmHWM") - before


def _status(key: str) -> int:
    found = re.search(rf"^{key}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def install() -> dict[str, Any]:
    """Megabytes of onnx, onnxruntime and what they ask for, numpy aside; and of duckdb, which reads tables for this stage as for others."""
    compiling, reading = _megabytes(["onnx", "onnxruntime"]), _megabytes(["duckdb"])
    return {
        "megabytes": round(sum(compiling.values()), 1),
        "with_tables": round(sum({**compiling, **reading}.values()), 1),
        "packages": compiling,
    }


def _megabytes(wanted: list[str]) -> dict[str, float]:
    """Package -> megabytes of its files, of those packages and all that they ask for but numpy."""
    found = {}
    for name in wanted:
        packed = distribution(name)
        files = [Path(str(packed.locate_file(file))) for file in packed.files or ()]
        found[name] = round(sum(file.stat().st_size for file in files if file.is_file()) / 1e6, 1)
        asked = [re.split(r"[^A-Za-z0-9_.-]", line)[0].lower() for line in packed.requires or () if "extra ==" not in line]
        wanted += [one for one in asked if one not in {*wanted, "numpy"}]
    return found


def main() -> None:
    """Measure what is asked for."""
    if sys.argv[1:2] == ["--taken"]:
        print(taken(*json.loads(sys.argv[2])))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        parts = {
            "int8": (lambda: int8(folder), lambda told: told["size"] <= 0.30 and told["latency"] <= 0.70),
            "lowered": (lambda: lowered(folder), lambda told: max(told.values()) <= 1e-6),
            "refused": (lambda: refused(folder), lambda told: told["caught"] == 3),
            "memory": (lambda: memory(folder), lambda told: min(told.values()) >= 1.0 and max(told.values()) <= 1.5),
            "install": (install, lambda told: told["megabytes"] <= 150 and "torch" not in told["packages"]),
        }
        sys.exit(promised({name: part for name, part in parts.items() if name in (sys.argv[1:] or parts)}))


if __name__ == "__main__":
    main()
