"""The whole stage, on a project with a model, data, a lock file and the reports of earlier stages."""

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from mlops_stage.errors import UsageError
from mlops_stage.estimates import Rate
from mlops_stage.report import Level, Metric, Outcome, Report, read_report
from mlops_stage.stages.sbom.act import BOM, COMPLETE, PAGE, act
from mlops_stage.stages.sbom.elements import BY_NAME, DECLARABLE, G7
from mlops_stage.stages.sbom.params import SbomParams
from mlops_stage.stages.sbom.validate import faults
from mlops_stage.workspace import EarlierReport, Workspace

INCOME = Path(__file__).parents[3] / "docs" / "examples" / "income"
EPOCH = "1767225600"
GIT = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org"}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """The income example, its model judged by three stages."""
    root = tmp_path_factory.mktemp("income") / "income"
    shutil.copytree(INCOME, root)
    lines = ["scikit-learn==1.6.1 --hash=sha256:" + "a" * 64, "numpy==2.2.1", "skl2onnx==1.18.0"]
    (root / "requirements.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (root / "mlops.yaml").write_text(
        "version: 1\nmodel: candidate.onnx\ndata: data/test.parquet\ntrain: data/train.parquet\nlabel: income\n"
        "stages:\n  quality: {positive: '>50K'}\n  fairness: {positive: '>50K', sensitive: [sex]}\n  scan: {}\n",
        encoding="utf-8",
    )
    (root / "pyproject.toml").write_text(
        '[project]\nname = "income"\nversion = "1.4.0"\nauthors = [{name = "Example Bank"}]\n', encoding="utf-8"
    )
    remote = ["remote", "add", "origin", "https://git.example.org/models/income.git"]
    for command in (["init", "-q"], remote, ["add", "."], ["commit", "-q", "-m", "A model", "--date=2026-01-01T00:00:00Z"]):
        subprocess.run(["git", *command], cwd=root, check=True, env={**os.environ, **GIT, "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"})
    assert mlops_stage(root, "run") == 5  # one gap between groups that these rows cannot decide
    return root


def mlops_stage(root, *words, **env):
    """Its exit code on the command line."""
    command = [sys.executable, "-m", "mlops_stage", *words, "--quiet"]
    return subprocess.run(command, cwd=root, check=False, capture_output=True, env={**os.environ, **env}).returncode


def workspace(root, *more, reports=True, **env):
    out = root / "mlops-out"
    found = [*(read_report(path) for path in sorted(out.glob("*/report.json")) if reports), *more]
    return Workspace(
        root=root,
        run_dir=out,
        out=root / ".made",
        cache=root / ".cache",
        reports=tuple(EarlierReport(report=report, folder=out / report.id) for report in found),
        env={"PATH": os.environ["PATH"], **env},
    )


def made(root, *more, reports=True, env=None, **params):
    given = {"model": "candidate.onnx", "data": "data/test.parquet", "train": "data/train.parquet"}
    space = workspace(root, *more, reports=reports, **(env or {}))
    seen = act(SbomParams(**{**given, **params}), space)
    return seen, json.loads((space.out / BOM).read_bytes())


@pytest.fixture(scope="module")
def plain(judged):
    """What is seen of it without any further param, and the document."""
    return made(judged)


def answered(seen):
    return {metric.slice[0][1]: metric.estimate.value for metric in seen.metrics if metric.name == "element"}


def test_there_must_be_a_model(tmp_path):
    with pytest.raises(UsageError, match="nothing to describe"):
        act(SbomParams(), workspace(tmp_path))


@pytest.mark.parametrize("spec", ["1.6", "1.7"])
def test_the_document_is_valid_and_without_a_fault(judged, plain, spec):
    seen, document = made(judged, spec=spec) if spec != "1.6" else plain
    assert document["specVersion"] == spec
    assert list(faults(document)) == []
    assert [finding for finding in seen.findings if finding.level is Level.ERROR] == []


def test_what_other_stages_found_is_in_it_with_intervals(judged, plain):
    """Fairness, row 16: every estimate with an interval has it, also on each group."""
    _, document = plain
    model = document["components"][0]
    figures = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert model["type"] == "machine-learning-model"
    assert {"accuracy", "tpr", "tpr_difference"} <= {figure["type"] for figure in figures}
    (one,) = [figure for figure in figures if (figure["type"], figure.get("slice")) == ("tpr", "sex=Female")]
    assert float(one["confidenceInterval"]["lowerBound"]) < float(one["value"]) < float(one["confidenceInterval"]["upperBound"])
    reports = {name: read_report(judged / "mlops-out" / name / "report.json") for name in ("quality", "fairness")}
    bounded = {
        (metric.name, metric.estimate.value)
        for report in reports.values()
        for metric in report.metrics
        if hasattr(metric.estimate, "bound")
    }
    told = {(figure["type"], float(figure["value"])) for figure in figures if "confidenceInterval" in figure}
    assert bounded <= told
    assessments = model["modelCard"]["considerations"]["fairnessAssessments"]
    assert [one["groupAtRisk"] for one in assessments] == ["sex=Female", "sex=Male"]


def test_without_reports_nothing_is_invented(judged):
    seen, document = made(judged, reports=False)
    card = document["components"][0]["modelCard"]
    assert "quantitativeAnalysis" not in card
    assert "fairnessAssessments" not in card.get("considerations", {})
    assert answered(seen)["operational_performance_kpis"] == 0.0


def test_elements_without_configuration_and_with_all_declared(judged, plain):
    """Row 5: at least 34 of the 50 without configuration."""
    names = {element.name for element in G7}
    bare, _ = plain
    whole = {name for name, share in answered(bare).items() if share == 1.0} & names
    assert len(whole) >= 34, sorted(names - whole)
    attacked = Report(
        stage="adversarial",
        id="adversarial",
        outcome=Outcome.PASSED,
        summary="It withstood.",
        subjects=tuple(one for one in bare.subjects if one.role == "model"),
        metrics=(Metric(name="robust_accuracy", estimate=Rate(77, 100), slice=(("epsilon", "0.1"),)),),
    )
    said = {name: f"Said-of-{name}" for name in DECLARABLE if name != "model_base"}
    told, document = made(judged, attacked, declare=said, creator="a@example.org")
    assert sorted(name for name in names if answered(told)[name] < 1.0) == []
    text = json.dumps(document)
    assert [value for value in said.values() if value not in text] == []


def test_minimum_elements(judged, tmp_path):
    """Row 6: NTIA 7 of 7, CISA 2025 4 of 4 on the model, its data and installed libraries of a lock, with what only a person knows declared."""
    installed = {name: version(name) for name in ("duckdb", "jinja2", "numpy", "pydantic")}
    lock = "".join(f"{name}=={number} --hash=sha256:{'a' * 64}\n" for name, number in installed.items())
    project = tmp_path / "project"
    shutil.copytree(judged, project)
    (project / "requirements.txt").write_text(lock, encoding="utf-8")
    known = {"producer": "Example", "license": "MIT"}
    declare = {f"{what}_{name}": text for what in ("model", "dataset") for name, text in known.items()}
    seen, document = made(project, declare=declare, creator="a@example.org")
    shares = {(metric.name, metric.slice[0][1]): metric.estimate.value for metric in seen.metrics if metric.name in {"ntia", "cisa_2025"}}
    assert len(shares) == 11
    assert {key: share for key, share in shares.items() if share < 1.0} == {}
    assert document["metadata"]["timestamp"] == "2026-01-01T00:00:00Z"
    assert document["metadata"]["authors"] == [{"email": "a@example.org"}]


def test_on_the_command_line_it_publishes_the_same_bytes_anywhere_and_fails_a_gate_on_an_element(judged, tmp_path):
    """Row 3: another folder, user, host name, time zone and hash seed."""
    moved = tmp_path / "elsewhere" / "project"
    shutil.copytree(judged, moved)
    digests = set()
    for place, seed, zone in ((judged, "0", "UTC"), (moved, "4242", "Asia/Tokyo")):
        env = {"PYTHONHASHSEED": seed, "TZ": zone, "HOSTNAME": f"host{seed}", "USER": f"user{seed}", "LOGNAME": f"user{seed}"}
        gate = ["--gate", "element[name=model_license] >= 1"]
        asked = ["sbom", "--model", "candidate.onnx", "--data", "data/test.parquet", "--out", "out", *gate]
        assert mlops_stage(place, *asked, **env) == 1
        document, evidence, page = (place / "out" / name for name in ("sbom.cdx.json", f"sbom/{BOM}", f"sbom/{PAGE}"))
        assert document.read_bytes() == evidence.read_bytes()
        digests.add((document.read_bytes(), page.read_bytes()))
        shutil.rmtree(place / "out")
    assert len(digests) == 1


def test_another_byte_gives_another_serial(judged, plain, tmp_path):
    """Row 4."""
    first, one = plain
    moved = tmp_path / "project"
    shutil.copytree(judged, moved)
    with (moved / "data" / "train.parquet").open("r+b") as stream:
        stream.seek(200)
        before = stream.read(1)
        stream.seek(200)
        stream.write(bytes([before[0] ^ 1]))
    second, other = made(moved)
    assert one["serialNumber"] != other["serialNumber"]
    assert first.outputs["serial"] == one["serialNumber"]
    assert first.subjects != second.subjects


def test_what_is_confidential_stays_private(judged):
    secret = "goes-to-the-vault"
    seen, document = made(judged, declare={"system_data_flow": secret}, confidential="system_data_flow,system_data_usage")
    out = judged / ".made"
    assert secret not in json.dumps(document)
    assert secret not in (out / PAGE).read_text(encoding="utf-8")
    assert secret in (out / COMPLETE).read_text(encoding="utf-8")
    assert COMPLETE not in {one.path for one in seen.evidence}  # a digest would let others try out what it holds
    (note,) = [finding.message for finding in seen.findings if finding.rule == "sbom/withheld"]
    assert "withholds system_data_flow;" in note  # nothing was known of the other
    assert answered(seen)["system_data_flow"] == 1.0
    assert {"name": "mlops:withheld", "value": "system_data_flow"} in document["metadata"]["properties"]


def test_no_file_and_no_terminal_tells_what_is_confidential(mlops):
    """Whatever reads the report publishes it: pages, attestations, the record of the run."""
    secret, licence = "from our branch offices", "LicenseRef-under-the-counter"
    shutil.copy(INCOME / "candidate.onnx", mlops.cwd)
    mlops.write("model_card.md", "---\nlicense: LicenseRef-in-the-card\n---\n")
    others = [name for name in DECLARABLE if "name" not in BY_NAME[name].facts and name not in {"system_data_usage", "model_license"}]
    said = {"system_data_flow": secret, "system_data_usage": secret, "model_license": licence, "system_name": "A name for all to see"}
    declare = json.dumps({**{name: f"canary:{name}" for name in others}, **said})
    asked = ["--model", "candidate.onnx", "--declare", declare, "--confidential", ",".join([*others, "model_license"])]
    done = mlops("sbom", *asked)
    assert done.returncode == 1, done.stderr  # the card says another licence
    explained = mlops("sbom", *asked, "--explain-config")
    out = mlops.cwd / "mlops-out"
    told = {path.relative_to(out).as_posix(): path.read_text("utf-8", "replace") for path in out.rglob("*") if path.is_file()}
    hidden = told.pop("sbom/evidence/private/bom.cdx.json")
    for text in (secret, licence, "in-the-card", "canary"):
        assert [name for name, content in told.items() if text in content] == []
        assert text not in done.stdout + done.stderr + explained.stdout + explained.stderr
    assert {"report.html", "run.json", "sbom/report.json", "attestations/sbom.json"} <= set(told)
    assert secret in hidden
    assert "A name for all to see" in told["sbom/report.json"]
    assert "(withheld)" in told["sbom/report.json"]
    assert "(withheld)" in explained.stdout
    assert "licence of the model is declared otherwise than model_card.md says" in told["sbom/report.json"]


def test_a_secret_is_told_and_written_nowhere(judged, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(judged, project)
    password, token, key = "s3cr" + "3t-word", "gh" + "p_" + "A1" * 20, "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE\n"
    card = f"---\nlicense: mit\n---\n## Limitations\nFails for the retired; ask with {token}.\n"
    (project / "model_card.md").write_text(card, encoding="utf-8")
    tools = {"tools": [{"name": "x", "vendor": token}]}
    other = {"bomFormat": "CycloneDX", "specVersion": "1.4", "version": 1, "metadata": tools}
    (project / "image.cdx.json").write_text(json.dumps(other), encoding="utf-8")
    declare = {
        "model_external_references": f"https://ada:{password}@git.example.org/x",
        "model_description": f"{key} is the key",
        "system_data_flow": f"by {token}",
        "model_license": f"Apache-2.0 with {password} at https://ada:{password}@git.example.org/x",
    }
    given = {"declare": declare, "environment": "image.cdx.json", "reports": False}
    seen, document = made(project, **given, confidential="system_data_flow")
    (project / "report.txt").write_text(f"{seen} {SbomParams(declare=declare).as_recorded()['declare']['model_external_references']}")
    written = [path for path in (project / ".made").rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"bom.cdx.json", "model.html"}
    for text in (f"{password}@", token, "MIIE"):
        assert [path for path in (*written, project / "report.txt") if text in path.read_text(encoding="utf-8")] == []
    told = [finding.message for finding in seen.findings if finding.rule == "sbom/credential"]
    places = (
        "description of the model, as mlops.yaml",
        "limitation of the model, as model_card.md",
        "data_flow of the system",
        "creator, or the environment,",
    )
    assert [place for place in places if not any(place in message for message in told)] == [], told
    (reference,) = [one["url"] for one in document["components"][0]["externalReferences"] if one["type"] == "documentation"]
    assert reference == "https://***@git.example.org/x"


def test_another_document_is_merged_whole(judged, tmp_path):
    """Row 16: nothing that it says is lost, a card and a description of data among it."""
    project = tmp_path / "project"
    shutil.copytree(judged, project)
    card = {"modelParameters": {"task": "ranking"}}
    data = [{"type": "dataset", "name": "clicks", "classification": "public"}]
    components = [
        {"type": "machine-learning-model", "bom-ref": "m", "name": "ranker", "version": "2", "modelCard": card},
        {"type": "data", "bom-ref": "d", "name": "clicks", "data": data},
        {"type": "operating-system", "bom-ref": "os", "name": "debian", "version": "13"},
    ]
    about = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components}
    (project / "image.cdx.json").write_text(json.dumps(about), encoding="utf-8")
    seen, document = made(project, environment="image.cdx.json")
    kept = {one["name"]: one for one in document["components"]}
    assert (kept["ranker"]["modelCard"], kept["clicks"]["data"], kept["debian"]["version"]) == (card, data, "13")
    assert "candidate" in kept
    assert list(faults(document)) == []
    assert {metric.slice: metric.estimate.value for metric in seen.metrics if metric.name == "components"}[
        ("type", "operating-system"),
    ] == 1
