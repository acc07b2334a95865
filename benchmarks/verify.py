"""How fast `verify` hashes what is delivered, against the processor's own speed, and what a bundle costs.

    python benchmarks/verify.py [--bytes 2147483648] [--rounds 5] [--only hashing|bundles]

Prints JSON. Hashing needs a machine that does nothing else, and twice the bytes of memory: the files lie in it, so that no disk is measured.
`one_file`: bytes per second of one large file through the door that `verify` uses, as a share of SHA-256 over the same bytes that lie in memory
already, which one core does; `file_digest` is the share that Python's own `hashlib.file_digest` reaches, which does not read ahead. Medians of interleaved rounds, in
wall time and in processor time, and the share of the fastest rounds. `many_files`: the same bytes in as many files as there are cores, in wall
time, as a share of processes that hash memory beside each other; `cores_free` says how many cores were really free. `bundles`: seconds for fifty
bundles of a key and of an identity.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec

from mlops_stage.stages.signing.verifying.checking import Asked, check
from mlops_stage.stages.signing.verifying.identity import Expected
from mlops_stage.stages.signing.verifying.key import KeySigner
from mlops_stage.stages.signing.verifying.keyless import IdentitySigner
from mlops_stage.stages.signing.verifying.shelf import Found
from mlops_stage.stages.signing.verifying.trees import File, Tree, read_tree
from mlops_stage.stages.signing.verifying.trust import from_json

if TYPE_CHECKING:
    from collections.abc import Callable

TESTS = Path(__file__).parents[1] / "tests"
_BLOCK = 2**20


def memory(content: bytes) -> None:
    """SHA-256 over bytes that are there already."""
    hashlib.sha256(content).digest()


def from_file(path: Path) -> None:
    """What Python itself offers for a file."""
    with path.open("rb", buffering=0) as stream:
        hashlib.file_digest(stream, "sha256")


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """What one call takes."""
    begun = clock()
    work()
    return clock() - begun


def both(work: Callable[[], object]) -> tuple[float, float]:
    """What one call takes in wall time and in processor time."""
    begun = time.process_time()
    wall = seconds(work, time.perf_counter)
    return wall, time.process_time() - begun


def one_file(size: int, rounds: int, folder: Path) -> dict[str, Any]:
    """One large file against its content in memory, interleaved."""
    path = folder / "large.bin"
    content = filled(path, size)
    works = {"memory": lambda: memory(content), "verify": lambda: read_tree(folder), "file_digest": lambda: from_file(path)}
    read_tree(folder)
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            took[name].append(both(work))

    def shares(name: str) -> dict[str, float]:
        pairs = list(zip(took["memory"], took[name], strict=True))
        told = {
            kind: statistics.median(limit[place] / ours[place] for limit, ours in pairs) for place, kind in enumerate(("wall", "processor"))
        }
        told["fastest"] = min(wall for wall, _ in took["memory"]) / min(wall for wall, _ in took[name])
        return {kind: round(share, 3) for kind, share in told.items()}

    speed = size / statistics.median(wall for wall, _ in took["verify"]) / 1e9
    return {"share_of_memory_speed": shares("verify"), "file_digest": shares("file_digest"), "gigabytes_per_second": round(speed, 2)}


def many_files(size: int, rounds: int, folder: Path) -> dict[str, Any]:
    """As many files as cores, against processes that hash memory beside each other."""
    cores = os.cpu_count() or 1
    for number in range(cores):
        content = filled(folder / f"{number}.bin", size // cores)
    read_tree(folder)
    shares, free = [], []
    for _ in range(rounds):
        alone = seconds(lambda: memory(content), time.perf_counter)
        workers = [multiprocessing.Process(target=memory, args=(content,)) for _ in range(cores)]
        together = seconds(lambda: [[worker.start() for worker in workers], [worker.join() for worker in workers]], time.perf_counter)  # noqa: B023  (done with before the next)
        ours = seconds(lambda: read_tree(folder), time.perf_counter)
        shares.append(together / ours)
        free.append(cores * alone / together)
    return {
        "cores": cores,
        "cores_free": round(statistics.median(free), 2),
        "share_of_processes": round(statistics.median(shares), 3),
    }


def filled(path: Path, size: int) -> bytes:
    """A file of random bytes, and what it holds."""
    content = os.urandom(_BLOCK) * (size // _BLOCK)
    path.write_bytes(content)
    return content


def bundles(rounds: int, folder: Path) -> dict[str, Any]:
    """Fifty bundles about a thousand files, hashing and imports apart."""
    sys.path[:0] = [str(TESTS / "fixtures"), str(TESTS / "stages" / "signing" / "verifying")]
    import making
    from sigstore_double import Double

    files = {f"{number}.bin": str(number).encode() for number in range(1000)}
    key = ec.generate_private_key(ec.SECP256R1())
    told: dict[str, Any] = {}
    with Double(folder) as double:
        trust = from_json(double.trust_config().encode())
        identity = IdentitySigner(Expected(identity=making.WHO, issuer=double.url), trust)
        signers = {
            "key": (KeySigner(key=key.public_key(), trust=trust), lambda said: making.by_key(double, said, key, stamps=True, logged=True)),
            "identity": (identity, lambda said: making.by_identity(double, said)),
        }
        tree = Tree(files=tuple(File(name=name, sha256=making.sha256(content)) for name, content in files.items()))
        for name, (signer, make) in signers.items():
            found = [
                Found(name=str(number), raw=json.dumps(make(making.statement(files, f"run_{number}"))).encode()) for number in range(50)
            ]
            asked = Asked(signer=signer)
            check(found[:1], tree, asked)
            took = [seconds(lambda: check(found, tree, asked), time.process_time) for _ in range(rounds)]  # noqa: B023  (done with before the next)
            told[name] = {"bundles": len(found), "files": len(files), "seconds": round(statistics.median(took), 3)}
    return told


def main() -> None:
    """Measure what is asked, all three by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=2**31)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("hashing", "bundles"))
    asked = parser.parse_args()
    told: dict[str, Any] = {}
    hashing = (("one_file", one_file), ("many_files", many_files)) if asked.only != "bundles" else ()
    for name, work in hashing:
        with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:  # noqa: S108  (memory, so that no disk is measured)
            told[name] = work(asked.bytes, asked.rounds, Path(folder))
    if asked.only != "hashing":
        with tempfile.TemporaryDirectory() as folder:
            told["bundles"] = bundles(asked.rounds, Path(folder))
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
