"""Files to judge, and the stage as a function of them."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mlops_stage.gate import Rules, judge, parse_all
from mlops_stage.stages.fairness.criteria import criteria
from mlops_stage.stages.fairness.measure import measure
from mlops_stage.stages.fairness.params import FairnessParams
from mlops_stage.workspace import Workspace


@dataclass
class Bench:
    """A project folder in which the stage is run in this process."""

    root: Path

    def write(self, name, **columns):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(columns)
            writer.writerows(zip(*(np.asarray(column).tolist() for column in columns.values()), strict=True))
        return path

    @property
    def workspace(self):
        out = self.root / "mlops-out"
        return Workspace(root=self.root, run_dir=out, out=out / "fairness", cache=self.root / ".cache", env={"PATH": "/usr/bin:/bin"})

    def measure(self, **params):
        return measure(FairnessParams(**{"effort": "quick", "predictions": "p.csv", **params}), self.workspace)

    def judge(self, **params):
        seen = self.measure(**params)
        asked = FairnessParams(**params)
        own = criteria(asked, seen)
        wanted = (*(one for one in own if one.source != "default"), *parse_all(asked.gates)) if asked.gates else own
        return judge(seen, wanted, Rules(mode=asked.mode, min_denominator=asked.min_denominator))

    @staticmethod
    def answers(rows=2_000, seed=0, tilt=0.0, sexes=("female", "male"), races=("black", "white", "other")):
        """Labels and decisions of a model that favours the last sex by `tilt`, and two columns of groups."""
        rng = np.random.default_rng(seed)
        sex, race = (np.array(names)[rng.integers(0, len(names), rows)] for names in (sexes, races))
        label = (rng.random(rows) < 0.4).astype(int)
        score = np.clip(0.25 + 0.4 * label + tilt * (sex == sexes[-1]) + 0.15 * rng.normal(size=rows), 0, 1)
        return {"y_true": label, "y_pred": (score > 0.5).astype(int), "y_score": score.round(6), "sex": sex, "race": race}

    @staticmethod
    def find(seen, name, **where):
        """The estimate of that name and slice."""
        (metric,) = [metric for metric in seen.metrics if metric.name == name and metric.slice == tuple(where.items())]
        return metric.estimate

    @staticmethod
    def rules(seen):
        """The rules of all findings."""
        return [finding.rule for finding in seen.findings]

    @staticmethod
    def said(seen, rule):
        """The message of the only finding of a rule."""
        (finding,) = [finding for finding in seen.findings if finding.rule == rule]
        return finding.message


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)
