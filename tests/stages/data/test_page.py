import pytest
import yaml
from ruamel.yaml import YAML

from mlops_stage.stages.data.page import Page, scalar

ODD = [
    "",
    "yes",
    "No",
    "ON",
    "~",
    "null",
    "1",
    "1.5",
    "1e5",
    "0x1f",
    "0o7",
    "010",
    "1:30",
    "2024-01-01",
    "- a",
    "a: b",
    "a #b",
    "#a",
    "&a",
    "*a",
    "!a",
    "%a",
]
ODD += [
    "@a",
    "`a",
    "'a'",
    '"a"',
    "a,b",
    "[a]",
    "{a}",
    "|",
    ">",
    "?",
    ":",
    " a",
    "a ",
    "a\nb",
    "a\tb",
    "\\n",
    "\x00",
    "\x7f",
    "\x85",
    "\u2028",
    "\ufeff",
    "ä",
    "😀",
]
ODD += ["\U000f0000", "y", "n", ".nan", ".inf", "=", "<<", "a_b-c/d.e", "None", "True"]


@pytest.mark.parametrize("value", [*ODD, True, False, 0, -7, 10**20, 1.5, -0.1, 1e-9, 1e300, 3.0, 123456789.125])
def test_both_versions_of_yaml_read_back_what_was_written(value):
    page = Page()
    page.pair(0, "a", value)
    page.listed(0, "b", [value, value])
    page.listed(0, "c", [value] * 40)
    expected = {"a": value, "b": [value] * 2, "c": [value] * 40}
    assert YAML(typ="safe", pure=True).load(page.text) == expected
    assert yaml.safe_load(page.text) == expected


def test_plain_words_stay_plain():
    assert scalar("Self-emp-inc") == "Self-emp-inc"
    assert scalar("HS grad") == "HS grad"


def test_comments_never_become_content():
    page = Page()
    page.why(2, "a\nb: c\r\n- d " + "word " * 60)
    assert all(line.startswith("  # ") and len(line) <= 112 for line in page.lines)
    assert len(page.lines) > 2
