"""What `mlops-stage init` tells the user of GitHub to add."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mlops_stage_github_actions.project import snippet
from mlops_stage_github_actions.workflows import permissions


def jobs(root):
    return YAML(typ="safe").load("jobs:\n" + snippet(root))["jobs"]


def test_one_job_that_may_read(tmp_path):
    (tmp_path / "mlops.yaml").write_text("version: 1\nstages:\n  quality: {}\n  sbom: {}\n")
    told = jobs(tmp_path)
    assert list(told) == ["evaluate"]
    assert told["evaluate"]["permissions"] == {"contents": "read"}
    assert told["evaluate"]["steps"][1] == {"uses": "mlops/evaluate@v1"}
    assert told["evaluate"]["steps"][2]["with"]["path"].splitlines() == ["mlops-out", "!mlops-out/*/evidence/private/**"]


def test_it_is_the_sample_of_the_least(tmp_path):
    (tmp_path / "mlops.yaml").write_text("version: 1\nstages:\n  quality: {}\n")
    sample = Path(__file__).parents[3] / "docs/examples/github/one-step.yml"
    where, job = snippet(tmp_path).split("\n", 1)
    assert ".github/workflows" in where
    assert sample.read_text().endswith("jobs:\n" + job)


def test_what_proves_who_it_is_runs_in_a_job_of_its_own(tmp_path):
    (tmp_path / "mlops.yaml").write_text("version: 1\nruns:\n  - {id: a, stage: quality}\n  - {id: b, stage: sign}\n")
    told = jobs(tmp_path)
    assert told["evaluate"]["permissions"] == {"contents": "read"}
    assert told["evaluate"]["steps"][1]["with"] == {"stages": "a"}
    assert told["sign"] == {
        "name": "Sign",
        "needs": "evaluate",
        "permissions": {"contents": "read", "id-token": "write"},
        "uses": "mlops/evaluate/.github/workflows/sign.yml@v1",
    }


def test_what_reads_what_was_signed_runs_after_it(tmp_path):
    (tmp_path / "mlops.yaml").write_text("version: 1\nstages:\n  quality: {}\n  sbom: {}\n  sign: {ambient: true}\n  verify: {}\n")
    told = jobs(tmp_path)
    assert list(told) == ["evaluate", "sign", "verify"]
    assert told["evaluate"]["steps"][1]["with"] == {"stages": "quality,sbom"}
    assert told["verify"]["needs"] == "sign"
    assert told["verify"]["permissions"] == {"contents": "read"}
    fetch, run = told["verify"]["steps"][1:]
    assert fetch["with"] == {"name": "mlops-out", "path": "mlops-out"}
    assert run == {"uses": "mlops/evaluate@v1", "with": {"stages": "verify"}}


def test_what_was_signed_elsewhere_is_verified_with_the_rest(tmp_path):
    (tmp_path / "mlops.yaml").write_text("version: 1\nstages:\n  scan: {}\n  verify: {}\n")
    assert list(jobs(tmp_path)) == ["evaluate"]


@pytest.mark.parametrize("text", ["", "[", "runs: 3\n", "- a\n", "runs: [x]\n"])
def test_a_configuration_that_says_nothing(tmp_path, text):
    (tmp_path / "mlops.yaml").write_text(text)
    assert list(jobs(tmp_path)) == ["evaluate"]


def test_permissions_follow_what_a_stage_needs():
    assert permissions(()) == {"contents": "read"}
    assert permissions(("network", "ci")) == {"contents": "read"}
    assert permissions(("oidc",)) == {"contents": "read", "id-token": "write"}
