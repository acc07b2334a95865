"""The bootstrap with the real pip and uv: a package index on loopback, a folder of wheels, a checkout, and where environments lie."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlops_stage import host, native
from mlops_stage.native import bootstrap, vendoring
from mlops_stage.native.bootstrap import Order

sys.path.insert(0, str(Path(__file__).parent))

from index import HOST, locked  # neighbours that are no package
from machine import ACME, TINY, checkout, machine_in


def test_a_release_by_its_hash_from_a_private_index_through_a_proxy(machine, private):
    where, seen = private
    seen.clear()
    env = {"HTTPS_PROXY": where["proxy"], "SSL_CERT_FILE": where["ca"]}
    env |= {"PIP_INDEX_URL": where["url"]} if machine.installer == "pip" else {"UV_DEFAULT_INDEX": where["url"]}
    said = machine.says("run", "--plan", "a b; $(touch PWNED)", **env)
    assert said["argv"] == ["run", "--plan", "a b; $(touch PWNED)"]
    assert said["has"] == ["tiny"]
    assert set(seen) == {f"{HOST}:443"}
    again = machine.says("run", HTTPS_PROXY="http://127.0.0.1:9")
    assert again["prefix"] == said["prefix"]


def test_where_only_pip_was_told_of_an_index_pip_it_is(quick, private):
    where, seen = private
    seen.clear()
    conf = quick.folder / "home/.config/pip/pip.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text(f"[global]\nindex-url = {where['url']}\nuser = true\nproxy = {where['proxy']}\n")
    assert quick.says("run", REQUESTS_CA_BUNDLE=where["ca"])["has"] == ["tiny"]
    assert seen


def test_one_certificate_variable_is_enough_and_so_is_the_index_of_the_organisation(quick, private):
    where, _ = private
    for variable in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        given = bootstrap.settings({variable: where["ca"]})
        assert (given["SSL_CERT_FILE"], given["REQUESTS_CA_BUNDLE"]) == (where["ca"], where["ca"])
    env = {"HTTPS_PROXY": where["proxy"], "MLOPS_STAGE_INDEX_URL": where["url"], "CURL_CA_BUNDLE": where["ca"]}
    assert quick.says(**env)["has"] == ["tiny"]


def test_a_folder_of_wheels_and_plugins_of_ones_own_without_any_network_whatever_redirects_interpreters_and_environments(machine, wheels):
    (machine.folder / "plugins.txt").write_text(locked("acme", "2.0", ACME))
    bad = machine.folder / "bad"
    bad.mkdir()
    (bad / "json.py").write_text("raise SystemExit('mine')")
    (machine.folder / "pyproject.toml").write_text('[tool.uv.pip]\ntarget = "bad/target"\n')
    (machine.folder / "mlops_stage.py").write_text("raise SystemExit('mine')")
    env = dict.fromkeys(("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "VIRTUAL_ENV", "CONDA_PREFIX", "UV_PROJECT_ENVIRONMENT"), str(bad))
    env |= dict.fromkeys(("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "UV_TARGET", "UV_PREFIX", "UV_WORKING_DIR"), str(bad))
    env |= dict.fromkeys(("UV_INDEX", "PIP_INDEX_URL"), "https://index.invalid")
    env |= {
        "UV_PYTHON": "3.8",
        "UV_MANAGED_PYTHON": "1",
        "PIP_USER": "1",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_PYTHON": "/no",
        "UV_SYSTEM_PYTHON": "1",
        "MLOPS_STAGE_WHEELS": os.path.relpath(wheels, machine.folder),
        "MLOPS_STAGE_REQUIREMENTS": "plugins.txt",
    }
    said = machine.says("data", "--plan", **env)
    assert said["has"] == ["acme"], "a stage that no lock knows gets the core's"
    assert "" not in said["path"]
    assert not [entry for entry in said["path"] if Path(entry) in {machine.folder, bad}]
    assert sorted(item.name for item in bad.iterdir()) == ["json.py"]


def test_a_checkout_is_built_once_for_what_it_holds_also_where_the_machine_demands_hashes_of_everything(machine, wheels):
    """By a variable, and in its files of settings. mlops-stage itself comes from the checkout, of which there is no hash; all else has its own."""
    source = checkout(machine.folder)
    for name, text in (("pip/pip.conf", "[install]\nrequire-hashes = true\n"), ("uv/uv.toml", "[pip]\nrequire-hashes = true\n")):
        file = machine.folder / "home/.config" / name
        file.parent.mkdir(parents=True)
        file.write_text(text)
    env = {"MLOPS_STAGE_SOURCE": "source", "MLOPS_STAGE_WHEELS": str(wheels), "MLOPS_STAGE_VERSION": "", "MLOPS_STAGE_SHA256": ""}
    env |= dict.fromkeys(("PIP_REQUIRE_HASHES", "UV_REQUIRE_HASHES", "UV_NO_BUILD"), "1")
    first = machine.says("run", **env)
    assert first["has"] == ["tiny"]
    for left in (
        ".git/HEAD",
        "mlops-out/run.json",
        "mlops-out/quality/report.json",
        "env/pyvenv.cfg",
        "env/bin/x.py",
        "own/__pycache__/own.pyc",
    ):
        (source / left).parent.mkdir(parents=True, exist_ok=True)
        (source / left).write_text("left behind")
    (source / "env/bin/python").symlink_to(sys.executable)
    assert machine.says("run", **env)["prefix"] == first["prefix"]


@pytest.mark.parametrize("beside", ["", "run.json", "pyvenv.cfg", "own/run.json", "own/pyvenv.cfg"])
def test_a_changed_checkout_is_seen_whatever_lies_beside_the_change(quick, beside):
    source = checkout(quick.folder)
    (source / "own").mkdir()
    if beside:
        (source / beside).write_text("")
    keys = set()
    for text in ("1", "2"):
        (source / "own/more.py").write_text(text)
        (Path(os.fsdecode(os.fsencode(source) + b"/\xe9.txt"))).write_text("a name that is no UTF-8")
        keys.add(Order({"MLOPS_STAGE_SOURCE": str(source)}, "run").key())
    assert len(keys) == 2


def test_a_plugin_with_a_lock_of_its_own(quick, wheels):
    checkout(quick.folder)
    (quick.folder / "own.lock").write_text(locked("tiny", "1.0", TINY) + locked("acme", "2.0", ACME))
    assert quick.says("odour", MLOPS_STAGE_SOURCE="source", MLOPS_STAGE_LOCK="own.lock", MLOPS_STAGE_WHEELS=str(wheels))["has"] == [
        "tiny",
        "acme",
    ]


def test_actions_of_ones_own_install_the_release_that_they_were_written_with(quick, wheels):
    copy = vendoring.layout("9.1", wheel=wheels / "mlops_stage-9.1-py3-none-any.whl", index_url="https://index.invalid/simple")
    catalogue = host.discover({"MLOPS_STAGE_PLUGINS": "none"})
    made = vendoring.project(catalogue, native.chosen(catalogue, ["github-actions"]), copy)
    native.write(quick.folder, {path: text for path, text in made.items() if path.endswith((".sh", ".py"))})
    (quick.folder / "bin/sh").symlink_to("/bin/sh")
    env = {**quick.env, "MLOPS_STAGE_WHEELS": str(wheels), "MLOPS_STAGE_SHA256": "0" * 64}
    done = subprocess.run(["/bin/bash", quick.folder / "run.sh", "run", "--plan"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert json.loads(done.stdout)["argv"] == ["run", "--plan"]


# Where environments lie, and how long.


def test_without_a_home_they_lie_in_a_folder_of_this_user_alone(quick, wheels):
    env = {"HOME": "", "MLOPS_STAGE_ENVIRONMENTS": "", "TMPDIR": str(quick.folder), "MLOPS_STAGE_WHEELS": str(wheels)}
    said = quick.says("data", **env)
    own = quick.folder / f"mlops-stage-{os.getuid()}"
    assert Path(said["prefix"]).parent == own
    assert own.stat().st_mode & 0o777 == 0o700
    assert quick.says("data", **{**env, "HOME": "/proc"})["prefix"] == said["prefix"], "a home that cannot be written is none"
    own.chmod(0o777)
    assert "is not this user's alone" in quick.refuses("data", **env)[1]


def test_two_jobs_at_once_do_not_disturb_each_other(quick, wheels):
    jobs = [quick.start("data", MLOPS_STAGE_WHEELS=str(wheels)) for _ in range(2)]
    said = [job.communicate(timeout=120) for job in jobs]
    assert [job.returncode for job in jobs] == [7, 7], said
    assert len({json.loads(out)["prefix"] for out, _ in said}) == 1
    assert len(list((quick.folder / "environments").iterdir())) == 1


def test_a_broken_environment_is_built_anew(quick, wheels):
    place = Path(quick.says("data", MLOPS_STAGE_WHEELS=str(wheels))["prefix"])

    def dangle():
        (place / "bin/python").unlink()
        (place / "bin/python").symlink_to("/nowhere")

    def empty():
        shutil.rmtree(place / "bin")
        (place / "pyvenv.cfg").unlink()

    for harm in (dangle, empty):
        harm()
        assert quick.says("data", MLOPS_STAGE_WHEELS=str(wheels))["prefix"] == str(place)
        assert [item.name for item in place.parent.iterdir()] == [place.name]


def test_a_build_that_is_stopped_leaves_nothing(tmp_path, wheels):
    machine = machine_in(tmp_path, "pip")
    environments = tmp_path / "environments"
    with machine.start("data", MLOPS_STAGE_WHEELS=str(wheels)) as process:
        while not (environments.exists() and list(environments.iterdir())):
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert list(environments.iterdir()) == []


def test_those_used_longest_ago_go_but_never_one_in_use(quick, wheels):
    environments = quick.folder / "environments"
    env = {"MLOPS_STAGE_WHEELS": str(wheels)}
    with quick.start("data", "sleep", **env) as running:
        held = Path(json.loads(running.stdout.readline())["prefix"])
        old = [environments / f"{number:032x}" for number in range(22)]
        for age, place in enumerate(old):
            place.mkdir()
            (place / "pyvenv.cfg").write_text("")
            os.utime(place / "pyvenv.cfg", (1000 - age, 1000 - age))
        os.utime(held / "pyvenv.cfg", (1, 1))
        theirs = environments / "theirs"
        theirs.mkdir()
        (theirs / "pyvenv.cfg").write_text("")
        stale, fresh = (environments / f".{'0' * 32}.{tail}" for tail in ("00000000", "11111111"))
        for place in (stale, fresh):
            place.mkdir()
        os.utime(stale, (1, 1))
        newest = Path(quick.says("run", **env)["prefix"])
        left = {item.name for item in environments.iterdir()}
        assert left == {held.name, newest.name, theirs.name, fresh.name, *(place.name for place in old[:19])}
        running.communicate("", timeout=20)
    with (held / "pyvenv.cfg").open() as mark:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_what_looks_around_sees_what_a_run_would():
    assert {bootstrap.flavour(arguments) for arguments in (["run", "--plan"], ["doctor"], [])} == {bootstrap.ALL}
    assert bootstrap.flavour(["scan"]) == "scan"
