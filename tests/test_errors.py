import traceback

import pytest

from mlops_stage.errors import ExitCode, InputError, StageError, UsageError, alike, nearest, telling_hints, worst


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((), 0),
        ((0, 0), 0),
        ((0, 5), 5),
        ((5, 1), 1),
        ((1, 2), 2),
        ((2, 3), 3),
        ((3, 4, 1), 4),
        ((4, 130), 130),
    ],
)
def test_the_first_present_of_the_documented_order_wins(codes, expected):
    assert worst(ExitCode(code) for code in codes) == expected
    assert worst(ExitCode(code) for code in reversed(codes)) == expected


def test_every_kind_of_error_has_its_code():
    assert StageError("x").code == 3
    assert InputError("x").code == 3
    assert UsageError("x", "y").code == 2
    assert UsageError("x", "y").hint == "y"


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("incme", ["income", "outcome"], "income"),
        ("INCOME ", ["income"], "income"),
        ("aeg", ["age", "sex"], "age"),
        ("modle", ["mode", "model"], "model"),
        ("modl", ["mode", "model"], "model"),
        ("sex", ["age", "race", "workclass"], ""),
        ("x", ["mlops"], ""),
        ("anything", [], ""),
    ],
)
def test_only_a_near_name_is_offered(name, known, expected):
    assert alike(name, known) == expected


def test_a_misspelt_name_gets_the_nearest_and_a_strange_one_gets_all():
    assert nearest("lable", ["label", "score"]) == "did you mean 'label'?"
    assert nearest("zzz", ["score", "label"]) == "known: label, score"
    assert nearest("zzz", []) == "there are none"


@pytest.mark.parametrize(("hint", "shown"), [("name one", "UsageError: no file\nhint: name one\n"), ("", "UsageError: no file\n")])
def test_a_traceback_shows_the_hint(hint, shown):
    with pytest.raises(UsageError) as caught, telling_hints():
        raise UsageError("no file", hint)
    assert "".join(traceback.format_exception(caught.value)).endswith(shown)
