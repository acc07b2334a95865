"""A Task on Tekton that signs as its service account, with the token that Kubernetes mounts, against the real services."""

import shutil
from dataclasses import replace

import pytest
from issuer import IDENTITIES
from project import Project

pytestmark = [pytest.mark.interop, pytest.mark.engine]


def test_a_task_signs_as_its_service_account(sigstore, load, bench, tmp_path):
    project = Project(sigstore, tmp_path)
    shutil.copy(sigstore.folder / "trust_config.json", tmp_path)
    known = {"token": sigstore.token("kubernetes"), "enter": ("nsenter", "-t", str(sigstore.process), "-n")}
    tekton = replace(load("tekton").start(bench("tekton")), **known)
    params = {"image": "registry.example.com/mlops-stage", "model": "model", "ambient": "true", "trust-config": "trust_config.json"}
    status = tekton.start(tekton.find("task", "mlops-sign"), params, tmp_path)
    assert status.succeeded, status.logs["step-run"]
    assert IDENTITIES["kubernetes"] in status.results["signer"]
    assert known["token"] not in "".join(path.read_text() for path in (tmp_path / "mlops-out").rglob("*.json"))
    project.verify("--require", "scan", shape="kubernetes", alone=True)
    assert project.bundles
    for bundle in project.bundles:
        project.cosign(bundle, shape="kubernetes")
        assert project.cosign(bundle, shape="github", check=False).returncode != 0
