"""Bytes read forward, with little memory whatever they claim."""

import io

import pytest

from mlops_stage.inputs.pickles.source import BombError, ShortError, Source


def source(content=b"abc\ndef\n" + bytes(600_000) + b"end", **kwargs):
    return Source(io.BytesIO(content), **kwargs)


def test_reads_skips_and_lines_keep_their_place():
    one = source()
    assert one.peek(2) == b"ab"
    assert one.byte() == ord("a")
    assert one.line(10) == b"bc"
    assert one.line(2) is None
    assert one.at == 8
    one.skip(600_000)
    assert one.read(3) == b"end"
    assert one.byte() is None
    assert one.take() == b""


def test_a_long_line_is_passed_over():
    one = source(b"x" * 700_000 + b"\ny\n")
    assert one.line(100) is None
    assert one.line(100) == b"y"


def test_ends_are_told():
    for act in (lambda one: one.read(3), lambda one: one.skip(2**62), lambda one: one.line(5)):
        with pytest.raises(ShortError):
            act(source(b"ab"))


def test_what_unfolds_to_far_more_than_it_holds_is_a_bomb():
    with pytest.raises(BombError):
        source(bytes(2000), budget=1000).skip(2000)
    Source(io.BytesIO(bytes(2000)), folded=1).skip(2000)

    class Zeros:
        def read(self, size=1):
            return bytes(size)

    with pytest.raises(BombError, match="unfolds"):
        Source(Zeros(), folded=1000).skip(2**40)
