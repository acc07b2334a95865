"""Criteria and observations turned into verdicts (pure Python); only the runner judges."""

from __future__ import annotations

from mlops_stage.gate.case import Rules
from mlops_stage.gate.grammar import parse, parse_all, spell
from mlops_stage.gate.judging import judge

__all__ = ["Rules", "judge", "parse", "parse_all", "spell"]
