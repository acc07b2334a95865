"""Readers of facts: files, locks, git and CI; none runs, imports or unpickles what it reads."""

from __future__ import annotations

from mlops_stage.stages.sbom.extract.gathering import Gathered, gathered, inventory

__all__ = ["Gathered", "gathered", "inventory"]
