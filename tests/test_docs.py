"""Every command and every configuration in the documentation is executed here, page by page, in a folder of its own.

A fence says in the HTML comment on the line before it what it is:

- `<!-- run -->` or `<!-- run: exit 1 -->`: a shell block; it must exit with that code (0 when none is given).
- `<!-- output -->`: what the block before it prints, on stdout or stderr; `…` stands for anything, lines left out among it.
- `<!-- file: mlops.yaml -->`: the reader creates this file. A file named mlops.yaml must be a valid configuration at once.
- `<!-- from: examples/plugin/pyproject.toml -->`: a quotation; it must stand in that file of docs/, letter for letter.
- `<!-- demo -->`, `<!-- test -->`: the README's two commands; `.ci/run` executes them.
- `<!-- not run: why -->`: neither; the reason is owed to the reader of the source.

A page that says `<!-- in: examples/income -->` starts in a copy of that folder, other pages in an empty one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
FENCE = re.compile(r"(?:^<!-- (?P<mark>[^\n]+?) -->\n)?^```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FOLDER = re.compile(r"^<!-- in: (\S+) -->$", re.MULTILINE)
MUST_BE_MARKED = {"sh", "bash", "console", "shell", "yaml", "yml", "csv", "json", "python"}
MARKS = re.compile(r"run(: exit (?P<exit>\d+))?|output|file: (?P<path>\S+)|from: (?P<source>\S+)|demo|test|not run: .+")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fence of a page with its mark."""

    mark: str
    language: str
    text: str
    line: int


def blocks(page: str) -> list[Block]:
    return [
        Block(mark=found["mark"] or "", language=found["language"], text=found["text"], line=page.count("\n", 0, found.start()) + 1)
        for found in FENCE.finditer(page)
    ]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def environment(home: Path) -> dict[str, str]:
    """The reader's shell: `mlops-stage` and `python` on PATH, no setting of ours, no colour, a terminal of 100 columns."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLOPS_", "PYTHON", "GIT_", "CI", "GITHUB_"))}
    path = os.pathsep.join((str(ROOT / "tests/fixtures/command"), sysconfig.get_path("scripts"), kept.get("PATH", "")))
    return {**kept, "PATH": path, "HOME": str(home), "NO_COLOR": "1", "COLUMNS": "100", "LC_ALL": "C.UTF-8"}


def shell(command: str, folder: Path, home: Path, channel: int) -> tuple[int, str]:
    """What a block exits with and prints; its `mlops-stage` runs in a process that has imported it already, to which `channel` leads."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env={**environment(home), "WARM": str(channel)},
        pass_fds=(channel,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stdout


def as_pattern(shown: str) -> str:
    """What a page shows as output, as a pattern: space at line ends does not count, `…` stands for anything."""
    lines = [line.rstrip() for line in shown.strip().splitlines()]
    return r"[^\S\n]*\n".join(".*" if line.strip() == "…" else re.escape(line).replace("…", r"[^\n]*") for line in lines)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_marks_are_known_and_nothing_executable_is_without_one(page: Path):
    for block in blocks(page.read_text(encoding="utf-8")):
        where = f"{name(page)}:{block.line}"
        if block.mark:
            assert MARKS.fullmatch(block.mark), f"{where}: unknown mark {block.mark!r}"
        else:
            assert block.language not in MUST_BE_MARKED, f"{where}: a {block.language} block must say whether it is run"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_quotations_are_what_the_file_says(page: Path):
    for block in blocks(page.read_text(encoding="utf-8")):
        found = MARKS.fullmatch(block.mark)
        if found and found["source"]:
            quoted = (DOCS / found["source"]).read_text(encoding="utf-8")
            assert block.text in quoted, f"{name(page)}:{block.line} is not what {found['source']} says"


def told_to_run(page: Path) -> bool:
    return any(block.mark.startswith(("run", "file")) for block in blocks(page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", [page for page in PAGES if told_to_run(page)], ids=name)
def test_page_does_what_it_says(page: Path, tmp_path: Path, channel: int):
    text = page.read_text(encoding="utf-8")
    folder, home = tmp_path / "work", tmp_path / "home"
    home.mkdir()
    start = FOLDER.search(text)
    if start:
        shutil.copytree(DOCS / start[1], folder, ignore=shutil.ignore_patterns("mlops-out", "__pycache__"))
    else:
        folder.mkdir()
    printed = ""
    for block in blocks(text):
        where = f"{name(page)}:{block.line}"
        found = MARKS.fullmatch(block.mark)
        if found and found["path"]:
            write(folder / found["path"], block.text)
            if Path(found["path"]).name == "mlops.yaml":
                code, printed = shell("mlops-stage run --explain-config", folder, home, channel)
                assert code == 0, f"{where}: not a valid configuration\n{printed}"
        elif block.mark.startswith("run"):
            code, printed = shell(block.text, folder, home, channel)
            assert code == int(found["exit"] or 0) if found else False, f"{where}: exit {code}\n{block.text}\n{printed}"
        elif block.mark == "output":
            plain = "\n".join(line.rstrip() for line in printed.splitlines())
            assert re.search(as_pattern(block.text), plain, re.DOTALL), f"{where}: shown\n{block.text}\nprinted\n{printed}"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_between_pages_lead_somewhere(page: Path):
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        path, _, _ = target.partition("#")
        if path and "://" not in path and not path.startswith("mailto:"):
            assert (page.parent / path).exists(), f"{name(page)} links to {target}, which does not exist"


def test_a_page_with_a_wrong_command_is_found(tmp_path: Path, channel: int):
    page = blocks("<!-- run: exit 3 -->\n```sh\nexit 4\n```\n")[0]
    assert shell(page.text, tmp_path, tmp_path, channel)[0] == 4
    assert re.search(as_pattern("a … c\n…\nlast"), "a b c\n1\n2\nlast", re.DOTALL)
    assert not re.search(as_pattern("a … c"), "a b\nc", re.DOTALL)


def test_the_readme_names_the_demo_and_the_test_command():
    marks = [block.mark for block in blocks((ROOT / "README.md").read_text(encoding="utf-8"))]
    assert marks.count("demo") == 1
    assert marks.count("test") == 1


def test_changelog_fragments_have_a_known_type():
    known = ("added", "changed", "fixed", "removed", "security")
    fragments = [path for path in (DOCS / "changelog.d").iterdir() if path.name != "README.md"]
    assert fragments
    for path in fragments:
        assert re.fullmatch(rf"\+[a-z0-9-]+\.({'|'.join(known)})\.md", path.name), f"{name(path)}: call it +<what>.<{'|'.join(known)}>.md"
