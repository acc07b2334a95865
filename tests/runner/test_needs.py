"""What a stage is given of the environment: what its params name, what it needs, and nothing else."""

import os
from pathlib import Path

import pytest

from mlops_stage import Params, Stage
from mlops_stage.runner import Settings, process

TOKENS = {
    "SIGSTORE_ID_TOKEN": "canary-1",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "canary-2",
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://ci/canary-3",
}
PROXIES = {"HTTPS_PROXY": "http://proxy:3128", "no_proxy": "localhost"}
NAMES = {"GITHUB_SHA": "0" * 40, "CI_PROJECT_URL": "https://forge/project"}


def given(stage, params):
    settings = Settings(root=Path(), out=Path("out"), cache=Path("cache"), env={})
    order = process.task(stage, params, settings, Path("out/s"), [])
    return process.passed_on({**TOKENS, **NAMES, **PROXIES, "HOME": "/h", "SECRET": "canary-4"}, order["variables"])


@pytest.mark.parametrize(("needs", "seen"), [((), {}), (("network",), PROXIES), (("oidc",), TOKENS), (("ci",), NAMES)])
def test_a_stage_sees_the_token_or_the_names_of_the_pipeline_only_where_it_needs_them(needs, seen):
    stage = Stage(name="s", summary="s", params="a:b", measure="a:b", needs=needs)
    assert given(stage, Params()) == {"HOME": "/h", **seen}


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        ({"ambient": True}, {**TOKENS, **PROXIES}),
        ({"identity_token_file": "token"}, PROXIES),
        ({"identity_token_env": "SIGSTORE_ID_TOKEN"}, {"SIGSTORE_ID_TOKEN": "canary-1", **PROXIES}),
        ({"key": "signing.key", "trust_config": "trust.json"}, PROXIES),
        ({"key": "signing.key"}, {}),
    ],
)
def test_sign_is_given_no_more_than_its_way_of_signing_takes(asked, seen):
    from mlops_stage.stages.signing import SIGN
    from mlops_stage.stages.signing.params import SignParams

    assert given(SIGN, SignParams(**asked)) == {"HOME": "/h", **seen}


@pytest.mark.parametrize("name", TOKENS)
def test_no_param_may_name_the_token_of_the_job(name):
    from mlops_stage.errors import UsageError
    from mlops_stage.stages.quality import STAGE
    from mlops_stage.stages.quality.params import QualityParams

    settings = Settings(root=Path(), out=Path("out"), cache=Path("cache"), env={})
    with pytest.raises(UsageError, match=f"model_token_env: {name} is the identity of this job"):
        process.task(STAGE, QualityParams(model_token_env=name), settings, Path("out/s"), [])


def test_no_other_built_in_stage_is_given_the_token():
    from mlops_stage import host

    stages = host.discover({"MLOPS_STAGE_PLUGINS": "none"}).stages.values()
    assert {stage.name for stage in stages if "oidc" in stage.needs} <= {"sign"}


def test_a_child_is_given_the_pipes_that_its_params_name_and_no_other_descriptor(tmp_path):
    from mlops_stage.runner import pipes
    from mlops_stage.stages.signing.params import SignParams

    reading, writing = os.pipe()
    try:
        with (tmp_path / "file").open("w") as file:
            assert pipes.named(SignParams(key=f"/dev/fd/{reading}", trust_config=f"/dev/fd/{file.fileno()}")) == [reading]
        for name in ("signing.key", "/dev/fd/0", "/dev/fd/999999", "/dev/fd/x"):
            assert pipes.named(SignParams(key=name)) == []
    finally:
        os.close(reading)
        os.close(writing)
