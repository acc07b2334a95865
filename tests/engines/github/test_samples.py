"""The workflows of docs/examples/github, executed as they are."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import forge
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, PublicFormat
from forge import Forge

import stages

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "docs/examples/github"
PAGES = (
    "README.md",
    "docs/how-to/use-in-github-actions.md",
    "docs/how-to/comment-on-pull-requests.md",
    "docs/how-to/find-out-what-is-wrong.md",
)
PASSWORD = "sesame"
COMMENTS = f"/repos/{forge.REPOSITORY}/issues/{forge.NUMBER}/comments"
CONFIG = """\
version: 1
model: model.onnx
data: test.csv
label: truth
effort: quick
stages:
  scan: {}
  quality: {gates: [accuracy >= 0.5]}
  fairness: {sensitive: [group], gates: [accuracy >= 0.5]}
  sbom: {}
  data: {profile: profile.json}
  sign: {key: sealed.key, key_password_env: MLOPS_PASSWORD}
  verify: {key: sealed.pub, require: [scan, quality, sbom]}
"""
LEAST = "version: 1\nmodel: model.onnx\nstages:\n  scan: {}\n"


@pytest.fixture(scope="module")
def made(once):
    """A project with the samples as its workflows, an encrypted key, a profile of the training data, and scripts that say that they ran."""
    return once("made", _made)


def _made(folder):
    root = stages.project(folder)
    shutil.copytree(SAMPLES, root / ".github/workflows", ignore=lambda _, names: [name for name in names if not name.endswith(".yml")])
    key = ec.generate_private_key(ec.SECP256R1())
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode()))
    (root / "sealed.key").write_bytes(sealed)
    (root / "sealed.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    profile = [sys.executable, "-P", "-m", "mlops_stage", "data", "profile", "train.csv", "--output", "profile.json"]
    subprocess.run(profile, cwd=root, check=True, capture_output=True)
    (root / "mlops.yaml").write_text(CONFIG)
    for name, table in (("north", "test"), ("south", "train")):
        shutil.copy(root / f"{table}.csv", root / f"{name}.csv")
    (root / "train.sh").write_text('mkdir -p "$KEEP/ran" && echo trained > "$KEEP/ran/train"\n')
    (root / "deploy.sh").write_text('mkdir -p "$KEEP/ran" && echo deployed > "$KEEP/ran/deploy"\n')
    return root


@pytest.fixture
def project(made, tmp_path):
    """A copy to change."""
    return shutil.copytree(made, tmp_path / "project")


@pytest.fixture(scope="module")
def light(act, load, once):
    return once("light", lambda folder: load("github").light(act, folder))


@pytest.fixture
def execute(act, light, channel, project, load, tmp_path, tmp_path_factory):
    """Commit the project and execute one sample; gives what act tells, and the folder of artifacts."""

    def run(name, event, *options):
        load("github").commit(project)
        keep = tmp_path / "keep"
        keep.mkdir(exist_ok=True)
        engine = act if name == "release" else light  # what signs is installed anew, from all of it
        engine = load("github").led(engine, tmp_path_factory.mktemp("environments"), channel)
        return engine.workflow(project, f".github/workflows/{name}.yml", keep, *options, event=event), keep

    return run


@pytest.fixture
def review(execute, tmp_path):
    """The same for a pull request, with what GitHub tells of it; `of` is the repository that it comes from."""

    def run(name, *options, of=forge.REPOSITORY):
        told = {"number": forge.NUMBER, "pull_request": {"number": forge.NUMBER, "head": {"repo": {"full_name": of}}}}
        (tmp_path / "event.json").write_text(json.dumps(told))
        return execute(name, "pull_request", "--eventpath", str(tmp_path / "event.json"), *options)

    return run


@pytest.fixture(scope="module")
def discussion():
    """GitHub itself, and the options that lead a job to it."""
    one = Forge()
    with forge.served(one) as env:
        options = [word for name, value in env.items() for word in ("--env", f"{name}={value}")]
        yield one, [*options, "-s", f"GITHUB_TOKEN={forge.TOKEN}"]


def test_every_sample_is_executed_here_and_pages_show_nothing_else():
    executed = set(re.findall(r"\b(?:execute|review)\(\"([\w-]+)\"", Path(__file__).read_text(encoding="utf-8")))
    assert {path.stem for path in SAMPLES.glob("*.yml")} == executed
    for page in PAGES:
        fences = re.findall(r"^([^\n]*)\n```ya?ml\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        shown = [mark for mark, text in fences if page != "README.md" or "mlops/evaluate@" in text]
        own = [mark for mark in shown if mark != "<!-- file: mlops.yaml -->"]
        assert own
        assert [mark for mark in own if not re.fullmatch(r"<!-- from: examples/github/[\w-]+\.yml -->", mark)] == []


def test_the_least(review, project):
    (project / "mlops.yaml").write_text(LEAST)
    done, _ = review("one-step")
    assert done.jobs == {"evaluate": "success"}


def test_a_pull_request_that_passes_and_then_one_that_does_not(review, project, discussion, tmp_path):
    one, options = discussion
    done, keep = review("pull-request", *options)
    assert done.jobs == {"evaluate": "success", "comment": "success"}, done.stderr[-2000:]
    assert {path.name for path in (keep / "mlops-out").iterdir()} >= {
        "scan",
        "quality",
        "fairness",
        "report.html",
        "report.sarif",
        "junit.xml",
    }
    assert not list(keep.rglob("private"))
    (first,) = [dict(comment) for comment in one.comments]
    keep.rename(tmp_path / "before")
    (project / "mlops.yaml").write_text(CONFIG.replace("quality: {gates: [accuracy >= 0.5]}", "quality: {gates: [accuracy >= 0.999]}"))
    done, keep = review("pull-request", *options)
    assert done.jobs == {"evaluate": "failure", "comment": "success"}, done.stderr[-2000:]
    assert (keep / "mlops-out/report.html").is_file()
    assert (keep / "mlops-out/fairness/report.json").is_file()
    (second,) = one.comments
    assert (second["id"], second["user"]["login"]) == (first["id"], forge.BOT)
    assert first["body"] != second["body"]
    assert second["body"].endswith((keep / "mlops-out/summary.md").read_text())
    assert [asked for asked in one.asked if asked[1] != "/user"] == [
        ("GET", COMMENTS),
        ("POST", COMMENTS),
        ("GET", COMMENTS),
        ("PATCH", f"{COMMENTS.replace(f'/{forge.NUMBER}/comments', '/comments')}/{first['id']}"),
    ]


def test_separate_jobs_become_one_page_and_one_verdict(review, project):
    (project / "south.csv").unlink()
    done, keep = review("separate-jobs")
    assert (done.jobs["scan"], done.jobs["evaluate"]) == ("success", "failure"), done.stderr[-2000:]
    judged = [done.steps[f"quality ({region})", "1", "run"].result for region in ("north", "south")]
    assert judged == ["success", "failure"]  # act has one result for all jobs of a matrix
    merged = done.steps["evaluate", "1", "run"]
    assert (merged.exit_code, merged.outputs["outcome"], merged.outputs["exit-code"]) == (2, "error", "2")
    assert merged.summary == (keep / "mlops-out/summary.md").read_text()
    assert {told[2]["title"] for told in merged.commands if told[0] == "error"} >= {"merge/gate"}
    assert json.loads(merged.outputs["outputs"])["quality_north_outcome"] == "passed"
    assert {path.parent.name for path in (keep / "mlops-out").glob("*/report.json")} == {"scan", "quality_north", "quality_south"}
    for job, name in (("scan", "scan"), ("quality-north", "quality_north")):
        assert (keep / f"mlops-out/{name}/report.json").read_bytes() == (keep / f"reports-{job}/{name}/report.json").read_bytes()


def test_one_stage_hands_out_what_it_found(review):
    done, _ = review("one-stage")
    assert done.jobs == {"fairness": "success"}, done.steps["fairness", "fairness", "run"].log
    said = "\n".join(line for step in done.steps.values() for line in step.log)
    gap = done.steps["fairness", "fairness", "run"].outputs["worst-gap"]
    assert float(gap) > 0
    assert f"the largest gap is {gap}" in said


def test_a_night_without_drift(execute):
    done, keep = execute("nightly", "schedule")
    assert done.jobs["watch"] == "success"
    assert not (keep / "ran/train").exists()


def test_a_night_on_which_the_data_cannot_be_judged(execute, project):
    (project / "test.csv").write_text((project / "broken.csv").read_text())
    done, keep = execute("nightly", "schedule")
    assert (done.jobs["watch"], done.steps["watch", "data", "run"].outputs["exit-code"]) == ("failure", "1")
    assert (keep / "watch/data/report.json").is_file()
    assert not (keep / "ran/train").exists()


def test_what_the_runner_lacks_is_told(execute, project):
    (project / "mlops.yaml").write_text(LEAST)
    done, _ = execute("doctor", "workflow_dispatch")
    assert done.jobs == {"doctor": "success"}, done.stderr[-2000:]
    (step,) = (step for step in done.steps.values() if step.log)
    assert [line for line in step.log if "mlops.yaml asks for scan" in line]


def test_a_night_with_drift(execute, project):
    table = (project / "test.csv").read_text().splitlines()
    head, *rows = [line.split(",") for line in table]
    moved = [[str(float(row[0]) + 3), *row[1:]] for row in rows]
    (project / "test.csv").write_text("".join(",".join(row) + "\n" for row in [head, *moved]))
    (project / "mlops.yaml").write_text(CONFIG.replace("accuracy >= 0.5", "accuracy >= 0.01"))
    done, keep = execute("nightly", "schedule")
    assert done.jobs == {"watch": "success", "retrain": "success"}, done.stderr[-2000:]
    assert (keep / "ran/train").is_file()
    assert (keep / "retrained/mlops-out/quality/report.json").is_file()
    assert (keep / "retrained/model.onnx").is_file()


def test_a_release_is_signed_in_a_job_of_its_own_and_deployed_unless_somebody_else_signed_it(execute, project):
    done, keep = execute("release", "push", "-s", f"SIGNING_PASSWORD={PASSWORD}")
    assert set(done.jobs.values()) == {"success"}, done.stderr[-2000:]
    assert (keep / "ran/deploy").is_file()
    assert {path.name for path in (keep / "mlops-out/attestations").glob("*.sigstore.json")} >= {"quality.sigstore.json"}

    (keep / "ran/deploy").unlink()
    shutil.copy(project / "signing.pub", project / "sealed.pub")
    sample = project / ".github/workflows/release.yml"
    sample.write_text(sample.read_text().replace("    needs: sign\n", ""))  # its last job again, with the artifact of those before
    done, _ = execute("release", "push", "-j", "deploy")
    assert done.jobs == {"deploy": "failure"}
    assert not (keep / "ran/deploy").exists()
