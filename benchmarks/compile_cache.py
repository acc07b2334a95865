"""Artefacts of the stage `compile`: what the cache saves against a cold build with OpenVINO, that one changed byte always misses, and that rebuilds are identical.

Run it as `python benchmarks/compile_cache.py`; it prints JSON, and exits with 1 where a promise is broken.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from measuring import promised
from toy_models import cnn, gb, mlp, res, rf

from mlops_stage.inputs.model import open_model
from mlops_stage.params import Limits
from mlops_stage.stages.compile import worker
from mlops_stage.stages.compile.building import files_of
from mlops_stage.stages.compile.cache import Shelf, key_of
from mlops_stage.stages.compile.hookspecs import Builtin
from mlops_stage.stages.compile.targets import load_targets

MOST_OF_COLD = 0.05
CHANGES = 200
REPEATS = 5
_LIMITS = Limits(wall=600)
_BACKENDS = {one.name: one.backend for one in Builtin.mlops_compile_backends()}
_TARGETS = {target.backend: target for target in load_targets(("host", "openvino-cpu"), Path.cwd())}


def built(path: Path, backend: str, folder: Path) -> str:
    """Build fp32 in a worker, as the stage does; the file that is opened."""
    job = {"verb": "build", "backend": _BACKENDS[backend], "target": asdict(_TARGETS[backend]), "source": str(path)}
    made = worker.call({**job, "precision": "fp32", "calibration": None, "folder": str(folder)}, _LIMITS)
    return Path(made["path"]).name


def key(path: Path, backend: str) -> str:
    """The key under which the stage would keep it."""
    model = open_model(path.name, path.parent)
    return key_of(model=model.digests, target=asdict(_TARGETS[backend]), versions={}, precision="fp32", calibration="")


def hits(folder: Path) -> dict[str, Any]:
    """Seconds of a cold build with OpenVINO, and of a hit: the model's digest, the key, and the files copied and confirmed."""
    path = res(folder).path
    shelf, cold, warm = Shelf(folder / "cache"), [], []
    for turn in range(REPEATS):
        place, again = folder / f"cold{turn}", folder / f"warm{turn}"
        place.mkdir()
        again.mkdir()
        begun = time.perf_counter()
        kept = built(path, "openvino", place)
        cold.append(time.perf_counter() - begun)
        shelf.keep(key(path, "openvino"), kept, place)
        begun = time.perf_counter()
        found = shelf.fetch(key(path, "openvino"), again, path.stat().st_size)
        warm.append(time.perf_counter() - begun)
        if found != kept:
            raise SystemExit("what was kept was not found")
    return {"cold_seconds": median(cold), "hit_seconds": median(warm), "ratio": median(warm) / median(cold)}


def changed(folder: Path) -> dict[str, int]:
    """How many of so many changes of a single byte find what was kept of another model."""
    path = mlp(folder).path
    shelf, place = Shelf(folder / "cache"), folder / "made"
    place.mkdir()
    (place / "model.onnx").write_bytes(path.read_bytes())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    def at(sha256: str) -> str:
        return key_of(model=((path.name, sha256),), target={}, versions={}, precision="fp32", calibration="")

    shelf.keep(at(digest), "model.onnx", place)
    rng, content, found = np.random.default_rng(0), path.read_bytes(), 0
    (folder / "unchanged").mkdir()
    if shelf.fetch(at(digest), folder / "unchanged", len(content)) is None:
        raise SystemExit("what was kept was not found")
    for turn in range(CHANGES):
        other = bytearray(content)
        other[rng.integers(len(other))] ^= int(rng.integers(1, 256))
        into = folder / f"into{turn}"
        into.mkdir()
        found += shelf.fetch(at(hashlib.sha256(other).hexdigest()), into, len(content)) is not None
    return {"changes": CHANGES, "found": found}


def rebuilds(folder: Path) -> dict[str, Any]:
    """Of five models on two backends, how many are the same to the byte when they are built again, in another folder and process."""
    same: dict[str, bool] = {}
    for make in (rf, gb, mlp, cnn, res):
        toy = make(folder)
        for backend in _BACKENDS:
            digests = []
            for turn in ("a", "b"):
                place = folder / turn / f"{toy.name}-{backend}"
                place.mkdir(parents=True)
                kept = built(toy.path, backend, place)
                digests.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in files_of(place / kept)])
            same[f"{toy.name} {backend}"] = digests[0] == digests[1]
    return {"built_twice": len(same), "identical": sum(same.values()), "differing": [name for name, equal in same.items() if not equal]}


def main() -> int:
    """Measure all, each in a folder of its own."""
    with tempfile.TemporaryDirectory() as home:
        folders = [Path(home, name) for name in ("hits", "changed", "rebuilds")]
        for folder in folders:
            folder.mkdir()
        return promised(
            {
                "cache hit beside a cold build with OpenVINO": (lambda: hits(folders[0]), lambda told: told["ratio"] <= MOST_OF_COLD),
                "one byte changed": (lambda: changed(folders[1]), lambda told: told["found"] == 0),
                "built again": (lambda: rebuilds(folders[2]), lambda told: told["identical"] == told["built_twice"]),
            }
        )


if __name__ == "__main__":
    sys.exit(main())
