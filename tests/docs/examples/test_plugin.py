"""The worked example plugin, installed as its users install it."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[3]
PLUGIN = REPOSITORY / "docs" / "examples" / "plugin"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Of the base and of the plugin, built by what their pyproject.toml names."""
    folder = tmp_path_factory.mktemp("wheels")
    for source in (REPOSITORY, PLUGIN):
        build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
        subprocess.run(build, check=True, capture_output=True, cwd=source)
    return sorted(folder.glob("*.whl"))


def uv(*words):
    program = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert program, "uv belongs to the extra `dev`"
    subprocess.run([program, "--quiet", "--no-config", *words], check=True, cwd="/")


@pytest.fixture(scope="module")
def installed(wheels, tmp_path_factory):
    """A fresh environment that holds the base install and the plugin, nothing of the repository's own."""
    environment = tmp_path_factory.mktemp("plugin") / "venv"
    uv("venv", "--python", sys._base_executable, environment)
    pip = [sys.executable, "-m", "pip", "--python", environment / "bin/python", "install", "--quiet", "--no-compile"]
    subprocess.run([*pip, *wheels], check=True, cwd="/")  # as the README says it: what they need, pip finds by itself

    def run(*args):
        env = {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_", "PYTHON"))}
        command = [environment / "bin/mlops-stage", *args]
        return subprocess.run(command, cwd=environment, env=env, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def site(wheels, tmp_path_factory):
    """The plugin alone, as its wheel is unpacked."""
    folder = tmp_path_factory.mktemp("site")
    uv(
        "pip",
        "install",
        "--no-deps",
        "--offline",
        "--python",
        sys.executable,
        "--target",
        folder,
        *(one for one in wheels if "size" in one.name),
    )
    return folder


@pytest.fixture
def size(site, mlops):
    """`mlops-stage` with the plugin beside it: what a stage does does not hang on how it was installed."""
    mlops.env = {"PYTHONPATH": str(site), "MLOPS_STAGE_PLUGINS": "size"}
    return mlops


def test_what_builds_it_is_named():
    """The environment of these tests has it anyway; that of a user's pip has what stands there."""
    system = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["build-system"]
    assert [Requirement(one).name for one in system["requires"]] == [system["build-backend"].split(".")[0]] == ["hatchling"]


@pytest.mark.slow
def test_installed_beside_the_base_it_is_there_and_quality_says_what_to_install(installed):
    assert "Keep a model file within a size" in installed("--help").stdout
    assert "mlops-stage-size 1.0.0" in installed("plugins").stdout
    assert "size: not applicable" in installed("size").stderr
    done = installed("quality", "--predictions", "p.csv")
    assert done.returncode == 3
    assert "pip install 'mlops-stage[quality]'" in done.stderr + done.stdout


@pytest.mark.slow
def test_it_judges_and_reports_like_a_built_in_stage(size, tmp_path):
    assert "largest size allowed, in MB" in size("size", "--help").stdout
    (tmp_path / "model.onnx").write_bytes(bytes(2_000_000))
    assert size("size", "--model", "model.onnx").returncode == 0
    assert size("size", "--model", "model.onnx", "--budget", "1").returncode == 1
    assert size("size", "--model", "model.onnx", "--budget", "-1").returncode == 2
    assert size("size", "--model", "absent.onnx").returncode == 2
    assert size("size").returncode == 0
    size("size", "--model", "model.onnx", "--gate", "size <= 3")
    report = json.loads((tmp_path / "mlops-out" / "size" / "report.json").read_text())
    assert (report["outcome"], report["plugin"]) == ("passed", {"name": "mlops-stage-size", "version": "1.0.0"})
    assert (tmp_path / "mlops-out" / "report.html").is_file()


@pytest.mark.slow
def test_init_writes_its_part_of_a_config_that_runs(size, tmp_path):
    (tmp_path / "model.onnx").write_bytes(bytes(1000))
    assert size("init").returncode == 0
    assert "budget: 100" in (tmp_path / "mlops.yaml").read_text()
    assert size("run", "size").returncode == 0
    assert size("run", "--plan").returncode in {0, 2}


@pytest.mark.slow
def test_its_further_command_lists_without_judging(size, tmp_path):
    assert size("size", "list").returncode == 1
    (tmp_path / "model.onnx").write_bytes(bytes(2_000_000))
    assert size("size", "list").stdout == "2 MB  model.onnx\n"
    assert size("size", "list", "*.pkl").stdout == "no file matches\n"
    assert not (tmp_path / "mlops-out").exists()
