"""Run mlops-stage from a private environment: built once for each lock, aside and then renamed, from wheels with known hashes."""

# This file is run by any Python 3.11 or newer, before anything is installed: standard library only, and nothing else of this package.

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import unquote

SELF = "mlops-stage"
LOCKS = Path("mlops_stage/native/locks")
ALL, CORE = "all", "core"
HASHED = ("--require-hashes", "--only-binary", ":all:")
FRESH = "MLOPS_STAGE_FRESH"
"""Set for what signs: an environment for the one run, which no other job of this machine could have changed before."""
KEPT = 20
"""So many environments stay; of those beyond, the ones that were used longest ago go."""
_DAY = 24 * 3600
_FAILED, _INTERRUPTED = 3, 130
"""Exit codes of a stage that could not run, and of one that was stopped."""
_ELSEWHERE = "let MLOPS_STAGE_ENVIRONMENTS name a folder that can be written"
UV_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_CONFIG_FILE")
PIP_INDEX = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONFIG_FILE", "PIP_PROXY")
_CONFIGURED = re.compile(r"^\s*(\[\[)?(default-|extra-)?(index|index-url|find-links|proxy)\b", re.MULTILINE)
_CAUSES = {
    "the certificate of the package index is not trusted": r"certificate|UnknownIssuer",
    "a file from the index is not the one that was locked: its hash differs": r"hash mismatch|do not match the hashes",
    "the package index or the proxy refuses access": r"unauthorized|forbidden|authentication required|credentials",
    "there is no room left on the disk": r"no space left|disk quota",
    "the package index cannot be reached": r"dns error|name or service|name resolution|nodename|unreachable|refused|timed? ?out"
    r"|failed to fetch|error sending|establish a new|proxyerror",
    "a locked package is not there for this Python and system": r"no matching distribution|could not find a version|no solution"
    r"|no wheels|no usable wheels|not found in the",
}
"""What it means that an installer says this; the first that fits."""
_ADVICE = (
    "let SSL_CERT_FILE name the file with the certificates that your organisation trusts",
    "somebody replaced it on the way: ask whoever runs the index or the proxy, and do not install it by hand",
    "are the user name and the password of the index right, and may they read it?",
    f"remove something, or {_ELSEWHERE}",
    "is a proxy or an index of your own to be set (HTTPS_PROXY, PIP_INDEX_URL)? MLOPS_STAGE_WHEELS installs from a folder, without any network",
    "does the index or the folder hold it? MLOPS_STAGE_PYTHON names another interpreter",
)
"""What to do then."""
_NAME, _SHORT = 16, 3
"""What stands alone before the @ of a URL is a token when it is longer; what is shorter than a word is masked within URLs alone."""
_GRAVE, _SHOWN = r"error|warning|hint|cause|could not|cannot|failed|mismatch|expected|got ", 20
"""What to repeat of an installer's words."""


class CannotInstall(Exception):  # noqa: N818  (told to the user, never seen by a caller)
    """One line that says what, and one that says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def main(arguments: list[str]) -> None:
    """Build the environment if need be, and become the command in it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    env = dict(os.environ)
    try:
        if env.get(FRESH):
            sys.exit(once(env, arguments))
        python = environment(env, flavour(arguments))
    except CannotInstall as error:
        _leave(str(error), error.hint)
    except OSError as error:
        _leave(f"cannot prepare the environment: {error}", f"is there room on the disk? If not, {_ELSEWHERE}")
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    os.execv(python, _command(python, arguments))  # noqa: S606  (argv, no shell)


def _command(python: Path, arguments: list[str]) -> list[str]:
    return [str(python), "-P", "-m", "mlops_stage", *arguments]


def _leave(message: str, hint: str) -> None:
    print(f"error: {_line(message)}\nhint: {_line(hint)}", file=sys.stderr)  # noqa: T201  (there is nothing else here to say it with)
    sys.exit(_FAILED)


def _line(text: str) -> str:
    """One line that no CI system takes for a command to itself, whoever wrote the text: GitHub looks for `##[` anywhere in it."""
    return "".join(mark if mark.isprintable() else " " for mark in text).replace("##[", "## [")


def flavour(arguments: list[str]) -> str:
    """The name of the lock: a stage needs fewer libraries than `run`, and one of somebody else brings its own. What looks around sees what `run` would."""
    return ALL if not arguments or arguments[0] in {"run", "doctor"} else arguments[0].replace("-", "_")


class Order:
    """What is to be installed, read from the environment of the step."""

    def __init__(self, env: dict[str, str], stage: str) -> None:
        self.env = env
        self.stage = stage
        self.source = _named(env, "MLOPS_STAGE_SOURCE", "folder")
        self.wheels = _named(env, "MLOPS_STAGE_WHEELS", "folder")
        self.plugins = _named(env, "MLOPS_STAGE_REQUIREMENTS", "file")
        self.lock = _named(env, "MLOPS_STAGE_LOCK", "file")
        self.wheel = "" if self.source else _wheel(env)

    def key(self) -> str:
        """The same for the same interpreter, lock, plugins and source, whatever else has changed."""
        total = hashlib.sha256()
        said = (sys.version, sys.executable, self.stage, self.wheel, _digest(self.source) if self.source else "")
        for part in (*map(os.fsencode, said), *map(_requirements, (self.plugins, self.lock))):
            total.update(b"%d:%b" % (len(part), part))
        return total.hexdigest()[:32]

    def locked(self, place: Path) -> Path:
        """The lock of the stage: its own, or the one for stages that bring their own requirements; that of a release lies in its wheel."""
        if self.lock:
            return self.lock
        places = [self.source / "core" / LOCKS] if self.source else place.glob(f"lib/python*/site-packages/{LOCKS}")
        found = next((file for locks in places for name in (self.stage, CORE) if (file := locks / f"{name}.txt").is_file()), None)
        if found is None:
            hint = f"MLOPS_STAGE_SOURCE names a checkout of {SELF}; whoever has a repository of his own names its lock by MLOPS_STAGE_LOCK"
            raise CannotInstall(f"{self.source or self.wheel.split()[0]} holds no lock of what is to be installed", hint)
        return found


def once(env: dict[str, str], arguments: list[str]) -> int:
    """Run the command in an environment that is made for it alone and goes with it; what stops this process stops the command. Its exit code."""
    with tempfile.TemporaryDirectory(prefix=f"{SELF}-") as folder:
        place = Path(folder) / "environment"
        _build(Order(env, flavour(arguments)), place, fresh=True)
        with subprocess.Popen(_command(place / "bin" / "python", arguments)) as command:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda number, _: command.send_signal(number))
            code = command.wait()
    return code if code >= 0 else 128 - code


def environment(env: dict[str, str], stage: str) -> Path:
    """The interpreter of the environment for this stage, held while this process lives; the second time it is there already."""
    order = Order(env, stage)
    home = _home(env)
    place = home / order.key()
    if not _held(place):
        aside = _aside(place)
        try:
            _build(order, aside)
            _keep(aside, place)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        _bound(home)
    return place / "bin" / "python"


def _aside(place: Path) -> Path:
    return place.with_name(f".{place.name}.{secrets.token_hex(4)}")


def _keep(aside: Path, place: Path) -> None:
    """Put it where it belongs; another job may have built the same one meanwhile, and what is broken there goes."""
    with suppress(OSError):
        aside.rename(place)
    if _held(place):
        return
    broken = _aside(place)
    place.rename(broken)
    aside.rename(place)
    shutil.rmtree(broken, ignore_errors=True)
    if not _held(place):
        raise CannotInstall(f"the environment in {place} cannot be used", _ELSEWHERE)


def _held(place: Path) -> bool:
    """Whether it is there and whole; then it is locked until this process has ended, and with it the command that it becomes."""
    mark = place / "pyvenv.cfg"
    with suppress(OSError):
        held = os.open(mark, os.O_RDONLY)
        with suppress(OSError):  # a file system without locks has no environments removed: see _bound
            fcntl.flock(held, fcntl.LOCK_SH)
        os.set_inheritable(held, True)  # noqa: FBT003  (its only argument)
        if (place / "bin" / "python").exists() and os.path.samestat(os.fstat(held), mark.stat()):
            with suppress(OSError):
                os.utime(mark)
            return True
        os.close(held)
    return False


def _bound(home: Path) -> None:
    """Remove the environments that were used longest ago, never one that is held, and what builds of another day left unfinished."""
    used = {mark.parent: mark.stat().st_mtime for mark in home.glob("*/pyvenv.cfg") if re.fullmatch("[0-9a-f]{32}", mark.parent.name)}
    for place in sorted(used, key=used.__getitem__, reverse=True)[KEPT:]:
        gone = _aside(place)
        with suppress(OSError), (place / "pyvenv.cfg").open("rb") as mark:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            place.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
    for left in home.glob(".*"):
        with suppress(OSError):
            if re.fullmatch(r"\.[0-9a-f]{32}\.[0-9a-f]{8}", left.name) and time.time() - left.stat().st_mtime > _DAY:
                shutil.rmtree(left, ignore_errors=True)


def _home(env: dict[str, str]) -> Path:
    """The folder of all environments: the one that is named, else in the user's cache, else one for this user alone."""
    if env.get("MLOPS_STAGE_ENVIRONMENTS"):
        named = Path(env["MLOPS_STAGE_ENVIRONMENTS"]).absolute()
        named.mkdir(parents=True, exist_ok=True)
        return named
    cache = Path(env.get("XDG_CACHE_HOME") or (env["HOME"] + "/.cache" if env.get("HOME") else ""))
    place = cache / SELF / "environments"
    with suppress(OSError):
        if cache.is_absolute():
            place.mkdir(parents=True, exist_ok=True)
            if os.access(place, os.W_OK | os.X_OK):
                return place
    place = Path(tempfile.gettempdir()) / f"{SELF}-{os.getuid()}"
    with suppress(FileExistsError):
        place.mkdir(mode=0o700)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:  # anybody could put a program there
        raise CannotInstall(f"{place} is not this user's alone", _ELSEWHERE)
    env.setdefault("UV_CACHE_DIR", str(place / "uv"))
    return place


def _wheel(env: dict[str, str]) -> str:
    """The requirement of the release, by hash."""
    release, digest = env.get("MLOPS_STAGE_VERSION", ""), env.get("MLOPS_STAGE_SHA256", "")
    if not re.fullmatch(r"[0-9A-Za-z.+!-]+", release) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise CannotInstall(
            "which release to install is not said: MLOPS_STAGE_VERSION and MLOPS_STAGE_SHA256 (of its wheel) must be set",
            "`mlops-stage adapters vendor --wheel FILE` writes files that hold both",
        )
    return f"{SELF}=={release} --hash=sha256:{digest}\n"


def _named(env: dict[str, str], variable: str, kind: str) -> Path | None:
    """What a variable names: a checkout, the user's own requirements, a folder of wheels."""
    name = env.get(variable, "")
    place = Path(name)
    if name and not (place.is_dir() if kind == "folder" else place.is_file()):
        raise CannotInstall(f"{variable}: there is no {kind} {name}", "paths are relative to the folder that the step works in")
    return place.resolve() if name else None


def _requirements(file: Path | None) -> bytes:
    """What a file lists. It may lead to no other file, for a change of that one would be seen by nobody."""
    content = file.read_bytes() if file else b""
    if file and re.search(rb"^\s*(-[rc]|--c|--r(?!equire-hashes))", content.replace(b"\\\n", b"").replace(b"\\\r\n", b""), re.MULTILINE):
        raise CannotInstall(f"{file.name} takes in another file, by -r or -c", "write into it what the other lists, with its hashes")
    return content


def _digest(source: Path) -> str:
    """One digest for all that is installed from a checkout; what git, Python, environments and runs leave behind does not count."""
    total = hashlib.sha256()
    for folder, inner, files in os.walk(source):
        here = Path(folder)
        if here != source and _left_behind(here):
            inner.clear()
            continue
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name != "__pycache__")
        for file in (here / name for name in sorted(files)):
            content = file.read_bytes() if file.is_file() else b""
            total.update(os.fsencode(file.relative_to(source)) + b"\0" + hashlib.sha256(content).digest())
    return total.hexdigest()


def _left_behind(folder: Path) -> bool:
    """Whether it is an environment, or the output of a run; one file of such a name does not make it one."""
    environment = (folder / "pyvenv.cfg").is_file() and (folder / "bin" / "python").is_symlink()
    return environment or ((folder / "run.json").is_file() and any(folder.glob("*/report.json")))


def _build(order: Order, place: Path, *, fresh: bool = False) -> None:
    """The locked libraries first, then mlops-stage or the plugin itself without asking for anything more, then the user's plugins.

    What is `fresh` owes nothing to uv's cache, which holds files as they were unpacked and does not look at their hashes again. That of pip holds
    what was downloaded, whose hash is looked at every time.
    """
    env = settings(order.env)
    python = str(place / "bin" / "python")
    if uv := preferred(env):
        base = [
            uv,
            "--project",
            "/",
            *["--no-cache"] * fresh,
        ]  # the user's settings count, those of the project that it is started in do not
        _do([*base, "venv", "--quiet", "--python", sys.executable, str(place)], env, "make an environment")
        base += ["pip", "install", "--quiet", "--python", python, "--no-require-hashes"]  # a later --require-hashes wins
    else:
        own = _has_pip()
        _do([sys.executable, "-I", "-m", "venv", *(["--without-pip"] if own else []), str(place)], env, "make an environment")
        base = [sys.executable, "-I", "-m", "pip", "--python", python] if own else [python, "-I", "-m", "pip"]
        base += ["install", "-vv", "--no-input"]  # else it does not say that an index refuses access
    if order.wheels:
        base += ["--no-index", "--find-links", str(order.wheels)]
    if order.wheel:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
            listed.write(order.wheel)
            listed.flush()
            _do([*base, "--no-deps", *HASHED, "-r", listed.name], env, f"install {order.wheel.split()[0]}")
    lock = order.locked(place)
    _do([*base, *HASHED, "-r", str(lock)], env, f"install what {lock.name} locks")
    if order.source:
        _do([*base, "--no-deps", "--no-build-isolation", str(order.source)], env, f"install {order.source}")
    if order.plugins:
        _do([*base, *HASHED, "-r", str(order.plugins)], env, f"install what {order.plugins.name} lists")
    if not any(place.glob("lib/python*/site-packages/mlops_stage")):  # Python would end with 1, which is the verdict of a gate that failed
        hint = f"the lock of a plugin names {SELF} too: {SELF}==VERSION with the hash of its wheel, beside the libraries of both"
        raise CannotInstall(f"{lock.name} holds no {SELF}", hint)


def preferred(env: dict[str, str]) -> str:
    """The path of uv, unless pip is to install: uv is ten times as fast, but it does not read where pip was told to look for packages."""
    uv = shutil.which("uv", path=env.get("PATH")) or ""
    return uv if _told(env, UV_INDEX, "uv/uv.toml") or not _told(env, PIP_INDEX, "pip/pip.conf", ".pip/pip.conf", "pip.conf") else ""


def _has_pip() -> bool:
    """Whether this interpreter has a pip that can install into another environment, which then needs none of its own."""
    with suppress(PackageNotFoundError):
        major, minor, *_ = re.findall(r"\d+", version("pip"))
        return (int(major), int(minor)) >= (22, 3)
    return False


def settings(env: dict[str, str]) -> dict[str, str]:
    """Certificates for both installers, whichever the machine was told of, and the index of the organisation where it was told of none."""
    bundle = next((env[name] for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if env.get(name)), "")
    trusted = {"SSL_CERT_FILE": bundle, "REQUESTS_CA_BUNDLE": bundle} if bundle else {}
    index = env.get("MLOPS_STAGE_INDEX_URL", "")
    places = {"UV_DEFAULT_INDEX": index, "PIP_INDEX_URL": index} if index else {}
    if any(map(env.get, (*UV_INDEX, *PIP_INDEX))):
        places = {}
    return {"PIP_DISABLE_PIP_VERSION_CHECK": "1", **trusted, **places, **env, "PIP_USER": "0", "PIP_REQUIRE_HASHES": "0"}


def _told(env: dict[str, str], variables: tuple[str, ...], *files: str) -> bool:
    """Whether one of the variables, or a file of the user or of the machine, says where packages lie."""
    home = Path(env.get("HOME") or "/nonexistent")
    folders = (
        Path("/etc"),
        Path("/etc/xdg"),
        home,
        home / ".config",
        Path(env.get("XDG_CONFIG_HOME") or home),
        home / "Library/Application Support",
    )
    found = (folder / file for folder in folders for file in files)
    return any(map(env.get, variables)) or any(
        _CONFIGURED.search(file.read_text(encoding="utf-8", errors="replace")) for file in found if file.is_file()
    )


def _do(command: list[str], env: dict[str, str], what: str) -> None:
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    if not done.returncode:
        return
    text = _masked(done.stdout.partition("Exception information:")[0] + done.stderr, env)  # a traceback of pip's own would follow
    said = [line.rstrip() for line in text.splitlines() if line.strip()] or ["it said nothing"]
    grave = [line for line in said if re.search(_GRAVE, line, re.IGNORECASE)]
    for line in (grave or said)[-_SHOWN:]:
        print(f"| {_line(line)}", file=sys.stderr)  # noqa: T201  (as above)
    for (meaning, pattern), hint in zip(_CAUSES.items(), _ADVICE, strict=True):
        if re.search(pattern, text, re.IGNORECASE):
            raise CannotInstall(f"cannot {what}: {meaning}", hint)
    hint = "install python3-venv, or uv" if "venv" in command else "what the installer said stands above"
    raise CannotInstall(f"cannot {what}: {said[-1].strip()}", hint)


def _masked(text: str, env: dict[str, str]) -> str:
    """Without the user names and passwords of indexes and proxies."""
    known = [value for name, value in env.items() if name.startswith("UV_") and name.endswith("PASSWORD")]
    for value in env.values():
        users = re.findall(r"://([^/\s]+)@", value)
        known += [user.rpartition(":")[2] for user in users if ":" in user or len(user) > _NAME]
    for secret in sorted({form for word in known for form in (word, unquote(word)) if len(form) > _SHORT}, key=len, reverse=True):
        text = text.replace(secret, "****")
    return re.sub(r"(://)[^/\s]+@", r"\1****@", text)


if __name__ == "__main__":
    main(sys.argv[1:])
