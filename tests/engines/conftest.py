"""What tests on real engines share: where an engine lies, what the tag of the actions would hold, and a plugin's own repository."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

_REQUIRED = os.environ.get("MLOPS_STAGE_REQUIRE_ENGINES") == "1"
_RELEASED = ("action.yml", "plugins", "core", "pyproject.toml", "README.md", "LICENSE", "docs/examples/income")
"""What installing from a checkout reads; the rest of the tag only takes time to pack."""


@pytest.fixture(scope="session")
def engine():
    """The folder of an engine by its name; a test that lacks it is skipped, or fails where engines are required."""

    def folder(name: str, program: str) -> Path:
        found = subprocess.run(["bash", ROOT / ".ci" / "engines" / f"{name}.sh", "--where"], capture_output=True, text=True, check=False)
        path = Path(found.stdout.strip() or "/nowhere")
        if not (path / program).exists():
            (pytest.fail if _REQUIRED else pytest.skip)(f"{name} is not there: .ci/engines.sh {name} fetches it {found.stderr.strip()}")
        return path

    return folder


@pytest.fixture(scope="session")
def release(tmp_path_factory) -> Path:
    """What a tag of this repository holds, as it lies in the working tree."""
    folder = tmp_path_factory.mktemp("release")
    listed = subprocess.run(["git", "ls-files", "-z", "--", *_RELEASED], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def machine(tmp_path_factory, release) -> dict[str, str]:
    """The variables of a machine that jobs run on: environments and wheels are kept for the session, as a runner of one's own keeps them."""
    folder = tmp_path_factory.mktemp("machine")
    wheels = folder / "wheels"
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", wheels, release]
    subprocess.run(build, check=True, capture_output=True)
    return {
        "MLOPS_STAGE_ENVIRONMENTS": str(folder / "environments"),
        "MLOPS_STAGE_CACHE": str(folder / "cache"),
        "PIP_FIND_LINKS": str(wheels),
        "UV_FIND_LINKS": str(wheels),
    }


@pytest.fixture(scope="session")
def trial_repository(tmp_path_factory, machine) -> Path:
    """A repository of somebody else's plugin: its package, its lock, and the native files that were generated into it."""
    folder = tmp_path_factory.mktemp("trial")
    shutil.copytree(
        ROOT / "tests/fixtures/site/mlops_stage_trial", folder / "mlops_stage_trial", ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n'
        '[project]\nname = "mlops-stage-trial"\nversion = "1.2"\n\n[project.entry-points.mlops_stage]\ntrial = "mlops_stage_trial"\n'
    )
    wheel = next(Path(machine["UV_FIND_LINKS"]).glob("mlops_stage-*.whl"))
    core = (ROOT / "core/mlops_stage/native/locks/core.txt").read_text()
    own = f"mlops-stage=={wheel.name.split('-')[1]} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
    (folder / "mlops-stage.lock").write_text(core + own)
    assert zipfile.is_zipfile(wheel)
    env = {**os.environ, "PYTHONPATH": str(ROOT / "tests/fixtures/site"), "MLOPS_STAGE_PLUGINS": "trial"}
    generate = [sys.executable, "-P", "-m", "mlops_stage", "adapters", "generate", "--ci", "github-actions", "--distribution", "mlops-stage-trial"]
    subprocess.run(generate, cwd=folder, env=env, check=True, capture_output=True)
    return folder
