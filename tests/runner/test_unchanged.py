"""A stage is passed over only where its report would be the same again; whatever changes, or cannot be known, lets it run."""

import json
import os
import shutil
import subprocess
from dataclasses import replace

import pytest

from mlops_stage import host
from mlops_stage.errors import StageError
from mlops_stage.runner import folders, unchanged


@pytest.fixture
def again(bench, tmp_path):
    """Runs the trial stage with `--if-changed`, and says which ids were passed over."""
    (tmp_path / "shelf").mkdir()
    bench.settings = replace(bench.settings, if_changed=True)

    def run(do="pass", **values):
        bench.one(do, **values)
        return set(bench.record.reused)

    return run


@pytest.fixture
def would(bench):
    """Why the stage would run after it has run once; empty where it would be passed over. Nothing runs for it."""

    def run(do="pass", **values):
        request = bench.request(do, **values)
        try:
            now = unchanged.before(request, bench.catalogue.stages["trial"], bench.catalogue, bench.settings)
            unchanged.earlier(request.id, request.stage, now, bench.settings)
        except StageError as error:
            return error.message
        return ""

    return run


def test_nothing_has_changed_and_terminal_page_and_record_say_so(bench, again, tmp_path):
    assert again() == set()
    first = (tmp_path / "out/trial/report.json").stat().st_ino
    assert again() == {"trial"}
    assert (tmp_path / "out/trial/report.json").stat().st_ino == first
    assert bench.seen.told[-1][:2] == ("reused", "trial")
    assert bench.record.ids == ("trial",)
    assert bench.record.exit_code == 0
    told = "not run again: nothing has changed that it was made from"
    assert told in bench.terminal
    assert told in (tmp_path / "out/report.html").read_text()
    assert told in (tmp_path / "out/summary.md").read_text()
    assert json.loads((tmp_path / "out/run.json").read_text())["reused"] == {"trial": "out/trial"}


@pytest.mark.parametrize(("do", "code"), [("fail", 1), ("unsure", 5)])
def test_every_verdict_counts_again(bench, again, do, code):
    again(do)
    assert again(do) == {"trial"}
    assert bench.record.exit_code == code


def test_without_being_asked_every_stage_runs_and_nothing_is_written_down(bench, again, would, tmp_path):
    again()
    bench.settings = replace(bench.settings, if_changed=False)
    assert again() == set()
    assert not (tmp_path / "out/trial/inputs.json").exists()
    assert would() == "nothing tells what its earlier report was made from"


def test_what_is_asked_has_changed(again, would):
    again()
    for change in (
        {"seed": 1},
        {"gates": ("accuracy >= 0.1",)},
        {"share": 0.6},
        {"mode": "point"},
        {"names": ["x"]},
        {"pairs": {"a": "b"}},
    ):
        assert would(**change) == "it is asked something else"
    assert would() == ""


def test_a_file_that_a_param_names_has_changed(again, would, tmp_path):
    (tmp_path / "m.onnx").write_text("model")
    again(model="m.onnx")
    (tmp_path / "m.onnx.data").write_text("weights")  # beside it, and called like it
    assert would(model="m.onnx") == "m.onnx.* has changed"
    (tmp_path / "m.onnx.data").unlink()
    assert would(model="m.onnx") == ""
    (tmp_path / "m.onnx").write_text("other")
    assert would(model="m.onnx") == "m.onnx has changed"
    (tmp_path / "m.onnx").unlink()
    assert would(model="m.onnx") == "m.onnx has changed"


@pytest.mark.parametrize("source", ["models", "models/*/*.bin"])
def test_a_file_in_a_folder_or_pattern_that_a_param_names_has_changed(again, would, tmp_path, source):
    (tmp_path / "models/deep").mkdir(parents=True)
    (tmp_path / "models/deep/weights.bin").write_text("1")
    again(model=source)
    assert would(model=source) == ""
    (tmp_path / "models/deep/more.bin").write_text("1")
    assert would(model=source)
    (tmp_path / "models/deep/more.bin").unlink()
    assert would(model=source) == ""
    (tmp_path / "models/deep/weights.bin").write_text("2")
    assert would(model=source)


def test_a_file_that_only_the_stage_knows_of_has_changed_or_appeared(again, would, tmp_path):
    again("read")
    assert would("read") == ""
    (tmp_path / "shelf/book.txt").write_text("new")
    assert would("read") == "shelf/ has changed"
    (tmp_path / "shelf/book.txt").unlink()
    assert would("read") == ""
    (tmp_path / "side.txt").write_text("1")
    assert would("read") == "side.txt has changed"
    again("read")
    assert would("read") == ""
    (tmp_path / "side.txt").write_text("2")
    assert would("read") == "side.txt has changed"


def test_a_file_that_may_be_named_by_any_param_has_appeared(again, would, tmp_path):
    again(names=["host.yaml"])
    assert would(names=["host.yaml"]) == ""
    (tmp_path / "host.yaml").write_text("x")
    assert would(names=["host.yaml"])


@pytest.mark.parametrize("do", ["clock", "ask", "grandchild"])
def test_what_a_stage_cannot_be_known_to_read_again_lets_it_run(again, would, do):
    again(do)
    assert would(do) == "nothing tells what its earlier report was made from"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"model": "https://models.example/m"}, "https://models.example/m may be another by now"),
        ({"model": "git:main:m.onnx"}, "git:main:m.onnx may be another by now"),
        ({"model_token_env": "TOKEN"}, "it is given what model_token_env names"),
    ],
)
def test_what_cannot_be_known_lets_it_run(would, values, reason):
    assert would(**values) == reason


def test_a_stage_that_could_not_run_is_tried_again(again, would):
    again("input")
    assert would("input") == "nothing tells what its earlier report was made from"


@pytest.mark.usefixtures("again")
def test_what_reads_other_reports_runs_each_time(bench):
    for _ in range(2):
        bench.run(bench.request(), bench.request(stage="reader"))
    assert set(bench.record.reused) == {"trial"}


def test_stages_that_sign_verify_compile_or_need_more_than_files_are_never_passed_over(bench):
    catalogue = host.discover({"MLOPS_STAGE_PLUGINS": "none"})
    for name in ("compile", "sbom", "sign", "verify"):
        with pytest.raises(unchanged.ChangedError):
            unchanged.before(bench.request(), catalogue.stages[name], catalogue, bench.settings)


def test_another_version_of_a_plugin_or_a_library(bench, again, would, tmp_path, monkeypatch):
    again()
    before = bench.catalogue
    bench.catalogue = replace(before, plugins={**before.plugins, "mlops-stage-trial": "1.3"})
    assert would() == "it, or a library beside it, is of another version"
    bench.catalogue = before
    assert would() == ""
    (tmp_path / "lib/numpy_like-1.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "lib")
    assert would() == "it, or a library beside it, is of another version"


def test_other_code_of_the_same_version(trial, tmp_path):
    shutil.copytree(trial.env["PYTHONPATH"], tmp_path / "site")
    (tmp_path / "site/mlops_stage_trial/__pycache__").mkdir(exist_ok=True)
    trial.env["PYTHONPATH"] = str(tmp_path / "site")
    for expected in (False, True):
        assert ("used again" in trial("trial", "--if-changed").stderr) is expected
    (tmp_path / "site/mlops_stage_trial/__pycache__/page.jinja").write_text("made from the code, and no code")
    assert "used again" in trial("trial", "--if-changed").stderr
    work = tmp_path / "site/mlops_stage_trial/work.py"
    work.write_text(work.read_text() + "\n")
    assert "used again" not in trial("trial", "--if-changed", "-v").stderr


def _edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_report_that_is_not_as_it_was_written_is_made_anew(again, would, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    again()
    place, whole = tmp_path / "out/trial", tmp_path / "whole"
    shutil.copytree(place, whole)
    for change in (
        lambda: (place / "evidence/proof.txt").write_text("other"),
        (place / "evidence/proof.txt").unlink,
        lambda: _edit(place / "report.json", summary="better than it was"),
        lambda: _edit(place / "inputs.json", params="0" * 64),
        lambda: _edit(place / "inputs.json", read={"pipe": ""}),
        lambda: _edit(place / "inputs.json", read={"/dev/zero": ""}),
        lambda: _edit(place / "inputs.json", schema_version=2),
        lambda: (place / "inputs.json").write_text("[" * 100_000),
        (place / "inputs.json").unlink,
    ):
        change()
        assert would()
        shutil.rmtree(place)
        shutil.copytree(whole, place)
        assert would() == ""


def test_a_report_of_an_earlier_job_is_taken_over(bench, again, would, tmp_path):
    again()
    shutil.move(tmp_path / "out", tmp_path / "fetched")
    bench.settings = replace(bench.settings, reports=folders.earlier([tmp_path / "fetched"]))
    assert again() == {"trial"}
    assert bench.record.reused == {"trial": "fetched/trial"}
    for name in ("report.json", "inputs.json", "evidence/proof.txt"):
        assert (tmp_path / "out/trial" / name).read_bytes() == (tmp_path / "fetched/trial" / name).read_bytes()
    (tmp_path / "fetched/trial/evidence/proof.txt").write_text("forged")
    shutil.rmtree(tmp_path / "out")
    assert "is not the file that the report names" in would()


def _git(folder, *arguments):
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=folder, check=True, capture_output=True)


COMMITTED = "its earlier report is one of the repository's own files, and is not used"


def test_a_report_that_comes_with_the_checkout_is_never_taken(bench, again, would, tmp_path):
    again()
    _git(tmp_path, "init", "-q")
    assert would() == ""
    (tmp_path / ".gitignore").write_text("out/\n")
    for name in ("inputs.json", "report.json"):
        _git(tmp_path, "add", "-f", f"out/trial/{name}")
        assert would() == COMMITTED, name
        shutil.copytree(tmp_path / "out", tmp_path / "of-a-job", dirs_exist_ok=True)
        assert would() == COMMITTED, name
        _git(tmp_path, "rm", "-q", "--cached", f"out/trial/{name}")
        assert would() == "", name
    shutil.rmtree(tmp_path / "out")
    bench.settings = replace(bench.settings, reports=folders.earlier([tmp_path / "of-a-job"]))
    assert would() == ""
    _git(tmp_path, "add", "-f", "of-a-job")  # the folder asks Git to leave it alone
    assert would() == COMMITTED
    assert again() == set()


def test_where_git_cannot_tell_what_comes_with_the_checkout_the_stage_runs(bench, again, would, tmp_path):
    again()
    _git(tmp_path, "init", "-q")
    bench.settings = replace(bench.settings, env={"PATH": str(tmp_path)})
    assert would() == "whether its earlier report comes with the repository cannot be told: git is not installed"
    shutil.rmtree(tmp_path / ".git")
    assert would() == ""


def test_a_file_that_changes_while_the_stage_runs_is_not_taken_for_what_it_read(bench, tmp_path):
    place = tmp_path / "out/trial"
    place.mkdir(parents=True)
    (place / "report.json").write_text("{}")
    (tmp_path / "side.txt").write_text("2")
    now = unchanged.Before(params="p", versions="v", named={})
    read = {"opened": [str(tmp_path / "side.txt")], "listed": [], "beyond": ""}
    unchanged.keep(place, now, read, (tmp_path / "side.txt").stat().st_ctime_ns - 1, bench.settings)
    assert not (place / "inputs.json").exists()
    unchanged.keep(place, now, read, (tmp_path / "side.txt").stat().st_ctime_ns, bench.settings)
    assert (place / "inputs.json").exists()


def test_whatever_a_hostile_process_says_it_read(bench, tmp_path):
    place = tmp_path / "out/trial"
    place.mkdir(parents=True)
    (place / "report.json").write_text("{}")
    for read in (3, {}, {"beyond": "", "opened": 3, "listed": []}, {"beyond": "", "opened": [1], "listed": [[]]}, {"beyond": "x"}):
        unchanged.keep(place, unchanged.Before(params="p", versions="v", named={}), read, 0, bench.settings)
        assert not (place / "inputs.json").exists()


def test_quality_sees_its_predictions_and_the_record_beside_them(mlops):
    rows = "".join(f"{place % 2},{(place * 7) % 2},{(place % 10) / 10}\n" for place in range(200))
    mlops.write("p.csv", "y_true,y_pred,y_score\n" + rows)
    asked = ("quality", "--predictions", "p.csv", "--gate", "accuracy >= 0.1", "--if-changed")

    def passed_over():
        return "used again" in mlops(*asked).stderr

    assert [passed_over(), passed_over()] == [False, True]
    mlops.write("p.meta.json", json.dumps({"model": {"name": "m", "sha256": "0" * 64}}))
    assert not passed_over()
    mlops.write("p.meta.json", json.dumps({"model": {"name": "m", "sha256": "1" * 64}}))
    assert [passed_over(), passed_over()] == [False, True]


def test_data_runs_each_time_where_a_rule_asks_how_old_it_is(mlops):
    mlops.write("t.csv", "seen,n\n2026-01-01,1\n2026-01-02,2\n")
    fresh = """apiVersion: v3.0.2
kind: DataContract
id: t
version: 1.0.0
status: active
schema:
  - name: t
    properties:
      - {name: seen, logicalType: date}
      - {name: n, logicalType: integer}
"""
    mlops.write("c.odcs.yaml", fresh)
    asked = ("data", "--data", "t.csv", "--contract", "c.odcs.yaml", "--if-changed")
    assert ["used again" in mlops(*asked).stderr for _ in range(2)] == [False, True]
    mlops.write("c.odcs.yaml", fresh + "slaProperties:\n  - {property: freshness, value: 100, unit: d, element: t.seen}\n")
    assert ["used again" in mlops(*asked).stderr for _ in range(2)] == [False, False]
