"""What CI systems name: repository and pipeline, and nothing that the next run would name differently."""

import pytest

from mlops_stage.errors import UsageError
from mlops_stage.stages.sbom.extract.ci import ci_of, epoch_of

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/credit",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_SHA": "a" * 40,
    "GITHUB_WORKFLOW_REF": "acme/credit/.github/workflows/ci.yml@refs/heads/main",
    "GITHUB_RUN_ID": "12345678",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PROJECT_URL": "https://gitlab.example/group/credit",
    "CI_COMMIT_SHA": "b" * 40,
    "CI_COMMIT_REF_NAME": "main",
    "CI_CONFIG_PATH": "",
    "CI_PIPELINE_ID": "12345678",
    "CI_JOB_ID": "12345678",
}
JENKINS = {
    "JENKINS_URL": "https://ci.example/",
    "JOB_NAME": "credit/main",
    "BUILD_NUMBER": "12345678",
    "BUILD_URL": "https://ci.example/job/12345678",
    "GIT_URL": "https://me:s3cret@host.example/acme/credit.git",
    "GIT_COMMIT": "c" * 40,
}


@pytest.mark.parametrize(
    ("env", "told"),
    [
        (GITHUB, ("GitHub Actions", "https://github.com/acme/credit", "refs/heads/main", ".github/workflows/ci.yml", "a" * 40)),
        (GITLAB, ("GitLab CI", "https://gitlab.example/group/credit", "main", ".gitlab-ci.yml", "b" * 40)),
        (JENKINS, ("Jenkins", "https://host.example/acme/credit", "", "credit/main", "c" * 40)),
    ],
)
def test_the_pipeline_is_told_and_the_run_is_not(env, told):
    found = ci_of(env)
    assert (found.system, found.repository, found.ref, found.workflow, found.commit) == told
    assert "12345678" not in repr(found)
    assert "s3cret" not in repr(found)


def test_a_shell_is_no_pipeline():
    assert ci_of({"PATH": "/usr/bin"}) is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("1767323045", 1767323045), ("0", 0), ("253402300799", 253402300799), ("", None), (" ", None)]
)
def test_source_date_epoch_is_a_count_of_seconds(text, seconds):
    assert epoch_of({"SOURCE_DATE_EPOCH": text}) == seconds


@pytest.mark.parametrize("text", ["-1", "1e9", "253402300800", "999999999999", "9" * 5000, "٣", "2026-01-02"])
def test_another_source_date_epoch_is_an_error_in_one_line(project, text):
    project.network()
    project.env["SOURCE_DATE_EPOCH"] = text
    with pytest.raises(UsageError, match=r"^SOURCE_DATE_EPOCH is '.{1,40}', not a number of seconds since 1970 \(at most 253402300799\)$"):
        project.look(model="model.onnx")


def test_source_date_epoch_comes_before_the_commit(project):
    project.network()
    project.commit()
    project.env["SOURCE_DATE_EPOCH"] = "1700000000"
    found = project.look(model="model.onnx")
    assert found.epoch == 1700000000
    assert found.system.text("timestamp") == "2023-11-14T22:13:20Z"
