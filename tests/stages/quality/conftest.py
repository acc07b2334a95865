"""Answers to judge, and the stage as a function of them."""

import numpy as np
import pytest

from mlops_stage.stages.quality import STAGE


class Played:
    """Answers of models."""

    @staticmethod
    def binary(rows=800, seed=0, skill=1.5):
        """Labels, decisions and scores of a model with some skill, and two columns to report by."""
        rng = np.random.default_rng(seed)
        z = rng.normal(size=rows)
        label = (rng.random(rows) < 1 / (1 + np.exp(-skill * z))).astype(int)
        score = 1 / (1 + np.exp(-skill * z + 0.2 * rng.normal(size=rows)))
        return {
            "y_true": label,
            "y_pred": (score > 0.5).astype(int),
            "y_score": score.round(6),
            "region": np.array(["north", "south", "west"])[rng.integers(0, 3, rows)],
            "tier": np.array(["a", "b"])[rng.integers(0, 2, rows)],
        }

    @staticmethod
    def many(rows=900, seed=0, classes=("ant", "bee", "cat")):
        """The same among several classes, with one score for each."""
        rng = np.random.default_rng(seed)
        label = rng.integers(0, len(classes), rows)
        logits = rng.normal(size=(rows, len(classes))) + 1.5 * np.eye(len(classes))[label]
        score = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        names = np.array(classes)
        columns = {f"y_score_{name}": score[:, index] for index, name in enumerate(classes)}
        return {
            "y_true": names[label],
            "y_pred": names[score.argmax(axis=1)],
            **columns,
            "region": np.array(["n", "s"])[rng.integers(0, 2, rows)],
        }

    @staticmethod
    def numeric(rows=600, seed=0, noise=1.0):
        """Numbers and predictions of them."""
        rng = np.random.default_rng(seed)
        label = rng.normal(50, 5, rows)
        return {"y_true": label, "y_pred": label + noise * rng.normal(size=rows), "region": np.array(["n", "s"])[rng.integers(0, 2, rows)]}


@pytest.fixture
def bench(tmp_path, bench_of):
    return bench_of(Played, tmp_path, STAGE)
