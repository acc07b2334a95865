"""A project folder in which a stage that judges answers is run in this process."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_stage.gate import Rules, judge, parse_all
from mlops_stage.host import resolve
from mlops_stage.stage import Stage
from mlops_stage.workspace import Workspace


@dataclass
class Bench:
    """Files to judge, and the stage as a function of them."""

    root: Path
    stage: Stage
    given: Mapping[str, Any]
    """Params of every measurement that does not say otherwise."""

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
        return Workspace(root=self.root, run_dir=out, out=out / self.stage.name, cache=self.root / ".cache", env={"PATH": "/usr/bin:/bin"})

    def params(self, **params):
        return resolve(self.stage.params, "a test")(**params)

    def measure(self, **params):
        return resolve(self.stage.measure, "a test")(self.params(**{**self.given, **params}), self.workspace)

    def judge(self, **params):
        seen = self.measure(**params)
        asked = self.params(**params)
        own = resolve(self.stage.criteria, "a test")(asked, seen)
        wanted = (*(one for one in own if one.source != "default"), *parse_all(asked.gates)) if asked.gates else own
        return judge(seen, wanted, Rules(mode=asked.mode, min_denominator=asked.min_denominator))

    def find(self, seen, name, **where):
        """The metric of that name and slice."""
        (metric,) = [metric for metric in seen.metrics if metric.name == name and metric.slice == tuple(where.items())]
        return metric

    def rules(self, seen):
        """The rules of all findings."""
        return [finding.rule for finding in seen.findings]

    def said(self, seen, rule):
        """The message of the only finding of a rule."""
        (finding,) = [finding for finding in seen.findings if finding.rule == rule]
        return finding.message


@pytest.fixture(scope="session")
def bench_of():
    """Makes a bench of a stage, with the methods of a class that plays data for it."""

    def make(played, root, stage, **given):
        return type("Bench", (played, Bench), {})(root, stage, {"effort": "quick", **given})

    return make
