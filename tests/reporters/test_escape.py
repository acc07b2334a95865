from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from mlops_stage.reporters.escape import code, harmless, markdown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, with ünïcode and 日本語", "plain, with ünïcode and 日本語"),
        ("red \x1b[31malert\x1b[0m", "red \\u001b[31malert\\u001b[0m"),
        ("c1 \x9b31m", "c1 \\u009b31m"),
        ("two\nlines\r\n\tand a tab", "two\\nlines\\r\\n\\tand a tab"),
        ("evil\u202egpj.exe", "evil\\u202egpj.exe"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("no\u00a0break\u2009space", "no break space"),
        ("line\u2028separator", "line\\u2028separator"),
        ("lone \udc80 surrogate", "lone \\udc80 surrogate"),
        ("hidden\ufe01\ufe02", "hidden\\ufe01\\ufe02"),
        ("filler\u3164", "filler\\u3164"),
        ("heart \u2764\ufe0f stays", "heart \u2764\ufe0f stays"),
        ("family \U0001f469\u200d\U0001f467 stays", "family \U0001f469\u200d\U0001f467 stays"),
    ],
)
def test_nothing_invisible_stays_and_nothing_visible_goes(text, shown):
    assert harmless(text) == shown


@pytest.mark.parametrize("text", ["::error file=a::pwned", "x ::set-output name=a::b", "  ::debug::x"])
def test_no_line_of_a_log_can_become_a_workflow_command(text):
    assert not any(word.startswith("::") for word in harmless(text).split())


@pytest.mark.parametrize("text", ["##[error]x", "x ##vso[task.setvariable]y", "##teamcity[testFailed]"])
def test_other_systems_commands_are_broken_too(text):
    assert not any(start in harmless(text) for start in ("##[", "##vso[", "##teamcity["))


def test_a_scope_in_a_name_is_no_command():
    assert harmless("std::vector") == "std::vector"


def test_a_long_text_is_cut_and_says_how_long_it_was():
    shown = harmless("x" * 1_000_000)
    assert len(shown) < 600
    assert "1,000,000 characters" in shown


HOSTILE = [
    "<script>alert(1)</script>",
    "[click](https://example.org)",
    "![pixel](https://example.org/p.png)",
    "https://example.org/x and www.example.org",
    "a | b `c` **d** _e_ ~~f~~ # g",
    "1. not a list",
    "- not a list",
    "> no quote",
    "&lt;b&gt; \\` back\\slash",
    "line\n\n# heading",
    "$x$ {{ 7*7 }} ${{ github.token }}",
    ":smile: :+1:",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("escape", [markdown, code])
def test_markdown_shows_exactly_the_characters_and_no_markup(text, escape):
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(f"x {escape(text)} y")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    kinds = {child.type for child in tokens[1].children}
    assert kinds <= {"text", "text_special", "code_inline", "html_inline"}
    assert {child.content for child in tokens[1].children if child.type == "html_inline"} <= {"<code>", "</code>"}
    seen = "".join(child.content for child in tokens[1].children if child.type != "html_inline")
    assert seen == f"x {harmless(text)} y"


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("escape", [markdown, code])
def test_a_table_keeps_its_cells(text, escape):
    table = f"| a | b |\n|---|---|\n| {escape(text)} | end |\n"
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(table)
    assert [token.type for token in tokens].count("td_open") == 2


@pytest.mark.parametrize("text", ["1. one", "- two", "+ three", "> four", "# five", "    six", "=== seven", "~~~ eight"])
def test_a_line_of_its_own_starts_no_block(text):
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(markdown(text.strip()))
    assert tokens[0].type == "paragraph_open"


def test_markdown_mentions_nobody_and_links_nothing():
    shown = markdown("cc @team, see #12, https://example.org and www.example.org")
    assert not any(bare in shown for bare in ("@team", " #12", "s://", "www.e"))


def test_ordinary_sentences_stay_readable_in_the_source():
    told = "Accuracy is 0.873 (95 % interval 0.868 to 0.878, 16,281 rows); required: at least 0.86 - balanced_accuracy & more."
    assert markdown(told) == told
