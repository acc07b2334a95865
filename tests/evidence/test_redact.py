from __future__ import annotations

import itertools

import pytest

from mlops_stage.estimates import NotEstimable, Rate
from mlops_stage.evidence.redact import (
    HIDDEN,
    masked,
    masked_cells,
    masked_levels,
    personal,
    redacted,
    shape_of,
    shown,
    without_credentials,
    without_literals,
    without_secrets,
)


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


@pytest.mark.parametrize(
    ("counts", "hidden"),
    [
        ([[50, 10], [0, 40]], set()),
        ([[50, 3], [20, 40]], {(0, 0), (0, 1), (1, 0), (1, 1)}),
        ([[4, 0, 0], [0, 30, 12], [11, 20, 40]], {(0, 0), (0, 1), (2, 0), (2, 1)}),
    ],
)
def test_cells_are_hidden_until_none_can_be_found_by_subtraction(counts, hidden):
    assert masked_cells(counts) == hidden


def test_what_is_masked_keeps_figures_over_all_rows_and_of_none():
    figures = {"accuracy": Rate(50, 55), "recall": Rate(2, 3), "fpr": NotEstimable(0, "no negatives"), "roc_auc": NotEstimable(3, "few")}
    assert masked(figures, {"accuracy"}) == {**figures, "recall": HIDDEN, "roc_auc": HIDDEN}


def test_a_redacted_value_shows_its_shape_and_nothing_it_says():
    assert shape_of("Ada.L+1@Mail.org") == "Aaa.A+9@Aaaa.aaa"
    assert shape_of("1,234") == "9,999"
    assert shape_of("é字\n") == "xx�"
    assert len(shape_of("a" * 1000)) == 41
    assert redacted("hunter2-secret") == "aaaaaa9-aaaaaa"
    assert redacted(None) == redacted(None, sensitive=True) == "(missing)"


def test_short_values_of_sensitive_columns_look_alike():
    assert {redacted(value, sensitive=True) for value in ("yes", "no", "true", "false")} == {"a"}
    assert redacted("Ada.L+1@Mail.org", sensitive=True) == "Aa.A+9@Aa.a"
    assert len(redacted("a." * 1000, sensitive=True)) == 40


@pytest.mark.parametrize(
    ("sql", "plain"),
    [
        ("c12 IN ('hiv', 'it''s') OR c3 > -1.5e3", "c12 IN ('***', '***') OR c3 > -***"),
        (r"c0 = e'a\'hiv' AND E'\t' = 'x'", "c0 = '***' AND '***' = '***'"),
        ("SELECT $$hiv$$, $a$it's$a$ /* hiv */ -- 'hiv", "SELECT '***', '***' '***' '***'"),
        ('SELECT "it\'s 5", TRY_CAST(c1 AS INT128)', 'SELECT "it\'s 5", TRY_CAST(c1 AS INT128)'),
    ],
)
def test_statements_lose_their_literals(sql, plain):
    assert without_literals(sql) == plain


@pytest.mark.parametrize("name", ["email", "customerEmail", "card-number", "Last Name", "user_name", "ip"])
def test_columns_that_name_people_are_known_by_their_names(name):
    assert personal(name)


@pytest.mark.parametrize("name", ["age", "workclass", "filename_length", "native_country", "hours", "descriptor"])
def test_other_columns_are_not(name):
    assert not personal(name, ["Private", "12.5", "Self-emp-not-inc", "2024", "Married-civ-spouse"])


def test_columns_are_known_by_their_values():
    for value in ("ada@example.org", "DE89370400440532013000", "+44 20 7946 0958", "192.168.0.1", "AKIAIOSFODNN7EXAMPLE1"):
        assert personal("a", [value]), value


@pytest.mark.parametrize(
    "address",
    [
        "https://user:CANARY@host/path",
        "https://user:CAN/CANARY@host/path",
        "https://a@b:CANARY@host/path",
        "https://host/path?token=CANARY",
        "https://host/path#token=CANARY",
        "https://host/v2/models/m;key=CANARY",
        "s3://key:CANARY@bucket/x and https://host/y?z=CANARY",
    ],
)
def test_no_part_of_an_address_that_may_hold_a_secret_is_shown(address):
    told = without_credentials(f"cannot reach {address}")
    assert "CANARY" not in told
    assert told.startswith("cannot reach ")


def test_an_address_without_a_secret_stays_as_it_is():
    text = "cannot reach https://host:8000/v2/models/m; write it otherwise"
    assert without_credentials(text) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("see https://ada:s3cret@git.example/x.git", "see https://***@git.example/x.git"),
        ("-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE\n-----END RSA " + "PRIVATE KEY-----\nend", "***\nend"),
        ("https://bucket.example/x?a=1&X-Amz-Signature=" + "ab12" * 8 + "&b=2", "https://bucket.example/x?a=1&X-Amz-Signature=***&b=2"),
        ("a " + "hf" + "_" + "Ab" * 20 + " b", "a *** b"),
        (
            "git@git.example:x.git and https://ada@git.example, 12:30 @ noon",
            "git@git.example:x.git and https://ada@git.example, 12:30 @ noon",
        ),
    ],
)
def test_what_looks_like_a_secret_is_masked_and_nothing_else(text, told):
    assert without_secrets(text) == told
    assert without_secrets(told) == told
