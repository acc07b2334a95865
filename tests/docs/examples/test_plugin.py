"""The worked example plugin, installed as its users install it."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[3]
PLUGIN = REPOSITORY / "docs" / "examples" / "plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A fresh environment that holds the base install and the plugin, nothing of the repository's own."""
    top = tmp_path_factory.mktemp("plugin")
    for source in (REPOSITORY, PLUGIN):
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", top, source]
        subprocess.run(build, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", top / "venv"], check=True)
    pip = [sys.executable, "-m", "pip", "--python", top / "venv" / "bin" / "python", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *top.glob("*.whl")], check=True, cwd=top)
    return top / "venv" / "bin" / "mlops-stage"


@pytest.fixture
def size(installed, tmp_path):
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_", "PYTHON"))}

    def run(*args):
        return subprocess.run([installed, *map(str, args)], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    return run


def test_what_builds_it_is_named():
    """The environment of these tests has it anyway; that of a user's pip has what stands there."""
    system = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["build-system"]
    assert [Requirement(one).name for one in system["requires"]] == [system["build-backend"].split(".")[0]] == ["hatchling"]


@pytest.mark.slow
def test_the_plugin_shows_up_in_help_and_in_the_list(size):
    assert "Keep a model file within a size" in size("--help").stdout
    assert "mlops-stage-size 1.0.0" in size("plugins").stdout
    assert "largest size allowed, in MB" in size("size", "--help").stdout


@pytest.mark.slow
def test_it_judges_and_reports_like_a_built_in_stage(size, tmp_path):
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
def test_without_the_extra_the_quality_stage_says_what_to_install(size, tmp_path):
    (tmp_path / "p.csv").write_text("y_true,y_pred\n1,1\n")
    done = size("quality", "--predictions", "p.csv")
    assert done.returncode == 3
    assert "pip install 'mlops-stage[quality]'" in done.stderr + done.stdout


@pytest.mark.slow
def test_its_further_command_lists_without_judging(size, tmp_path):
    assert size("size", "list").returncode == 1
    (tmp_path / "model.onnx").write_bytes(bytes(2_000_000))
    assert size("size", "list").stdout == "2 MB  model.onnx\n"
    assert size("size", "list", "*.pkl").stdout == "no file matches\n"
    assert not (tmp_path / "mlops-out").exists()
