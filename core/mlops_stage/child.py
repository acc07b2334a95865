"""The process in which one stage works: limited, watched, and gone when its parent is."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from mlops_stage.errors import ExitCode, InternalError, StageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops_stage.evidence.watching import Watched
    from mlops_stage.stage import Stage

Frame = dict[str, Any]
"""One line of JSON from child to parent: `{"progress": [done, what]}`, then exactly one of `answer`, `plan`, `reply` or `failure`, with `peak_bytes`, and `read` where the task says `watch`."""

_PR_SET_PDEATHSIG = 1
_PROGRESS_SECONDS = 0.1
_ALLOCATION = (
    *("bad_alloc", "Failed to allocate memory", "Unable to allocate", "Cannot allocate memory", "Out of Memory", "out of memory"),
    "failed to map segment",  # a library for which there is no room
)
_NEAR = 16 * 2**20
"""A process that holds so nearly all it may was refused some: what it does not get is asked for in pieces."""


def main() -> None:
    """Read one task from standard input, do it, answer on the descriptor named in argv, and leave without teardown."""
    channel = os.fdopen(int(sys.argv[1]), "wb", buffering=0)
    task = json.loads(sys.stdin.buffer.readline())
    _die_with_parent()
    _limit(task["limits"])
    import faulthandler

    faulthandler.enable()
    seen = _watching() if task.get("watch") else None
    try:
        frame = perform(task, _throttled(channel), seen)
    except (MemoryError, SystemError, ImportError) as error:  # the limit may be below what the imports need
        if not _is_starved(error):
            raise
        frame = _starved(task["stage"]["name"])
    read = {"read": seen.said()} if seen else {}
    _send(channel, {**frame, **read, "peak_bytes": _peak_bytes()})
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # libraries' threads and destructors have nothing left to say


def _watching() -> Watched:
    from mlops_stage.evidence.watching import watch

    return watch()


def perform(task: Frame, progress: Callable[[float, str], None], seen: Watched | None = None) -> Frame:
    """Do the task in this process; whatever goes wrong comes back as a `failure` frame. What is `seen` of its reading is kept there."""
    from mlops_stage.stage import Stage

    stage = Stage(**{**task["stage"], "consumes": tuple(task["stage"]["consumes"])})
    try:
        return _work(stage, task, progress, seen)
    except Exception as error:  # noqa: BLE001  (a stage may be anybody's; its bug costs its own report only)
        return _starved(stage.name) if _is_starved(error) else _ended(stage, error)


def _ended(stage: Stage, error: Exception) -> Frame:
    """What an exception says, as a `failure` frame."""
    if isinstance(error, StageError):
        return _failure(error.code, error.message, error.hint)
    own = {"mlops_stage", stage.work.split(":")[0].split(".")[0]}
    if not isinstance(error, ModuleNotFoundError) or error.name is None or error.name.split(".")[0] in own:
        return _bug(stage, error)  # of a module, a typo of the stage's author; nothing to install
    hint = f"pip install '{stage.distribution}[{stage.extra}]'" if stage.extra else f"pip install {error.name}"
    return _failure(ExitCode.STAGE, f"{stage.name} needs {error.name}, which is not installed", hint)


def _work(stage: Stage, task: Frame, progress: Callable[[float, str], None], seen: Watched | None) -> Frame:
    from mlops_stage.host import others, resolve
    from mlops_stage.report import NotApplicable, Observations, plain_of
    from mlops_stage.workspace import EarlierReport, Workspace

    owner = f"stage '{stage.name}' of {stage.distribution}"
    verb = task["verb"]
    command = resolve(stage.commands[verb], owner) if verb in stage.commands else None
    params = resolve(command.params if command else stage.params, owner).model_validate(task["params"])
    place = task["workspace"]
    workspace = Workspace(
        root=Path(place["root"]),
        run_dir=Path(place["run_dir"]),
        out=Path(place["out"]),
        cache=Path(place["cache"]),
        reports=tuple(EarlierReport(report=_report(folder), folder=Path(folder)) for folder in place["reports"]),
        plugins=others(place["env"]) if stage.hookspecs else (),
        env=place["env"],
        progress=progress,
    )
    if seen:
        workspace = replace(workspace, clock=partial(_asked_for_time, seen))
    if command:
        reply = _imported(command.run, owner)(params, workspace)
        return {"reply": plain_of(reply)}
    if verb == "plan":
        plan = _imported(stage.plan, owner)(params, workspace)
        return {"plan": plain_of(plan)}
    found = _imported(stage.work, owner)(params, workspace)
    if not isinstance(found, Observations | NotApplicable):
        raise InternalError(
            f"{stage.name} returned {type(found).__name__}, not Observations or NotApplicable", "this is a bug of the stage"
        )
    criteria = _imported(stage.criteria, owner)(params, found) if stage.criteria and isinstance(found, Observations) else ()
    return {
        "answer": {
            "seen": plain_of(found),
            "criteria": [plain_of(one) for one in criteria],
        }
    }


def _asked_for_time(seen: Watched) -> datetime:
    """The clock of a stage that is watched."""
    seen.beyond = seen.beyond or "it depends on the time"
    return datetime.now(UTC)


def _imported(reference: str, owner: str) -> Any:
    """As host.resolve, but a library that is not installed stays a ModuleNotFoundError, whose hint names the extra."""
    from mlops_stage.host import resolve

    try:
        return resolve(reference, owner)
    except StageError as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise error.__cause__ from error
        raise


def _report(folder: str) -> Any:
    from mlops_stage.report import read_report

    return read_report(Path(folder) / "report.json")


def _is_starved(error: BaseException) -> bool:
    """Whether memory is what was lacking; where there is none left, Python itself breaks in ways that do not say so."""
    if isinstance(error, StageError):
        return error.__cause__ is not None and _is_starved(error.__cause__)
    if isinstance(error, MemoryError) or any(sign in f"{type(error).__name__} {error}" for sign in _ALLOCATION):
        return True
    return isinstance(error, SystemError | ImportError) and _at_limit()


def _at_limit() -> bool:
    """Whether this process holds nearly all the memory that it may."""
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if soft == resource.RLIM_INFINITY:
        return False
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        held = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData:"))
    except (OSError, StopIteration):  # no Linux
        return False
    return held > soft - _NEAR


def _starved(name: str) -> Frame:
    return _failure(ExitCode.STAGE, f"{name} needed more memory than its limit", "raise it with --limits memory=8GiB")


def _failure(code: ExitCode, message: str, hint: str) -> Frame:
    return {"failure": {"code": int(code), "message": message, "hint": hint}}


def _bug(stage: Stage, error: BaseException) -> Frame:
    """An exception that is no StageError: its traceback goes to the log, one line to the report."""
    import traceback

    traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    said = str(error).splitlines()[0] if str(error) else "no message"
    hint = f"this is a bug of {stage.distribution or 'the stage'}; --verbose shows its traceback"
    return _failure(ExitCode.INTERNAL, f"{stage.name}: {type(error).__name__}: {said}{where}", hint)


def _send(channel: BinaryIO, frame: Frame) -> None:
    """Write one frame.

    A figure that is NaN or infinite makes no JSON; it becomes a failure, for no verdict can rest on it.
    """
    try:
        line = json.dumps(frame, allow_nan=False, ensure_ascii=False).encode()
    except ValueError as error:
        line = json.dumps(
            _failure(ExitCode.INTERNAL, f"the stage answered with a figure that is no number: {error}", "this is a bug")
        ).encode()
    view = memoryview(line + b"\n")
    while view:
        view = view[channel.write(view) :]


def _throttled(channel: BinaryIO) -> Callable[[float, str], None]:
    last_time, last_what = float("-inf"), ""

    def progress(done: float, what: str) -> None:
        nonlocal last_time, last_what
        now = time.monotonic()
        if what != last_what or now - last_time >= _PROGRESS_SECONDS:
            last_time, last_what = now, what
            _send(channel, {"progress": [min(max(float(done), 0.0), 1.0), str(what)[:80]]})

    return progress


def _limit(limits: Mapping[str, int | None]) -> None:
    """Memory by RLIMIT_DATA: RLIMIT_AS kills runtimes that reserve address space far ahead without a word."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for kind, amount in ((resource.RLIMIT_DATA, limits.get("memory")), (resource.RLIMIT_CPU, limits.get("cpu"))):
        if amount:
            _, hard = resource.getrlimit(kind)
            soft = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
            resource.setrlimit(kind, (soft, hard))


def _peak_bytes() -> int:
    """The most memory that this process or one that it started has held.

    Linux hands the figure of getrusage on to what a process starts, so that it is never below the parent's own memory; the kernel's record of
    this very process is without it.
    """
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    started = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        own = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
    except (OSError, StopIteration):  # no Linux
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return max(own, started)


def _die_with_parent() -> None:
    """Leave, with the whole process group, when the parent goes: its end of standard input closes.

    Where the kernel offers it (Linux), a parent's death also kills a child whose thread is stuck in native code.
    """

    def wait() -> None:
        while os.read(0, 1):
            pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
