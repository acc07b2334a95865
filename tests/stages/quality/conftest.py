"""Files to judge, and the stage as a function of them."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mlops_stage.gate import Rules, judge, parse_all
from mlops_stage.stages.quality.criteria import criteria
from mlops_stage.stages.quality.measure import measure
from mlops_stage.stages.quality.params import QualityParams
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
        return Workspace(root=self.root, run_dir=out, out=out / "quality", cache=self.root / ".cache", env={"PATH": "/usr/bin:/bin"})

    def measure(self, **params):
        return measure(QualityParams(effort="quick", **params), self.workspace)

    def judge(self, **params):
        seen = self.measure(**params)
        asked = QualityParams(**params)
        own = criteria(asked, seen)
        wanted = (*(one for one in own if one.source != "default"), *parse_all(asked.gates)) if asked.gates else own
        return judge(seen, wanted, Rules(mode="evidence", min_denominator=30))

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

    @staticmethod
    def find(seen, name, **where):
        """The metric of that name and slice."""
        (metric,) = [metric for metric in seen.metrics if metric.name == name and metric.slice == tuple(where.items())]
        return metric

    @staticmethod
    def rules(seen):
        """The rules of all findings."""
        return [finding.rule for finding in seen.findings]


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)
