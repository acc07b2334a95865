"""`adapters vendor`: a project of one's own, written by what an installed wheel holds."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mlops_stage import __version__
from mlops_stage.errors import UsageError
from mlops_stage.native import vendoring

ROOT = Path(__file__).parents[2]
IMAGE = f"registry.example/mlops/stage@sha256:{'a1' * 32}"
INDEX = "https://packages.example/simple"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(build, check=True, capture_output=True)
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


def vendor(installed, out, *words):
    done = installed("adapters", "vendor", *words, "-o", out)
    assert done.returncode == 0, done.stderr
    return {path.relative_to(out).as_posix(): path.read_text() for path in sorted(out.rglob("*")) if path.is_file()}


def test_components_of_gitlab_with_the_image_written_in(installed, tmp_path):
    made = vendor(installed, tmp_path / "components", "--ci", "gitlab", "--image", IMAGE)
    assert (installed.site / "mlops_stage/native/vendoring.py").is_file()
    assert {path.split("/")[0] for path in made} == {"README.md", "templates"}
    header, _ = YAML(typ="safe").load_all(made["templates/fairness.yml"])
    assert header["spec"]["inputs"]["image"]["default"] == IMAGE
    assert header["spec"]["inputs"]["install"]["default"] == "image"
    assert f"mlops-stage adapters vendor --ci gitlab --image {IMAGE} -o .\n" in made["README.md"]


@pytest.mark.parametrize("named", [True, False])
def test_who_must_name_the_image_is_said(installed, tmp_path, named):
    done = installed("adapters", "vendor", "--ci", "gitlab", "-o", tmp_path, *(["--image", IMAGE] if named else []))
    assert done.returncode == 0, done.stderr
    assert ("no image is written in, so whoever uses these files must give one as `image`" in done.stdout + done.stderr) != named


def test_tasks_of_tekton_with_the_image_written_in(installed, tmp_path):
    made = vendor(installed, tmp_path / "catalog", "--ci", "tekton", "--image", IMAGE)
    assert {path.split("/")[0] for path in made} == {"README.md", "pipeline", "stepaction", "task"}
    tasks = [path for path in made if path.startswith("task/") and path.endswith(".yaml") and "samples" not in path]
    assert tasks
    for path in tasks:
        params = {item["name"]: item for item in YAML(typ="safe").load(made[path])["spec"]["params"]}
        assert params["image"]["default"] == IMAGE, path


def test_a_shared_library_for_jenkins_and_actions_for_github_that_install_by_hash(installed, wheel, tmp_path):
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    words = ("--ci", "jenkins", "--ci", "github-actions", "--index-url", INDEX, "--wheel", wheel)
    made = vendor(installed, tmp_path / "own", *words)
    assert {path.split("/")[0] for path in made} >= {"vars", "resources", "action.yml", "run.sh", "bootstrap.sh", "bootstrap.py"}
    for path in ("vars/mlopsStage.groovy", "run.sh"):
        assert digest in made[path]
        assert INDEX in made[path]
        assert "MLOPS_STAGE_SOURCE" not in made[path]
    assert f"--index-url {INDEX} --wheel FILE -o .\n" in made["README.md"]


@pytest.mark.parametrize("ci", ["gitlab", "jenkins", "tekton", "github-actions"])
def test_nothing_of_our_own_repository_shows(installed, wheel, tmp_path, ci):
    made = vendor(installed, tmp_path, "--ci", ci, "--image", IMAGE, "--wheel", wheel)
    for path, text in made.items():
        assert "plugins/" not in path
        assert "plugins/github" not in text, path
        assert "uses: mlops/evaluate" not in text, path


def test_a_second_time_nothing_changes_and_what_is_gone_goes(installed, tmp_path):
    vendor(installed, tmp_path, "--ci", "gitlab", "--image", IMAGE)
    (tmp_path / "templates/gone.yml").write_text((tmp_path / "templates/data.yml").read_text())
    (tmp_path / "templates/mine.yml").write_text("mine: true\n")
    done = installed("adapters", "vendor", "--ci", "gitlab", "--image", IMAGE, "-o", ".", cwd=tmp_path)
    assert done.stdout.startswith("removed templates/gone.yml\n.: 0 files written, 1 removed,")
    assert not (tmp_path / "templates/gone.yml").exists()
    assert (tmp_path / "templates/mine.yml").exists()


def test_two_systems_may_lie_in_one_folder(installed, tmp_path):
    before = vendor(installed, tmp_path, "--ci", "gitlab", "--image", IMAGE)
    after = vendor(installed, tmp_path, "--ci", "tekton", "--image", IMAGE)
    assert set(before) < set(after)


@pytest.mark.parametrize("out", ["taken", "taken/below"])
def test_a_file_where_the_folder_would_be(installed, tmp_path, out):
    (tmp_path / "taken").write_text("mine")
    done = installed("adapters", "vendor", "--ci", "gitlab", "-o", out, cwd=tmp_path)
    assert done.returncode == 2
    assert f"error: {out} cannot be a folder: " in done.stderr
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("content", [b"# Ours\n", b"# caf\xe9\n"])
def test_a_page_of_ones_own_is_left(installed, tmp_path, content):
    (tmp_path / "README.md").write_bytes(content)
    done = installed("adapters", "vendor", "--ci", "gitlab", "-o", tmp_path)
    assert done.returncode == 2
    assert "README.md was not written by this command" in done.stderr
    assert [item.name for item in tmp_path.iterdir()] == ["README.md"]


def test_what_installs_from_an_index_wants_the_wheel(installed, tmp_path):
    done = installed("adapters", "vendor", "--ci", "github-actions", "-o", tmp_path / "out")
    assert done.returncode == 2
    assert f"the digest of the wheel of mlops-stage {__version__} is not known" in done.stderr
    assert "--wheel names the file" in done.stderr
    assert not (tmp_path / "out").exists()


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
