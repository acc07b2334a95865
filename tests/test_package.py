"""What the wheel holds, and what the layers allow."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(REPOSITORY)]
    subprocess.run(command, check=True, capture_output=True)
    with zipfile.ZipFile(next(out.glob("*.whl"))) as archive:
        yield {item.filename: item.file_size for item in archive.infolist()}


def test_the_wheel_holds_code_types_templates_and_licence(wheel):
    names = set(wheel)
    assert {"mlops_stage/__init__.py", "mlops_stage/py.typed"} <= names
    assert any(name.startswith("mlops_stage/reporters/html/") and not name.endswith(".py") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_holds_what_native_steps_install_by(wheel):
    assert {f"mlops_stage/native/{name}" for name in ("bootstrap.sh", "bootstrap.py", "locks/all.txt", "locks/core.txt")} <= set(wheel)


def test_the_wheel_holds_the_demo(wheel):
    example = {name.removeprefix("mlops_stage/examples/income/") for name in wheel if name.startswith("mlops_stage/examples/income/")}
    assert {"mlops.yaml", "baseline.onnx", "candidate.onnx", "ATTRIBUTION.md", "data/test.parquet", "data/train.parquet"} <= example


def test_the_wheel_holds_nothing_else(wheel):
    adapters = {f"mlops_stage_{name}" for name in ("github_actions", "gitlab", "jenkins", "tekton")}
    assert {name.split("/")[0].split("-")[0] for name in wheel} == {"mlops_stage", *adapters}
    assert not [name for name in wheel if name.rpartition("/")[2].startswith("test_") or name.endswith((".pyc", ".pkl"))]


def test_the_models_and_tables_of_the_demo_are_small(wheel):
    heavy = {name: size for name, size in wheel.items() if name.endswith((".onnx", ".parquet"))}
    assert sum(heavy.values()) <= 3_000_000


def test_every_stage_has_an_extra_of_its_name():
    from mlops_stage import host

    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for stage in host.discover({host.ALLOW_LIST: "none"}).stages.values():
        assert stage.extra in extras


def test_imports_point_down_only():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
