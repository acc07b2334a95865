"""Tokens, keys and passwords stand in no file, no output, no argument and no environment but that of the stage that needs them."""

import os
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from signed_project import payload_of, pem

WHO = "https://ci.example/org/repo/.ci/ml.yml@refs/heads/main"
PASSWORD = "CANARY-password-7f3a"
OF_THE_SYSTEM = "CANARY-of-the-system-5b1e-9c07-d24a"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "signing.key").write_bytes(pem(key, PASSWORD))
    (tmp_path / "plain.key").write_bytes(pem(key))
    return tmp_path


def cli(project, *args, env=None, pipes=()):
    passed = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "mlops_stage", *args],
        cwd=project,
        env={**passed, "MLOPS_STAGE_PLUGINS": "none", "MLOPS_STAGE_CACHE": str(project / ".cache"), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        pass_fds=pipes,
    )


def config(project, sign):
    lines = "".join(f"    {name}: {value}\n" for name, value in sign.items())
    (project / "mlops.yaml").write_text(f"version: 1\nmodel: model.safetensors\nstages:\n  scan: {{}}\n  sign:\n{lines}")


def written(project):
    """Everything that the run left behind, but what the test put there itself."""
    own = {project / name for name in ("signing.key", "plain.key", "token", "mlops.yaml")}
    return {path: path.read_bytes() for path in project.rglob("*") if path.is_file() and path not in own}


def holding(secret, places):
    """Where a secret stands, whole, or any third of it."""
    third = len(secret) // 3
    pieces = [piece.encode() for piece in (secret[:third], secret[third : 2 * third], secret[2 * third :])]
    return [str(place) for place, content in places.items() if any(piece in content for piece in pieces)]


class Watch:
    """Arguments and environment of every process below one, as often as they can be read."""

    def __init__(self, root):
        self.root, self.seen, self.stop = root, {}, threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        while not self.stop.is_set():
            for place in [one for one in Path("/proc").iterdir() if one.name.isdecimal() and int(one.name) > self.root]:
                with suppress(OSError):
                    arguments = (place / "cmdline").read_bytes()
                    if b"mlops_stage" in arguments:
                        kind = next((word for word in arguments.split(b"\0") if word.startswith(b"mlops_stage")), b"").decode()
                        self.seen[kind, place.name, "arguments"] = arguments
                        self.seen[kind, place.name, "environment"] = (place / "environ").read_bytes()
            time.sleep(0.05)

    def close(self):
        self.stop.set()
        self.thread.join()
        return self.seen


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc")
@pytest.mark.parametrize("outage", [False, True], ids=["signed", "outage"])
def test_a_token_stands_nowhere_and_no_other_stage_is_given_one(double, project, outage):
    token = double.token(WHO)
    config(project, {"identity_token_env": "JOB_TOKEN", "trust_config": double.trust_file(2), "deadline": 60})
    if outage:
        double.fail("rekor", "400")
    of_the_system = {"GITLAB_CI": "true", "SIGSTORE_ID_TOKEN": OF_THE_SYSTEM, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": OF_THE_SYSTEM}
    begun = cli(project, "run", "--verbose", env={"JOB_TOKEN": token, **of_the_system})
    watch = Watch(begun.pid)
    said, _ = begun.communicate(timeout=120)
    seen = watch.close()
    assert begun.returncode == (3 if outage else 0), said
    assert holding(token, {"the terminal": said.encode(), **written(project)}) == []
    arguments = {place: content for place, content in seen.items() if place[2] == "arguments"}
    assert holding(token, arguments) == []
    workers = [place for place in seen if place[0].endswith("worker") and place[2] == "environment"]
    assert workers, "the worker was never seen"
    assert holding(token, {place: seen[place] for place in workers}) == []
    children = {place: content for place, content in seen.items() if place[0] == "mlops_stage.child" and place[2] == "environment"}
    assert len(children) >= 2, "not every stage was seen"
    holders = [place for place, content in children.items() if holding(token, {place: content})]
    assert len(holders) == 1, "only sign is given the token that its params name"
    others = {place: content for place, content in seen.items() if place[0] != "mlops_stage"}
    assert holding(OF_THE_SYSTEM, others) == [], "nobody has asked the CI system for one"


def test_a_key_that_comes_through_a_pipe_and_its_password_stand_nowhere(project):
    reading, writing = os.pipe()
    os.write(writing, (project / "signing.key").read_bytes())
    os.close(writing)
    config(project, {"key": f"/dev/fd/{reading}", "key_password_env": "KEY_PASSWORD"})
    begun = cli(project, "run", "--verbose", env={"KEY_PASSWORD": PASSWORD}, pipes=(reading,))
    os.close(reading)
    said, _ = begun.communicate(timeout=120)
    assert begun.returncode == 0, said
    home = project / "mlops-out" / "attestations"
    statement = (home / "scan.json").read_bytes()  # the reporter has written it last
    assert payload_of((home / "scan.sigstore.json").read_bytes()) == statement
    places = {"the terminal": said.encode(), **written(project)}
    assert holding(PASSWORD, places) == []
    for name in ("signing.key", "plain.key"):
        assert holding("".join((project / name).read_text().splitlines()[1:-1]), places) == []


def test_a_key_in_the_place_of_its_path_is_refused_and_stands_nowhere(project):
    key = (project / "plain.key").read_text()
    begun = cli(project, "sign", "--model", ".", "--key", key)
    said, _ = begun.communicate(timeout=120)
    assert begun.returncode == 2
    assert "--key holds a key, not the path of a file" in said
    assert holding("".join(key.splitlines()[1:-1]), {"the terminal": said.encode(), **written(project)}) == []
