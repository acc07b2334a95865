"""Copy what the patterns name, less what `!` patterns name, to $KEEP/$NAME, below the folder that all patterns have in common."""

import os
import re
import shutil
import sys
from pathlib import Path

lines = [line.strip() for line in os.environ["PATTERNS"].splitlines() if line.strip()]


def named(pattern: str) -> set[Path]:
    """The files that one pattern names; a folder means all that is in it."""
    found = set(Path().glob(pattern.rstrip("/")))
    return {file for path in found for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()}


def root(patterns: list[str]) -> Path:
    """What a pattern says before its first wildcard is a folder to search; the artifact begins below all of them."""
    searched = []
    for pattern in patterns:
        parts = Path(pattern).parts
        plain = next((place for place, part in enumerate(parts) if re.search(r"[*?\[]", part)), len(parts))
        path = Path(*parts[:plain])
        searched.append(path.parent if path.is_file() else path)
    return Path(os.path.commonpath([path.absolute() for path in searched]))


files: set[Path] = set()
for line in lines:
    files = files - named(line[1:]) if line.startswith("!") else files | named(line)
if not files and os.environ["NONE"] == "error":
    sys.exit("::error::no files were found")
kept = Path(os.environ["KEEP"], os.environ["NAME"])
if os.environ["OVERWRITE"] == "true":
    shutil.rmtree(kept, ignore_errors=True)
elif kept.exists():
    sys.exit(f"::error::there is an artifact {kept.name} already")
top = root([line for line in lines if not line.startswith("!")])
for file in files:
    target = kept / file.absolute().relative_to(top)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
