"""The stage as a user meets it: files, folders, links, addresses; exit codes, pages, digests."""

import bz2
import gzip
import hashlib
import json
import os
import random
import socket
import subprocess
import sys
import zlib

import pytest

from mlops_stage.errors import InputError, UsageError
from mlops_stage.report import Level, NoFinding, NotApplicable
from mlops_stage.stages.scan.criteria import criteria
from mlops_stage.stages.scan.init import init
from mlops_stage.stages.scan.params import ScanParams
from mlops_stage.stages.scan.plan import plan
from mlops_stage.workspace import Workspace


def told(seen, rule):
    return [finding.message for finding in seen.findings if finding.rule == f"scan/{rule}"]


def test_a_folder_of_several_files_with_digests_as_subjects(corpus, scan, folder):
    corpus.onnx_file(folder / "a.onnx")
    (folder / "sub").mkdir()
    (folder / "sub" / "b.pkl").write_bytes(corpus.SYSTEM)
    (folder / "README.md").write_text("a model\n")
    seen = scan()
    assert {subject.name for subject in seen.subjects} == {"model/a.onnx", "model/sub/b.pkl", "model/README.md"}
    for subject in seen.subjects:
        assert subject.sha256 == hashlib.sha256((folder.parent / subject.name).read_bytes()).hexdigest()
    assert [finding.location for finding in seen.findings if finding.level is Level.ERROR] == ["model/sub/b.pkl"]
    assert seen.outputs == {"files": "3", "findings": "1", "errors": "1"}
    assert "README.md" in told(seen, "limits")[0]
    assert "no known danger" not in told(seen, "examined")[0]


def test_what_was_examined_and_what_was_not_is_said_and_nothing_is_called_safe(corpus, scan, folder):
    corpus.onnx_file(folder / "a.onnx")
    seen = scan()
    assert "no known danger was found in what was examined" in told(seen, "examined")[0]
    assert "backdoor" in told(seen, "limits")[0]
    assert not any(" safe" in finding.message for finding in seen.findings)


def test_files_with_the_weights_of_an_onnx_model_are_not_called_unexamined(corpus, scan, folder):
    corpus.with_external("w.bin")(folder)
    assert "w.bin" not in told(scan(), "limits")[0]


def test_a_model_cannot_hide_a_pickle_among_its_weights(corpus, scan, folder):
    corpus.with_external("w.bin")(folder)
    (folder / "w.bin").write_bytes(corpus.SYSTEM)
    assert told(scan(), "dangerous-import")


def test_links_and_pipes_are_findings_and_not_followed(corpus, scan, folder):
    corpus.onnx_file(folder / "a.onnx")
    (folder / "b.pkl").symlink_to("/dev/zero")
    (folder / "sub").symlink_to("/etc")
    os.mkfifo(folder / "pipe.pkl")
    seen = scan()
    assert len(told(seen, "link")) == 3
    assert {subject.name for subject in seen.subjects} == {"model/a.onnx"}


def test_a_pipe_a_socket_or_a_device_is_never_read(scan, folder):
    os.mkfifo(folder / "pipe.pkl")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.open(folder, os.O_RDONLY)
        try:
            listening.bind(f"/proc/self/fd/{here}/listening")  # the name of a socket is short
        finally:
            os.close(here)
        for model in ("model/pipe.pkl", "model/listening", "/dev/null"):
            with pytest.raises(InputError, match="neither a file nor a folder but a pipe, a socket or a device") as caught:
                scan(model)
            assert caught.value.code == 3


def test_code_beside_a_model_is_a_warning(corpus, scan, folder):
    corpus.onnx_file(folder / "a.onnx")
    (folder / "modeling_custom.py").write_text("import os\n")
    seen = scan()
    assert len(told(seen, "code")) == 1
    assert seen.outputs["errors"] == "0"


def test_torchscript_is_a_warning(corpus, scan, folder):
    (folder / "m.pt").write_bytes(corpus.torch_zip(b"\x80\x02}.", [("m/code/__torch__.py", "class M(Module): ...")]))
    assert "TorchScript" in told(scan(), "code")[0]


def test_trusted_packages(corpus, scan, folder):
    (folder / "m.pkl").write_bytes(corpus.named("mypackage.models", "Model"))
    assert scan().outputs["errors"] == "1"
    seen = scan(trusted=("mypackage",))
    assert seen.outputs["errors"] == "0"
    assert told(seen, "pickle")


def test_what_is_no_model_at_all_is_said_clearly(scan, folder):
    (folder / "data.csv").write_text("a,b\n1,2\n")
    for model in ("model/data.csv", "model"):
        with pytest.raises(InputError, match="no model file of any kind known here"):
            scan(model)
    with pytest.raises(UsageError, match="nothing to look into"):
        scan(None)
    with pytest.raises(UsageError, match="does not exist"):
        scan("model/m.onx")


def test_a_model_that_is_written_while_it_is_read(corpus, scan, folder, monkeypatch):
    path = corpus.onnx_file(folder / "a.onnx")
    monkeypatch.setattr(
        "mlops_stage.stages.scan.measure.sha256_many", lambda files: (path.write_bytes(b"other"), dict.fromkeys(files, "0"))[1]
    )
    with pytest.raises(InputError, match="changed while it was read"):
        scan()


def test_what_a_broken_stream_unfolds_to_before_its_fault_is_examined(corpus, scan, folder):
    for broken in (
        zlib.compress(corpus.SYSTEM + bytes(100_000))[:-4],
        gzip.compress(corpus.SYSTEM, mtime=0)[:-8] + bytes(8),
        bz2.compress(corpus.SYSTEM + bytes(2**21))[:-9],
    ):
        (folder / "weights.bin").write_bytes(broken)
        assert told(scan(), "dangerous-import")


def test_numbers_that_begin_like_a_compressed_stream_raise_no_alarm(corpus, scan, folder):
    corpus.onnx_file(folder / "a.onnx")
    rng = random.Random(3)
    for number, start in enumerate([b"\x78\x9c", b"\x80\x02", b"]\0\0", b"BZh", b"\x1f\x8b"]):
        (folder / f"{number}.bin").write_bytes(start + rng.randbytes(5000))
    assert scan().outputs["errors"] == "0"


def test_a_served_model_has_no_file(scan):
    assert isinstance(scan("https://example.org/v2/models/m"), NotApplicable)


@pytest.mark.parametrize("model", ["file:///etc/m.pkl", "s3://bucket/m.pkl", "https://example.org/m.pkl", "ftp://host/v2/models/m"])
def test_other_addresses_are_refused_and_never_pass(scan, tmp_path, model):
    with pytest.raises(UsageError):
        scan(model)
    with pytest.raises(UsageError):
        plan(ScanParams(model=model), Workspace(root=tmp_path, run_dir=tmp_path, out=tmp_path, cache=tmp_path))


def test_no_folder_is_passed_over_in_silence(corpus, scan, folder):
    corpus.onnx_file(folder / "a.onnx")
    for name in ("__pycache__", "mlops-out", ".mlops-stage", ".hidden"):
        (folder / name).mkdir()
        (folder / name / "x.pkl").write_bytes(corpus.SYSTEM)
    (folder / ".git").mkdir()
    seen = scan()
    assert len(told(seen, "dangerous-import")) == 4
    assert told(seen, "not-examined") == ["the folder .git was not examined"]
    (folder.parent / "mlops-out").mkdir()
    assert "the folder mlops-out was not examined" in told(scan("."), "not-examined")


def test_findings_of_one_rule_are_capped_and_counted(corpus, scan, folder):
    (folder / "m.zip").write_bytes(corpus.zipped(*((f"../{number}", b"") for number in range(300))))
    found = told(scan(), "archive-path")
    assert len(found) == 21
    assert found[-1] == "m.zip: and 280 more"


def test_numbers_of_torch_are_not_listed_as_unexamined_and_bytes_behind_a_pickle_are_warned_of(corpus, scan, folder):
    (folder / "m.pt").write_bytes(corpus.torch_zip(b"\x80\x02}."))
    assert "data/0" not in told(scan(), "limits")[0]
    (folder / "m.pkl").write_bytes(b"\x80\x02}." + b"\xff" * 9)
    assert "9 bytes behind its last pickle, which nothing examined" in told(scan(), "not-examined")[0]


def test_what_picklescan_is_not_asked_about_is_warned_of(scan, folder):
    (folder / "m.pkl").write_bytes(b"\x80\x02" + b"N0" * 260_000 + b"N.")
    seen = scan()
    assert "one reader only" in told(seen, "not-examined")[0]
    assert seen.outputs["errors"] == "0"


def test_gates_of_the_user_never_replace_the_stages_own():
    (own,) = criteria(ScanParams(model="m", gates=("warnings <= 0",)), None)
    assert own == NoFinding(level=Level.ERROR, source="scan")
    (strict,) = criteria(ScanParams(model="m", fail_on="warning"), None)
    assert strict.level is Level.WARNING


def test_hostile_files_exit_1_and_the_parent_lives(corpus, mlops):
    for name, make in [*list(corpus.SIZE_AND_PATH.items())[:2], ("bomb", corpus.bomb), ("pickle", corpus.HOSTILE_PICKLES["os.system"])]:
        folder = mlops.cwd / name.replace(" ", "-") / "model"
        folder.mkdir(parents=True)
        done = mlops("scan", "--model", make(folder).relative_to(mlops.cwd).as_posix(), "--out", f"out-{folder.parent.name}")
        assert done.returncode == 1, done.stderr
        assert "Traceback" not in done.stderr + done.stdout
        sarif = json.loads((mlops.cwd / f"out-{folder.parent.name}" / "report.sarif").read_text())
        results = [
            result for result in sarif["runs"][0]["results"] if result["level"] == "error" and not result["ruleId"].endswith("/gate")
        ]
        assert results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith(("m.onnx", "m.pkl"))
        assert results[0]["ruleId"].startswith("scan/")


def test_other_stages_exit_3_on_a_hostile_model(corpus, mlops):
    (mlops.cwd / "model").mkdir()
    corpus.bomb(mlops.cwd / "model")
    mlops.write("data.csv", "x,y\n1,0\n2,1\n")
    done = mlops("quality", "--model", "model/m.onnx", "--data", "data.csv", "--label", "y")
    assert done.returncode == 3
    assert "ConstantOfShape" in done.stdout + done.stderr


def test_a_gate_on_warnings_joins(corpus, mlops):
    (mlops.cwd / "m.pkl").write_bytes(corpus.named("sklearn.svm", "SVC"))
    assert mlops("scan", "--model", "m.pkl").returncode == 0
    assert mlops("scan", "--model", "m.pkl", "--gate", "warnings <= 0").returncode == 1
    assert mlops("scan", "--model", "m.pkl", "--fail-on", "warning").returncode == 1


def test_two_runs_give_the_same_bytes(corpus, mlops):
    (mlops.cwd / "m.pkl").write_bytes(corpus.SYSTEM)
    first, second = (
        (mlops("scan", "--model", "m.pkl", "--out", out), (mlops.cwd / out / "scan" / "report.json").read_bytes())[1] for out in ("a", "b")
    )
    assert first == second


def test_plan_counts_and_opens_nothing(corpus, folder, tmp_path):
    (folder / "m.pkl").write_bytes(corpus.SYSTEM)
    workspace = Workspace(root=tmp_path, run_dir=tmp_path, out=tmp_path, cache=tmp_path)
    assert "1 file of 48 bytes" in plan(ScanParams(model="model"), workspace).notes[0]
    assert plan(ScanParams(model="http://host/v2/models/m"), workspace).cost == "nothing"


def test_init_finds_models(tmp_path):
    assert init(tmp_path) is None
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.pkl").touch()
    assert init(tmp_path) == {"model": "models/a.pkl"}
    (tmp_path / "models" / "b.onnx").touch()
    assert init(tmp_path) == {"model": "models"}
    (tmp_path / "c.onnx").touch()
    assert init(tmp_path) == {"model": "c.onnx"}


def test_what_the_parent_imports_is_light():
    code = "import sys, mlops_stage.stages.scan.init, mlops_stage.stages.scan.params; print('picklescan' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
