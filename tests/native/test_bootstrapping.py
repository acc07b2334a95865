"""Which steps tell the bootstrap to make an environment for the one run."""

import pytest

from mlops_stage import native
from mlops_stage.adapter import Layout
from mlops_stage.host import ALLOW_LIST, discover

CATALOGUE = discover({ALLOW_LIST: "none"})
FRESH = "MLOPS_STAGE_FRESH"
SIGN = {
    "github_actions": {"sign/action.yml"},
    "gitlab": {"templates/sign.yml", "templates/full-pipeline.yml"},
    "jenkins": {"vars/mlopsStage.groovy"},
    "tekton": set(),
}
"""Files of the steps that sign; each pod of Tekton has a folder of its own anyway."""


@pytest.mark.parametrize("adapter", sorted(CATALOGUE.adapters))
def test_a_stage_that_proves_who_it_is_is_run_afresh(adapter):
    made = native.files(CATALOGUE, native.chosen(CATALOGUE, [adapter]), Layout(version="1"))
    scripts = {path for path in made if path.endswith(("bootstrap.sh", "bootstrap.py"))}
    own = {path for path, text in made.items() if f"{FRESH}: '1'" in text or f"{FRESH}=1" in text}
    assert {path.removeprefix(f"plugins/{adapter}/") for path in own - scripts} == SIGN[adapter]


def test_of_a_pipeline_only_the_job_that_signs():
    from ruamel.yaml import YAML

    made = native.files(CATALOGUE, native.chosen(CATALOGUE, ["gitlab"]), Layout(version="1"))
    _, jobs = YAML(typ="safe").load_all(made["plugins/gitlab/templates/full-pipeline.yml"])
    assert [name for name, job in jobs.items() if FRESH in job["variables"]] == ["$[[ inputs.prefix ]]-sign"]
