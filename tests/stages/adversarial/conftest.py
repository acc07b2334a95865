"""Columns to learn from, as a stage reads them."""

from __future__ import annotations

import numpy as np
import pytest

from mlops_stage.inputs.tables.values import Codes
from mlops_stage.stages.adversarial.reading import Frame


def _frame(texts=None, **numbers):
    columns = (*numbers, *(texts or {}))
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in numbers.items()}
    coded = {}
    for name, values in (texts or {}).items():
        levels = tuple(sorted({value for value in values if value}))
        coded[name] = Codes(np.array([levels.index(value) if value else -1 for value in values]), levels)
    rows = len(next(iter([*arrays.values(), *(codes.codes for codes in coded.values())])))
    return Frame(columns=columns, numbers=arrays, texts=coded, rows=rows)


@pytest.fixture(scope="session")
def frame():
    """Makes a frame of columns of numbers, and of `texts`."""
    return _frame
