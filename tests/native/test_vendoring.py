"""`adapters vendor`: a project of one's own, written by what an installed wheel holds."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mlops_stage import __version__
from mlops_stage.errors import UsageError
from mlops_stage.native import vendoring

ROOT = Path(__file__).parents[2]
IMAGE = f"registry.example/mlops/stage@sha256:{'a1' * 32}"
INDEX = "https://packages.example/simple"
BY_HASH = ("jenkins", "github-actions")
NO_IMAGE = "no image is written in, so whoever uses these files must give one as `image`"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(build, check=True, capture_output=True, cwd=ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An interpreter that has the wheel, and the libraries of this one beside it."""
    folder = tmp_path_factory.mktemp("installed")
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert uv, "uv belongs to the extra `dev`"
    for words in (
        ["venv", "--python", sys._base_executable, folder / "env"],
        ["pip", "install", "--no-deps", "--offline", "--python", folder / "env", wheel],
    ):
        subprocess.run([uv, "--quiet", *words], check=True, cwd=folder)
    site = next((folder / "env").glob("lib/python*/site-packages"))
    (site / "libraries.pth").write_text(sysconfig.get_paths()["purelib"])

    def run(*words, cwd=folder):
        env = {"PATH": os.environ["PATH"], "MLOPS_STAGE_PLUGINS": "none"}
        command = [folder / "env/bin/python", "-P", "-m", "mlops_stage", *words]
        return subprocess.run(list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, check=False)

    run.site = site
    return run


@pytest.fixture(scope="module")
def made(installed, wheel, tmp_path_factory):
    """What the installed wheel writes for some systems: path -> text, the folder that it lies in, and what was said."""

    @cache
    def vendored(*systems):
        out = tmp_path_factory.mktemp("vendored")
        own = ("--image", IMAGE) if systems in {("gitlab",), ("tekton",)} else ("--index-url", INDEX, "--wheel", wheel)
        done = installed("adapters", "vendor", *(word for ci in systems for word in ("--ci", ci)), *own, "-o", out)
        assert done.returncode == 0, done.stderr
        return texts(out), out, done

    return vendored


def texts(out):
    return {path.relative_to(out).as_posix(): path.read_text() for path in sorted(out.rglob("*")) if path.is_file()}


def test_components_of_gitlab_with_the_image_written_in(installed, made):
    files, _, done = made("gitlab")
    assert (installed.site / "mlops_stage/native/vendoring.py").is_file()
    assert {path.split("/")[0] for path in files} == {"README.md", "templates"}
    header, _ = YAML(typ="safe").load_all(files["templates/fairness.yml"])
    assert header["spec"]["inputs"]["image"]["default"] == IMAGE
    assert header["spec"]["inputs"]["install"]["default"] == "image"
    assert f"mlops-stage adapters vendor --ci gitlab --image {IMAGE} -o .\n" in files["README.md"]
    assert NO_IMAGE not in done.stdout + done.stderr


def test_who_must_name_the_image_is_said(mlops):
    done = mlops("adapters", "vendor", "--ci", "gitlab", "-o", "out")
    assert done.returncode == 0, done.stderr
    assert NO_IMAGE in done.stdout + done.stderr


def test_tasks_of_tekton_with_the_image_written_in(made):
    files, _, _ = made("tekton")
    assert {path.split("/")[0] for path in files} == {"README.md", "pipeline", "stepaction", "task"}
    tasks = [path for path in files if path.startswith("task/") and path.endswith(".yaml") and "samples" not in path]
    assert tasks
    for path in tasks:
        params = {item["name"]: item for item in YAML(typ="safe").load(files[path])["spec"]["params"]}
        assert params["image"]["default"] == IMAGE, path


def test_a_shared_library_for_jenkins_and_actions_for_github_that_install_by_hash(made, wheel):
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    files, _, _ = made(*BY_HASH)
    assert {path.split("/")[0] for path in files} >= {"vars", "resources", "action.yml", "run.sh", "bootstrap.sh", "bootstrap.py"}
    for path in ("vars/mlopsStage.groovy", "run.sh"):
        assert digest in files[path]
        assert INDEX in files[path]
        assert "MLOPS_STAGE_SOURCE" not in files[path]
    assert f"--index-url {INDEX} --wheel FILE -o .\n" in files["README.md"]


@pytest.mark.parametrize("systems", [("gitlab",), ("tekton",), BY_HASH])
def test_nothing_of_our_own_repository_shows(made, systems):
    for path, text in made(*systems)[0].items():
        assert "plugins/" not in path
        assert "plugins/github" not in text, path
        assert "uses: mlops/evaluate" not in text, path


def test_a_second_time_nothing_changes_and_what_is_gone_goes(made, mlops):
    before, out, _ = made("gitlab")
    shutil.copytree(out, mlops.cwd, dirs_exist_ok=True)
    (mlops.cwd / "templates/gone.yml").write_text(before["templates/data.yml"])
    (mlops.cwd / "templates/mine.yml").write_text("mine: true\n")
    done = mlops("adapters", "vendor", "--ci", "gitlab", "--image", IMAGE, "-o", ".")
    assert done.stdout.startswith("removed templates/gone.yml\n.: 0 files written, 1 removed,")
    assert not (mlops.cwd / "templates/gone.yml").exists()
    assert (mlops.cwd / "templates/mine.yml").exists()


def test_two_systems_may_lie_in_one_folder(made, mlops):
    before, out, _ = made("gitlab")
    shutil.copytree(out, mlops.cwd / "out")
    done = mlops("adapters", "vendor", "--ci", "jenkins", "--image", IMAGE, "-o", "out")
    assert done.returncode == 0, done.stderr
    assert set(before) < set(texts(mlops.cwd / "out"))


@pytest.mark.parametrize("out", ["taken", "taken/below"])
def test_a_file_where_the_folder_would_be(mlops, out):
    mlops.write("taken", "mine")
    done = mlops("adapters", "vendor", "--ci", "jenkins", "--image", IMAGE, "-o", out)
    assert done.returncode == 2
    assert f"error: {out} cannot be a folder: " in done.stderr
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("content", [b"# Ours\n", b"# caf\xe9\n"])
def test_a_page_of_ones_own_is_left(mlops, content):
    page = mlops.cwd / "out/README.md"
    page.parent.mkdir()
    page.write_bytes(content)
    done = mlops("adapters", "vendor", "--ci", "jenkins", "--image", IMAGE, "-o", "out")
    assert done.returncode == 2
    assert "README.md was not written by this command" in done.stderr
    assert (list(page.parent.iterdir()), page.read_bytes()) == ([page], content)


def test_what_installs_from_an_index_wants_the_wheel(mlops):
    done = mlops("adapters", "vendor", "--ci", "github-actions", "-o", "out")
    assert done.returncode == 2
    assert f"the digest of the wheel of mlops-stage {__version__} is not known" in done.stderr
    assert "--wheel names the file" in done.stderr
    assert not (mlops.cwd / "out").exists()


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"image": "registry.example/mlops:latest"}, "is not named by its digest"),
        ({"index_url": "packages.example"}, "is no address of a package index"),
        ({"index_url": "https://me:secret@packages.example/simple", "wheel": Path("any")}, "holds a user name or a password"),
        ({"index_url": "https://packages.example/simple?token=secret", "wheel": Path("any")}, "which may be a token"),
        ({"index_url": "https://packages.example/simple#secret"}, "which may be a token"),
        ({"index_url": "ftp://me:secret@packages.example/simple"}, "is no address of a package index"),
        ({"index_url": "https://packages.example/a\n# more"}, "is no address of a package index"),
        ({"index_url": INDEX, "image": IMAGE}, "--index-url says where the wheel is, and no wheel is named"),
        ({"wheel": Path("mlops_stage-0.0.1-py3-none-any.whl")}, "is not the wheel of mlops-stage 1.2"),
        ({"wheel": Path("mlops_stage-1.2-py3-none-any.whl")}, "there is no file mlops_stage-1.2"),
    ],
)
def test_what_a_copy_may_not_hold(given, error):
    with pytest.raises(UsageError, match=error) as caught:
        vendoring.layout("1.2", **given)
    assert "secret" not in str(caught.value)
