"""The process in which one thing is compiled, run or timed: limited in memory and time, without network, gone when its parent is."""

from __future__ import annotations

import json
import os
import resource
import signal
import site
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import ExitCode, InputError, InternalError, LimitError, StageError, UsageError
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.compile.backends.backend import BrokenBackendError, BuildError, Coverage, MissingBackendError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.params import Limits
    from mlops_stage.stages.compile.backends.backend import Backend
    from mlops_stage.stages.compile.targets import Target

Job = dict[str, Any]
"""What a worker is told, as JSON. `verb`, and with it:

- `supports`: backend, target, source -> verdict, reasons, versions (library: version); unknown for a target whose runtime is another release
- `build`: backend, target, source, precision, calibration or null, folder -> path, precision, changed, notes
- `footprint`: backend, target, artefact, source or null, rows, shapes, feeds -> artifact_bytes, ram_bytes; looks into the artefact first, where a source is named;
  reads the tensors in each file that `feeds` names and writes what is answered to the file that it maps it to (see `arrays`)
- `latency`: backend, target, artefact, given (backend, target and artefact of what it is compared with), feeds, rounds, seed, limit -> `asdict(Latency)`
- `saturation`: backend, target, artefact (an ONNX file), feeds -> `asdict(Saturation)`

Paths are absolute; `target` is `asdict(Target)`; `backend` is the reference of a `CompileBackend`.
"""

WALL_SECONDS = 600
"""Default wall time of one job."""
ANSWER_BYTES = 16 * 2**20
_PASSED_ON = ("LANG", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TZ", "VIRTUAL_ENV")
_ALWAYS = {
    "DO_NOT_TRACK": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
_MEMORY_SHARE = 0.8
"""Of the machine's memory, where nobody limited that of the stage."""
_ERRORS = {
    error.__name__: error
    for error in (BrokenBackendError, BuildError, MissingBackendError, InputError, LimitError, UsageError, InternalError, StageError)
}
"""By name, subclasses first."""
_ALLOCATION = (
    *("bad_alloc", "Failed to allocate memory", "Unable to allocate", "Cannot allocate memory", "Out of Memory", "out of memory"),
    "Resource temporarily unavailable",  # a thread for whose stack there is no room
)


def call(job: Mapping[str, Any], limits: Limits, folder: Path | None = None) -> dict[str, Any]:
    """Do a job in a process of its own.

    Args:
        job: see `Job`.
        limits: bytes of memory, as many as the stage itself may have by default, seconds of processor time and of wall time.
        folder: where its temporary files go; the system's place by default.

    Raises:
        BuildError: the backend cannot do it; another variant may still work.
        MissingBackendError: the backend's library is not installed.
        BrokenBackendError: the backend crashed, or raised what is no StageError.
        LimitError: it needed more memory or time than it was given.
        StageError: whatever else ended it, in one line.
    """
    wall = limits.wall or WALL_SECONDS
    with tempfile.TemporaryDirectory(prefix="worker-", dir=folder) as home:
        answer = Path(home, "answer.json")
        held = {"memory": limits.memory or own_memory(), "cpu": limits.cpu}
        order = {**job, "limits": held, "answer": str(answer), "parent": os.getpid()}
        with tempfile.TemporaryFile() as printed:
            # in its parent's group: who ends the stage ends this with it
            started = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, "-"],
                stdin=subprocess.PIPE,
                stdout=printed,
                stderr=subprocess.STDOUT,
                cwd=home,
                env=_environment(home),
            )
            try:
                started.communicate(json.dumps(order).encode(), timeout=wall)
            except subprocess.TimeoutExpired as error:
                hint = f"raise it with --build-limit {4 * wall}, or choose another target"
                raise LimitError(f"{_named(job)} did not finish within {wall} s", hint) from error
            finally:
                started.kill()
                started.wait()
            _pass_on(printed)
        return _answer(answer, started.returncode, job)


def own_memory() -> int:
    """Bytes that this process may have: what a worker may have as well."""
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if soft != resource.RLIM_INFINITY:
        return soft
    return int(_MEMORY_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def _environment(home: str) -> dict[str, str]:
    """Little: no token, no proxy, and a home without anybody's settings."""
    kept = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("LC_")}
    return {**kept, **_ALWAYS, "HOME": home, "TMPDIR": home, "XDG_CACHE_HOME": home, "PYTHONUSERBASE": site.getuserbase()}


def _pass_on(printed: Any) -> None:
    """What the worker printed goes to the stage's own log."""
    size = printed.seek(0, os.SEEK_END)
    printed.seek(max(0, size - 65536))
    sys.stderr.write(printed.read().decode(errors="replace"))


def _answer(file: Path, status: int, job: Mapping[str, Any]) -> dict[str, Any]:
    if not file.is_file() or file.stat().st_size > ANSWER_BYTES:
        raise _silence(status, job)
    try:
        answer: dict[str, Any] = json.loads(file.read_bytes())
    except ValueError as error:
        raise _silence(status, job) from error
    failure = answer.get("failure")
    if failure is None:
        return answer
    kind = _ERRORS[failure["kind"]]
    if kind is LimitError:
        raise LimitError(f"{_named(job)} needed more memory than its limit", "raise it with --limits memory=8GiB")
    raise kind(failure["message"], failure["hint"])


def _silence(status: int, job: Mapping[str, Any]) -> StageError:
    """Why there is no answer."""
    if status == -signal.SIGXCPU:
        return LimitError(f"{_named(job)} used up its processor time", "raise it with --limits cpu=20m")
    if status == -signal.SIGKILL:
        return LimitError(f"{_named(job)} was killed", "the machine may be out of memory: choose a larger one, or lower --limits memory=…")
    told = f"crashed ({signal.Signals(-status).name})" if status < 0 else f"ended with exit code {status} and no answer"
    return BrokenBackendError(f"{_named(job)} {told}", "--verbose shows what it printed; another version of the backend's library may not")


def _named(job: Mapping[str, Any]) -> str:
    """The job in words, for messages."""
    target = job.get("target", {}).get("name", "")
    doing = {
        "supports": "asking the backend what it supports",
        "build": f"compiling {job.get('precision', '')}",
        "footprint": "running the artefact",
        "latency": "timing the artefact",
        "saturation": "looking for sums that overflow",
    }
    return " ".join(part for part in (doing.get(job["verb"], job["verb"]), f"for {shown(target)}" if target else "") if part)


def main() -> None:
    """Read one job from standard input, do it, leave the answer in a file, and leave without teardown."""
    job = json.loads(sys.stdin.buffer.read())
    from mlops_stage.stages.compile.confinement import confine

    confine(job["limits"], job["parent"])
    answer = Path(job["answer"])
    try:
        told = perform(job)
    except StageError as error:
        kind = next(name for name, kind in _ERRORS.items() if isinstance(error, kind))
        told = {"failure": _STARVED if _is_starved(error) else {"kind": kind, "message": error.message, "hint": error.hint}}
    except Exception as error:  # noqa: BLE001  (a backend may be anybody's; its bug costs its own variant)
        told = {"failure": _unexpected(error)}
    answer.write_text(json.dumps(told), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ExitCode.PASSED)


def _unexpected(error: Exception) -> dict[str, str]:
    """An exception that is no StageError; its traceback goes to the log."""
    if _is_starved(error):
        return _STARVED
    import traceback

    traceback.print_exception(error)
    said = shown(str(error).splitlines()[0] if str(error) else "no message", 160)
    return {"kind": BrokenBackendError.__name__, "message": f"{type(error).__name__}: {said}", "hint": "--verbose shows its traceback"}


_STARVED = {"kind": LimitError.__name__, "message": "", "hint": ""}


def _is_starved(error: BaseException) -> bool:
    """Whether memory was the cause, whatever a backend made of what its library said."""
    if isinstance(error, MemoryError) or any(sign in str(error) for sign in _ALLOCATION):
        return True
    return error.__cause__ is not None and _is_starved(error.__cause__)


def perform(job: Job) -> dict[str, Any]:
    """Do a job in this process.

    Raises:
        StageError: as `call`; and whatever a backend raises that it did not put into words.
    """
    backend = _backend(job["backend"])
    try:
        return _VERBS[job["verb"]](backend, job)
    except ModuleNotFoundError as error:
        raise _missing(backend.name, backend.extra, error) from error


def _backend(reference: str) -> Backend:
    from pkgutil import resolve_name

    try:
        found: Backend = resolve_name(reference)()
    except ModuleNotFoundError as error:
        from mlops_stage.stages.compile.hookspecs import Builtin

        ours = next((one for one in Builtin.mlops_compile_backends() if one.backend == reference), None)
        raise _missing(ours.name if ours else reference, ours.extra if ours else "", error) from error
    except (AttributeError, ValueError) as error:
        raise StageError(f"the backend {shown(reference)} cannot be loaded: {shown(error)}", "tell its author") from error
    return found


def _missing(name: str, extra: str, error: ModuleNotFoundError) -> MissingBackendError:
    hint = f"pip install 'mlops-stage[{extra}]'" if extra else f"pip install {error.name}"
    return MissingBackendError(f"the backend {name} needs {error.name}, which is not installed", hint)


def _target(job: Job) -> Target:
    from mlops_stage.stages.compile.targets import Target

    said: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in job["target"].items()}
    return Target(**said)


def _supports(backend: Backend, job: Job) -> dict[str, Any]:
    from mlops_stage.inputs.onnx.reader import read_facts
    from mlops_stage.stages.compile.targets.releases import other_release

    target, versions = _target(job), dict(backend.versions())
    other = other_release(target, versions)
    coverage = Coverage(verdict="unknown", reasons=(other,)) if other else backend.supports(read_facts(Path(job["source"])), target)
    return {**asdict(coverage), "versions": versions}


def _build(backend: Backend, job: Job) -> dict[str, Any]:
    calibration = Path(job["calibration"]) if job.get("calibration") else None
    built = backend.compile(Path(job["source"]), job["precision"], _target(job), calibration, Path(job["folder"]))
    return {**asdict(built), "path": str(built.path)}


def _footprint(backend: Backend, job: Job) -> dict[str, Any]:
    from mlops_stage.stages.compile import arrays

    artefact, target = Path(job["artefact"]), _target(job)
    if job.get("source"):
        _inspect(backend, artefact, Path(job["source"]), target)
    if job["feeds"]:
        loaded = backend.load(artefact, target)
        for feeds, outputs in job["feeds"].items():
            arrays.save(Path(outputs), loaded.run(arrays.load(Path(feeds))))
    shapes = {name: tuple(size) for name, size in job.get("shapes", {}).items()}
    return asdict(backend.footprint(artefact, target, job["rows"], shapes))


def _inspect(backend: Backend, artefact: Path, source: Path, target: Target) -> None:
    """Refuse an artefact before anything opens it: one that a stranger may have made, as one that a backend of anybody's has made.

    Raises:
        BuildError: it is hostile or damaged, will not load in the target's runtime, or there lies more beside it than belongs to it.
    """
    from mlops_stage.inputs.onnx.reader import read_facts

    try:
        found = backend.inspect(artefact, read_facts(source), target)
    except InputError as error:
        raise BuildError(error.message, error.hint) from error
    lying = {path.relative_to(artefact.parent).as_posix() for path in artefact.parent.rglob("*") if path.is_symlink() or not path.is_dir()}
    beside = sorted(lying ^ set(found.files))
    faults = [*found.faults, *(f"{shown(name)} {'is no part of it' if name in lying else 'is missing'}" for name in beside)]
    if artefact.name != found.files[0]:
        faults.append(f"{shown(artefact.name)} is not what is opened")
    if faults:
        raise BuildError(f"the artefact is not opened: {faults[0]}", "leave out this precision")


def _latency(backend: Backend, job: Job) -> dict[str, Any]:
    from mlops_stage.stages.compile import arrays
    from mlops_stage.stages.compile.latency import LIMIT, measure_latency

    given = job["given"]
    source = _backend(given["backend"])
    found = measure_latency(
        lambda: source.load(Path(given["artefact"]), _target(given)),
        lambda: backend.load(Path(job["artefact"]), _target(job)),
        arrays.load(Path(job["feeds"])),
        job["rounds"],
        job["seed"],
        limit=job.get("limit") or LIMIT,
    )
    return asdict(found)


def _saturation(backend: Backend, job: Job) -> dict[str, Any]:
    from mlops_stage.stages.compile import arrays
    from mlops_stage.stages.compile.parity.saturation import saturation

    artefact = Path(job["artefact"])
    return asdict(saturation(artefact, backend.largest_weight(artefact), arrays.load(Path(job["feeds"]))))


_VERBS = {
    "supports": _supports,
    "build": _build,
    "footprint": _footprint,
    "latency": _latency,
    "saturation": _saturation,
}

if __name__ == "__main__":
    main()
