"""How long `scan` takes over each crafted file, what it refuses, and what picklescan and modelscan say of the same files.

    python benchmarks/scan.py [--peers FOLDER]

Prints JSON: seconds of every file of the corpus in tests/stages/scan/corpus.py (in one process, without imports), how many hostile files were
refused and harmless ones accused, and seconds for a large pickle against picklescan on the same bytes. `--peers` names a virtual environment with
picklescan and modelscan; without it `~/.cache/mlops-stage/bench/pickles` is used when it is there.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PEERS = Path.home() / ".cache" / "mlops-stage" / "bench" / "pickles"
ROUNDS = 5


def corpus() -> Any:
    """The module of crafted files."""
    path = Path(__file__).parents[1] / "tests" / "stages" / "scan" / "corpus.py"
    spec = importlib.util.spec_from_file_location("scan_corpus", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scanned(path: Path, root: Path) -> tuple[float, bool]:
    """Seconds, and whether there is a finding of level error."""
    from mlops_stage.stages.scan.measure import measure
    from mlops_stage.stages.scan.params import ScanParams
    from mlops_stage.workspace import Workspace

    workspace = Workspace(root=root, run_dir=root, out=root, cache=root)
    begun = time.perf_counter()
    seen = measure(ScanParams(model=path.relative_to(root).as_posix()), workspace)
    return time.perf_counter() - begun, any(finding.level == "error" for finding in seen.findings)


def peer(command: list[str], path: Path, refused: tuple[int, ...]) -> bool | None:
    """Whether a scanner refuses a file, by its exit code; None where it is not installed."""
    if not Path(command[0]).exists():
        return None
    done = subprocess.run([*command, str(path)], capture_output=True, check=False, timeout=120)
    return done.returncode in refused


def over_corpus(peers: Path) -> dict[str, Any]:
    """Every file of the corpus: ours, and the scanners of pickles."""
    crafted = corpus()
    groups = {
        "onnx": crafted.HOSTILE_ONNX,
        "pickles": crafted.HOSTILE_PICKLES,
        "others": crafted.HOSTILE_OTHERS,
        "harmless": crafted.HARMLESS,
    }
    told: dict[str, Any] = {}
    for group, makers in groups.items():
        seconds, ours, picklescan, modelscan = [], 0, 0, 0
        for make in makers.values():
            with tempfile.TemporaryDirectory() as folder:
                root = Path(folder)
                (root / "model").mkdir()
                path = make(root / "model")
                took, refused = scanned(path, root)
                seconds.append(took)
                ours += refused
                if group in {"pickles", "harmless"}:
                    picklescan += bool(peer([str(peers / "bin" / "picklescan"), "-p"], path, (1, 2)))
                    modelscan += bool(peer([str(peers / "bin" / "modelscan"), "-p"], path, (1,)))
        told[group] = {
            "files": len(makers),
            "refused": ours,
            "slowest_s": round(max(seconds), 3),
            "median_s": round(statistics.median(seconds), 4),
        }
        if group in {"pickles", "harmless"}:
            told[group] |= {"picklescan_refused": picklescan, "modelscan_refused": modelscan}
    return told


def large_pickle() -> dict[str, float]:
    """A forest of a hundred trees over 20,000 rows: ours on the file against picklescan on the file."""
    import logging

    import numpy as np
    from picklescan.scanner import scan_file_path
    from sklearn.ensemble import RandomForestClassifier

    logging.getLogger("picklescan").setLevel(logging.CRITICAL + 1)
    rng = np.random.default_rng(0)
    model = RandomForestClassifier(100, random_state=0).fit(rng.random((20_000, 10)), rng.integers(0, 2, 20_000))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.pkl")
        path.write_bytes(pickle.dumps(model))
        pairs = []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            scan_file_path(str(path))
            theirs = time.perf_counter() - begun
            pairs.append((scanned(path, Path(folder))[0], theirs))
        size = path.stat().st_size
    ours, theirs = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    return {"megabytes": round(size / 1e6, 1), "ours_s": round(ours, 3), "picklescan_s": round(theirs, 3), "ratio": round(ours / theirs, 2)}


def main() -> None:
    """Measure all and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, default=PEERS)
    asked = parser.parse_args()
    json.dump({"corpus": over_corpus(asked.peers), "large_pickle": large_pickle()}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
