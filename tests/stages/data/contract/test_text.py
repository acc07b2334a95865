import pytest

from mlops_stage.errors import InputError
from mlops_stage.stages.data.contract import text
from mlops_stage.stages.data.contract.problems import Problems


@pytest.fixture
def parse(tmp_path):
    """Document and mistakes of a text or of bytes."""

    def parsed(content):
        path = tmp_path / "c.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        problems = Problems("c.yaml")
        return text.read(path, "c.yaml", problems), problems.ordered

    return parsed


def test_values_are_plain_and_know_their_lines(parse):
    document, problems = parse(
        "a: 1\nb:\n  - x: 2024-01-01\n    y: [1.5, 0x10, yes, null, ~, 'q']\n  - *no\n".replace("  - *no\n", "  - !!str 7\n")
    )
    assert problems == []
    assert document.values == {"a": 1, "b": [{"x": "2024-01-01", "y": [1.5, 16, "yes", None, None, "q"]}, "7"]}
    assert document.where(("b", 0, "y")) == "c.yaml:4"
    assert document.line(("b", 0, "x", "nothing", "here")) == 3
    assert document.line(("b", 1)) == 5
    assert document.line(("none",)) == 1


def test_aliases_and_merge_keys_are_followed(parse):
    document, problems = parse("base: &b {x: 1, y: 2}\none:\n  <<: *b\n  y: 3\ntwo: *b\n")
    assert problems == []
    assert document.values["one"] == {"x": 1, "y": 3}
    assert document.values["two"] == {"x": 1, "y": 2}


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (BOMB, None, "more than 100,000 values"),
        ("a: &a [*a]\n", 1, "nested too deeply"),
        ("a: &a\n  <<: *a\n", None, "merged into itself"),
        ("a: 1\nb: " + "[" * 30_000, 2, "nested too deeply"),  # minutes, were it read to its end
        ("a: " + "[" * 60 + "]" * 60, 1, "nested too deeply"),
        ("a: 1\nb: 2\na: 3\n", 3, "'a' stands there twice, first in line 1"),
        ("a: !!python/object:os.system {x: 1}\n", None, ""),
        ("a: !!python/name:os.system\n", 1, "is not allowed"),
        ("a: !mine x\n", 1, "the tag '!mine' is not allowed"),
        ("a: .nan\n", 1, "no number that anything could be compared with"),
        ("? [1, 2]\n: x\n", 1, "a key is a list"),
        ("a: 1\n  b: 2\n", 2, "not valid YAML"),
        ("a: \x01\n", 1, "not valid YAML"),
        ("a: *nothing\n", 1, "not valid YAML"),
        ("a: 1\n---\nb: 2\n", 2, "not valid YAML"),
        ("x: " + "9" * 5000 + "\n", 1, "no number that anything could be compared with"),
    ],
)
def test_hostile_text_is_refused_with_its_line(parse, content, line, message):
    document, problems = parse(content)
    if not message:  # an unknown tag on a mapping changes nothing: it is read as a mapping, and no object is made
        assert document.values == {"a": {"x": 1}}
        return
    assert message in problems[0].message
    assert line is None or problems[0].line == line


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"a: \xff\xfe\n", "c.yaml:1: not UTF-8"), (b"x" * (2**20 + 1), "larger than 1 MiB"), ("a: ä\n".encode("utf-16"), "not UTF-8")],
)
def test_what_cannot_be_read_at_all(parse, content, message):
    with pytest.raises(InputError, match=message):
        parse(content)


def test_a_byte_order_mark_is_no_part_of_the_first_key(parse):
    assert parse(b"\xef\xbb\xbfa: 1\n")[0].values == {"a": 1}
