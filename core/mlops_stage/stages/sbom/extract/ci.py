"""Where this is built, by the variables that CI systems set: repository and pipeline, nothing of a single run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.sbom.extract.git import address
from mlops_stage.stages.sbom.extract.scene import LATEST, harmless
from mlops_stage.stages.sbom.facts import Ci

if TYPE_CHECKING:
    from collections.abc import Mapping


def ci_of(env: Mapping[str, str]) -> Ci | None:
    """The CI system that these variables tell of; None where none is told."""
    told = {name: harmless(value, 500) for name, value in env.items()}.get

    def get(name: str) -> str:
        return told(name) or ""

    if get("GITHUB_ACTIONS") and get("GITHUB_REPOSITORY"):
        # owner/name/.github/workflows/file.yml@ref
        workflow = get("GITHUB_WORKFLOW_REF").partition("@")[0].removeprefix(f"{get('GITHUB_REPOSITORY')}/")
        repository = address(f"{get('GITHUB_SERVER_URL') or 'https://github.com'}/{get('GITHUB_REPOSITORY')}")
        return Ci(system="GitHub Actions", repository=repository, ref=get("GITHUB_REF"), workflow=workflow, commit=get("GITHUB_SHA"))
    if get("GITLAB_CI"):
        workflow = get("CI_CONFIG_PATH") or ".gitlab-ci.yml"
        return Ci(
            system="GitLab CI",
            repository=address(get("CI_PROJECT_URL")),
            ref=get("CI_COMMIT_REF_NAME"),
            workflow=workflow,
            commit=get("CI_COMMIT_SHA"),
        )
    if get("JENKINS_URL"):
        return Ci(system="Jenkins", repository=address(get("GIT_URL")), workflow=get("JOB_NAME"), commit=get("GIT_COMMIT"))
    return None


def epoch_of(env: Mapping[str, str]) -> int | None:
    """SOURCE_DATE_EPOCH as reproducible-builds.org defines it: seconds since 1970; None where it is unset or empty.

    Raises:
        UsageError: it is something else, or a time after the year 9999; whoever set it expects another document than one without it.
    """
    text = env.get("SOURCE_DATE_EPOCH", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= len(str(LATEST)) and int(text) <= LATEST:
        return int(text)
    raise UsageError(
        f"SOURCE_DATE_EPOCH is {shown(text, 40)!r}, not a number of seconds since 1970 (at most {LATEST})",
        "set it to whole seconds, as `git log -1 --format=%ct` prints them, or unset it",
    )
