"""Workers that need not import: a process that has the libraries already is forked for every job.

Importing is most of what a small model costs, and a stage asks for ten jobs and more. How a worker is really started, limited and ended,
test_worker.py shows, and every run of the command.
"""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import traceback

from mlops_stage.stages.compile import worker

ONE = 1 << 20
"""Bytes that an order may have."""


class Server:
    """The process that this file is."""

    def __init__(self):
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        env = {**os.environ, **worker._ALWAYS}
        self.process = subprocess.Popen([sys.executable, "-P", __file__, str(theirs.fileno())], env=env, pass_fds=(theirs.fileno(),))
        theirs.close()

    def close(self):
        self.channel.close()
        self.process.wait(timeout=10)

    def started(self, command, *, stdin, stdout, stderr, cwd, env):
        """What `subprocess.Popen` gives of a worker."""
        assert (command[1:], stdin, stderr) == (["-P", "-m", worker.__name__, "-"], subprocess.PIPE, subprocess.STDOUT)
        return Worker(self.channel, stdout, cwd, env)


class Worker:
    """What is used of `subprocess.Popen`."""

    def __init__(self, channel, stdout, cwd, env):
        self.channel, self.stdout, self.cwd, self.env = channel, stdout, cwd, env
        self.returncode = None

    def communicate(self, job, timeout):
        order = json.dumps({"job": json.loads(job), "cwd": self.cwd, "env": self.env}).encode()
        self.channel.settimeout(timeout)
        socket.send_fds(self.channel, [order], [self.stdout.fileno()])
        self.returncode = int(self.channel.recv(64))

    def kill(self):
        """It has ended, or the tests do."""

    def wait(self):
        return self.returncode


def serve(channel):
    """Answer orders until the other end closes."""
    from mlops_stage.stages.compile import confinement, latency
    from mlops_stage.stages.compile.backends import ort
    from mlops_stage.stages.compile.parity import saturation
    from mlops_stage.stages.compile.targets import releases

    del confinement, latency, ort, saturation, releases
    parent = os.getpid()
    while True:
        order, streams, _, _ = socket.recv_fds(channel, ONE, 1)
        if not order:
            return
        (printed,) = streams
        child = os.fork()
        if child == 0:
            channel.close()
            _work(json.loads(order), printed, parent)
        os.close(printed)
        _, status = os.waitpid(child, 0)
        channel.send(str(os.waitstatus_to_exitcode(status)).encode())


def _work(order, printed, parent):
    """Be what `python -P -m mlops_stage.stages.compile.worker` would be."""
    try:
        for place in (1, 2):
            os.dup2(printed, place)
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["env"])
        tempfile.tempdir = None  # it is looked for anew
        sys.stdin = io.TextIOWrapper(io.BytesIO(json.dumps(order["job"] | {"parent": parent}).encode()))
        worker.main()
    except BaseException:  # noqa: BLE001  (as the interpreter does)
        traceback.print_exc()
    finally:
        os._exit(1)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
