"""What the real unpicklers look up, over the corpus and mutations of it: every name is in our reading, or our reading says that it is in doubt.

Names that Python could not import (`;oad`) do not count.
"""

import io
import pickle
import random
import resource
import warnings
import zipfile
from pathlib import Path

import pytest
from joblib.numpy_pickle import NumpyUnpickler

from mlops_stage.inputs.pickles.source import Source
from mlops_stage.inputs.pickles.walk import both, walk

ROUNDS = 2500
REAL = {
    "collections.OrderedDict",
    "joblib.numpy_pickle.NumpyArrayWrapper",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "builtins.set",
    "builtins.bytearray",
}
"""Found for real; for all other names an inert class stands in, so that nothing hostile runs."""


class Stand:
    """In the place of whatever would be imported."""

    def __new__(cls, *_, **__):
        return object.__new__(cls)

    def __init__(self, *_, **__):
        pass

    def __setstate__(self, _):
        pass

    def __call__(self, *_, **__):
        return self


def watching(base, asked):
    class Watching(base):
        def find_class(self, module, name):
            asked.append(f"{module}.{name}")
            if asked[-1] in REAL:
                return super().find_class(module, name)
            return Stand

    return Watching


def looked_up(reader, content):
    """The names that one of the real readers asks for until its end, or until it gives up."""
    asked, stream = [], io.BytesIO(content)
    try:
        with warnings.catch_warnings(action="ignore"):
            if reader == "joblib":
                base = watching(NumpyUnpickler, asked)
                base("", stream, ensure_native_byte_order=False).load()
            else:
                base = watching(pickle.Unpickler if reader == "c" else pickle._Unpickler, asked)
                while stream.tell() < len(content):
                    base(stream).load()
    except Exception:  # noqa: BLE001  (hostile bytes: a reader may raise anything; what it asked for before that is what counts)
        return asked
    return asked


def walked(content):
    return both(lambda joblib: walk(Source(io.BytesIO(content)), joblib=joblib))


def seeds(corpus, tmp_path):
    """Every pickle of the corpus, those in archives too."""
    found = []
    for number, make in enumerate([*corpus.HOSTILE_PICKLES.values(), *corpus.HARMLESS.values()]):
        folder = tmp_path / str(number) / "model"
        folder.mkdir(parents=True)
        path = make(folder)
        content = path.read_bytes()
        found.append(content)
        if content[:2] == b"PK":
            with zipfile.ZipFile(path) as archive:
                found += [archive.read(name) for name in archive.namelist()]
        if content[:6] == b"\x93NUMPY":
            found.append(content[content.index(b"\n") + 1 :])
    return [content for content in found if 0 < len(content) < 20_000]


def missed(content):
    """Names that a real reader asks for and ours does not see, where ours claims to be sure."""
    ours = walked(content)
    if ours.doubt or ours.endless:
        return set()
    told = {f"{name.module}.{name.name}" for name in ours.names if None not in name}
    hidden = any(None in name for name in ours.names)
    asked = {name for reader in ("c", "python", "joblib") for name in looked_up(reader, content)}
    return {name for name in asked - told if not hidden and all(part.isidentifier() for part in name.split("."))}


@pytest.fixture
def files(corpus, tmp_path):
    """Contents to read; the real readers may not take all memory for a memo that claims four billion values."""
    found = seeds(corpus, tmp_path)
    assert len(found) > 70
    limits = resource.getrlimit(resource.RLIMIT_AS)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + 2**30, limits[1]))
    yield found
    resource.setrlimit(resource.RLIMIT_AS, limits)


def test_every_name_that_a_real_unpickler_asks_for_is_seen(files):
    asked = set()
    for content in files:
        assert missed(content) == set(), content[:200]
        asked |= {name for reader in ("c", "joblib") for name in looked_up(reader, content)}
    assert {"os.system", "posix.system", "numpy.load", "sklearn.tree._tree.Tree"} <= asked


def test_no_mutation_makes_a_real_unpickler_ask_for_more(files):
    rng = random.Random(104)
    sure = 0
    for _ in range(ROUNDS):
        content = bytearray(rng.choice(files))
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(content) or 1)
            change = rng.randrange(5)
            if change == 0:
                content[place : place + rng.randint(1, 4)] = b""
            elif change == 1:
                content[place:place] = rng.choice(
                    [b"0", b"N", b"2", b"(", b"t", b"b", b".", b"h\x00", b"\x94", b"g1\n", b"p0\n", b"}", b")", b"\x93"]
                )
            elif change == 2:
                other = rng.choice(files)
                start = rng.randrange(len(other))
                content[place:place] = other[start : start + rng.randint(1, 60)]
            else:
                content[place : place + 1] = bytes([rng.randrange(256)])
        content = bytes(content)
        assert missed(content) == set(), content[:500]
        sure += not walked(content).doubt
    assert sure > ROUNDS * 0.7
