"""The samples of docs/examples/tekton, Task by Task: Tekton's code starts each, and only the order between them is ours."""

import csv
import random
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from ruamel.yaml import YAML

import stages

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples" / "tekton"
GIVEN = {
    "mlops-image": "registry.example.com/mlops-stage@sha256:" + 64 * "a",
    "training-image": "registry.example.com/train@sha256:" + 64 * "b",
}


class Pipeline:
    """Tasks in the order of the file, which is theirs; `finally` after a failure too."""

    def __init__(self, tekton, file, source, *, run="first", instead=None, **given):
        self.tekton = replace(
            tekton, images={**tekton.images, GIVEN["training-image"]: tekton.images[tekton.image]}
        )  # which has Python too
        self.spec = next(iter(YAML(typ="safe").load_all(file.read_text(encoding="utf-8"))))["spec"]
        self.source = source
        shutil.copy(file.with_suffix(".mlops.yaml"), source / "mlops.yaml")
        self.name = run
        self.given = {**GIVEN, **given}
        self.instead = instead or {}
        """Params of a task that take the place of its own, but for the image."""
        self.ran = {}

    def run(self):
        failed = any(not self.task(item) for item in self.spec["tasks"])
        for item in self.spec.get("finally", []):
            self.task(item)
        return failed

    def task(self, item):
        if not all(self._filled(when["input"]) in when["values"] for when in item.get("when", [])):
            return True
        params = {one["name"]: self._filled(one["value"]) for one in item.get("params", [])}
        if item["name"] in self.instead:
            params = {"image": params["image"], **self.instead[item["name"]]}
        entries = item.get("matrix", {}).get("include", [{"name": "", "params": []}])
        for entry in entries:
            more = {one["name"]: self._filled(one["value"]) for one in entry["params"]}
            name = "-".join(filter(None, (item["name"], entry["name"])))
            self.ran[name] = self.tekton.start(self._file(item), {**params, **more}, self.source)
        return all(self.ran[name].succeeded for name in self.ran if name.startswith(item["name"]))

    def _file(self, item):
        if "taskRef" in item:
            return self.tekton.find("task", item["taskRef"]["name"])
        file = self.tekton.home / f"{item['name']}.yaml"
        with file.open("w", encoding="utf-8") as stream:
            YAML().dump(
                {"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": {"name": item["name"]}, "spec": item["taskSpec"]}, stream
            )
        return file

    def _filled(self, value):
        if not isinstance(value, str):
            return [self._filled(item) for item in value]
        value = value.replace("$(context.pipelineRun.name)", self.name)
        value = re.sub(r"\$\(params\.([a-z-]+)\)", lambda found: self.given[found[1]], value)
        return re.sub(r"\$\(tasks\.([a-z-]+)\.results\.([a-z-]+)\)", lambda found: self.ran[found[1]].results[found[2]], value)


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    stages.project(folder)
    return folder


def test_a_pull_request_ends_in_one_page_which_turns_red_where_a_report_is_missing(tekton, source):
    pipeline = Pipeline(tekton, EXAMPLES / "pull-request.yaml", source)
    assert not pipeline.run()
    assert {name: status.results["outcome"] for name, status in pipeline.ran.items()} == dict.fromkeys(
        ("scan", "data", "judge-quality", "judge-fairness", "page"), "passed"
    )
    page = (source / "mlops-out/first/all/report.html").read_text(encoding="utf-8")
    assert all(name in page for name in ("scan", "data", "quality", "fairness"))
    shutil.copytree(source / "mlops-out/first", source / "mlops-out/second", ignore=shutil.ignore_patterns("fairness", "all"))
    later = Pipeline(tekton, EXAMPLES / "pull-request.yaml", source, run="second")
    assert not later.task(later.spec["finally"][0]), "the page of a run that lacks a report took that of an earlier one"
    assert (later.ran["page"].codes, later.ran["page"].results["outcome"]) == ({"run": 1}, "failed")


KEYED = {"sign": {"key": "signing.key"}, "verify": {"key": "public.pem"}}
"""Nobody here confirms the identity of a service account; the values of the sample are those of sigstore/test_task.py, where somebody does."""


def test_a_release_is_judged_compiled_signed_and_verified(tekton, source):
    key = load_pem_private_key((source / "signing.key").read_bytes(), None).public_key()
    (source / "public.pem").write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    pipeline = Pipeline(tekton, EXAMPLES / "release.yaml", source, instead=KEYED)
    failed = pipeline.run()
    assert not failed, {name: status.logs["step-run"] for name, status in pipeline.ran.items() if not status.succeeded}
    assert list(pipeline.ran) == ["judge", "compile-exact", "compile-small", "merge", "sbom", "sign", "verify"]
    assert {status.results["outcome"] for status in pipeline.ran.values()} == {"passed"}


@pytest.fixture
def watched(source, mlops):
    """A project that knows what its training data looked like."""
    write(source / "train.csv", 0)
    done = mlops("data", "profile", "source/train.csv", "--output", "source/train.profile.json")
    assert done.returncode == 0, done.stderr
    return source


def write(file, mean):
    draw = random.Random(file.name)
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["x"], *([draw.gauss(mean, 1)] for _ in range(5000))])


@pytest.mark.parametrize(("shift", "trained"), [(0, False), (3, True)])
def test_data_that_drifted_lead_to_training(tekton, watched, shift, trained):
    write(watched / "batch.csv", shift)
    (watched / "train.py").write_text("open('trained', 'w').close()\n")
    pipeline = Pipeline(tekton, EXAMPLES / "nightly.yaml", watched, batch="batch.csv")
    assert pipeline.run() == trained
    assert pipeline.ran["drift"].results["drifted"] == str(trained).lower()
    assert ("retrain" in pipeline.ran, (watched / "trained").exists()) == (trained, trained)
