"""What is shipped for CI systems runs nothing of a third party: no foreign actions or images, nothing fetched without its hash."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KINDS = {".yml", ".yaml", ".sh", ".groovy"}
FILES = (ROOT / "action.yml", *(path for path in sorted((ROOT / "plugins").glob("*/**/*")) if path.relative_to(ROOT).parts[2] != "src"))
SHIPPED = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in FILES if path.suffix in KINDS}
FETCHES = re.compile(
    r"\b(curl|wget|git (clone|fetch|pull)|pip3? (install|download)|pipx|npm (install|i|ci)|npx|uvx|uv (tool|run|pip)|go (install|run)|"
    r"(docker|podman|buildah) (pull|run)|apt(-get)? install|new URL|library\s*\()|@(Grab|Library)\b"
)
FOREIGN = re.compile(r"^\s*-?\s*uses:|^\s*(-\s+)?(resolver|remote|project|component):\s*\S", re.MULTILINE)
IMAGE = re.compile(r"^\s*image:[ \t]*(\S+)[ \t]*$", re.MULTILINE)
GIVEN = re.compile(r"['\"]?(\$\[\[ ?inputs\.image ?\]\]|\$\(params\.image\)|[\w./:-]+@sha256:[0-9a-f]{64})['\"]?")


def faults(name, text):
    """What is wrong with a native file; comments and descriptions may speak of anything."""
    code = "\n".join(line for line in text.splitlines() if not re.match(r"\s*(#|//|\*|description:)", line))
    yield from (f"{name} fetches: {match[0]}" for match in FETCHES.finditer(code))
    yield from (f"{name} takes in: {match[0].strip()}" for match in FOREIGN.finditer(code))
    yield from (f"{name} names an image that may change: {value}" for value in IMAGE.findall(code) if not GIVEN.fullmatch(value))


def test_all_systems_are_looked_at():
    assert {name.split("/")[1] for name in SHIPPED if "/" in name} >= {"github_actions", "gitlab", "jenkins", "tekton"}


def test_nothing_of_a_third_party_is_run():
    assert [fault for name, text in SHIPPED.items() for fault in faults(name, text)] == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("action.yml", "    - uses: actions/setup-python@v5\n"),
        ("plugins/github_actions/run.sh", "python3 -m pip install mlops-stage\n"),
        ("plugins/gitlab/templates/scan.yml", "  image: python:3.12\n"),
        ("plugins/gitlab/templates/scan.yml", "    - curl -sSf https://example.org/install.sh | sh\n"),
        ("plugins/gitlab/templates/scan.yml", "  - component: $CI_SERVER_FQDN/somebody/else@1\n"),
        ("plugins/jenkins/vars/mlopsStage.groovy", "@Grab('a:b:1')\n"),
        ("plugins/tekton/task/mlops-scan/0.1/mlops-scan.yaml", "      image: docker.io/library/python:3.12\n"),
    ],
)
def test_a_fault_is_found(name, line):
    assert list(faults(name, SHIPPED[name] + line))
