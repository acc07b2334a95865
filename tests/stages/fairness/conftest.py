"""Answers to judge, and the stage as a function of them."""

import numpy as np
import pytest

from mlops_stage.stages.fairness import STAGE


class Played:
    """Answers of models."""

    @staticmethod
    def answers(rows=2_000, seed=0, tilt=0.0, sexes=("female", "male"), races=("black", "white", "other")):
        """Labels and decisions of a model that favours the last sex by `tilt`, and two columns of groups."""
        rng = np.random.default_rng(seed)
        sex, race = (np.array(names)[rng.integers(0, len(names), rows)] for names in (sexes, races))
        label = (rng.random(rows) < 0.4).astype(int)
        score = np.clip(0.25 + 0.4 * label + tilt * (sex == sexes[-1]) + 0.15 * rng.normal(size=rows), 0, 1)
        return {"y_true": label, "y_pred": (score > 0.5).astype(int), "y_score": score.round(6), "sex": sex, "race": race}

    def find(self, seen, name, **where):
        """The estimate of that name and slice."""
        return super().find(seen, name, **where).estimate


@pytest.fixture
def bench(tmp_path, bench_of):
    return bench_of(Played, tmp_path, STAGE, predictions="p.csv")
