"""The real Sigstore services on loopback: CT log, Fulcio, Rekor v2 and a time-stamp authority, with an issuer of identity tokens.

    python services.py FOLDER BINARIES

Brings them up inside the network namespace it is started in, which must have no way out, prints one line of JSON when all are ready, and takes them
down when its standard input ends. Ports are fixed: each deployment has a namespace of its own.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import authority
import issuer

CT, FULCIO, REKOR, STAMPS = 6962, 5555, 3003, 3004
SINCE = "2020-01-01T00:00:00Z"
_READY_SECONDS = 30
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_SERVICES = {
    "ctlog": (
        f"http://127.0.0.1:{CT}/ct/v1/get-roots",
        f"--private_key=@/ct.pem --roots_pem_file=@/ca-root.pem --storage_dir=@/ct --http_endpoint=127.0.0.1:{CT}",
    ),
    "fulcio": (
        f"http://127.0.0.1:{FULCIO}/healthz",
        (
            f"serve --host=127.0.0.1 --port={FULCIO} --grpc-host=127.0.0.1 --grpc-port=5554 --metrics-port=2113"
            f" --ca=fileca --fileca-cert=@/ca.pem --fileca-key=@/ca.key --fileca-key-passwd={authority.PASSWORD} --fileca-watch=false"
            f" --ct-log-url=http://localhost:{CT} --ct-log-public-key-path=@/ct.pub"
            " --config-path=@/fulcio.yaml --legacy-unix-domain-socket=@/fulcio.sock"
        ),
    ),
    "rekor-server": (
        f"http://127.0.0.1:{REKOR}/healthz",
        (
            "serve --hostname=localhost"  # cosign takes the origin of checkpoints from the address of the log
            f" --storage-dir=@/rekor --signer-filepath=@/rekor.pem --http-port={REKOR} --grpc-port=3001 --http-metrics-port=2114"
            " --checkpoint-interval=100ms --batch-max-age=20ms"
        ),
    ),
    "timestamp-server": (
        f"http://127.0.0.1:{STAMPS}/ping",
        (
            f"serve --host=127.0.0.1 --port={STAMPS} --timestamp-signer=file --file-signer-key-path=@/tsa.key"
            " --certificate-chain-path=@/tsa-chain.pem --disable-ntp-monitoring"
        ),
    ),
}
"""Binary -> the address that answers when it is ready, and arguments, where @ stands for the folder; in the order of their start."""


def main(folder: Path, binaries: Path) -> None:
    """Serve until standard input ends."""
    _loopback_up()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "ca.pem").exists():
        authority.make(folder)
    (folder / "fulcio.yaml").write_text(f"# a comment: in bare JSON Fulcio looks for other keys\n{json.dumps(_identities())}\n")
    issuer.serve(folder)
    with ExitStack() as running:
        for name, (ready, text) in _SERVICES.items():
            arguments = [one.replace("@", str(folder)) for one in text.split()]
            running.callback(_stop, _start(binaries / name, arguments, ready, folder))
        _trust(folder, binaries / "cosign")
        print(json.dumps({"pid": os.getpid(), "folder": str(folder)}), flush=True)
        sys.stdin.read()


def _identities() -> dict[str, object]:
    """Fulcio's configuration: what a token of each shape is turned into."""
    kinds: dict[str, dict[str, str]] = {
        "github": {"type": "ci-provider", "ci-provider": "github-workflow"},
        "gitlab": {"type": "ci-provider", "ci-provider": "gitlab-pipeline"},
        "jenkins": {"type": "uri", "subject-domain": "http://localhost"},
        "kubernetes": {"type": "kubernetes"},
        "email": {"type": "email"},
    }
    github = {
        "default-template-values": {"url": "https://github.com"},
        "subject-alternative-name-template": "{{ .url }}/{{ .job_workflow_ref }}",
        "extension-templates": {
            "build-signer-uri": "{{ .url }}/{{ .job_workflow_ref }}",
            "source-repository-uri": "{{ .url }}/{{ .repository }}",
            "source-repository-ref": "ref",
            "source-repository-digest": "sha",
            "runner-environment": "runner_environment",
        },
    }
    gitlab = {
        "default-template-values": {"url": "https://gitlab.com"},
        "subject-alternative-name-template": "https://{{ .ci_config_ref_uri }}",
        "extension-templates": {
            "build-signer-uri": "https://{{ .ci_config_ref_uri }}",
            "source-repository-uri": "{{ .url }}/{{ .project_path }}",
            "source-repository-digest": "sha",
            "runner-environment": "runner_environment",
        },
    }
    return {
        "oidc-issuers": {
            f"{issuer.URL}/{shape}": {"issuer-url": f"{issuer.URL}/{shape}", "client-id": "sigstore", **kind}
            for shape, kind in kinds.items()
        },
        "ci-issuer-metadata": {"github-workflow": github, "gitlab-pipeline": gitlab},
    }


def _trust(folder: Path, cosign: Path) -> None:
    """Write `trusted_root.json` and `signing_config.json` as cosign makes them, and `trust_config.json` of both for sigstore-python."""

    def cosigned(*arguments: str) -> None:
        subprocess.run([cosign, *arguments], check=True, capture_output=True, env={**os.environ, "HOME": str(folder)})

    fulcio, rekor, stamps = f"http://127.0.0.1:{FULCIO}", f"http://localhost:{REKOR}", f"http://127.0.0.1:{STAMPS}/api/v1/timestamp"
    cosigned(
        *("trusted-root", "create", "--out", f"{folder}/trusted_root.json"),
        f"--fulcio=url={fulcio},certificate-chain={folder}/ca.pem,start-time={SINCE}",
        f"--rekor=url={rekor},public-key={folder}/rekor.pub,start-time={SINCE},origin=localhost",
        f"--ctfe=url=http://127.0.0.1:{CT},public-key={folder}/ct.pub,start-time={SINCE}",
        f"--tsa=url={stamps},certificate-chain={folder}/tsa-chain.pem,start-time={SINCE}",
    )
    about = f"start-time={SINCE},operator=test"
    cosigned(
        *("signing-config", "create", "--out", f"{folder}/signing_config.json", "--rekor-config=ANY", "--tsa-config=ANY"),
        f"--fulcio=url={fulcio},api-version=1,{about}",
        f"--rekor=url={rekor},api-version=2,{about}",
        f"--oidc-provider=url={issuer.URL}/github,api-version=1,{about}",
        f"--tsa=url={stamps},api-version=1,{about}",
    )
    root, signing = (json.loads((folder / name).read_text()) for name in ("trusted_root.json", "signing_config.json"))
    kind = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
    (folder / "trust_config.json").write_text(json.dumps({"mediaType": kind, "trustedRoot": root, "signingConfig": signing}))


def _start(binary: Path, arguments: list[str], ready: str, folder: Path) -> subprocess.Popen[bytes]:
    for name in ("ct", "rekor"):
        (folder / name).mkdir(exist_ok=True)
    log = folder / f"{binary.name}.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [binary, *arguments],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HOME": str(folder)},
            preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGTERM),  # noqa: PLW1509  (goes when this process goes; the issuer thread holds no lock here)
        )
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(ready, timeout=1):  # noqa: S310  (an address of ours)
                return process
        except OSError:
            time.sleep(0.02)
    process.kill()
    raise SystemExit(f"{binary.name} did not become ready:\n{log.read_text()[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _loopback_up() -> None:
    """A new namespace has a loopback interface, but down."""
    with socket.socket() as link:
        name = struct.pack("16sh", b"lo", 0) + b"\0" * 22
        flags = struct.unpack("16sh", fcntl.ioctl(link, _SIOCGIFFLAGS, name)[:18])[1]
        fcntl.ioctl(link, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | _IFF_UP) + b"\0" * 22)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
