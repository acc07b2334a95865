"""A run in this process, over the trial plugin."""

import os
from dataclasses import dataclass, field, replace

import pytest

from mlops_stage import runner
from mlops_stage.params import Request
from mlops_stage.report import Report


@dataclass
class Seen:
    """A watcher that remembers."""

    told: list = field(default_factory=list)

    def started(self, request_id, stage):
        self.told.append(("started", request_id, stage))

    def progress(self, request_id, done, what):
        self.told.append(("progress", request_id, done, what))

    def finished(self, report: Report, seconds: float):
        assert seconds >= 0
        self.told.append(("finished", report.id, str(report.outcome)))

    def reused(self, report, folder):
        self.told.append(("reused", report.id, folder))

    def log(self, request_id, text):
        self.told.append(("log", request_id, text))


@dataclass
class Bench:
    """Runs requests and keeps what came of it."""

    catalogue: object
    settings: runner.Settings
    seen: Seen = field(default_factory=Seen)

    def in_process(self):
        """From here on without children, where they are not the point: starting one is most of what a run costs."""
        self.settings = replace(self.settings, in_process=True)

    def request(self, do="pass", *, name=None, stage="trial", **values):
        params = self.catalogue.params(stage)
        given = {"do": do, **values} if stage == "trial" else values
        made = params.model_validate(given)
        return Request(id=name or stage, stage=stage, params=made, sources={})

    def run(self, *requests):
        self.record, self.terminal = runner.run(requests, self.catalogue, self.settings, self.seen)
        return {report.id: report for report in self.record.reports}

    def one(self, do="pass", **values):
        return self.run(self.request(do, **values))["trial"]


@pytest.fixture
def bench(tmp_path, trial_catalogue):
    settings = runner.Settings(root=tmp_path, out=tmp_path / "out", cache=tmp_path / "cache", env=dict(os.environ))
    return Bench(trial_catalogue, settings)
