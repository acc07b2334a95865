"""The bootstrap with the real pip and uv: a package index on loopback, a folder of wheels, a checkout; and what can go wrong."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mlops_stage import host, native
from mlops_stage.native import vendoring

sys.path.insert(0, str(Path(__file__).parent))

from index import HOST, authority, index, locked, proxy, serving, wheel  # a neighbour that is no package

SCRIPTS = Path(__file__).parents[2] / "core" / "mlops_stage" / "native"
USER = "builder:s3cret%21word"
MAIN = """
import importlib.util, json, os, sys
print(json.dumps({"argv": sys.argv[1:], "path": sys.path, "prefix": sys.prefix,
                  "has": [name for name in ("tiny", "acme") if importlib.util.find_spec(name)]}))
if "sleep" in sys.argv:
    sys.stdout.flush()
    sys.stdin.read()
sys.exit(7)
"""
TINY = wheel("tiny", "1.0", {"tiny.py": "VALUE = 1\n"})
FORGED = wheel("tiny", "1.0", {"tiny.py": "VALUE = 2\n"})
ACME = wheel("acme", "2.0", {"acme.py": ""})
RELEASE = wheel(
    "mlops_stage",
    "9.1",
    {
        "mlops_stage/__init__.py": "",
        "mlops_stage/__main__.py": MAIN,
        "mlops_stage/native/locks/core.txt": "",
        "mlops_stage/native/locks/all.txt": locked("tiny", "1.0", TINY),
    },
)
WHEELS = {"tiny-1.0-py3-none-any.whl": TINY, "acme-2.0-py3-none-any.whl": ACME, "mlops_stage-9.1-py3-none-any.whl": RELEASE}
_SHA256 = locked("mlops-stage", "9.1", RELEASE).rpartition(":")[2].strip()


@dataclass
class Machine:
    """A machine with hardly anything on it: `installer` is pip, or uv as well."""

    folder: Path
    installer: str
    env: dict[str, str] = field(default_factory=dict)

    def start(self, *args: str, scripts: Path = SCRIPTS, **env: str) -> subprocess.Popen[str]:
        given = {name: value for name, value in {**self.env, **env}.items() if value}
        return subprocess.Popen(
            ["/bin/sh", scripts / "bootstrap.sh", *args],
            cwd=self.folder,
            env=given,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        with self.start(*args, **env) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def says(self, *args: str, **env: str) -> dict[str, list[str]]:
        done = self(*args, **env)
        assert done.returncode == 7, done.stderr
        return json.loads(done.stdout)

    def refuses(self, *args: str, **env: str) -> list[str]:
        """The two last lines of what it says when it cannot install, with the exit code of a stage that could not run."""
        done = self(*args, **env)
        assert (done.returncode, done.stdout) == (3, ""), done
        assert "Traceback" not in done.stderr
        said = done.stderr.splitlines()[-2:]
        assert [line.split(":")[0] for line in said] == ["error", "hint"], done.stderr
        return [done.stderr, *said]


def _machine(folder: Path, installer: str) -> Machine:
    tools = folder / "bin"
    tools.mkdir()
    for name in ("dirname", "uname", *(["uv"] if installer == "uv" else [])):
        own = Path(sys.executable).with_name(name)
        (tools / name).symlink_to(own if own.exists() else shutil.which(name) or "/nowhere")
    (tools / "python3.11").symlink_to(sys._base_executable)
    home = folder / "home"
    home.mkdir()
    env = {"PATH": str(tools), "HOME": str(home), "MLOPS_STAGE_ENVIRONMENTS": str(folder / "environments"), "LC_ALL": "C.UTF-8"}
    env |= {"MLOPS_STAGE_VERSION": "9.1", "MLOPS_STAGE_SHA256": _SHA256, "PIP_RETRIES": "1", "UV_HTTP_RETRIES": "0"}
    return Machine(folder, installer, env)


@pytest.fixture(params=["uv", "pip"])
def machine(request, tmp_path):
    return _machine(tmp_path, request.param)


@pytest.fixture
def quick(tmp_path):
    """Where it does not matter who installs."""
    return _machine(tmp_path, "uv")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    return _folder(tmp_path_factory.mktemp("wheels"), WHEELS)


def _folder(folder: Path, wheels: dict[str, bytes]) -> Path:
    for name, content in wheels.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def private(certificates):
    """The organisation's index: behind a proxy, with its own authority and a password."""
    seen: list[str] = []
    with serving(index(WHEELS, USER.replace("%21", "!")), certificates[1]) as port, serving(proxy(port, seen)) as tunnel:
        yield {"url": f"https://{USER}@{HOST}/simple", "proxy": f"http://127.0.0.1:{tunnel}", "ca": str(certificates[0])}, seen


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


@pytest.mark.parametrize("variable", ["PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_one_certificate_variable_is_enough_and_so_is_the_index_of_the_organisation(quick, private, variable):
    where, _ = private
    assert quick.says(HTTPS_PROXY=where["proxy"], MLOPS_STAGE_INDEX_URL=where["url"], **{variable: where["ca"]})["has"] == ["tiny"]


def test_a_folder_of_wheels_without_any_network_and_plugins_of_ones_own(machine, wheels):
    (machine.folder / "plugins.txt").write_text(locked("acme", "2.0", ACME))
    env = {
        "MLOPS_STAGE_WHEELS": os.path.relpath(wheels, machine.folder),
        "UV_INDEX": "https://index.invalid",
        "PIP_INDEX_URL": "https://index.invalid",
    }
    said = machine.says("data", "--plan", MLOPS_STAGE_REQUIREMENTS="plugins.txt", **env)
    assert said["has"] == ["acme"], "a stage that no lock knows gets the core's"
    assert "" not in said["path"]
    assert str(machine.folder) not in said["path"]


def test_what_redirects_interpreters_and_environments_is_cleared(machine, wheels):
    bad = machine.folder / "bad"
    bad.mkdir()
    (bad / "json.py").write_text("raise SystemExit('mine')")
    (machine.folder / "pyproject.toml").write_text('[tool.uv.pip]\ntarget = "bad/target"\n')
    (machine.folder / "mlops_stage.py").write_text("raise SystemExit('mine')")
    env = dict.fromkeys(("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "VIRTUAL_ENV", "CONDA_PREFIX", "UV_PROJECT_ENVIRONMENT"), str(bad))
    env |= dict.fromkeys(("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "UV_TARGET", "UV_PREFIX", "UV_WORKING_DIR"), str(bad))
    env |= {
        "UV_PYTHON": "3.8",
        "UV_MANAGED_PYTHON": "1",
        "PIP_USER": "1",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_PYTHON": "/no",
        "UV_SYSTEM_PYTHON": "1",
    }
    said = machine.says("run", MLOPS_STAGE_WHEELS=str(wheels), **env)
    assert said["has"] == ["tiny"]
    assert sorted(item.name for item in bad.iterdir()) == ["json.py"]


def checkout(folder: Path) -> Path:
    """A repository whose wheel is the release: its build backend hands it out."""
    source = folder / "source"
    locks = source / "core/mlops_stage/native/locks"
    locks.mkdir(parents=True)
    (locks / "core.txt").write_text("")
    (locks / "all.txt").write_text(locked("tiny", "1.0", TINY))
    (source / "mlops_stage-9.1-py3-none-any.whl").write_bytes(RELEASE)
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n[project]\nname = "mlops-stage"\nversion = "9.1"\n'
    )
    (source / "own.py").write_text(
        "import pathlib, shutil\n\ndef build_wheel(folder, *_):\n    name = 'mlops_stage-9.1-py3-none-any.whl'\n"
        "    shutil.copy(pathlib.Path(__file__).with_name(name), folder)\n    return name\n"
    )
    return source


def test_a_checkout_is_built_once_for_what_it_holds(machine, wheels):
    source = checkout(machine.folder)
    env = {"MLOPS_STAGE_SOURCE": "source", "MLOPS_STAGE_WHEELS": str(wheels), "MLOPS_STAGE_VERSION": "", "MLOPS_STAGE_SHA256": ""}
    first = machine.says("run", **env)
    assert first["has"] == ["tiny"]
    for left in (
        ".git/HEAD",
        "mlops-out/run.json",
        "mlops-out/quality/report.json",
        "env/pyvenv.cfg",
        "env/bin/x",
        "own/__pycache__/own.pyc",
    ):
        (source / left).parent.mkdir(parents=True, exist_ok=True)
        (source / left).write_text("left behind")
    assert machine.says("run", **env)["prefix"] == first["prefix"]
    if machine.installer == "uv":  # the key is the same whoever installs
        (source / "more.py").write_text("")
        assert machine.says("run", **env)["prefix"] != first["prefix"]


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
    vendoring.write(quick.folder, {path: text for path, text in made.items() if path.endswith((".sh", ".py"))})
    (quick.folder / "bin/sh").symlink_to("/bin/sh")
    env = {**quick.env, "MLOPS_STAGE_WHEELS": str(wheels), "MLOPS_STAGE_SHA256": "0" * 64}
    done = subprocess.run(["/bin/bash", quick.folder / "run.sh", "run", "--plan"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert json.loads(done.stdout)["argv"] == ["run", "--plan"]


# What goes wrong: one clear line, one that says what to do, exit code 3, and no secret.


def test_another_file_under_the_locked_name_is_refused(machine, tmp_path_factory):
    folder = _folder(tmp_path_factory.mktemp("forged"), {**WHEELS, "tiny-1.0-py3-none-any.whl": FORGED})
    said = machine.refuses("run", MLOPS_STAGE_WHEELS=str(folder))
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
    folder = _folder(tmp_path_factory.mktemp("few"), {name: content for name, content in WHEELS.items() if "tiny" not in name})
    said = machine.refuses("run", MLOPS_STAGE_WHEELS=str(folder))
    assert said[1] == "error: cannot install what all.txt locks: a locked package is not there for this Python and system"


def test_requirements_without_hashes_are_refused(quick, wheels):
    (quick.folder / "plugins.txt").write_text("acme==2.0\n")
    said = quick.refuses("run", MLOPS_STAGE_WHEELS=str(wheels), MLOPS_STAGE_REQUIREMENTS="plugins.txt")
    assert "install what plugins.txt lists" in said[1]
    assert "hash" in said[1]


@pytest.mark.parametrize(
    ("env", "error"),
    [
        ({"MLOPS_STAGE_PYTHON": "python0"}, "error: python0 is no Python 3.11 or newer that can be run"),
        ({"MLOPS_STAGE_WHEELS": "nowhere"}, "error: MLOPS_STAGE_WHEELS: there is no nowhere"),
        ({"MLOPS_STAGE_REQUIREMENTS": "no.txt"}, "error: MLOPS_STAGE_REQUIREMENTS: there is no no.txt"),
        ({"MLOPS_STAGE_SHA256": ""}, "error: which release to install is not said"),
        ({"MLOPS_STAGE_VERSION": "1 --index-url=x"}, "error: which release to install is not said"),
        ({"PATH": "tools"}, "error: mlops-stage needs Python 3.11 or newer, and there is none on this machine"),
        ({"MLOPS_STAGE_ENVIRONMENTS": "/proc/nowhere"}, "error: cannot prepare the environment: "),
    ],
)
def test_what_is_wrong_before_anything_is_built(quick, env, error):
    tools = quick.folder / "tools"
    tools.mkdir()
    for name in ("dirname", "uname"):
        (tools / name).symlink_to(shutil.which(name))
    assert quick.refuses("run", **env)[1].startswith(error)


def test_an_old_python_is_passed_over(quick, wheels):
    (quick.folder / "bin" / "python3.14").write_text("#!/bin/sh\nexit 1\n")
    (quick.folder / "bin" / "python3.14").chmod(0o755)
    assert quick.says("data", MLOPS_STAGE_WHEELS=str(wheels))["has"] == []


def test_another_system_is_told_so(quick):
    (quick.folder / "bin" / "uname").unlink()
    (quick.folder / "bin" / "uname").write_text("#!/bin/sh\necho MINGW64_NT\n")
    (quick.folder / "bin" / "uname").chmod(0o755)
    assert quick.refuses("run")[1] == "error: mlops-stage runs on Linux and macOS, and this is MINGW64_NT"


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
    jobs = [quick.start("data", MLOPS_STAGE_WHEELS=str(wheels)) for _ in range(3)]
    said = [job.communicate(timeout=120) for job in jobs]
    assert [job.returncode for job in jobs] == [7, 7, 7], said
    assert len({json.loads(out)["prefix"] for out, _ in said}) == 1
    assert len(list((quick.folder / "environments").iterdir())) == 1


@pytest.mark.parametrize("harm", ["dangling", "emptied"])
def test_a_broken_environment_is_built_anew(quick, wheels, harm):
    place = Path(quick.says("data", MLOPS_STAGE_WHEELS=str(wheels))["prefix"])
    if harm == "dangling":
        (place / "bin/python").unlink()
        (place / "bin/python").symlink_to("/nowhere")
    else:
        shutil.rmtree(place / "bin")
        (place / "pyvenv.cfg").unlink()
    assert quick.says("data", MLOPS_STAGE_WHEELS=str(wheels))["prefix"] == str(place)
    assert [item.name for item in place.parent.iterdir()] == [place.name]


def test_a_build_that_is_stopped_leaves_nothing(tmp_path, wheels):
    machine = _machine(tmp_path, "pip")
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
