"""What a kubelet does with a Pod, as far as one shows on a single machine: volumes, an own root, mounts and processes, users, exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_MESSAGE_BYTES = 4096
"""Of a termination message, the kubelet keeps no more."""
_TMP, _SHM = "/tmp", "/dev/shm"  # noqa: S108  (inside the container)
_MOUNTS = Path(__file__).with_name("mounts.py")
_DEVICES = ("null", "zero", "full", "random", "urandom")
_MADE = ("dev", "proc", "sys", "tmp")
"""What a container has of its own, whatever lies there in its image."""
_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


@dataclass(frozen=True, kw_only=True)
class Image:
    """What a container starts from; nothing in it can be written."""

    files: Mapping[str, Path]
    """Place inside -> file, folder or link here."""
    env: Mapping[str, str] = field(default_factory=dict)
    user: int = 0
    group: int = 0
    folder: str = "/"

    @classmethod
    def unpacked(cls, root: Path, config: Mapping[str, Any]) -> Image:
        """Of an image's file system and configuration, as the Open Container Initiative writes it; the user stands there as numbers."""
        user, _, group = config.get("User", "").partition(":")
        return cls(
            files={f"/{path.name}": path for path in root.iterdir() if path.name not in _MADE},
            env=dict(item.split("=", 1) for item in config["Env"]),
            user=int(user or 0),
            group=int(group or 0),
            folder=config.get("WorkingDir") or "/",
        )


MACHINE = {f"/{name}": Path("/", name) for name in ("bin", "etc", "lib", "lib64", "sbin", "usr") if Path("/", name).exists()}
"""The system that this machine runs, as files of an image."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """The machine, and what the cluster knows of."""

    images: Mapping[str, Image]
    """Those that can be pulled, by their names."""
    claims: Mapping[str, Path] = field(default_factory=dict)
    """Persistent volumes by the name of their claim."""
    secrets: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Values by (Secret, key)."""
    token: str = ""
    """Of the service account, where a volume projects it."""
    enter: Sequence[str] = ()
    """Words that start a process in the Pod's network, such as `nsenter -t PID -n`; that of the machine without them."""
    timeout: float = 120


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A Pod that has come to its end."""

    pod: Mapping[str, Any]
    """With the status that a kubelet reports."""
    logs: Mapping[str, str]
    """What each container wrote."""


def run(pod: dict[str, Any], node: Node, scratch: Path) -> Ended:
    """Run the init containers one after another and the containers side by side, all as processes of this machine."""
    scratch.mkdir(exist_ok=True)
    scratch.chmod(0o755)
    volumes = _volumes(pod, node, scratch)
    states: list[dict[str, Any]] = []
    logs: dict[str, str] = {}

    def through(containers: Iterable[Mapping[str, Any]]) -> None:
        started = [_start(pod, one, node, scratch, volumes) for one in containers]
        for one in started:
            states.append(one.end(node.timeout))
            logs[one.name] = one.log.read_text(encoding="utf-8", errors="replace")

    for container in pod["spec"].get("initContainers", []):
        through([container])
        if states[-1]["state"]["terminated"]["exitCode"]:
            raise RuntimeError(f"{container['name']} failed: {logs[container['name']]}")
    states.clear()
    through(pod["spec"]["containers"])
    failed = any(state["state"]["terminated"]["exitCode"] for state in states)
    status = {"phase": "Failed" if failed else "Succeeded", "containerStatuses": states}
    return Ended(pod={**pod, "status": status}, logs=logs)


def expanded(text: str, known: Mapping[str, str]) -> str:
    """As Kubernetes does in `env`, `command` and `args`: `$$` is a dollar, `$(NAME)` the value of a variable that is known by then."""
    return _REFERENCE.sub(lambda found: "$" if found[1] is None else known.get(found[1], found[0]), text)


def _volumes(pod: Mapping[str, Any], node: Node, scratch: Path) -> dict[str, Path]:
    group = (pod["spec"].get("securityContext") or {}).get("fsGroup")
    found: dict[str, Path] = {}
    for volume in pod["spec"].get("volumes", []):
        name = volume["name"]
        claim = volume.get("persistentVolumeClaim")
        folder = node.claims[claim["claimName"]] if claim else scratch / "volumes" / name
        folder.mkdir(parents=True, exist_ok=True)
        _fill(volume, folder, node)
        if not claim:
            folder.chmod(0o777)
        if group is not None:
            _give(folder, group)
        found[name] = folder
    return found


def _fill(volume: Mapping[str, Any], folder: Path, node: Node) -> None:
    if "downwardAPI" in volume:
        (folder / "ready").write_text("READY")
    elif "projected" in volume:
        for source in volume["projected"]["sources"]:
            (folder / source["serviceAccountToken"]["path"]).write_text(node.token)
    elif not {"emptyDir", "persistentVolumeClaim"} & set(volume):
        raise NotImplementedError(f"a volume such as {volume} is not known here")


def _give(folder: Path, group: int) -> None:
    """What `fsGroup` does: all of it belongs to that group, whose members may do what the owner may."""
    for place, _, files in os.walk(folder):
        for path in (Path(place), *(Path(place, file) for file in files)):
            if not path.is_symlink():
                os.chown(path, -1, group)
                path.chmod(path.stat().st_mode | (0o2070 if path.is_dir() else 0o060))


@dataclass(frozen=True)
class _Process:
    name: str
    image: str
    process: subprocess.Popen[bytes]
    message: Path
    log: Path
    started: str

    def end(self, timeout: float) -> dict[str, Any]:
        """Wait for it; who takes too long is killed with all of its children."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            for child in children:  # the first process of its PID namespace: the others die with it
                os.kill(int(child), signal.SIGKILL)
            self.process.wait()
            code = 137
        terminated = {
            "exitCode": code if code >= 0 else 128 - code,
            "reason": "Error" if code else "Completed",
            "message": self.message.read_bytes()[:_MESSAGE_BYTES].decode(errors="replace"),
            "startedAt": self.started,
            "finishedAt": _now(),
        }
        return {"name": self.name, "image": self.image, "imageID": "", "state": {"terminated": terminated}}


def _start(pod: Mapping[str, Any], container: Mapping[str, Any], node: Node, scratch: Path, volumes: Mapping[str, Path]) -> _Process:
    name = container["name"]
    image = node.images.get(container["image"])
    if image is None:
        raise LookupError(f"ErrImagePull: there is no image {container['image']}")
    root, message, log = scratch / "roots" / name, scratch / f"{name}.message", scratch / f"{name}.log"
    root.mkdir(parents=True)
    message.touch()
    message.chmod(0o666)
    security = {**(pod["spec"].get("securityContext") or {}), **(container.get("securityContext") or {})}
    words = [*_confinement(root, image, security), *_environment(container, image, node.secrets)]
    mounts = _mounts(container, image, root, volumes, message, read_only=bool(security.get("readOnlyRootFilesystem")))
    argv = [*node.enter, "unshare", "--mount", "--pid", "--fork", "--propagation", "private"]
    argv += [sys.executable, "-IS", str(_MOUNTS), json.dumps(mounts), *words]
    with log.open("wb") as stream:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
    return _Process(name, container["image"], process, message, log, _now())


def _mounts(
    container: Mapping[str, Any], image: Image, root: Path, volumes: Mapping[str, Path], message: Path, *, read_only: bool
) -> list[list[object]]:
    """What builds the container's root, in the words of mounts.py: a tmpfs, the image read-only, then the volumes by the depth of their place."""
    steps: list[list[object]] = [["new", "tmpfs", str(root), "mode=755"]]
    steps += [["folder", f"{root}{place}", mode] for place, mode in (("/proc", 0o755), ("/dev", 0o755), (_TMP, 0o1777))]
    steps += [["new", "proc", f"{root}/proc", ""], ["new", "tmpfs", f"{root}/dev", "mode=755"], ["folder", f"{root}{_SHM}", 0o1777]]
    steps += [["bind", f"/dev/{name}", f"{root}/dev/{name}", False] for name in _DEVICES]
    for place, source in image.files.items():
        link = source.is_symlink()
        steps.append(["link", str(source.readlink()), f"{root}{place}"] if link else ["bind", str(source), f"{root}{place}", True])
    for mount in sorted(container.get("volumeMounts", []), key=lambda one: one["mountPath"].count("/")):
        shown = volumes[mount["name"]] / mount.get("subPath", "")
        steps.append(["bind", str(shown), f"{root}{mount['mountPath']}", mount.get("readOnly", False)])
    steps.append(["bind", str(message), f"{root}{container.get('terminationMessagePath') or '/dev/termination-log'}", False])
    return [*steps, *([["close", str(root)]] if read_only else [])]


def _confinement(root: Path, image: Image, security: Mapping[str, Any]) -> list[str]:
    """The words that take from the process what its security context does not grant."""
    user = security.get("runAsUser", image.user)
    if security.get("runAsNonRoot") and not user:
        raise PermissionError("runAsNonRoot, but the user is root")
    words = ["chroot", str(root), "setpriv", f"--reuid={user}", f"--regid={security.get('runAsGroup', image.group)}"]
    words.append(f"--groups={security['fsGroup']}" if "fsGroup" in security else "--clear-groups")
    if "ALL" in (security.get("capabilities") or {}).get("drop", []):
        words += ["--bounding-set=-all", "--inh-caps=-all"]
    if security.get("allowPrivilegeEscalation") is False:
        words.append("--no-new-privs")
    return words


def _environment(container: Mapping[str, Any], image: Image, secrets: Mapping[tuple[str, str], str]) -> list[str]:
    """The words that set the variables and the folder, and then the command itself."""
    declared: dict[str, str] = {}
    for variable in container.get("env") or []:
        if "valueFrom" not in variable:
            declared[variable["name"]] = expanded(variable.get("value", ""), declared)
            continue
        wanted = variable["valueFrom"]["secretKeyRef"]
        value = secrets.get((wanted["name"], wanted["key"]))
        if value is not None:
            declared[variable["name"]] = value
        elif not wanted.get("optional"):
            raise KeyError(f"there is no key {wanted['key']} in the Secret {wanted['name']}")
    given = {"PATH": "/usr/bin:/bin", "HOME": "/", "HOSTNAME": "pod", **image.env, **declared}
    command = [expanded(word, declared) for word in (*container["command"], *(container.get("args") or []))]
    return ["env", "-i", "-C", container.get("workingDir") or image.folder, *(f"{name}={value}" for name, value in given.items()), *command]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
