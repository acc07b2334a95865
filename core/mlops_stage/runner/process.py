"""The child process of one stage: started with little, watched for long, killed after every answer."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any

from mlops_stage.errors import ExitCode, UsageError
from mlops_stage.fields import describe
from mlops_stage.host import resolve
from mlops_stage.report import Cost
from mlops_stage.runner import pipes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from mlops_stage.params import Limits, Params, Verb
    from mlops_stage.runner import Settings
    from mlops_stage.stage import Stage

Frame = dict[str, Any]
"""One JSON message from child to parent; see mlops_stage.child."""

CHILD = "mlops_stage.child"
"""Named, not imported: parent and child are siblings that share nothing but messages."""

WALL_SECONDS = 3600
"""Default wall time of a stage."""
MEMORY_SHARE = 0.8
"""Default memory of a stage, as a share of the machine's (or the container's)."""
LEAST_MEMORY = 128 * 2**20
"""What Python and the imports of a stage take. With less, Python may run in circles: where there is no room to handle that there is no room, CPython tries again for ever."""
FRAME_BYTES = 256 * 2**20
"""A child that answers with more is ended."""

_PASSED_ON = (
    "HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "PYTHONPATH", "SHELL", "SSL_CERT_DIR", "SSL_CERT_FILE", "TEMP", "TMP",
    "TMPDIR", "TZ", "USER", "VIRTUAL_ENV", "XDG_CACHE_HOME", "MLOPS_STAGE_PLUGINS", "MLOPS_STAGE_CACHE", "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES",
)  # fmt: skip
"""The child's environment: an allow-list, so that no token of the pipeline reaches a stage that has no use for it."""

_NEEDED = {
    "oidc": (
        "SIGSTORE_ID_TOKEN", "GITHUB_ACTIONS", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITLAB_CI", "CIRCLECI", "BUILDKITE",
        "BUILDKITE_JOB_ID", "BUILDKITE_AGENT_ACCESS_TOKEN", "BUILDKITE_AGENT_ENDPOINT", "GOOGLE_SERVICE_ACCOUNT_NAME",
    ),
    "ci": (
        "GITHUB_ACTIONS", "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_REF", "GITHUB_SHA", "GITHUB_WORKFLOW_REF", "GITHUB_RUN_ID", "GITLAB_CI",
        "CI_PROJECT_URL", "CI_COMMIT_SHA", "CI_COMMIT_REF_NAME", "CI_CONFIG_PATH", "CI_PIPELINE_ID", "CI_JOB_ID", "JENKINS_URL", "JOB_NAME", "BUILD_NUMBER",
        "BUILD_URL", "GIT_COMMIT", "GIT_URL", "SOURCE_DATE_EPOCH",
    ),
    "network": (
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    ),
}  # fmt: skip
"""Variables that go to the stages whose `needs` ask for them, and to no other: the identity token and the proxies to `sign`, the names of things to `sbom`."""

IDENTITY = _NEEDED["oidc"]
"""Variables with the identity of a job, or by which one is asked for."""

_ALWAYS = {"PYTHONHASHSEED": "0", "PYDANTIC_DISABLE_PLUGINS": "__all__", "DO_NOT_TRACK": "1", "ORT_DISABLE_TELEMETRY": "1"}
"""The same order of sets in every run, and no library that reports on its user."""
_UNLESS_SET = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Sums of matrix products whose order does not hang on the number of cores; and NumPy starts in half the time without a thread for each."""

_PR_SET_DUMPABLE = 4
_POLL_SECONDS = 0.25
_LEAVE_SECONDS = 5.0
"""For a child that closed its end without an answer: how it ended is all that can be told, and a busy machine is slow to tell."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The last frame of a stage and what it took."""

    frame: Frame
    cost: Cost


def task(stage: Stage, params: Params | Verb, settings: Settings, folder: Path, reports: Sequence[Path]) -> Frame:
    """What a child is told, as JSON; `verb` is `measure`, `plan` for `--plan`, or one of the stage's commands.

    Raises:
        UsageError: a param names the variable of the CI's identity token, which would send it to whoever the params say.
    """
    spared = params.spared()
    return {
        "verb": "measure",
        "stage": {**asdict(stage), "outputs": dict(stage.outputs)},
        "params": params.model_dump(mode="json"),
        "variables": [*_named(stage, params), *(name for need in stage.needs if need not in spared for name in _NEEDED.get(need, ()))],
        "pipes": pipes.named(params),
        "workspace": {
            "root": str(settings.root),
            "run_dir": str(settings.out),
            "out": str(folder),
            "cache": str(settings.cache),
            "reports": [str(report) for report in reports],
            "env": {},
        },
    }


def _named(stage: Stage, params: Params | Verb) -> list[str]:
    """The variables that the params name."""
    found = {item.name: str(name) for item in describe(type(params)) if item.names_variable and (name := getattr(params, item.name))}
    for field, name in found.items():
        if name in _NEEDED["oidc"] and "oidc" not in stage.needs:
            raise UsageError(
                f"{field}: {name} is the identity of this job, and only sign is given it", "name a variable with a token made for this use"
            )
    return list(found.values())


def in_this_process(
    order: Frame, limits: Limits, env: Mapping[str, str], progress: Callable[[float, str], None], log: Callable[[str], None]
) -> Answer:
    """Do the task here: no limits and no isolation, for a debugger."""
    del limits, log
    order["workspace"]["env"] = passed_on(env, order["variables"])
    begun, cpu = time.monotonic(), time.process_time()
    frame = resolve(f"{CHILD}:perform", "the child process")(order, progress)
    return Answer(frame=frame, cost=Cost(wall_seconds=time.monotonic() - begun, cpu_seconds=time.process_time() - cpu, peak_bytes=0))


def in_child(
    order: Frame, limits: Limits, env: Mapping[str, str], progress: Callable[[float, str], None], log: Callable[[str], None]
) -> Answer:
    """Do the task in a limited process of its own; every way it can end gives an answer.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM; the child and all it started are dead by then.
    """
    memory = limits.memory or int(MEMORY_SHARE * machine_memory())
    wall = limits.wall or WALL_SECONDS
    if memory < LEAST_MEMORY:
        return Answer(frame=_too_little(order["stage"]["name"]), cost=Cost(wall_seconds=0.0, cpu_seconds=0.0, peak_bytes=0))
    order = {**order, "limits": {"memory": memory, "cpu": limits.cpu}}
    order["workspace"]["env"] = passed_on(env, order["variables"])
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as printed, open(reading, "rb", buffering=0) as channel:  # noqa: PTH123  (a descriptor)
        begun = time.monotonic()
        try:
            started = subprocess.Popen(
                [sys.executable, "-P", "-m", CHILD, str(writing)],
                stdin=subprocess.PIPE,
                stdout=printed,
                stderr=subprocess.STDOUT,
                cwd=order["workspace"]["root"],
                env={**_UNLESS_SET, **order["workspace"]["env"], **_ALWAYS},
                pass_fds=(writing, *order["pipes"]),
                start_new_session=True,
            )
        finally:
            os.close(writing)
        listener = _Listener(started, channel, begun + wall, progress)
        try:
            _tell(started, order)
            frame = listener.last_frame()
        finally:
            usage, status = _end(started, _LEAVE_SECONDS if listener.reason == "ended" else _POLL_SECONDS)
        seconds = time.monotonic() - begun
        if frame is None:
            frame = _silence(order["stage"]["name"], status, listener.reason or "", wall, limits.cpu or 0)
        log(_text(printed))
    peak = frame.pop("peak_bytes", None)
    if not isinstance(peak, int):  # it gave no answer
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    cost = Cost(wall_seconds=seconds, cpu_seconds=round(usage.ru_utime + usage.ru_stime, 3), peak_bytes=peak)
    return Answer(frame=frame, cost=cost)


def passed_on(env: Mapping[str, str], named: Collection[str] = ()) -> dict[str, str]:
    """The part of the environment that a child sees; `named` are the variables that its params name, such as `model_token_env`."""
    return {name: value for name, value in env.items() if name in _PASSED_ON or name in named or name.startswith("LC_")}


def machine_memory() -> int:
    """Bytes that this machine, or this container, has."""
    sizes = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError), open(file, encoding="ascii") as stream:  # noqa: PTH123  (a plain read of a kernel file)
            sizes.append(int(stream.read()))
    return min(sizes)


class _Listener:
    """Reads frames until the last one, the end of the process, or the end of its time."""

    def __init__(
        self, process: subprocess.Popen[bytes], channel: IO[bytes], deadline: float, progress: Callable[[float, str], None]
    ) -> None:
        self._process = process
        self._channel = channel
        self._deadline = deadline
        self._progress = progress
        self._buffer = bytearray()
        self.reason: str | None = None

    def last_frame(self) -> Frame | None:
        """The answer, plan or failure; None with a `reason` when there was none."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            while True:
                ready = selector.select(min(_POLL_SECONDS, max(0.0, self._deadline - time.monotonic())))
                if ready:
                    frame = self._read()
                    if frame is not None or self.reason:
                        return frame
                elif _gone(self._process.pid) and not selector.select(0):  # a grandchild may hold the pipe open
                    self.reason = "ended"
                    return None
                if time.monotonic() >= self._deadline:
                    self.reason = "time"
                    return None

    def _read(self) -> Frame | None:
        piece = os.read(self._channel.fileno(), 1 << 20)
        if not piece:
            self.reason = "ended"
            return None
        self._buffer += piece
        if len(self._buffer) > FRAME_BYTES:
            self.reason = "size"
            return None
        if b"\n" not in piece:
            return None
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = bytearray(rest)
        for line in lines:
            frame = _parsed(line)
            if frame is None:
                self.reason = "nonsense"
                return None
            if "progress" not in frame:
                return frame
            self._tell_progress(frame["progress"])
        return None

    def _tell_progress(self, said: Any) -> None:
        with suppress(TypeError, ValueError, OverflowError):
            done, what = said
            self._progress(float(done), str(what)[:80])


def _parsed(line: bytes | bytearray) -> Frame | None:
    try:
        frame = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return frame if isinstance(frame, dict) else None


def _refuse_constant(text: str) -> float:
    """NaN and infinities are no JSON, and no verdict can rest on them."""
    raise ValueError(text)


def _tell(process: subprocess.Popen[bytes], order: Frame) -> None:
    """Hand the task over; the pipe stays open as the child's lifeline."""
    assert process.stdin is not None  # noqa: S101  (opened as a pipe above)
    with suppress(BrokenPipeError):
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()


def _gone(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(process: subprocess.Popen[bytes], patience: float) -> tuple[Any, int]:
    """Let a child that has answered leave, kill it and all it started, and collect what it used."""
    deadline = time.monotonic() + patience
    while not _gone(process.pid) and time.monotonic() < deadline:
        time.sleep(0.002)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
    return usage, status


def _too_little(name: str) -> Frame:
    """What is said of a limit below what every stage needs; no process is started."""
    hint = f"no stage runs in less than {LEAST_MEMORY // 2**20} MiB; raise it with --limits memory=8GiB"
    return {"failure": {"code": int(ExitCode.STAGE), "message": f"{name} needed more memory than its limit", "hint": hint}}


def _silence(name: str, status: int, reason: str, wall: int, cpu: int) -> Frame:
    """Why a child gave no answer, as a failure frame."""
    code = os.waitstatus_to_exitcode(status)
    message, hint = f"{name}: its process ended with exit code {code} and no report", "--verbose shows what it printed"
    if reason == "time":
        message, hint = (
            f"{name} did not finish within its {wall} s of wall time",
            f"raise it with --limits wall={2 * wall}s, or lower --effort",
        )
    elif reason in {"size", "nonsense"}:
        message = f"{name} answered with {'more than 256 MiB' if reason == 'size' else 'something that is no report'}"
    elif code == -signal.SIGXCPU:
        message, hint = f"{name} used up its {cpu} s of processor time", f"raise it with --limits cpu={2 * cpu}s"
    elif code < 0:
        cause = signal.Signals(-code).name
        hint = "the machine may be out of memory: lower it with --limits memory=…" if cause == "SIGKILL" else hint
        message = f"{name}: its process was ended by {cause}"
    return {"failure": {"code": int(ExitCode.STAGE), "message": message, "hint": hint}}


def _text(printed: IO[bytes]) -> str:
    """The last 64 KiB of what the child printed."""
    size = printed.seek(0, os.SEEK_END)
    printed.seek(max(0, size - 65536))
    return printed.read().decode(errors="replace")


@contextmanager
def terminated_as_interrupt() -> Iterator[None]:
    """SIGTERM is treated as Ctrl-C, which is how pipelines cancel a job."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def undumpable() -> Iterator[None]:
    """Where the system can (Linux), keep a child from reading this process's environment and memory through /proc."""
    if sys.platform != "linux":
        yield
        return
    import ctypes

    library = ctypes.CDLL(None)
    library.prctl(_PR_SET_DUMPABLE, 0)
    try:
        yield
    finally:
        library.prctl(_PR_SET_DUMPABLE, 1)
