"""What several benchmarks share: the memory of a process with its descendants, and whether measured parts keep their promises."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def resident(pid: int) -> int:
    """Bytes of a process and its descendants in memory; shared pages are counted each time."""
    found = [pid]
    total = 0
    for each in found:
        try:
            tasks = Path(f"/proc/{each}/task").iterdir()
            found += [int(child) for task in tasks for child in (task / "children").read_text().split()]
            total += int(Path(f"/proc/{each}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            continue
    return total


def promised(parts: Mapping[str, tuple[Callable[[], Any], Callable[[Any], bool]]]) -> int:
    """Measure part by part, print each as JSON and name those that break their promise; an exit code.

    Args:
        parts: name -> what measures, and whether that keeps the promise.
    """
    broken = []
    for name, (part, holds) in parts.items():
        told = part()
        print(json.dumps({name: told}, indent=2), flush=True)
        broken += [] if holds(told) else [name]
    for name in broken:
        print(f"broken: {name}", file=sys.stderr)
    return 1 if broken else 0
