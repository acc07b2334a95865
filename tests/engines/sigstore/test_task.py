"""Tasks on Tekton that sign as their service account, with the token that Kubernetes mounts, and verify, against the real services."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from issuer import IDENTITIES, URL
from project import Project
from ruamel.yaml import YAML

pytestmark = [pytest.mark.interop, pytest.mark.engine]


RELEASE = Path(__file__).parents[3] / "docs/examples/tekton/release.yaml"
CONFIG = f"""\
version: 1
model: model
stages:
  verify: {{identity: {IDENTITIES["kubernetes"]}, issuer: {URL}/kubernetes, require: [scan]}}
"""


def task(tekton, name, source):
    """One of the sample's, with the values that stand there."""
    pipeline = next(iter(YAML(typ="safe").load_all(RELEASE.read_text(encoding="utf-8"))))
    (item,) = (item for item in pipeline["spec"]["tasks"] if item["name"] == name)
    params = {one["name"]: one["value"] for one in item["params"]} | {"image": tekton.image}
    return tekton.start(tekton.find("task", item["taskRef"]["name"]), params, source)


def test_tasks_of_the_sample_sign_as_their_service_account_and_verify(sigstore, load, bench, tmp_path):
    project = Project(sigstore, tmp_path)
    shutil.copy(sigstore.folder / "trust_config.json", tmp_path / "trust-config.json")
    (tmp_path / "mlops.yaml").write_text(CONFIG)
    known = {"token": sigstore.token("kubernetes"), "enter": ("nsenter", "-t", str(sigstore.process), "-n")}
    tekton = replace(load("tekton").beside(bench("tekton")), **known)
    status = task(tekton, "sign", tmp_path)
    assert status.succeeded, status.logs["step-run"]
    assert IDENTITIES["kubernetes"] in status.results["signer"]
    assert known["token"] not in "".join(path.read_text() for path in (tmp_path / "mlops-out").rglob("*.json"))
    verified = task(tekton, "verify", tmp_path)
    assert verified.succeeded, verified.logs["step-run"]
    project.verify("--require", "scan", shape="kubernetes", alone=True)
    assert project.bundles
    for bundle in project.bundles:
        project.cosign(bundle, shape="kubernetes")
        assert project.cosign(bundle, shape="github", check=False).returncode != 0
