import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_stage.errors import InputError, StageError, UsageError
from mlops_stage.evidence.paths import write_aside
from mlops_stage.report import SCHEMA_VERSION, read_report
from mlops_stage.runner import folders
from mlops_stage.workspace import WORK


@pytest.fixture
def bench(bench):
    """Folders are as well filled from this process."""
    bench.in_process()
    return bench


def test_a_folder_that_is_not_ours_is_never_replaced(bench, tmp_path):
    precious = tmp_path / "out" / "trial" / "thesis.tex"
    precious.parent.mkdir(parents=True)
    precious.write_text("years")
    with pytest.raises(UsageError, match="holds no report of an earlier run") as caught:
        bench.one()
    assert "--out" in caught.value.hint
    assert precious.read_text() == "years"


def test_a_directory_with_files_of_somebody_else_is_left_alone(bench, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".gitkeep").write_text("")
    bench.one()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.html").write_text("mine")
    bench.settings = replace(bench.settings, out=tmp_path / "mine")
    with pytest.raises(UsageError, match="holds other files"):
        bench.one()
    assert (tmp_path / "mine" / "report.html").read_text() == "mine"


def test_a_link_or_a_file_in_our_place_is_refused(bench, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "trial").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError):
        bench.one()
    (tmp_path / "out" / "trial").unlink()
    (tmp_path / "out" / "trial").write_text("")
    with pytest.raises(UsageError):
        bench.one()


def test_an_output_directory_that_is_a_file_is_refused(bench, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        bench.one()


def test_an_earlier_report_is_replaced_whole(bench, tmp_path):
    bench.one()
    stale = tmp_path / "out" / "trial" / "evidence" / "stale.txt"
    stale.write_text("old")
    bench.one("fail")
    assert not stale.exists()
    assert json.loads((tmp_path / "out" / "trial" / "report.json").read_text())["outcome"] == "failed"


def test_what_a_stage_was_at_work_on_is_not_published(bench, tmp_path):
    bench.one()
    report = read_report(tmp_path / "out" / "trial" / "report.json")
    folder = folders.begin(tmp_path / "out", "trial")
    (folder / f"{WORK}x").mkdir()
    (folder / f"{WORK}x" / "rows.npz").write_bytes(b"rows of people")
    folders.finish(tmp_path / "out", folder, report)
    assert [path.name for path in (tmp_path / "out" / "trial").iterdir()] == ["report.json"]


def test_reports_of_a_newer_version_are_refused(bench, tmp_path):
    bench.one()
    file = tmp_path / "out" / "trial" / "report.json"
    plain = json.loads(file.read_text())
    file.write_text(json.dumps({**plain, "schema_version": SCHEMA_VERSION + 1}))
    with pytest.raises(InputError, match="schema version 2; this mlops-stage reads up to 1") as caught:
        folders.earlier([tmp_path / "out"])
    assert "upgrade" in caught.value.hint
    shutil.copytree(tmp_path / "out" / "trial", tmp_path / "out" / "newer")
    bench.one()  # beside a report that it cannot read, a run goes on and says so; the exit code is its own
    assert bench.record.exit_code == 0
    assert "schema version 2" in bench.record.unreadable[0]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stage": "x"}', '{"schema_version": 1}', '{"schema_version": 1, "stage": 3}', "\x00"])
def test_a_report_that_is_none_is_refused_in_one_line(tmp_path, text):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "report.json").write_text(text)
    with pytest.raises(InputError) as caught:
        folders.earlier([tmp_path])
    assert "\n" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("text", ["{", "[" * 200_000, '{"schema_version": 1, "seed": NaN}', "NEIGHBOUR"])
def test_a_neighbour_that_is_no_report_changes_nothing(bench, tmp_path, text):
    bench.one()
    whole = (tmp_path / "out" / "trial" / "report.json").read_text()
    (tmp_path / "out" / "foo").mkdir()
    (tmp_path / "out" / "foo" / "report.json").write_text(whole.replace("passed", "failed") if text == "NEIGHBOUR" else text)
    bench.one()
    assert bench.record.exit_code == 0
    assert len(bench.record.unreadable) == 1
    assert "\n" not in bench.record.unreadable[0]
    assert [report.id for report in bench.record.reports] == ["trial"]


@pytest.mark.parametrize("change", [{"id": "x\nLD_PRELOAD=/tmp/evil.so\ny"}, {"outputs": {"a\nLD_PRELOAD": "x"}}, {"stage": "a b"}])
def test_a_forged_report_writes_no_line_of_its_own_into_outputs(bench, tmp_path, change):
    bench.one()
    plain = json.loads((tmp_path / "out" / "trial" / "report.json").read_text())
    (tmp_path / "out" / "foo").mkdir()
    (tmp_path / "out" / "foo" / "report.json").write_text(json.dumps({**plain, "id": "foo", **change}))
    bench.one()
    assert "LD_PRELOAD" not in (tmp_path / "out" / "outputs.env").read_text()
    assert bench.record.unreadable


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interrupt_between_the_two_renames_leaves_neither_report(bench, tmp_path, monkeypatch, error):
    bench.one()
    attestations = tmp_path / "out" / "attestations"
    attestations.mkdir(exist_ok=True)
    for name in ("trial.json", "trial.sigstore.json", "trial.provenance.json"):
        (attestations / name).write_text("{}")
    rename = Path.rename

    def interrupted(self, target):
        if self.name.endswith(".part"):
            raise error
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    bench.run(bench.request("fail"))
    assert not (tmp_path / "out" / "trial").exists()
    assert not list(attestations.iterdir())
    assert bench.record.exit_code != 0
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")] == [".gitignore"]


def test_a_report_that_could_not_be_written_is_not_stood_in_for_by_the_earlier_one(bench, tmp_path, monkeypatch):
    bench.one()

    def full(path, content):
        if path.name == folders.REPORT:
            raise StageError("no space left on device")
        write_aside(path, content)

    monkeypatch.setattr(folders, "write_aside", full)
    bench.run(bench.request())
    assert bench.record.exit_code == 3
    assert bench.record.reports == ()
    assert "passed" not in (tmp_path / "out" / "outputs.env").read_text()


def test_a_folder_without_reports_is_refused(tmp_path):
    with pytest.raises(UsageError, match="holds no report.json"):
        folders.earlier([tmp_path])


def test_two_reports_of_one_id_are_refused(bench, tmp_path):
    bench.one()
    shutil.copytree(tmp_path / "out", tmp_path / "other")
    with pytest.raises(UsageError, match="two reports have the id 'trial'"):
        folders.earlier([tmp_path / "out", tmp_path / "other"])
    assert len(folders.earlier([tmp_path / "out", tmp_path / "out" / "trial"])) == 1


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
most = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # every file that grows beyond these bytes fails as on a full disk
sys.argv = ["mlops-stage", "trial", "--in-process"]
from mlops_stage.cli import main
main()
"""


def test_a_disk_that_is_full_costs_one_line_and_leaves_nothing_half_written_and_nothing_of_the_run_before(trial):
    assert trial("trial").returncode == 0
    assert trial("trial", "--id", "other").returncode == 0
    out = trial.cwd / "mlops-out"
    before = (out / "other" / "report.json").read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL, "200"], cwd=trial.cwd, env=trial.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("cannot write") == 1
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in out.iterdir()) == [".gitignore", "other"]
    assert (out / "other" / "report.json").read_bytes() == before
    assert trial("trial").returncode == 0  # with room again the directory is still ours


def test_a_disk_that_is_full_from_the_start_is_told_before_the_work(trial):
    out = trial.cwd / "mlops-out"
    out.mkdir()
    command = [sys.executable, "-c", FULL, "0"]
    done = subprocess.run(command, cwd=trial.cwd, env=trial.environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.splitlines() == [
        f"error: cannot write to {out}: File too large",
        "hint: free some space, or name another directory with --out",
    ]
    assert list(out.iterdir()) == []


def test_a_directory_that_cannot_be_written_is_refused_before_the_work(trial):
    done = trial("trial", "--out", "/dev/null/out")  # permissions would not stop root
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error: cannot write to /dev/null/out: Not a directory",
        "hint: name a directory that can be written with --out",
    ]


def test_a_user_without_a_home_keeps_things_in_a_folder_of_their_own(monkeypatch, tmp_path):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(folders.Path, "home", homeless)
    monkeypatch.setattr(folders.tempfile, "gettempdir", lambda: str(tmp_path))
    place = folders.cache({})
    assert place.is_relative_to(tmp_path)
    assert place.parent.stat().st_mode & 0o777 == 0o700
    assert folders.cache({}) == place
    place.parent.chmod(0o777)
    with pytest.raises(StageError, match="is not this user's alone"):
        folders.cache({})


def _pipe(file):
    os.mkfifo(file)


def _endless(file):
    file.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [_pipe, _endless])
def test_a_report_that_never_ends_is_told(tmp_path, make):
    (tmp_path / "out/trial").mkdir(parents=True)
    make(tmp_path / "out/trial/report.json")
    with pytest.raises(InputError, match=r"is no regular file|leads out of"):
        folders.earlier([tmp_path / "out"])
    assert "trial" in folders.others(tmp_path / "out", ())[1][0]


def test_git_passes_over_an_output_directory_that_a_run_has_made_and_no_other(trial):
    subprocess.run(["git", "init", "-q", "."], cwd=trial.cwd, check=True)
    (trial.cwd / "there").mkdir()
    (trial.cwd / "mine").mkdir()
    (trial.cwd / "mine" / ".gitignore").write_text("run.json\n")
    for out in ("mlops-out", "there", "mine", "mlops-out"):
        assert trial("trial", "--out", out).returncode == 0
    assert trial("report", "merge", "mlops-out", "--out", "merged").returncode == 0
    subprocess.run(["git", "add", "-A"], cwd=trial.cwd, check=True)
    told = subprocess.run(["git", "ls-files"], cwd=trial.cwd, check=True, capture_output=True, text=True).stdout.splitlines()
    assert not [name for name in told if name.startswith(("mlops-out/", "merged/"))]
    assert {"there/run.json", "mine/summary.md"} < set(told)
    assert not (trial.cwd / "there" / ".gitignore").exists()
    assert (trial.cwd / "mine" / ".gitignore").read_text() == "run.json\n"
