"""The state of the repository: commit, tag, remote, and whether files were changed since; nothing that its configuration names is run.

Of a repository its own git knows where things are, and nothing else is asked of that one. Whatever reads objects, files or attributes runs in a repository
of our own, with an empty configuration over their objects and index: there no filter, monitor, hook, helper or remote of theirs exists.
"""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlops_stage.errors import StageError
from mlops_stage.evidence.digest import sha256_many
from mlops_stage.evidence.redact import without_credentials
from mlops_stage.stages.sbom.extract.scene import LATEST, claim, moment
from mlops_stage.stages.sbom.facts import Changed, Confidence, Git

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mlops_stage.stages.sbom.extract.scene import Found, Scene

_SECONDS = 20
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_TOLD = re.compile(rf"({_COMMIT.pattern}) ([0-9]{{1,12}})\n?")
_HOST = r"([\w.-]+(?::\d+)?)"
_SSH = re.compile(r"(?:ssh://)?[\w.-]+@([\w.-]+)(?::\d+/|[:/])(.+)")
_WEB = re.compile(rf"(?:https?|git)://(?:\S*@)?{_HOST}/([^?#;]+)")
_LFS = re.compile(r"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize ")
_MOST_POINTER = 1024
_MOST_ADDRESS = 2048
_MOST_FILTERED = 100
_SUBMODULE = "160000"
_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "LC_ALL": "C",
}
_EMPTY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_ATTR_NOSYSTEM": "1"}
_HARMLESS = "autocrlf|eol|filemode|symlinks|ignorecase|precomposeunicode|protecthfs|protectntfs"
"""Settings without which files of another system would seem to be changed; none of them names a program."""
_CONFIGURED = re.compile(rf"(remote\.origin\.url|core\.(?:{_HARMLESS}))(?:\n(.*))?", re.DOTALL)


@dataclass(frozen=True)
class _Repository:
    """Git over the objects of a repository, with a configuration of our own."""

    commit: str
    remote: str
    """As it is configured, with whatever password stands in it."""
    shallow: frozenset[str]
    """Commits whose parents were not fetched: they seem to have made every file."""
    top: Path
    env: Mapping[str, str]

    def asked(self, *words: str, given: str = "") -> str | None:
        """What git prints."""
        return _asked(self.top, self.env, *words, given=given)


def git_of(root: Path, files: Iterable[Path] = ()) -> Git | None:
    """What is known of the repository around a folder; None where there is none, no commit, or no git.

    Args:
        root: the folder.
        files: those that the document is about: of one that the commit does not hold, nobody can say that it did not change since.
    """
    with _opened(root) as git:
        told = _TOLD.fullmatch((git.asked("log", "-1", "--format=%H %ct") or "") if git else "")
        if git is None or told is None:
            return None
        tags = (git.asked("tag", "--points-at", "HEAD", "--sort=-version:refname") or "").splitlines()
        return Git(
            commit=git.commit,
            committed=int(told[3]) if int(told[3]) <= LATEST else None,
            remote=address(git.remote),
            tag=tags[0].strip() if tags else "",
            dirty=_changed(git, tuple(files)),
        )


def extract(scene: Scene) -> Iterator[Found]:
    """When the model and the data were last committed: the time of a file itself is that of the checkout."""
    with _opened(scene.root) as git:
        if git is None:
            return
        for key, part in scene.parts.items():
            told = _TOLD.fullmatch(git.asked("log", "-1", "--format=%H %ct", "--", str(part.place)) or "")
            if told and told[1] not in git.shallow and int(told[3]) <= LATEST:
                yield claim(key, "timestamp", moment(int(told[3])), "git", Confidence.INFERRED)


def address(remote: str) -> str:
    """A remote as a public https address; empty for a path of this machine and whatever else is none.

    User, password, query and port of ssh are left out: `git@host:owner/name.git` is `https://host/owner/name`.
    """
    found = (_WEB.fullmatch(remote) or _SSH.fullmatch(remote)) if len(remote) <= _MOST_ADDRESS else None
    if found is None:
        return ""
    path = found[2].rstrip("/").removesuffix(".git").rstrip("/")
    return without_credentials(f"https://{found[1]}/{path}") if path and found[1].partition(":")[0] != "localhost" else ""


def _changed(git: _Repository, files: Sequence[Path]) -> Changed:
    """Whether tracked files differ from the commit; not known where the index is told to overlook some, or does not hold the files that matter.

    Files that a filter rewrites on the way can only be compared by running it, but for those of Git LFS: where no other file differs, it is not known.
    """
    listed = git.asked("status", "--porcelain", "-z", "--no-renames", "--untracked-files=no", "--ignore-submodules=all")
    if listed is None:
        return Changed.UNKNOWN
    entries = [entry for entry in listed.split("\0") if entry]
    if any(not entry.startswith(" M ") for entry in entries):
        return Changed.YES
    paths = "".join(f"{entry[3:]}\0" for entry in entries)
    told = (git.asked("check-attr", "-z", "--stdin", "filter", given=paths) or "").split("\0")[2::3] if entries else []
    if any(filtered in {"unspecified", "unset"} for filtered in told):
        return Changed.YES
    if len(entries) > _MOST_FILTERED:
        return Changed.UNKNOWN
    rewritten = {_of_lfs(git, entry[3:]) for entry in entries}
    if _overlooked(git) or not _tracked(git, files):
        rewritten.add(Changed.UNKNOWN)
    return next((answer for answer in (Changed.YES, Changed.UNKNOWN) if answer in rewritten), Changed.NO)


def _overlooked(git: _Repository) -> bool:
    """Whether the index has entries that git does not compare: `assume-unchanged` and `skip-worktree`, or submodules."""
    entries = (git.asked("ls-files", "-v", "-s", "-z") or "").split("\0")
    return any(entry[:1].islower() or entry[:1] == "S" or entry[2:8] == _SUBMODULE for entry in entries if entry)


def _tracked(git: _Repository, files: Sequence[Path]) -> bool:
    if not files:
        return True
    common = os.path.commonpath([os.path.abspath(file) for file in files])  # noqa: PTH100  (lexical: git knows links by their own names)
    listed = (git.asked("ls-files", "-z", "--full-name", "--", f":(literal){common}") or "").split("\0")
    return {os.path.abspath(file) for file in files} <= {str(git.top / name) for name in listed if name}  # noqa: PTH100


def _of_lfs(git: _Repository, path: str) -> Changed:
    """Whether a file of Git LFS is another one than that whose digest was committed; not known of other files."""
    size = (git.asked("cat-file", "-s", f":{path}") or "").strip()
    known = _LFS.match((git.asked("cat-file", "blob", f":{path}") or "") if size.isdecimal() and int(size) < _MOST_POINTER else "")
    with suppress(OSError, StageError):
        if known:
            return Changed.NO if sha256_many([git.top / path])[git.top / path] == known[1] else Changed.YES
    return Changed.UNKNOWN


@contextmanager
def _opened(root: Path) -> Iterator[_Repository | None]:
    """The repository around a folder; None where there is none, no commit, no files checked out, or no git."""
    paths = [word for name in ("objects", "index", "shallow") for word in ("--git-path", name)]
    told = (_asked(root, {}, "rev-parse", "HEAD", "--show-object-format", "--show-toplevel", *paths) or "").splitlines()
    if len(told) != 6 or not _COMMIT.fullmatch(told[0]):  # noqa: PLR2004  (so many things were asked for)
        yield None
        return
    objects, index, shallow = (root / path for path in told[3:])
    listed = (_asked(root, {}, "config", "-z", "--get-regexp", rf"^(remote\.origin\.url|core\.({_HARMLESS}))$") or "").split("\0")
    settings = {found[1]: found[2] or "true" for one in listed if (found := _CONFIGURED.fullmatch(one))}
    remote = settings.pop("remote.origin.url", "")
    tags = _asked(root, {}, "for-each-ref", "--format=%(objectname) %(refname)", "refs/tags") or ""
    unfetched = shallow.read_text("ascii", "replace") if shallow.is_file() else ""
    with TemporaryDirectory() as folder:
        own = Path(folder)
        for name in ("objects", "refs"):
            (own / name).mkdir()
        for name, text in {"HEAD": f"{told[0]}\n", "config": _config(told[1], settings), "packed-refs": tags, "shallow": unfetched}.items():
            (own / name).write_text(text)
        places = {"GIT_DIR": own, "GIT_WORK_TREE": told[2], "GIT_OBJECT_DIRECTORY": objects.resolve(), "GIT_INDEX_FILE": index.resolve()}
        env = {**_EMPTY, **{name: str(place) for name, place in places.items()}}
        yield _Repository(told[0], remote, frozenset(unfetched.split()), Path(told[2]), env)


def _config(digests: str, settings: Mapping[str, str]) -> str:
    kept = [f"\t{name.removeprefix('core.')} = {value}\n" for name, value in settings.items() if value.isalpha()]
    return "".join(["[core]\n\trepositoryformatversion = 1\n", *kept, f"[extensions]\n\tobjectformat = {digests}\n"])


def _asked(folder: Path, more: Mapping[str, str], *words: str, given: str = "") -> str | None:
    """What git prints, or None where it fails or takes too long."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | _QUIET | dict(more)
    try:
        done = subprocess.run(
            ["git", *words], cwd=folder, env=env, input=os.fsencode(given), capture_output=True, timeout=_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return os.fsdecode(done.stdout)
