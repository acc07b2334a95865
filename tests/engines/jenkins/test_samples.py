"""The scripted pipelines of docs/examples/jenkins, executed as they are with the mlops.yaml beside them; their declarative twins, and so the README's block, are compiled."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, PublicFormat

import stages

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "docs/examples/jenkins"
BLOCK = re.compile(r"^```groovy\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PASSWORD = "sesame"
DECLARATIVE = sorted(file for file in SAMPLES.glob("*.jenkinsfile") if not file.name.endswith(".scripted.jenkinsfile"))
STAGE = "stage('Verify and deploy') {"
"""Where the last stage of the release begins: what was signed lies in a stash by then."""
PROJECTS = {
    "one-stage": "one-stage",
    "pull-request": "pull-request",
    "nightly": "nightly",
    "drifted": "nightly",
    "lost": "nightly",
    "release": "release",
    "strange": "release",
}
"""Folders, and whose mlops.yaml lies in each."""


@pytest.fixture
def done(once, jenkins, load, command):
    """Each sample on a project of its own, in one process: what the build told, and the folder of artifacts."""

    def make(root):
        asked = {name: SAMPLES / f"{sample}.scripted.jenkinsfile" for name, sample in PROJECTS.items()}
        asked |= {path.name: path for path in DECLARATIVE} | {"strange": root / "end", "broken": root / "broken"}
        program = command(root)
        plain = _project(root / "plain", program)
        for name, sample in PROJECTS.items():
            shutil.copytree(plain, root / name)
            shutil.copy(SAMPLES / f"{sample}.mlops.yaml", root / name / "mlops.yaml")
        _spoil(root)
        agents = replace(jenkins, machine={**jenkins.machine, "MLOPS_STAGE_ENVIRONMENTS": str(_environments(jenkins, program))})
        told = agents.builds([_build(load("jenkins").Build, name, pipeline, root) for name, pipeline in asked.items()])
        return {name: (one, root / f"keep-{name}") for name, one in zip(asked, told, strict=True)}

    return once("jenkins-samples", make)


def _environments(jenkins, program):
    """Those of the machine, whose interpreter is the command that need not be imported anew; what signs makes one of its own."""
    made = program.parent / "environments"
    for place in Path(jenkins.machine["MLOPS_STAGE_ENVIRONMENTS"]).glob("*/pyvenv.cfg"):
        python = made / place.parent.name / "bin/python"
        python.parent.mkdir(parents=True)
        python.symlink_to(program)
        shutil.copy(place, python.parents[1])
    return made


def _spoil(root):
    """Data that drifted, a profile that is not there, a key of somebody else's, a file that is no pipeline."""
    head, *rows = [line.split(",") for line in (root / "plain/test.csv").read_text().splitlines()]
    older = [[str(float(row[0]) + 3), *row[1:]] for row in rows]
    (root / "drifted/test.csv").write_text("".join(",".join(row) + "\n" for row in [head, *older]))
    (root / "lost/profile.json").unlink()
    shutil.copy(root / "strange/signing.pub", root / "strange/sealed.pub")
    text = (SAMPLES / "release.scripted.jenkinsfile").read_text()
    (root / "end").write_text(text[: text.index("stage('Evaluate')")] + text[text.index(STAGE) :])
    (root / "broken").write_text(DECLARATIVE[0].read_text().replace("agent", "agent }}} (("))


def _build(build, name, pipeline, root):
    """The strange one goes on where the release ended: on its agents, with what it stashed."""
    return build(
        pipeline=pipeline,
        project=root / (name if name in PROJECTS else "one-stage"),
        home=root / f"home-{'release' if name == 'strange' else name}",
        keep=root / f"keep-{name}",
        credentials={"signing-password": PASSWORD},
    )


def _project(root: Path, program: Path) -> Path:
    root.mkdir()
    stages.project(root)
    key = ec.generate_private_key(ec.SECP256R1())
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode()))
    (root / "sealed.key").write_bytes(sealed)
    (root / "sealed.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    subprocess.run([program, "data", "profile", "train.csv", "--output", "profile.json"], cwd=root, check=True, capture_output=True)
    (root / "train.sh").write_text("echo trained\n")
    (root / "deploy.sh").write_text("echo deployed\n")
    return root


def shells(one) -> list[str]:
    """What the build's own shell steps ran."""
    return [step["given"] for step in one.of("sh") if isinstance(step["given"], str)]


def test_every_declarative_sample_compiles(done):
    assert "WorkflowScript.groovy: 14: expecting EOF, found '}'" in done["broken"][0].error
    for file in DECLARATIVE:  # the host has no such step, and says so once it runs the compiled file
        assert done[file.name][0].error.startswith("java.lang.NoSuchMethodError: No such DSL method 'pipeline' "), file


def test_the_block_of_the_readme_is_a_sample_and_its_scripted_twin_does_what_it_says(done):
    (block,) = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert block in (SAMPLES / "one-stage.jenkinsfile").read_text(encoding="utf-8")
    one, keep = done["one-stage"]
    assert (one.status, one.error) == ("SUCCESS", ""), one.of("sh")[-1]["log"]
    assert [Path(step["folder"]).name for step in one.of("checkout")] == ["workspace", "mlops-stage"]
    assert (keep / "mlops-out/scan/report.json").is_file()


def test_a_change_is_judged_by_all_that_is_asked(done):
    one, keep = done["pull-request"]
    assert (one.status, one.error) == ("SUCCESS", ""), one.of("sh")[-1]["log"]
    assert {path.name for path in (keep / "mlops-out").iterdir()} >= {"scan", "quality", "report.html", "junit.xml"}


def test_a_night_whose_rows_are_too_few_to_tell_is_amber_and_trains_nothing(done):
    one, _ = done["nightly"]
    assert (one.status, one.error) == ("UNSTABLE", ""), one.of("sh")[-1]["log"]
    assert one.of("unstable")[0]["given"] == "The data: inconclusive."
    assert shells(one) == []


def test_a_night_that_could_not_look_is_red(done):
    one, _ = done["lost"]
    assert (one.status, one.error) == ("FAILURE", "host.Failed: The data could not be judged (exit code 2).")
    assert not one.of("unstable")


def test_a_night_with_drift_trains_and_judges_anew(done):
    one, keep = done["drifted"]
    assert (one.status, one.error) == ("UNSTABLE", "")
    assert shells(one) == ["sh train.sh"]
    assert (keep / "retrained/quality/report.json").is_file()
    assert (keep / "model.onnx").is_file()


def test_a_release_is_signed_on_an_agent_of_its_own_and_deployed(done):
    one, keep = done["release"]
    assert (one.status, one.error) == ("SUCCESS", ""), one.of("sh")[-1]["log"]
    assert shells(one) == ["sh deploy.sh"]
    assert {path.name for path in (keep / "mlops-out/attestations").glob("*.sigstore.json")} >= {"quality.sigstore.json"}
    signed = {step["folder"] for step in one.of("sh") if step["log"].count("bootstrap.sh sign")}
    judged = {step["folder"] for step in one.of("sh") if step["log"].count("bootstrap.sh run")}
    assert len(signed) == len(judged) == 1
    assert signed != judged
    assert PASSWORD not in (keep.parent / "home-release/raw.log").read_text()
    assert [file for file in keep.rglob("*") if file.is_file() and PASSWORD.encode() in file.read_bytes()] == []


def test_a_release_that_somebody_else_signed_is_not_deployed(done):
    one, _ = done["strange"]
    assert one.status == "FAILURE"
    assert one.error.startswith("host.Failed: mlops-stage verify failed (exit code 1): ")
    assert shells(one) == []
