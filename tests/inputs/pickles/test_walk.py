"""The walk over opcodes: which names it sees, and that no bytes make it raise, hang or load anything."""

import io
import pickle
import pickletools
import random
import struct

import joblib
import numpy as np
import pytest

from mlops_stage.inputs.pickles import machine as walking
from mlops_stage.inputs.pickles.outlines import Name
from mlops_stage.inputs.pickles.source import BombError, Source
from mlops_stage.inputs.pickles.walk import walk


class Box:
    """Pickles as a class of this module."""

    def __init__(self, inside):
        self.inside = inside


def walked(content, *, joblib=False):
    return walk(Source(io.BytesIO(content)), joblib=joblib)


VALUES = [
    1,
    -1,
    2**70,
    1.5,
    None,
    True,
    "text",
    "ü" * 5000,
    b"bytes",
    b"x" * 100_000,
    bytearray(b"y"),
    [],
    (),
    {},
    set(),
    frozenset({1, 2}),
    [1, [2, (3, {"a": [4]})]],
    list(range(3000)),
    {str(number): number for number in range(3000)},
    (1,),
    (1, 2),
    (1, 2, 3),
    tuple(range(9)),
]


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_are_walked_to_their_last_opcode_and_name_nothing_but_plain_types(protocol):
    for value in VALUES:
        content = pickle.dumps(value, protocol)
        found = walked(content)
        assert (found.fault, found.pickles, found.end) == ("", 1, len(content)), value
        assert {name.module for name in found.names} <= {"builtins", "__builtin__", "_codecs"}
        assert found.opcodes == sum(1 for _ in pickletools.genops(content))


@pytest.mark.parametrize("protocol", range(6))
def test_names_are_those_that_the_unpickler_would_look_up(protocol):
    value = [Box(1), Box([Box(2)]), np.arange(4), np.float64(1), {"a": Box(None)}]
    content = pickle.dumps(value, protocol)
    asked = set()

    class Watching(pickle.Unpickler):
        def find_class(self, module, name):
            asked.add(name)
            return super().find_class(module, name)

    Watching(io.BytesIO(content)).load()
    found = walked(content)
    assert {name.name for name in found.names} == asked
    assert found.calls > 0
    assert not found.fault


@pytest.mark.parametrize("how", [{}, {"protocol": 2}, {"protocol": 4}])
def test_arrays_of_joblib_are_stepped_over(how):
    value = [np.arange(1000.0).reshape(10, 100), Box(np.array(["a", "bcd"])), np.array([1, 2], dtype=[("a", "i4"), ("b", "f8")]), "end"]
    held = io.BytesIO()
    joblib.dump(value, held, **how)
    found = walked(held.getvalue(), joblib=True)
    assert (found.fault, found.doubt, found.end) == ("", "", len(held.getvalue()))
    assert {"Box", "NumpyArrayWrapper", "dtype"} <= {name.name for name in found.names}


def test_pickle_after_pickle_until_bytes_that_are_none():
    content = pickle.dumps(1) + pickle.dumps(Box(2)) + b"\xff\xfe and so on"
    found = walked(content)
    assert (found.pickles, found.fault) == (2, "")
    assert found.end == len(content) - len(b"\xff\xfe and so on")


def test_bytes_behind_a_pickle_that_would_import_count_even_when_they_break_off():
    found = walked(pickle.dumps(1) + b"cos\nsystem\n(S'x'\ntR\xff")
    assert found.fault
    assert Name("os", "system") in found.names


def test_calling_what_a_call_made_is_told():
    assert Name(None, None) in walked(b"ca.b\nC\n)R)R.").names
    assert Name(None, None) not in walked(b"ca.b\nC\n)R.").names


def test_what_cannot_be_known_beforehand_is_a_name_without_parts():
    assert list(walked(b"\x80\x04]\x8c\x01x\x93.").names) == [Name(None, "x")]
    assert list(walked(b"\x80\x02\x82\x01.").names) == [Name(None, None)]
    assert list(walked(b"\x80\x04X" + struct.pack("<I", 5000) + b"o" * 5000 + b"\x8c\x01x\x93.").names) == [Name(None, "x")]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04",
        b"0.",
        b"R.",
        b"t.",
        b"h\x05.",
        b"\x80\x04\x8c\xff",
        b"\x80\x04B\xff\xff\xff\xff",
        b"T\xff\xff\xff\xff",
        b"I1",
        b"cos",
        b"b.",
    ],
)
def test_broken_pickles_say_so(content):
    assert walked(content).fault


def test_limits_are_kept(monkeypatch):
    monkeypatch.setattr(walking, "MOST_OPCODES", 1000)
    found = walked(b"N0" * 2000 + b".")
    assert found.endless
    monkeypatch.setattr(walking, "MOST_OPCODES", 10**9)
    monkeypatch.setattr(walking, "MOST_HELD", 1000)
    assert walked(b"N" * 2000 + b".").endless
    monkeypatch.setattr(walking, "MOST_NAMES", 10)
    assert walked(b"".join(b"cm%d\nA\n" % number for number in range(20)) + b".").endless


def test_a_source_reads_no_further_than_its_budget():
    with pytest.raises(BombError):
        walk(Source(io.BytesIO(b"N0" * 10**6), budget=10**6))


def test_mutated_pickles_never_raise():
    rng = random.Random(5)
    held = io.BytesIO()
    joblib.dump([np.arange(9.0), Box("x"), np.array([Box(1)], dtype=object)], held)
    seeds = [held.getvalue(), *(pickle.dumps([Box({"a": (1, 2)}), {1}, "t"], protocol) for protocol in range(6))]
    for _ in range(3000):
        content = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(content))
            content[place : place + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 4))
        found = walked(bytes(content[: rng.randint(1, len(content))]))
        assert found.opcodes <= 4 * len(content)
