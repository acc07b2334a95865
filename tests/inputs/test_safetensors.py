"""Headers of safetensors files that do not add up, and those that do."""

import json
import random

import pytest

from mlops_stage.inputs.safetensors import HeaderError, faults, looks_like


def told(tensors, rest):
    return list(faults(json.dumps(tensors).encode(), rest))


def one(begin, end, shape, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_headers_that_add_up():
    assert told({}, 0) == []
    assert told({"__metadata__": {"format": "pt"}, "b": one(8, 12, [1]), "a": one(0, 8, [2, 1])}, 12) == []
    assert told({"scalar": one(0, 4, []), "empty": one(4, 4, [0, 7])}, 4) == []
    assert told({"half": one(0, 2, [4], "F4"), "flag": one(2, 3, [1], "BOOL")}, 3) == []


@pytest.mark.parametrize(
    ("tensors", "rest"),
    [
        ({"a": one(0, 8, [2])}, 4),
        ({"a": one(0, 4, [2])}, 4),
        ({"a": one(4, 0, [1])}, 4),
        ({"a": one(0, 4, [-1])}, 4),
        ({"a": one(0, 4, [True])}, 4),
        ({"a": one(0, 4, [1.0])}, 4),
        ({"a": one(0, 4, 1)}, 4),
        ({"a": one(0, 4, [2**60, 2**60])}, 4),
        ({"a": one(0, 4, [1], "F99")}, 4),
        ({"a": one(0, 4, [1], ["F32"])}, 4),
        ({"a": one(0, 4, [1]) | {"more": 1}}, 4),
        ({"a": {"dtype": "F32"}}, 4),
        ({"a": None}, 4),
        ({"a": one(0, 4, [1]), "b": one(0, 4, [1])}, 4),
        ({"a": one(0, 4, [1]), "b": one(8, 12, [1])}, 12),
        ({"a": one(0, 4, [1])}, 8),
        ({"__metadata__": {"a": 1}}, 0),
        ({"__metadata__": "a"}, 0),
    ],
)
def test_headers_that_do_not(tensors, rest):
    assert told(tensors, rest)


@pytest.mark.parametrize(
    "header", [b"", b"[]", b"{", b'{"a":1,"a":1}', b'{"a":NaN}', b"\xff\xfe", b'{"a":' * 100_000, b'{"a":%s}' % (b"9" * 5000)]
)
def test_headers_that_cannot_be_read(header):
    with pytest.raises(HeaderError):
        list(faults(header, 0))


def test_no_mutation_raises_anything_else():
    rng = random.Random(2)
    seed = json.dumps({"__metadata__": {"format": "pt"}, "a": one(0, 8, [2]), "b": one(8, 12, [1], "I32")}).encode()
    for _ in range(3000):
        header = bytearray(seed)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(header))
            header[place : place + rng.randint(0, 3)] = (
                rng.randbytes(rng.randint(0, 2)) if rng.random() < 0.5 else rng.choice([b"{", b"[", b"9", b'"', b"-"])
            )
        try:
            list(faults(bytes(header), 12))
        except HeaderError:
            continue


def test_first_bytes():
    assert looks_like(b"\x02\0\0\0\0\0\0\0{}", 10)
    assert not looks_like(b"\x02\0\0\0\0\0\0\0[]", 10)
    assert not looks_like(b"\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10)
