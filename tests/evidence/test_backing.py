"""What a report names is read only while it is that very file."""

import hashlib

import pytest

from mlops_stage.errors import InputError
from mlops_stage.evidence.backing import read_backing
from mlops_stage.report import Evidence, Outcome, Report

REPORT = Report(stage="s", id="s", outcome=Outcome.PASSED, summary="s")


def named(path="e.json", content=b"{}"):
    return Evidence(path=path, sha256=hashlib.sha256(content).hexdigest())


def test_the_very_file_is_read(tmp_path):
    (tmp_path / "e.json").write_bytes(b"{}")
    assert read_backing(tmp_path, REPORT, named(), most=2) == b"{}"


@pytest.mark.parametrize(
    ("evidence", "why"),
    [
        (named(content=b"other"), "e.json is not the file that the report of s names"),
        (named("absent.json"), "cannot read absent.json of s: No such file"),
        (named("folder"), "cannot read folder of s: Is a directory"),
        (named("../e.json"), "does not name a path inside"),
        (named("long"), "long of s has more than 2 bytes"),
    ],
)
def test_any_other_is_refused(tmp_path, evidence, why):
    (tmp_path / "e.json").write_bytes(b"{}")
    (tmp_path / "long").write_bytes(b"{}\n")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=why):
        read_backing(tmp_path, REPORT, evidence, most=2)
