"""What `run --plan` says of the stage `sign`."""

from pathlib import Path

import pytest

from mlops_stage.stages.signing.params import SignParams
from mlops_stage.stages.signing.plan import plan
from mlops_stage.workspace import Workspace


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"key": "signing.key"}, "with the key signing.key; no service is asked"),
        ({"key": "signing.key", "trust_config": "trust.json"}, "stamps and log entries from the services in trust.json"),
        ({"ambient": True}, "the public Sigstore services, whose log anybody can read"),
        ({"ambient": True, "trust_config": "trust.json"}, "through the services in trust.json"),
        ({}, "nothing to sign with yet"),
    ],
)
def test_it_says_who_would_sign_and_who_would_be_asked(tmp_path, asked, told):
    place = Workspace(root=tmp_path, run_dir=Path("o"), out=Path("o/s"), cache=Path("c"))
    (note,) = plan(SignParams(**asked), place).notes
    assert told in note
