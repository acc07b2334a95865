"""Seeded mutations of the whole corpus: whatever the bytes, the answer is findings, soon, and in little memory."""

import random
import time
import tracemalloc

from mlops_stage.stages.scan.examine import examine
from mlops_stage.stages.scan.pieces import Examination, Piece

ROUNDS = 1200
TRACED = 300
"""Rounds whose memory is watched, which takes several times as long."""


def mutated(content, rng):
    made = bytearray(content)
    for _ in range(rng.randint(1, 5)):
        place = rng.randrange(len(made) or 1)
        change = rng.randrange(4)
        if change == 0:
            made[place : place + rng.randint(1, 8)] = b""
        elif change == 1:
            made[place:place] = rng.randbytes(rng.randint(1, 8))
        elif change == 2:
            made[place : place + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\x80\x80\x80\x80"])
        else:
            made[place : place + 1] = bytes([rng.randrange(256)])
    return bytes(made[: rng.randint(len(made) // 2, len(made))])


def seeds(corpus, tmp_path):
    """(Name, content) of every small file of the corpus."""
    found = []
    for number, make in enumerate(
        [*corpus.HOSTILE_ONNX.values(), *corpus.HOSTILE_PICKLES.values(), *corpus.HOSTILE_OTHERS.values(), *corpus.HARMLESS.values()]
    ):
        folder = tmp_path / str(number) / "model"
        folder.mkdir(parents=True)
        path = make(folder)
        if 0 < path.stat().st_size < 50_000:
            found.append((path.name, path.read_bytes()))
    return found


def test_no_bytes_make_the_examination_raise_or_grow(corpus, tmp_path):
    rng = random.Random(11)
    files = seeds(corpus, tmp_path)
    assert len(files) > 80
    slowest = 0.0
    tracemalloc.start()
    try:
        for round_ in range(ROUNDS):
            if round_ == TRACED:
                _, peak = tracemalloc.get_traced_memory()
                tracemalloc.stop()
            name, content = rng.choice(files)
            path = tmp_path / name
            path.write_bytes(mutated(content, rng))
            into = Examination()
            begun = time.process_time()
            examine(Piece(name=name, label=name, size=path.stat().st_size, opened=lambda path=path: path.open("rb"), path=path), into)
            slowest = max(slowest, time.process_time() - begun)
            path.unlink()
    finally:
        tracemalloc.stop()
    assert peak < 100e6
    assert slowest < 5  # a guard against what grows with the square of its input; usually a few milliseconds


def test_hostile_files_without_a_mutation_in_the_dangerous_part_stay_refused(corpus, tmp_path):
    """Bytes appended to a hostile pickle do not hide it."""
    rng = random.Random(12)
    for number in range(200):
        path = tmp_path / f"{number}.pkl"
        path.write_bytes(corpus.SYSTEM + rng.randbytes(rng.randint(0, 50)))
        into = Examination()
        examine(Piece(name=path.name, label="m", size=path.stat().st_size, opened=lambda path=path: path.open("rb"), path=path), into)
        assert "scan/dangerous-import" in {finding.rule for finding in into.findings}
