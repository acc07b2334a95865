"""Which steps tell the bootstrap to make an environment for the one run."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mlops_stage.host import ALLOW_LIST, discover

ROOT = Path(__file__).parents[2]
"""What lies here is what is generated, as test_committed.py shows."""
FRESH = "MLOPS_STAGE_FRESH"
SIGN = {
    "github_actions": {"sign/action.yml"},
    "gitlab": {"templates/sign.yml", "templates/full-pipeline.yml"},
    "jenkins": {"vars/mlopsStage.groovy"},
    "tekton": set(),
}
"""Files of the steps that sign; each pod of Tekton has a folder of its own anyway."""


@pytest.mark.parametrize("adapter", sorted(discover({ALLOW_LIST: "none"}).adapters))
def test_a_stage_that_proves_who_it_is_is_run_afresh(adapter):
    top = ROOT / "plugins" / adapter
    named = {
        path.relative_to(top).as_posix(): path for folder in top.iterdir() if folder.name != "src" for path in (folder, *folder.rglob("*"))
    }
    named |= {path.name: path for path in (ROOT / ".github/workflows").iterdir()} if adapter == "github_actions" else {}
    made = {name: path.read_text() for name, path in named.items() if path.is_file()}
    assert made
    own = {path for path, text in made.items() if f"{FRESH}: '1'" in text or f"{FRESH}=1" in text}
    assert {path for path in own if not path.endswith(("bootstrap.sh", "bootstrap.py"))} == SIGN[adapter]


def test_of_a_pipeline_only_the_job_that_signs():
    _, jobs = YAML(typ="safe").load_all((ROOT / "plugins/gitlab/templates/full-pipeline.yml").read_text())
    assert [name for name, job in jobs.items() if FRESH in job["variables"]] == ["$[[ inputs.prefix ]]-sign"]
