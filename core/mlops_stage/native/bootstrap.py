"""Run mlops-stage from a private environment: built once for each lock, aside and then renamed, from wheels with known hashes."""

# This file is run by any Python 3.11 or newer, before anything is installed: standard library only, and nothing else of this package.

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SELF = "mlops-stage"
LOCKS = Path("mlops_stage/native/locks")
ALL, CORE = "all", "core"
HASHED = ("--require-hashes", "--only-binary", ":all:")
_FAILED = 3
"""The exit code of a stage that could not run."""


class CannotInstall(Exception):  # noqa: N818  (told to the user, never seen by a caller)
    """One line that says what, and one that says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def main(arguments: list[str]) -> None:
    """Build the environment if need be, and become the command in it."""
    try:
        python = environment(dict(os.environ), flavour(arguments))
    except CannotInstall as error:
        print(f"error: {error}\nhint: {error.hint}", file=sys.stderr)  # noqa: T201  (there is nothing else here to say it with)
        sys.exit(_FAILED)
    os.execv(python, [str(python), "-P", "-m", "mlops_stage", *arguments])  # noqa: S606  (argv, no shell)


def flavour(arguments: list[str]) -> str:
    """The name of the lock: a stage needs fewer libraries than `run`, and one of somebody else brings its own."""
    return ALL if not arguments or arguments[0] == "run" else arguments[0].replace("-", "_")


class Order:
    """What is to be installed, read from the environment of the step."""

    def __init__(self, env: dict[str, str], stage: str) -> None:
        self.env = env
        self.stage = stage
        self.source = Path(env["MLOPS_STAGE_SOURCE"]).resolve() if env.get("MLOPS_STAGE_SOURCE") else None
        self.wheel = "" if self.source else _wheel(env)
        self.plugins = _named(env, "MLOPS_STAGE_REQUIREMENTS")
        self.lock = _named(env, "MLOPS_STAGE_LOCK")

    def key(self) -> str:
        """The same for the same interpreter, lock, plugins and source, whatever else has changed."""
        total = hashlib.sha256()
        given = [file.read_text(encoding="utf-8") for file in (self.plugins, self.lock) if file]
        for part in (sys.version, self.stage, self.wheel, _digest(self.source) if self.source else "", *given):
            total.update(f"{len(part)}:{part}".encode())
        return total.hexdigest()[:32]

    def locked(self, place: Path) -> Path:
        """The lock of the stage: its own, or the one for stages that bring their own requirements; that of a release lies in its wheel."""
        if self.lock:
            return self.lock
        locks = self.source / "core" / LOCKS if self.source else next(place.glob(f"lib/python*/site-packages/{LOCKS}"))
        return next(file for file in (locks / f"{self.stage}.txt", locks / f"{CORE}.txt") if file.is_file())


def environment(env: dict[str, str], stage: str) -> Path:
    """The interpreter of the environment for this stage; the second time it is there already."""
    order = Order(env, stage)
    place = _home(env) / order.key()
    python = place / "bin" / "python"
    if not python.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
        try:
            _build(order, aside)
            _keep(aside, place)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return python


def _keep(aside: Path, place: Path) -> None:
    """Another job may have built the same one meanwhile: then that is used."""
    try:
        aside.rename(place)
    except OSError as error:
        if not (place / "bin" / "python").exists():
            raise CannotInstall(
                f"cannot write {place}: {error.strerror}", "let MLOPS_STAGE_ENVIRONMENTS name a folder that can be written"
            ) from error


def _home(env: dict[str, str]) -> Path:
    if env.get("MLOPS_STAGE_ENVIRONMENTS"):
        return Path(env["MLOPS_STAGE_ENVIRONMENTS"]).absolute()
    cache = env.get("XDG_CACHE_HOME") or (env["HOME"] + "/.cache" if env.get("HOME") else tempfile.gettempdir())
    return Path(cache) / SELF / "environments"


def _wheel(env: dict[str, str]) -> str:
    """The requirement of the release, by hash."""
    version, digest = env.get("MLOPS_STAGE_VERSION", ""), env.get("MLOPS_STAGE_SHA256", "")
    if not version or len(digest) != 64:  # noqa: PLR2004  (SHA-256 in hexadecimal)
        raise CannotInstall(
            "which release to install is not said: MLOPS_STAGE_VERSION and MLOPS_STAGE_SHA256 (of its wheel) must be set",
            "`mlops-stage adapters vendor` writes files that hold both",
        )
    return f"{SELF}=={version} --hash=sha256:{digest}\n"


def _named(env: dict[str, str], variable: str) -> Path | None:
    """The file that a variable names: the user's own requirements, or the lock of a plugin's repository."""
    name = env.get(variable, "")
    if name and not Path(name).is_file():
        raise CannotInstall(f"{variable}: there is no file {name}", "paths are relative to the folder that the step works in")
    return Path(name).resolve() if name else None


def _digest(source: Path) -> str:
    """One digest for all that is installed from a checkout; what Python and git leave behind does not count."""
    total = hashlib.sha256()
    for file in sorted(source.rglob("*")):
        parts = file.relative_to(source).parts
        if file.is_file() and file.suffix != ".pyc" and not parts[0].startswith("."):
            total.update(f"{file.relative_to(source)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def _build(order: Order, place: Path) -> None:
    """The locked libraries first, then mlops-stage or the plugin itself without asking for anything more, then the user's plugins."""
    install = _installer(place, order.env)
    if order.wheel:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
            listed.write(order.wheel)
            listed.flush()
            install("--no-deps", *HASHED, "-r", listed.name)
    install(*HASHED, "-r", str(order.locked(place)))
    if order.source:
        install("--no-deps", "--no-build-isolation", str(order.source))
    if order.plugins:
        install(*HASHED, "-r", str(order.plugins))


def _installer(place: Path, env: dict[str, str]):  # type: ignore[no-untyped-def]  # noqa: ANN202  (a function of words)
    """An empty environment, and the function that installs into it: by uv where it is at hand, for it is ten times as fast, else by pip."""
    uv = shutil.which("uv", path=env.get("PATH"))
    offline = ["--no-index", "--find-links", str(Path(env["MLOPS_STAGE_WHEELS"]).resolve())] if env.get("MLOPS_STAGE_WHEELS") else []
    python = str(place / "bin" / "python")
    if uv:
        _do([uv, "venv", "--quiet", "--no-config", "--python", sys.executable, str(place)], env)
        base = [uv, "pip", "install", "--quiet", "--no-config", "--python", python]
    else:
        _do([sys.executable, "-I", "-m", "venv", str(place)], env)
        base = [python, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    return lambda *words: _do([*base, *offline, *words], env)


def _do(command: list[str], env: dict[str, str]) -> None:
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()] or ["it said nothing"]
        what = "make an environment" if "venv" in command else "install " + command[-1]
        hint = (
            "install python3-venv, or uv" if "venv" in command else "is the package index reachable? `mlops-stage doctor` helps to find out"
        )
        print("\n".join(said[-20:]), file=sys.stderr)  # noqa: T201  (as above)
        raise CannotInstall(f"cannot {what}: {said[-1]}", hint)


if __name__ == "__main__":
    main(sys.argv[1:])
