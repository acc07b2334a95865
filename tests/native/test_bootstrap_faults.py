"""What can go wrong while installing: one clear line, one that says what to do, exit code 3, no secret, and nothing that a CI system obeys."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from mlops_stage.native import bootstrap

sys.path.insert(0, str(Path(__file__).parent))

from index import locked, wheel  # neighbours that are no package
from machine import ACME, FORGED, RELEASE, TINY, WHEELS, checkout, filled, repository


@pytest.fixture
def refused(quick, capsys):
    """As `quick.refuses`, of what is refused before anything is built: in this process, for starting it is all that it would cost."""

    def run(*args, **env):
        given = {name: value for name, value in {**quick.env, **env}.items() if value}
        before = signal.getsignal(signal.SIGTERM)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "environ", given)
            patch.chdir(quick.folder)
            with pytest.raises(SystemExit) as left:
                bootstrap.main(list(args))
        signal.signal(signal.SIGTERM, before)
        out, err = capsys.readouterr()
        assert (left.value.code, out) == (3, "")
        said = err.splitlines()
        assert [line.split(":")[0] for line in said] == ["error", "hint"], err
        return [err, *said]

    return run


def test_another_file_under_the_locked_name_is_refused(machine, tmp_path_factory):
    folder = filled(tmp_path_factory.mktemp("forged"), {**WHEELS, "tiny-1.0-py3-none-any.whl": FORGED})
    checkout(machine.folder)  # of which the lock is installed first
    said = machine.refuses("run", MLOPS_STAGE_WHEELS=str(folder), MLOPS_STAGE_SOURCE="source")
    assert said[1] == "error: cannot install what all.txt locks: a file from the index is not the one that was locked: its hash differs"


def test_another_release_under_that_version_is_refused(quick, wheels):
    said = quick.refuses("run", MLOPS_STAGE_WHEELS=str(wheels), MLOPS_STAGE_SHA256="0" * 64)
    assert said[1].startswith("error: cannot install mlops-stage==9.1: a file from the index is not the one that was locked")


def test_a_password_never_shows(machine, private):
    where, _ = private
    env = {"HTTPS_PROXY": where["proxy"], "SSL_CERT_FILE": where["ca"]}
    url = where["url"].replace("s3cret%21word", "wr0ng%21word")
    said = machine.refuses("run", MLOPS_STAGE_INDEX_URL=url, **env)
    assert said[1] == "error: cannot install mlops-stage==9.1: the package index or the proxy refuses access"
    assert not [word for word in ("wr0ng", "wr0ng%21word", "wr0ng!word") if word in said[0]]


def test_an_authority_that_is_not_trusted(machine, private):
    where, _ = private
    said = machine.refuses("run", HTTPS_PROXY=where["proxy"], MLOPS_STAGE_INDEX_URL=where["url"])
    assert said[1] == "error: cannot install mlops-stage==9.1: the certificate of the package index is not trusted"
    assert "s3cret" not in said[0]


def test_no_network(machine):
    said = machine.refuses("run", MLOPS_STAGE_INDEX_URL="https://index.invalid/simple", PIP_TIMEOUT="1")
    assert said[1] == "error: cannot install mlops-stage==9.1: the package index cannot be reached"


def test_a_folder_without_the_wheel(machine, tmp_path_factory):
    folder = filled(tmp_path_factory.mktemp("few"), {name: content for name, content in WHEELS.items() if "tiny" not in name})
    checkout(machine.folder)
    said = machine.refuses("run", MLOPS_STAGE_WHEELS=str(folder), MLOPS_STAGE_SOURCE="source")
    assert said[1] == "error: cannot install what all.txt locks: a locked package is not there for this Python and system"


def test_requirements_without_hashes_are_refused(quick, wheels):
    (quick.folder / "plugins.txt").write_text("acme==2.0\n")
    said = quick.refuses("run", MLOPS_STAGE_WHEELS=str(wheels), MLOPS_STAGE_REQUIREMENTS="plugins.txt")
    assert "install what plugins.txt lists" in said[1]
    assert "hash" in said[1]


@pytest.mark.parametrize(
    ("env", "error"),
    [
        ({"MLOPS_STAGE_WHEELS": "nowhere"}, "error: MLOPS_STAGE_WHEELS: there is no folder nowhere"),
        ({"MLOPS_STAGE_REQUIREMENTS": "no.txt"}, "error: MLOPS_STAGE_REQUIREMENTS: there is no file no.txt"),
        ({"MLOPS_STAGE_REQUIREMENTS": "."}, "error: MLOPS_STAGE_REQUIREMENTS: there is no file ."),
        ({"MLOPS_STAGE_REQUIREMENTS": "/dev/zero"}, "error: MLOPS_STAGE_REQUIREMENTS: there is no file /dev/zero"),
        ({"MLOPS_STAGE_SOURCE": "/etc/passwd"}, "error: MLOPS_STAGE_SOURCE: there is no folder /etc/passwd"),
        ({"MLOPS_STAGE_SHA256": ""}, "error: which release to install is not said"),
        ({"MLOPS_STAGE_VERSION": "1 --index-url=x"}, "error: which release to install is not said"),
        ({"MLOPS_STAGE_ENVIRONMENTS": "/proc/nowhere"}, "error: cannot prepare the environment: "),
    ],
)
def test_what_is_wrong_before_anything_is_built(refused, env, error):
    assert refused("run", **env)[1].startswith(error)


def test_without_a_python_that_is_new_enough(quick):
    tools = quick.folder / "tools"
    tools.mkdir()
    for name in ("dirname", "uname"):
        (tools / name).symlink_to(shutil.which(name))
    said = quick.refuses("run", PATH="tools")
    assert said[1] == "error: mlops-stage needs Python 3.11 or newer, and there is none on this machine"
    said = quick.refuses("run", MLOPS_STAGE_PYTHON="python0")
    assert said[1].startswith("error: the input 'python' (MLOPS_STAGE_PYTHON) names no Python 3.11 or newer")


def test_what_writes_both_release_and_digest_into_files_is_named(refused):
    assert refused("run", MLOPS_STAGE_SHA256="")[2] == "hint: `mlops-stage adapters vendor --wheel FILE` writes files that hold both"


def test_an_old_python_is_passed_over(quick, wheels):
    (quick.folder / "bin" / "python3.14").write_text("#!/bin/sh\nexit 1\n")
    (quick.folder / "bin" / "python3.14").chmod(0o755)
    assert quick.says("data", MLOPS_STAGE_WHEELS=str(wheels))["has"] == []


def test_another_system_is_told_so(quick):
    (quick.folder / "bin" / "uname").unlink()
    (quick.folder / "bin" / "uname").write_text("#!/bin/sh\necho MINGW64_NT\n")
    (quick.folder / "bin" / "uname").chmod(0o755)
    assert quick.refuses("run")[1] == "error: mlops-stage runs on Linux and macOS, and this is MINGW64_NT"


@pytest.mark.parametrize("bare", ["source", "wheel"])
def test_what_holds_no_lock(quick, wheels, tmp_path_factory, bare):
    if bare == "source":
        (quick.folder / "empty").mkdir()
        said = quick.refuses("run", MLOPS_STAGE_SOURCE="empty", MLOPS_STAGE_WHEELS=str(wheels))
    else:
        release = wheel("mlops_stage", "9.1", {"mlops_stage/__init__.py": ""})
        folder = filled(tmp_path_factory.mktemp("bare"), {"mlops_stage-9.1-py3-none-any.whl": release})
        digest = locked("mlops-stage", "9.1", release).rpartition(":")[2].strip()
        said = quick.refuses("run", MLOPS_STAGE_WHEELS=str(folder), MLOPS_STAGE_SHA256=digest)
    assert "holds no lock of what is to be installed" in said[1]
    assert "MLOPS_STAGE_LOCK" in said[2]


@pytest.mark.parametrize("once", [{}, {"MLOPS_STAGE_FRESH": "1"}])
def test_a_lock_of_a_plugin_that_lacks_mlops_stage_itself(quick, wheels, once):
    """Python would end with 1 for the module that is not there, and 1 is the verdict of a gate that failed."""
    repository(quick.folder / "plugin", "acme", "2.0")
    own = quick.folder / "own.lock"
    own.write_text(locked("tiny", "1.0", TINY))
    env = {"MLOPS_STAGE_SOURCE": "plugin", "MLOPS_STAGE_LOCK": "own.lock", "MLOPS_STAGE_WHEELS": str(wheels), **once}
    for _ in range(2):
        said = quick.refuses("odour", **env)
        assert said[1] == "error: own.lock holds no mlops-stage"
        assert "mlops-stage==" in said[2]
    assert not any((quick.folder / "environments").glob("*"))
    own.write_text(locked("tiny", "1.0", TINY) + locked("mlops-stage", "9.1", RELEASE))
    assert quick.says("odour", **env)["has"] == ["tiny", "acme"]


@pytest.mark.parametrize(
    "line", ["-r other.txt", "  -rother.txt", "-c other.txt", "--req=other.txt", "--constraint other.txt", "-\\\nr other.txt"]
)
def test_requirements_that_take_in_another_file(quick, refused, line):
    """A change of the other file would be seen by nobody."""
    (quick.folder / "other.txt").write_text(locked("acme", "2.0", ACME))
    (quick.folder / "plugins.txt").write_text(f"--require-hashes\n{line}\n")
    said = refused("run", MLOPS_STAGE_REQUIREMENTS="plugins.txt")
    assert said[1] == "error: plugins.txt takes in another file, by -r or -c"


@pytest.mark.parametrize("content", [b"acme==2.0 # caf\xe9\n", b"acme==2.0\r::error::pwned\n", b"\x00\xff"])
def test_requirements_that_nobody_can_read(quick, wheels, content):
    (quick.folder / "plugins.txt").write_bytes(content)
    obeyed_by_none(quick.refuses("run", MLOPS_STAGE_WHEELS=str(wheels), MLOPS_STAGE_REQUIREMENTS="plugins.txt")[0])


def test_nothing_that_an_installer_repeats_is_a_command(machine, wheels):
    checkout(machine.folder)
    (machine.folder / "own.lock").write_bytes(b"acme##[error]pwned\n::error::pwned\n")
    said = machine.refuses("run", MLOPS_STAGE_WHEELS=str(wheels), MLOPS_STAGE_SOURCE="source", MLOPS_STAGE_LOCK="own.lock")[0]
    assert "acme## [error]pwned" in said
    obeyed_by_none(said)


HOSTILE = "x\n::error::pwned\r##[error]pwned\n\x1b[0Ksection_start:1:a\\n::error::pwned"


@pytest.mark.parametrize("variable", ["REQUIREMENTS", "WHEELS", "SOURCE", "LOCK", "VERSION"])
def test_no_input_becomes_a_command_of_a_ci_system(refused, variable):
    obeyed_by_none(refused("run", **{f"MLOPS_STAGE_{variable}": HOSTILE})[0])


def test_nor_does_the_name_of_the_interpreter(quick):
    obeyed_by_none(quick.refuses("run", MLOPS_STAGE_PYTHON=HOSTILE)[0])


def obeyed_by_none(said):
    """GitHub looks for `::` where a line begins, blanks aside, and for `##[` anywhere; GitLab for its sections after an escape."""
    assert "Traceback" not in said
    lines = said.splitlines()
    assert [line for line in lines if line.lstrip().startswith("::") or "##[" in line or "\x1b" in line] == []
