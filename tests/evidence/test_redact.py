from __future__ import annotations

import itertools

import pytest

from mlops_stage.evidence.redact import masked_levels, shown


@pytest.mark.parametrize(
    ("counts", "hidden"),
    [
        ({}, set()),
        ({"a": 10, "b": 500}, set()),
        ({"a": 0, "b": 500}, set()),
        ({"a": 9}, {"a"}),
        ({"a": 9, "b": 40, "c": 50}, {"a", "b"}),
        ({"a": 3, "b": 4, "c": 50, "d": 60}, {"a", "b", "c"}),
        ({"a": 5, "b": 5, "c": 50}, {"a", "b"}),
        ({"a": 9, "c": 40, "b": 40}, {"a", "b"}),
    ],
)
def test_small_counts_and_what_would_give_them_away_are_hidden(counts, hidden):
    assert masked_levels(counts) == hidden


def test_no_hidden_count_below_the_minimum_can_be_subtracted_from_the_total():
    for sizes in itertools.product((0, 1, 4, 9, 10, 30), repeat=4):
        counts = dict(zip("abcd", sizes, strict=True))
        hidden = masked_levels(counts)
        assert all(level in hidden for level, count in counts.items() if 0 < count < 10)
        if hidden and len(hidden) < sum(1 for count in sizes if count):  # something is left that could have been hidden as well
            assert len(hidden) >= 2
            assert sum(counts[level] for level in hidden) >= 10


def test_the_minimum_is_a_choice():
    assert masked_levels({"a": 9, "b": 40}, minimum=5) == frozenset()


def test_text_of_unknown_origin_fits_on_one_line():
    assert shown("plain é") == "plain é"
    assert shown("a\nb\x1b[31m\u202e") == "a\\nb\\x1b[31m\\u202e"
    assert len(shown("x" * 1_000_000)) <= 80
    assert shown("x" * 50 + "end", limit=11) == "xxxxx…xxend"
