"""Findings on a pickle, and headers of arrays."""

import io
import pickle

import numpy as np
import pytest

from mlops_stage.inputs.pickles.screen import npy_objects, screen, second_opinion
from mlops_stage.inputs.pickles.source import Source
from mlops_stage.report import Level


def rules(content, **how):
    found = screen(Source(io.BytesIO(content)), "m.pkl", **how)
    return [(finding.rule, finding.level) for finding in found.findings]


def test_each_kind_of_name_has_its_rule():
    assert rules(b"cos\nsystem\n)R.") == [("scan/dangerous-import", Level.ERROR)]
    assert rules(b"cmine\nModel\n)R.") == [("scan/unknown-import", Level.ERROR)]
    assert rules(b"cmine\nModel\n)R.", trusted=("mine",)) == [("scan/pickle", Level.WARNING)]
    assert rules(b"\x80\x02\x82\x01.") == [("scan/hidden-import", Level.ERROR)]
    assert rules(b"csklearn.svm\nSVC\n)R.") == [("scan/pickle", Level.WARNING)]
    assert rules(pickle.dumps({"a": np.arange(3)})) == []
    assert rules(b"\x80\x04N") == [("scan/unreadable", Level.ERROR)]
    assert rules(b"\x80\x04N", claimed=False) == []


def test_names_of_unknown_origin_are_shown_without_control_characters():
    found = screen(Source(io.BytesIO(b"cevil\x1b[31m\nname\n)R.")), "m.pkl").findings
    assert "\x1b" not in found[0].message


def test_picklescan_is_asked_about_the_whole_as_well():
    content = b"cos\nsystem\n)R."
    walked = screen(Source(io.BytesIO(content)), "m.pkl").walked
    assert list(second_opinion(content, walked, "m.pkl")) == []
    walked.names.clear()
    (finding,) = second_opinion(content, walked, "m.pkl")
    assert "os.system" in finding.message


@pytest.mark.parametrize(
    ("array", "objects"),
    [
        (np.arange(3), False),
        (np.array(["O"]), False),
        (np.array([1, None], dtype=object), True),
        (np.zeros(2, dtype=[("O", "f4"), ("b", "U3")]), False),
        (np.zeros(2, dtype=[("a", "f4"), ("b", "O")]), True),
        (np.zeros(2, dtype=[("a", [("c", "O", (2,))])]), True),
    ],
)
def test_headers_of_arrays(array, objects):
    held = io.BytesIO()
    np.save(held, array)
    assert npy_objects(Source(io.BytesIO(held.getvalue()))) is objects


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x09\x00\x05\x00aaaaa",
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
        b"\x93NUMPY\x01\x00\x05\x00{'a':",
        b"\x93NUMPY\x01\x00\x02\x00{}",
    ],
)
def test_broken_headers_of_arrays(content):
    with pytest.raises(ValueError, match=r"."):
        npy_objects(Source(io.BytesIO(content)))
