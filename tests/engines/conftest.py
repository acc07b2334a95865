"""What tests on real engines share: where an engine lies, what the tag of the actions would hold, and a plugin's own repository."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))
import ready  # noqa: E402  (it lies beside this file, which the line above makes known)
from scenarios import Bench  # noqa: E402  (as above)

_REQUIRED = os.environ.get("MLOPS_STAGE_REQUIRE_ENGINES", "").split()
"""Names of engines whose absence is a failure and no skip."""
_RELEASED = ("action.yml", "plugins", "core", "pyproject.toml", "README.md", "LICENSE", "docs/examples/income", ".github")
"""What installing from a checkout reads, and workflows to call; the rest of the tag only takes time to pack."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What takes longest first, and of that the table: a process would else be busy with it alone when all others have ended."""
    items.sort(key=lambda item: (item.get_closest_marker("engine") is None, item.path.name != "test_scenarios.py"))


@pytest.fixture(scope="session", autouse=True)
def path():
    """Programs are found where they lie: what pyenv puts on PATH is a script that looks for a Python anew, at each start of each of them."""
    found = [folder for folder in os.environ["PATH"].split(os.pathsep) if Path(folder).name != "shims"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.pathsep.join([str(Path(sys.base_prefix, "bin")), *found]))
        yield


@pytest.fixture(scope="session")
def engine():
    """The folder of an engine by its name; a test that lacks it is skipped, or fails where engines are required."""

    def folder(name: str, program: str) -> Path:
        found = subprocess.run(["bash", ROOT / ".ci" / "engines" / f"{name}.sh", "--where"], capture_output=True, text=True, check=False)
        path = Path(found.stdout.strip() or "/nowhere")
        if not (path / program).exists():
            (pytest.fail if name in _REQUIRED else pytest.skip)(
                f"{name} is not there: .ci/engines.sh {name} fetches it {found.stderr.strip()}"
            )
        return path

    return folder


@pytest.fixture(scope="session")
def load():
    """The module `engine.py` of a folder here: there are several of that name."""

    def module(name: str):
        found = sys.modules.get(f"engine_of_{name}")
        if found is None:
            spec = importlib.util.spec_from_file_location(f"engine_of_{name}", HERE / name / "engine.py")
            found = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = found
            spec.loader.exec_module(found)
        return found

    return module


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Do what is dear once for all processes of the tests: `once(name, make)` gives each what `make(folder)` gave the first."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def do(name: str, make):
        kept = shared / f"{name}.pickle"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                folder = shared / name
                folder.mkdir(exist_ok=True)
                made = pickle.dumps(make(folder))
                kept.write_bytes(made)
        return pickle.loads(kept.read_bytes())  # noqa: S301  (written by these tests a moment ago)

    return do


@pytest.fixture(scope="session")
def bench(engine, release, machine, trial_repository, image, tmp_path_factory):
    """What an engine is started with: `bench("act")` with a folder of that name."""
    shared = {"engine": engine, "release": release, "machine": machine, "trial": trial_repository, "image": image}
    return lambda name: Bench(**shared, home=tmp_path_factory.mktemp(name))


@pytest.fixture(scope="session")
def image(once, engine, load, release, trial_repository):
    """The image of all stages with the trial plugin in it; called, for few need it."""

    def make(folder):
        return load("image").for_plugin(engine("image", "images"), release, trial_repository, folder)

    return lambda: once("image", make)


@pytest.fixture(scope="session")
def release(once) -> Path:
    """What a tag of this repository holds, as it lies in the working tree."""
    return once("release", _released)


def _released(folder: Path) -> Path:
    listed = subprocess.run(
        ["git", "ls-files", "-zco", "--exclude-standard", "--", *_RELEASED], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def machine(once, release) -> dict[str, str]:
    """The variables of a machine that jobs run on: environments and wheels are kept for the session, as a runner of one's own keeps them.

    For a checkout of `release` each stage finds its environment built already, and it is the one that the tests run in: installing is what
    the plugin's repository tries, what signs, and the tests of the bootstrap. The wheels lie where installers look for them, and nowhere else do they look.
    """
    return once("machine", lambda folder: _machine(folder, release))


def _machine(folder: Path, release: Path) -> dict[str, str]:
    wheels = folder / "wheels"
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", wheels, release]
    subprocess.run(build, check=True, capture_output=True)
    shutil.rmtree(release / "build", ignore_errors=True)
    interpreter, keys = ready.found(release)
    _fetch(interpreter, wheels)
    ready.offer(folder / "environments", keys)
    (folder / "uv.toml").write_text("no-index = true\n")
    return {
        "MLOPS_STAGE_ENVIRONMENTS": str(folder / "environments"),
        "MLOPS_STAGE_CACHE": str(folder / "cache"),
        "PIP_FIND_LINKS": str(wheels),
        "PIP_NO_INDEX": "1",
        "UV_FIND_LINKS": str(wheels),
        "UV_CONFIG_FILE": str(folder / "uv.toml"),
    }


def _fetch(interpreter: str, wheels: Path) -> None:
    """The wheels of what is really installed: a plugin's environment, and those of what signs, which are made anew for each run.

    The user's cache keeps them, for pip takes longer to fetch than any job here to install; installing looks at their hashes.
    """
    locks = [ROOT / f"core/mlops_stage/native/locks/{name}.txt" for name in ("core", "sign")]
    key = hashlib.sha256(b"\0".join([interpreter.encode(), *(lock.read_bytes() for lock in locks)])).hexdigest()[:16]
    kept = Path.home() / ".cache/mlops-stage/engines" / f"wheels-{key}"
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as aside:
            _download(interpreter, Path(aside, "wheels"), locks)
            with suppress(OSError):  # somebody else was faster
                Path(aside, "wheels").rename(kept)
    for wheel in kept.iterdir():
        shutil.copy(wheel, wheels)


def _download(interpreter: str, wheels: Path, locks: list[Path]) -> None:
    listed = [word for lock in locks for word in ("-r", lock)]
    fetch = [sys.executable, "-m", "pip", "--python", interpreter, "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*fetch, "--require-hashes", "--only-binary", ":all:", "--dest", wheels, *listed], check=True, capture_output=True)


@pytest.fixture(scope="session")
def trial_repository(once, machine) -> Path:
    """A repository of somebody else's plugin: its package, its lock, and the native files that were generated into it."""
    return once("trial", lambda folder: _trial(folder, Path(machine["UV_FIND_LINKS"])))


def _trial(folder: Path, wheels: Path) -> Path:
    shutil.copytree(
        ROOT / "tests/fixtures/site/mlops_stage_trial", folder / "mlops_stage_trial", ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n'
        '[project]\nname = "mlops-stage-trial"\nversion = "1.2"\n\n[project.entry-points.mlops_stage]\ntrial = "mlops_stage_trial"\n'
    )
    wheel = next(wheels.glob("mlops_stage-*.whl"))
    core = (ROOT / "core/mlops_stage/native/locks/core.txt").read_text()
    own = f"mlops-stage=={wheel.name.split('-')[1]} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
    (folder / "mlops-stage.lock").write_text(core + own)
    assert zipfile.is_zipfile(wheel)
    env = {**os.environ, "PYTHONPATH": str(ROOT / "tests/fixtures/site"), "MLOPS_STAGE_PLUGINS": "trial"}
    generate = [sys.executable, "-P", "-m", "mlops_stage", "adapters", "generate", "--distribution", "mlops-stage-trial"]
    systems = [word for name in _native() for word in ("--ci", name)]
    subprocess.run([*generate, *systems], cwd=folder, env=env, check=True, capture_output=True)
    return folder


def _native() -> list[str]:
    """CI systems whose native files can be written."""
    found = (ROOT / "plugins").glob("*/src/*/native.py")
    return sorted(file.parts[-4].replace("_", "-") for file in found)
