"""Compiled templates are kept, found again, and never taken for what they are not."""

import marshal

import pytest
from jinja2 import Environment, FileSystemLoader

from mlops_stage.reporters.html.compiled import Compiled


@pytest.fixture
def rendered(tmp_path, monkeypatch):
    """A template of one line, as a process that has not seen it yet renders it."""
    monkeypatch.setattr("sys.pycache_prefix", None)
    template = tmp_path / "page.j2"
    template.write_text("{{ 6 * 7 }}")
    owner = tmp_path / "owner.py"
    owner.write_text("escapes = True")

    def render(variant="plain"):
        compiled = Compiled(tmp_path, variant, owner)
        return Environment(loader=FileSystemLoader(tmp_path), bytecode_cache=compiled, autoescape=True).get_template("page.j2").render()

    render.template, render.owner = template, owner
    render.kept = lambda: sorted((tmp_path / "__pycache__").glob("*"))
    return render


def forged(path, source):
    """The kept file with other code in it."""
    mark = path.read_bytes().partition(b"\n")[0]
    path.write_bytes(mark + b"\n" + marshal.dumps(compile(source, "<template>", "exec")))


def test_what_was_kept_is_used(rendered):
    assert rendered() == "42"
    (kept,) = rendered.kept()
    forged(kept, "def root(context, *a, **k):\n    yield 'kept'\nname = 'page.j2'\nblocks = {}\ndebug_info = ''\n")
    assert rendered() == "kept"


def test_a_changed_template_is_compiled_anew(rendered):
    rendered()
    rendered.template.write_text("{{ 6 * 8 }}")
    assert rendered() == "48"


def test_when_the_module_that_sets_the_options_changes_all_is_compiled_anew(rendered):
    rendered()
    (kept,) = rendered.kept()
    forged(kept, "raise AssertionError('compiled with other options')")
    rendered.owner.write_text("escapes = True  # and marks")
    assert rendered() == "42"


@pytest.mark.parametrize(
    "bytes_of",
    [lambda _: b"", lambda whole: whole[:-9], lambda whole: whole.partition(b"\n")[0] + b"\nnothing", lambda whole: b"other " + whole],
)
def test_a_damaged_file_is_compiled_anew(rendered, bytes_of):
    rendered()
    (kept,) = rendered.kept()
    kept.write_bytes(bytes_of(kept.read_bytes()))
    assert rendered() == "42"


def test_variants_do_not_share(rendered):
    rendered("plain")
    rendered("flagging")
    assert len(rendered.kept()) == 2


def test_where_nothing_can_be_written_nothing_is_kept(rendered):
    (rendered.template.parent / "__pycache__").write_text("no folder")
    assert rendered() == "42"


def test_who_wants_no_compiled_files_gets_none(rendered, monkeypatch):
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    assert rendered() == "42"
    assert rendered.kept() == []
