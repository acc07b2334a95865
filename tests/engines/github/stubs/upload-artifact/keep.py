"""Copy what the patterns name, less what `!` patterns name, to $KEEP/$NAME, under the path below the least common folder."""

import os
import shutil
from pathlib import Path

lines = [line.strip() for line in os.environ["PATTERNS"].splitlines() if line.strip()]


def named(pattern: str) -> set[Path]:
    """The files that one pattern names; a folder means all that is in it."""
    root = Path(pattern) if Path(pattern).is_dir() else None
    found = root.rglob("*") if root else Path().glob(pattern)
    return {file for file in found if file.is_file()}


files: set[Path] = set()
for line in lines:
    files = files - named(line[1:]) if line.startswith("!") else files | named(line)
for file in files:
    target = Path(os.environ["KEEP"], os.environ["NAME"], file)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
