"""Tasks on Tekton: what a TaskRun's status tells, how the step is confined, and what Tekton makes of values."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from scenarios import HOSTILE

pytestmark = pytest.mark.engine

IMAGE = "registry.example.com/mlops-stage@sha256:" + 64 * "a"


@pytest.fixture
def source(tmp_path):
    return project(tmp_path)


def project(root):
    folder = root / "source"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"model")
    return folder


@pytest.fixture(scope="module")
def passed(tekton, tmp_path_factory):
    """The workspace and the status of a run."""
    source = project(tmp_path_factory.mktemp("passed"))
    return source, start(tekton, source, gate="accuracy >= 0.99")


def start(tekton, source, name="mlops-trial", **params):
    return tekton.start(tekton.find("task", name), {"image": IMAGE, **params}, source)


def digest(file):
    return "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest()


def test_results_of_a_run_that_passes(passed):
    """Tekton passes over a parameter that the Task does not have, as its page says."""
    source, status = passed
    report = source / "mlops-out/trial/report.json"
    assert status.succeeded
    assert status.codes == {"run": 0}
    assert status.results["outcome"] == "passed"
    assert status.results["report-digest"] == digest(report)
    assert status.results["colour"] == "green"
    assert status.results["ARTIFACT_OUTPUTS"] == {"uri": "mlops-out/trial/report.json", "digest": digest(report), "isBuildArtifact": "true"}
    assert json.loads(status.results["TEST_OUTPUT"])["result"] == "SUCCESS"
    assert (report.stat().st_uid, report.stat().st_gid) == (65532, 65532)


def test_a_workspace_of_root_leads_to_the_group_and_results_tell_of_an_error(tekton, source):
    """Exit code 2 as of any run that cannot begin."""
    source.chmod(0o755)
    status = tekton.start(tekton.find("task", "mlops-trial"), {"image": IMAGE}, source, group=None)
    assert (status.codes, status.succeeded) == ({"run": 2}, False)
    assert "fsGroup: 65532" in status.logs["step-run"], status.logs["step-run"]
    page = (Path(__file__).parents[3] / "docs/how-to/use-in-tekton.md").read_text(encoding="utf-8")
    (quoted,) = re.findall(r'Without it the step ends with "(.*?)"', page)
    assert f"error: {quoted}\n" in status.logs["step-run"], status.logs["step-run"]
    assert status.results["outcome"] == "error"
    assert json.loads(status.results["TEST_OUTPUT"])["result"] == "ERROR"


def test_an_image_without_the_command_is_named_as_such(tekton, load, source, tmp_path):
    other = load("tekton").own(tmp_path)
    other = replace(other, env={"PATH": "/usr/bin:/bin"})
    status = start(replace(tekton, images={**tekton.images, tekton.image: other}), source)
    assert (status.codes, status.succeeded) == ({"run": 3}, False)
    assert status.logs["step-run"].splitlines() == [
        "error: there is no mlops-stage on the PATH of this image: let the parameter image name one that holds it"
    ]


def test_several_values_go_into_one_text_and_tekton_says_so_of_a_list(tekton, source):
    with pytest.raises(ValueError, match=r"param types don't match the user-specified type: \[stages\]"):
        start(tekton, source, "mlops-run", stages=["scan", "sbom"])


PROBE = """\
#!/bin/sh
id -u; id -g; id -G
grep -E 'CapEff|NoNewPrivs' /proc/self/status
for place in /etc/x /x /opt/mlops/x /usr/x; do touch $place 2>&1; done
touch /tmp/x "$TMPDIR/x" "$HOME/x" x && echo "scratch, home and workspace can be written"
echo "home $HOME"
ls -A /tmp
"""


def test_the_step_is_confined(tekton, load, source, tmp_path):
    """The Task as it is; only the program in the image is another, which looks around."""
    images = {**tekton.images, tekton.image: load("tekton").own(tmp_path, PROBE)}
    status = start(replace(tekton, images=images), source)
    lines = status.logs["step-run"].splitlines()
    assert lines[:3] == ["65532", "65532", "65532"]
    assert lines[3:5] == ["CapEff:\t0000000000000000", "NoNewPrivs:\t1"]
    assert [line.split(":")[-1].strip() for line in lines[5:9]] == ["Read-only file system"] * 4
    assert lines[9:] == ["scratch, home and workspace can be written", "home /tekton/home", "x"]


REWRITTEN = {
    "$(workspaces.source.path)/m": "/workspace/source/m",
    "$(results.outcome.path)": "/tekton/results/outcome",
    "$(context.taskRun.name)": "run",
    "a$$b": "a$b",
    "$$(HOME)": "$(HOME)",
    "$(MLOPS_INPUT_DO)": "environment",
}
"""What the page of each Task says that Tekton and Kubernetes change."""
KEPT = (
    "$(params.model)",
    "$(HOME)",
    "$(PATH)",
    "$(MODEL_TOKEN)",
    "$(MLOPS_INPUT_OUT)",
    "$(touch PWNED)",
    "$HOME ${HOME}",
    "$( workspaces.source.path )",
    "$[[ x ]]",
)


def test_the_page_of_each_task_says_so():
    from pathlib import Path

    pages = sorted((Path(__file__).parents[3] / "plugins/tekton").glob("*/mlops-[a-df-z]*/*/README.md"))
    assert len(pages) > 15
    for page in pages:
        text = page.read_text()
        assert all(f"`{form}`" in text for form in ("$(workspaces.<name>.path)", "$$", "$(NAME)"))


def test_what_tekton_changes_in_values_and_what_not_and_that_a_secret_reaches_the_stage_only_where_it_is_named(tekton, source):
    known = replace(tekton, secrets={("mlops-stage", "MODEL_TOKEN"): "s3cret", ("theirs", "MODEL_TOKEN"): "other"})
    named = start(known, source, do="environment", **{"model-token-env": "MODEL_TOKEN"})
    assert "MODEL_TOKEN" in variables(source)
    unnamed = start(known, source, do="environment", label="\n".join([*REWRITTEN, *KEPT]))
    assert "MODEL_TOKEN" not in variables(source)
    assert named.succeeded == unnamed.succeeded
    assert "s3cret" not in "".join(path.read_text() for path in source.rglob("*.json"))
    report = json.loads((source / "mlops-out/trial/report.json").read_text())
    assert report["params"]["label"].split("\n") == [*REWRITTEN.values(), *KEPT]


def variables(source):
    report = json.loads((source / "mlops-out/trial/report.json").read_text())
    return {finding["message"] for finding in report["findings"]}


TWO_STEPS = """\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: two
spec:
  params:
    - name: label
  workspaces:
    - name: source
  results:
    - name: first
      value: $(steps.first.results.outcome)
    - name: second
      value: $(steps.second.results.outcome)
  steps:
    - name: first
      ref: {name: mlops-trial}
      onError: continue
      params:
        - {name: image, value: IMAGE}
        - {name: label, value: $(params.label)}
        - {name: gates, value: accuracy >= 0.99}
        - {name: id, value: one}
    - name: second
      ref: {name: mlops-trial}
      params:
        - {name: image, value: IMAGE}
        - {name: workspace, value: $(workspaces.source.path)}
        - {name: id, value: two}
"""


def test_two_step_actions_in_one_task_know_nothing_of_each_other(tekton, source, tmp_path):
    task = tmp_path / "two.yaml"
    task.write_text(TWO_STEPS.replace("IMAGE", IMAGE))
    hostile = HOSTILE["quotes"] + HOSTILE["lines"] + HOSTILE["commands"] + HOSTILE["brackets"]
    status = tekton.start(task, {"label": hostile}, source, actions=[tekton.find("stepaction", "mlops-trial")])
    assert status.results == {"first": "failed", "second": "passed"}
    assert status.codes == {"first": 1, "second": 0}
    told = {item["key"]: item["value"] for item in json.loads(status.messages["step-first"])}
    assert json.loads(told["TEST_OUTPUT"])["result"] == "FAILURE"  # whatever the verdict, results are there
    assert told["report-digest"] == digest(source / "mlops-out/one/report.json")
    params = [json.loads((source / f"mlops-out/{name}/report.json").read_text())["params"] for name in ("one", "two")]
    assert [one["label"] for one in params] == [hostile, "y_true"]
    assert "gates" not in params[1] or not params[1]["gates"]
    assert not list(source.rglob("*PWNED*"))


def test_reports_of_one_task_are_read_by_the_next(tekton, source, tmp_path):
    reports = tmp_path / "reports"
    reports.mkdir()
    given = {"image": IMAGE, "out": "/workspace/reports/trial", "if-changed": "true"}
    first, again = (tekton.start(tekton.find("task", "mlops-trial"), given, source, reports=reports) for _ in range(2))
    assert (first.results["report-digest"], first.succeeded) == (again.results["report-digest"], again.succeeded)
    assert "nothing has changed" in again.logs["step-run"], again.logs["step-run"]
    task = tekton.find("task", "mlops-reader")
    tekton.start(task, {"image": IMAGE, "reports": "/workspace/reports/trial"}, source, reports=reports)
    report = json.loads((source / "mlops-out/reader/report.json").read_text())
    assert [finding["message"] for finding in report["findings"]] == ["trial=passed True"]


@pytest.mark.parametrize(("params", "told"), [({}, "missing values for these params"), ({"image": IMAGE}, "has not been bound")])
def test_what_a_task_run_forgets_is_refused(tekton, params, told):
    node = tekton.find("task", "mlops-trial")
    with pytest.raises(ValueError, match=told):
        tekton.start(node, params, None)


def test_folders_to_merge_are_words_and_nothing_else(tekton, passed):
    source, _ = passed
    merged = start(tekton, source, "mlops-merge", folders=["mlops-out"], require="trial", out="page")
    assert (merged.codes, merged.results["outcome"]) == ({"run": 0}, "passed")
    hostile = start(
        tekton, source, "mlops-merge", folders=["--help", '$(touch PWNED) `touch PWNED` "; touch PWNED'], require='x"; touch PWNED; "'
    )
    assert not hostile.succeeded
    assert hostile.codes["run"] in {1, 2}
    assert not list(source.rglob("*PWNED*"))
