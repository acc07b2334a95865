"""What `mlops-stage init` writes for sign and verify: comments, each of which works when its marks are taken away."""

import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from signed_project import metric, pem, reported, workspace

from mlops_stage.config import synthesis
from mlops_stage.config.file import load
from mlops_stage.host import Catalogue
from mlops_stage.params import JUDGES
from mlops_stage.stages.quality import STAGE as QUALITY
from mlops_stage.stages.sbom import STAGE as SBOM
from mlops_stage.stages.scan import STAGE as SCAN
from mlops_stage.stages.signing import SIGN, VERIFY
from mlops_stage.stages.signing.act import act
from mlops_stage.stages.signing.init import sign, verify
from mlops_stage.stages.signing.params import SignParams
from mlops_stage.stages.signing.verifying.params import VerifyParams

CATALOGUE = Catalogue(stages={"sign": SIGN, "scan": SCAN, "verify": VERIFY})


@pytest.fixture
def project(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"weights")
    return tmp_path


def taken(root):
    """The values of each way, as the file has them once the marks are taken away."""
    lines = synthesis.text(root, CATALOGUE).splitlines()
    begins = [number for number, line in enumerate(lines) if line.startswith(("  # sign:", "  # verify:"))]
    for begin in begins:
        block = []
        for line in lines[begin:]:
            if not line.startswith("  # "):
                break
            block.append("  " + line.removeprefix("  # "))
        (root / "mlops.yaml").write_text("\n".join(["version: 1", "stages:", *block]))
        ((name, values),) = load(None, root).stages.items()
        yield name, {key: one.value for key, one in values.items()}


def test_what_is_written_changes_nothing_until_a_person_chooses(project):
    synthesis.write(project, CATALOGUE, force=False)
    assert set(load(None, project).stages) == {"scan"}


def test_each_way_works_without_its_marks(project):
    found = list(taken(project))
    assert [SignParams(**values) for name, values in found if name == "sign"] == [SignParams(**way.values) for way in sign(project)]
    ways = [{**way.values, "require": ["scan"]} for way in verify(project)]
    assert [VerifyParams(**values) for name, values in found if name == "verify"] == [VerifyParams(**values) for values in ways]
    assert len(found) == 5


def test_the_way_with_a_key_signs(project):
    (project / "signing.key").write_bytes(pem(ec.generate_private_key(ec.SECP256R1()), "password"))
    values = next(values for name, values in taken(project) if "key_password_env" in values)
    seen = act(SignParams(**values), workspace(project, reported(project), env={"SIGNING_PASSWORD": "password"}))
    assert metric(seen, "signed") == 1


@pytest.mark.parametrize(
    ("origin", "files", "identity", "issuer"),
    [
        (
            "git@github.com:org/repo.git",
            [".github/workflows/train.yml"],
            "https://github.com/org/repo/.github/workflows/train.yml@refs/heads/trunk",
            "https://token.actions.githubusercontent.com",
        ),
        (
            "https://gitlab.com/group/sub/repo.git",
            [".gitlab-ci.yml"],
            "https://gitlab.com/group/sub/repo//.gitlab-ci.yml@refs/heads/trunk",
            "https://gitlab.com",
        ),
        (
            "ssh://git@code.example:2222/group/repo",
            [".gitlab-ci.yml"],
            "https://code.example/group/repo//.gitlab-ci.yml@refs/heads/trunk",
            "https://code.example",
        ),
        (
            "https://github.com/org/repo",
            ["Jenkinsfile"],
            "https://jenkins.example/job/NAME/",
            "https://jenkins.example/oidc",
        ),
        (
            "https://code.example/org/repo",
            [".tekton/pipeline.yaml"],
            "https://kubernetes.io/namespaces/NAMESPACE/serviceaccounts/NAME",
            "https://kubernetes.default.svc.cluster.local",
        ),
        (
            "https://github.com/org/repo.git",
            ["Jenkinsfile", ".github/workflows/ml.yaml"],
            "https://github.com/org/repo/.github/workflows/ml.yaml@refs/heads/trunk",
            "https://token.actions.githubusercontent.com",
        ),
        (
            "",
            [],
            "https://github.com/OWNER/REPOSITORY/.github/workflows/ml.yml@refs/heads/trunk",
            "https://token.actions.githubusercontent.com",
        ),
    ],
)
def test_the_identity_is_that_of_this_repository_s_pipeline(project, origin, files, identity, issuer):
    subprocess.run(["git", "init", "-q", "-b", "trunk", project], check=True)
    if origin:
        subprocess.run(["git", "-C", project, "remote", "add", "origin", origin], check=True)
    for name in files:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("")
    way, _ = verify(project)
    assert (way.values["identity"], way.values["issuer"]) == (identity, issuer)
    assert (way.values["model"], way.values["require"]) == ("model.onnx", JUDGES)


def test_every_stage_beside_it_that_judges_is_required(project):
    (project / "predictions.csv").write_text("y_true,y_pred\n1,1\n0,0\n")
    known = Catalogue(stages={**CATALOGUE.stages, "quality": QUALITY, "sbom": SBOM})
    written = synthesis.text(project, known)
    assert "\n  quality:" in written
    assert "\n  sbom:" in written
    assert "  #   require:\n  #     - scan\n  #     - quality\n  #   # " in written


def test_without_a_repository_and_a_model_it_says_how_it_would_look(tmp_path):
    way, _ = verify(tmp_path)
    assert way.values["identity"].endswith("@refs/heads/main")
    assert "require" not in way.values
