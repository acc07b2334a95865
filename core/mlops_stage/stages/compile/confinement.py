"""What a worker may not do: outlive its parent, take more than its share, or open a connection."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import socket
import struct
import sys
from typing import TYPE_CHECKING

from mlops_stage.stages.compile.targets import machine

if TYPE_CHECKING:
    from collections.abc import Mapping

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_FILTER = 1, 38, 22, 2
_ALLOW, _REFUSE, _DENY = 0x7FFF0000, 0x00050000 | errno.EACCES, 0x00050000 | errno.ENOSYS
_LOAD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
"""Instructions of the classic BPF machine: load a word of `struct seccomp_data`, compare, answer."""
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_CALLS = {"x86_64": (0xC000003E, 41, 425), "aarch64": (0xC00000B7, 198, 425)}
"""Architecture -> its audit number, and the numbers of the system calls `socket` and `io_uring_setup`, which could open sockets too."""


def confine(limits: Mapping[str, int | None], parent: int) -> None:
    """Set the limits of this process for good: `memory` in bytes (by RLIMIT_DATA, as the stage's own process has it), `cpu` in seconds."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for kind, amount in ((resource.RLIMIT_DATA, limits.get("memory")), (resource.RLIMIT_CPU, limits.get("cpu"))):
        if amount:
            _, hard = resource.getrlimit(kind)
            resource.setrlimit(kind, (amount if hard == resource.RLIM_INFINITY else min(amount, hard), hard))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it went before the line above
            os._exit(1)
        _without_network()


def _without_network() -> None:
    """Let the kernel refuse sockets of the internet; where it cannot (another processor, an old kernel), the worker runs without that."""
    if machine() not in _CALLS:
        return
    audit, socket_call, ring_call = _CALLS[machine()]
    program = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_JUMP_EQUAL, 0, 6, audit),  # a call by another table of numbers is none of ours
        (_LOAD, 0, 0, _NUMBER_AT),
        (_JUMP_EQUAL, 5, 0, ring_call),
        (_JUMP_EQUAL, 0, 3, socket_call),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        (_JUMP_EQUAL, 3, 0, socket.AF_INET),
        (_JUMP_EQUAL, 2, 0, socket.AF_INET6),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY),
        (_RETURN, 0, 0, _REFUSE),
    ]
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    held = ctypes.create_string_buffer(code)
    filters = struct.pack("=H6xQ", len(program), ctypes.addressof(held))
    library = ctypes.CDLL(None)
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        library.prctl(_PR_SET_SECCOMP, _SECCOMP_FILTER, filters, 0, 0)
