"""What was not needed is taken back."""

from __future__ import annotations

import numpy as np

from mlops_stage.stages.adversarial.oracle import Oracle
from mlops_stage.stages.adversarial.restore import restored
from mlops_stage.stages.adversarial.selftest import Session
from mlops_stage.stages.adversarial.space import box

ORIGINALS = np.zeros((3, 4), dtype=np.float32)


def oracle(score):
    return Oracle(Session(score), lambda rows: {"x": rows}, label="label", scores="scores")


def test_only_what_changed_the_answer_stays_changed():
    """Class 1 where the first feature is beyond .5, or both of the last two are beyond .2."""
    found, far, queries = restored(
        oracle(lambda x: ((x[:, 0] > 0.5) | ((x[:, 2] > 0.2) & (x[:, 3] > 0.2))) * 1.0),
        np.array([[0.6, 0.1, 0.1, 0.3], [0.1, 0.05, 0.3, 0.3], [0.6, 0, 0, 0]], dtype=np.float32),
        ORIGINALS,
        np.zeros(3, dtype=np.int64),
        box(4),
        "linf",
    )
    np.testing.assert_array_equal(found, np.array([[0.6, 0, 0, 0], [0, 0, 0.3, 0.3], [0.6, 0, 0, 0]], dtype=np.float32))
    np.testing.assert_allclose(far, [0.6, 0.3, 0.6], rtol=1e-6)
    assert queries.tolist() == [4, 4, 1]


def test_a_row_is_never_farther_and_always_of_another_label():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=20)
    asked = oracle(lambda x: (x @ weights > 1) * 1.0)
    rows = rng.normal(size=(50, 20)).astype(np.float32)
    rows = rows[asked.labels(rows) == 1]
    originals = np.zeros_like(rows)
    found, far, _ = restored(asked, rows, originals, np.zeros(len(rows), dtype=np.int64), box(20, -9, 9), "l2")
    assert (asked.labels(found) == 1).all()
    assert (far <= np.linalg.norm(rows, axis=1)).all()
    assert ((found == 0) | (found == rows)).all()
    assert (found == 0).mean() > 0.5


def test_no_rows_are_no_trouble():
    found, far, queries = restored(oracle(lambda x: x[:, 0]), ORIGINALS[:0], ORIGINALS[:0], np.zeros(0, dtype=np.int64), box(4), "linf")
    assert len(found) == len(far) == len(queries) == 0
