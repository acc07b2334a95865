"""A parser for YAML that people write: it stops where a file is nested more deeply than anybody means."""

from __future__ import annotations

from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError

__all__ = ["DEEPEST", "MaxDepthExceededError", "parser"]

DEEPEST = 100
"""Levels. What thousands of open brackets cost grows with the square of their number, and they end Python's stack."""


def parser() -> YAML:
    """For values with their lines and comments; what is deeper than `DEEPEST` raises MaxDepthExceededError, with the place."""
    found = YAML(typ="rt", pure=True)
    found.max_depth = DEEPEST
    return found
