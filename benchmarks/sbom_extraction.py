"""What `mlops-stage sbom` costs beside hashing: large models against the bare digest of the same bytes, and the facts of ONNX files against onnx's own parser.

Both sides run in turns in one process after a warm-up, so imports are left out; memory is the high-water mark of processes of their own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from measuring import promised
from onnx import TensorProto, helper, numpy_helper

from mlops_stage.stages.sbom.extract import inventory
from mlops_stage.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 2**20
MEMORY = """
import re, sys
from pathlib import Path
import onnx
from mlops_stage.inputs.onnx.reader import read_facts
def high_water():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
before = high_water()
read_facts(Path(sys.argv[2])) if sys.argv[1] == "ours" else onnx.load(sys.argv[2])
print(high_water() - before)
"""


def write_safetensors(path: Path, mib: int) -> None:
    """One tensor of bytes."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [mib * MIB], "data_offsets": [0, mib * MIB]}}).encode()
    block = np.random.default_rng(0).bytes(16 * MIB)
    with path.open("wb") as stream:
        stream.write(len(header).to_bytes(8, "little") + header)
        for _ in range(mib // 16):
            stream.write(block)


def write_onnx(path: Path, mib: int) -> None:
    """A network of a hundred layers with its weights in the file."""
    width = int((mib * MIB / 100 / 4) ** 0.5)
    weights = np.random.default_rng(0).random((width, width), dtype=np.float32)
    tensors = [numpy_helper.from_array(weights, f"w{layer}") for layer in range(100)]
    nodes = [helper.make_node("MatMul", [f"h{layer}", f"w{layer}"], [f"h{layer + 1}"]) for layer in range(100)]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", width]) for name in ("h0", "h100")]
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", ports[:1], ports[1:], tensors)), path)


def look(root: Path, model: str) -> float:
    """Seconds of a whole inventory."""
    asked = SimpleNamespace(model=model, data=None, train=None, reference=None, contract=None, lock=None, declare={})
    bare = root / "bare"
    (bare / "lib" / "python3" / "site-packages").mkdir(parents=True, exist_ok=True)
    workspace = Workspace(root=root, run_dir=root / "out", out=root / "out", cache=root / "cache", env={"VIRTUAL_ENV": str(bare)})
    return timed(lambda: inventory(asked, workspace))


def digest(path: Path) -> float:
    """Seconds of the bare digest."""
    with path.open("rb") as stream:
        return timed(lambda: hashlib.file_digest(stream, "sha256").hexdigest())


def timed(work: Callable[[], Any]) -> float:
    """Wall seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def ratio(path: Path, runs: int) -> dict[str, float]:
    """The inventory of one file against its digest, in turns."""
    look(path.parent, path.name)
    pairs = [(look(path.parent, path.name), digest(path)) for _ in range(runs)]
    ours, bare = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
    return {
        "mib": round(path.stat().st_size / MIB),
        "ours_s": round(ours, 3),
        "sha256_s": round(bare, 3),
        "ratio": round(statistics.median(one / other for one, other in pairs), 3),
    }


def facts(path: Path, runs: int) -> dict[str, float]:
    """The facts of an ONNX file against onnx.load, time and memory."""
    from mlops_stage.inputs.onnx.reader import read_facts

    read_facts(path)
    ours = statistics.median(timed(lambda: read_facts(path)) for _ in range(runs))
    theirs = statistics.median(timed(lambda: onnx.load(path)) for _ in range(2))
    tracemalloc.start()
    read_facts(path)
    _, own = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    memory = {side: float(subprocess.check_output([sys.executable, "-c", MEMORY, side, str(path)])) for side in ("ours", "onnx")}
    return {
        "mib": round(path.stat().st_size / MIB),
        "ours_ms": round(ours * 1e3, 2),
        "onnx_load_ms": round(theirs * 1e3),
        "ours_mib": round(own / MIB, 2),
        "ours_mapped_mib": round(memory["ours"]),  # pages of the file cache that stay mapped, which the system takes back at will
        "onnx_load_mib": round(memory["onnx"]),
    }


def main() -> int:
    """Measure, print JSON, and fail where a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        write_safetensors(top / "large.safetensors", asked.mib)
        write_onnx(top / "large.onnx", asked.mib)
        return promised(
            {
                "safetensors": (lambda: ratio(top / "large.safetensors", asked.runs), lambda told: told["ratio"] <= 1.15),
                "onnx": (lambda: ratio(top / "large.onnx", asked.runs), lambda told: told["ratio"] <= 1.15),
                "facts": (lambda: facts(top / "large.onnx", asked.runs), lambda told: told["ours_ms"] < 50 and told["ours_mib"] < 50),
            }
        )


if __name__ == "__main__":
    sys.exit(main())
