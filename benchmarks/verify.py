"""How fast `verify` hashes what is delivered, against the processor's own speed, and what a bundle costs.

    python benchmarks/verify.py [--bytes 2147483648] [--rounds 5]

Prints JSON. `one_file`: bytes per second of processor time of one large file through the door that `verify` uses, as a share of SHA-256 over
memory. `many_files`: the same bytes in as many files as there are cores, in wall time, as a share of cores times one core's; it says how many
cores were really free, by the same work in processes that share nothing. `bundles`: seconds for each bundle of a key and of an identity.
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
_BLOCK = 64 * 2**20


def memory(size: int) -> None:
    """SHA-256 over bytes that are there already."""
    block, hashed = bytes(_BLOCK), hashlib.sha256()
    for _ in range(size // _BLOCK):
        hashed.update(block)
    hashed.digest()


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """What one call takes."""
    begun = clock()
    work()
    return clock() - begun


def one_file(size: int, rounds: int, folder: Path) -> dict[str, Any]:
    """Interleaved, in processor time, which a busy machine does not stretch as it does wall time."""
    filled(folder / "large.bin", size)
    read_tree(folder)
    shares, speeds = [], []
    for _ in range(rounds):
        limit = seconds(lambda: memory(size), time.process_time)
        ours = seconds(lambda: read_tree(folder), time.process_time)
        shares.append(limit / ours)
        speeds.append(size / ours / 1e9)
    return {"share_of_memory_speed": round(statistics.median(shares), 3), "gigabytes_per_second": round(statistics.median(speeds), 2)}


def many_files(size: int, rounds: int, folder: Path) -> dict[str, Any]:
    """As many files as cores, against processes that hash memory beside each other."""
    cores = os.cpu_count() or 1
    for number in range(cores):
        filled(folder / f"{number}.bin", size // cores)
    read_tree(folder)
    shares, free = [], []
    for _ in range(rounds):
        alone = seconds(lambda: memory(size // cores), time.perf_counter)
        workers = [multiprocessing.Process(target=memory, args=(size // cores,)) for _ in range(cores)]
        together = seconds(lambda: [[worker.start() for worker in workers], [worker.join() for worker in workers]], time.perf_counter)  # noqa: B023  (done with before the next)
        ours = seconds(lambda: read_tree(folder), time.perf_counter)
        shares.append(together / ours)
        free.append(cores * alone / together)
    return {
        "cores": cores,
        "cores_free": round(statistics.median(free), 2),
        "share_of_processes": round(statistics.median(shares), 3),
    }


def filled(path: Path, size: int) -> None:
    """A file of zeros that takes its room."""
    with path.open("wb") as stream:
        for _ in range(size // _BLOCK):
            stream.write(bytes(_BLOCK))


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
    """Measure all three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=2**31)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    told: dict[str, Any] = {}
    for name, work in (("one_file", one_file), ("many_files", many_files)):
        with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:  # noqa: S108  (memory, so that no disk is measured)
            told[name] = work(asked.bytes, asked.rounds, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        told["bundles"] = bundles(asked.rounds, Path(folder))
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
