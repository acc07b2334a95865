"""Output directories of separate jobs become one, whatever they hold."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mlops_stage.errors import UsageError
from mlops_stage.evidence import required
from mlops_stage.runner import folders, merging


@pytest.fixture
def jobs(tmp_path):
    """Output directories as jobs leave them."""
    return lambda folder, name, outcome="passed", **more: made(tmp_path / folder, name, outcome, **more)


def made(out, name, outcome="passed", **more):
    """An output directory with one report in it, and a file that backs it; what it says differs with its outcome alone."""
    (out / name / "evidence").mkdir(parents=True, exist_ok=True)
    (out / name / "evidence/proof.txt").write_text("proof")
    backing = [{"path": "evidence/proof.txt", "sha256": hashlib.sha256(b"proof").hexdigest()}]
    plain = {"stage": "trial", "id": name, "outcome": outcome, "summary": "s", "evidence": backing, "schema_version": 1, **more}
    (out / name / "report.json").write_text(json.dumps(plain))
    return out


def record(trial, out="all"):
    return json.loads((trial.cwd / out / "run.json").read_text())


def test_separate_jobs_become_one_page_and_one_exit_code(trial):
    for name, do in (("a", "pass"), ("b", "fail")):
        trial("trial", "--do", do, "--id", name, "--out", f"j{name}", "-q")
    run = trial("report", "merge", "ja", "jb", "--out", "all")
    assert run.returncode == 1
    assert record(trial)["ids"] == ["a", "b"]
    for page in ("summary.md", "report.html", "junit.xml", "outputs.env", "report.sarif", "metrics.txt", "codequality.json"):
        assert (trial.cwd / "all" / page).is_file()
    assert (trial.cwd / "all/outputs.env").read_text() == "a_colour=green\na_outcome=passed\nb_colour=green\nb_outcome=failed\n"
    for name, folder in (("a", "ja"), ("b", "jb")):
        for file in ("report.json", "evidence/proof.txt"):
            assert (trial.cwd / "all" / name / file).read_bytes() == (trial.cwd / folder / name / file).read_bytes()


def test_paths_lead_from_the_top_of_the_repository_whichever_folder_a_job_ran_for(trial):
    for folder in ("credit", "fraud"):
        (trial.cwd / "ml" / folder).mkdir(parents=True)
        (trial.cwd / "ml" / folder / "eval.yaml").write_text(f"version: 1\nruns:\n- {{id: {folder}, stage: trial, with: {{do: fail}}}}\n")
        trial("run", "--config", f"ml/{folder}/eval.yaml", "--out", f"j-{folder}", "-q")
    assert record(trial, "j-credit")["configs"] == {"credit": "ml/credit/eval.yaml"}
    trial("trial", "--out", "j-credit", "-q")
    assert record(trial, "j-credit")["configs"] == {"credit": "ml/credit/eval.yaml"}
    trial("report", "merge", "j-credit", "j-fraud", "--out", "all")
    told = {"credit": "ml/credit/eval.yaml", "fraud": "ml/fraud/eval.yaml"}
    assert record(trial)["configs"] == told
    issues = json.loads((trial.cwd / "all/codequality.json").read_text())
    assert {issue["location"]["path"] for issue in issues} == set(told.values())


def test_a_record_that_is_none_says_nothing_of_configs(tmp_path):
    for content in (b"", b"[", b"[]", b"{}", b'{"configs": []}', b'{"configs": {"a": 1}}', b'{"configs": 1}'):
        (tmp_path / "run.json").write_bytes(content)
        assert folders.configs(tmp_path, ["a"]) == {}


def _error(code):
    return {"error": {"code": code, "message": "m", "hint": ""}}


def test_the_exit_code_is_that_of_one_run_of_all(trial, jobs):
    for place, (outcome, more, code) in enumerate(
        [
            ("not_applicable", {}, 0),
            ("passed", {}, 0),
            ("inconclusive", {"params": {"on_inconclusive": "pass"}}, 0),
            ("inconclusive", {}, 5),
            ("failed", {}, 1),
            ("error", _error(2), 2),
            ("error", _error(3), 3),
            ("error", _error(4), 4),
        ]
    ):
        jobs(f"j{place}", f"r{place}", outcome, **more)
        places = [place.name for place in sorted(trial.cwd.glob("j?"))]
        assert trial("report", "merge", *places, "--out", "all").returncode == code
    jobs("f", "f", "inconclusive", params={"on_inconclusive": "fail"})
    assert trial("report", "merge", "j0", "f", "--out", "f0").returncode == 1


def test_what_is_required_and_absent_fails_and_every_page_says_so(trial, jobs):
    jobs("ja", "a")
    run = trial("report", "merge", "ja", "--out", "all", "--require", "a,fairness")
    assert run.returncode == 1
    assert "fairness is required, and there is no report of it" in run.stdout
    assert record(trial)["ids"] == ["a", "required"]
    for page in ("summary.md", "report.html", "junit.xml"):
        assert "fairness is required" in (trial.cwd / "all" / page).read_text(), page
    assert not (trial.cwd / "all/required").exists()  # it is true of this merge alone
    assert trial("report", "merge", "ja", "--out", "all", "--require", "a").returncode == 0
    assert "fairness" not in (trial.cwd / "all/report.html").read_text()


@pytest.mark.parametrize(
    ("require", "code"),
    [
        ("a", 0),
        ("a=passed,c=inconclusive", 5),
        ("c", 1),
        ("b=failed", 1),
        ("n", 1),
        ("https://cyclonedx.org/bom", 1),
    ],
)
def test_requirements_are_spelled_as_those_of_verify(trial_catalogue, tmp_path, require, code):
    places = [made(tmp_path / name, name, outcome) for name, outcome in (("a", "passed"), ("c", "inconclusive"), ("n", "not_applicable"))]
    places += [made(tmp_path / "jb", "b", "failed")] if "b" in require.split("=")[0].split(",") else []
    wanted = tuple(required.parse(part) for part in require.split(","))
    if code == 0:
        places = places[:1]
    asked = merging.Asked(places=tuple(places), out=tmp_path / "all", require=wanted)
    assert merging.merge(asked, trial_catalogue, {})[0].exit_code == code


def test_a_misspelt_requirement_is_wrong_usage(trial, jobs):
    jobs("ja", "a")
    assert trial("report", "merge", "ja", "--require", "a=well").returncode == 2
    empty = trial("report", "merge", "ja", "--require", "")
    assert (empty.returncode, "--require: it is empty" in empty.stderr) == (2, True)


def test_matrix_jobs_with_ids_of_their_own_never_collide_and_others_are_told_apart(trial, jobs):
    jobs("m1", "linux")
    jobs("m2", "macos")
    assert trial("report", "merge", "m1", "m2", "--out", "all").returncode == 0
    jobs("m3", "linux", "failed")
    run = trial("report", "merge", "m1", "m3", "--out", "both")
    assert run.returncode == 2
    assert "two reports have the id 'linux'" in run.stderr
    assert str(trial.cwd / "m1/linux") in run.stderr
    assert str(trial.cwd / "m3/linux") in run.stderr
    assert not (trial.cwd / "both").exists()


def test_the_same_report_from_two_folders_is_one(trial, jobs):
    jobs("ja", "a")
    shutil.copytree(trial.cwd / "ja", trial.cwd / "copy")
    assert trial("report", "merge", "ja", "copy", "--out", "all").returncode == 0
    assert record(trial)["ids"] == ["a"]


def _tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "run.json"
    }


def test_merging_again_changes_nothing_and_newer_reports_replace_older_ones(trial, jobs):
    jobs("ja", "a")
    jobs("jb", "b")
    trial("report", "merge", "ja", "jb", "--out", "all")
    before = _tree(trial.cwd / "all")
    assert trial("report", "merge", "ja", "jb", "--out", "all").returncode == 0
    assert _tree(trial.cwd / "all") == before
    jobs("jb", "b", "failed")
    assert trial("report", "merge", "ja", "jb", "--out", "all").returncode == 1


def test_the_output_of_the_running_job_is_merged_where_it_is(trial, jobs):
    jobs("mlops-out", "a")
    jobs("jb", "b", "failed")
    inode = (trial.cwd / "mlops-out/a/report.json").stat().st_ino
    for _ in range(2):  # the second time b lies in both
        assert trial("report", "merge", "mlops-out", "jb").returncode == 1
        assert record(trial, "mlops-out")["ids"] == ["a", "b"]
    assert (trial.cwd / "mlops-out/a/report.json").stat().st_ino == inode
    (trial.cwd / "mlops-out/a/evidence/proof.txt").write_text("other")
    run = trial("report", "merge", "mlops-out")
    assert run.returncode == 3
    assert "a: evidence/proof.txt is not the file that the report names" in run.stderr
    assert (trial.cwd / "mlops-out/a/report.json").is_file()


def test_folders_of_single_reports_may_be_named_too(trial, jobs):
    shutil.move(jobs("ja", "a") / "a", trial.cwd / "artifact-7")
    assert trial("report", "merge", "artifact-7", "--out", "all").returncode == 0
    assert (trial.cwd / "all/a/report.json").is_file()


def test_a_place_without_reports_is_told_unless_something_says_what_must_be_there(trial, jobs):
    jobs("ja", "a")
    run = trial("report", "merge", "ja", "absent", "--out", "all")
    assert (run.returncode, "absent holds no report.json" in run.stderr) == (2, True)
    assert trial("report", "merge", "ja", "absent", "--out", "all", "--require", "a").returncode == 0
    assert trial("report", "merge", "absent", "--out", "none", "--require", "a").returncode == 1


def test_private_evidence_stays_where_it_is_unless_it_is_asked_for(trial_catalogue, tmp_path):
    job = made(tmp_path / "job", "a")
    private = job / "a/evidence/private"
    private.mkdir(parents=True)
    (private / "people.csv").write_text("ada")
    sha256 = hashlib.sha256(b"ada").hexdigest()
    plain = json.loads((job / "a/report.json").read_text())
    (job / "a/report.json").write_text(json.dumps({**plain, "evidence": [{"path": "evidence/private/people.csv", "sha256": sha256}]}))
    for asked, there in ((False, False), (True, True)):
        out = tmp_path / f"all-{asked}"
        run, _ = merging.merge(merging.Asked(places=(job,), out=out, private=asked), trial_catalogue, {})
        assert run.exit_code == 0
        assert (out / "a/evidence/private/people.csv").exists() is there
    (private / "people.csv").unlink()  # no CI system hands it on
    assert merging.merge(merging.Asked(places=(job,), out=tmp_path / "x", private=True), trial_catalogue, {})[0].exit_code == 0


def _link_report(folder):
    (folder / "report.json").rename(folder.parent.parent / "away.json")
    (folder / "report.json").symlink_to(folder.parent.parent / "away.json")


def _link_folder(folder):
    folder.rename(folder.parent.parent / "away")
    folder.symlink_to(folder.parent.parent / "away")


def _pipe(folder):
    (folder / "report.json").unlink()
    os.mkfifo(folder / "report.json")


def _huge(folder):
    with (folder / "report.json").open("r+b") as stream:
        stream.truncate(folders.MOST_BYTES + 1)


def _evidence(path):
    def change(folder):
        plain = json.loads((folder / "report.json").read_text())
        plain["evidence"][0]["path"] = path
        (folder / "report.json").write_text(json.dumps(plain))

    return change


def _link_evidence(folder):
    (folder / "evidence/proof.txt").rename(folder / "elsewhere.txt")
    (folder / "evidence/proof.txt").symlink_to(folder / "elsewhere.txt")


def _vast_evidence(folder):
    with (folder / "evidence/proof.txt").open("r+b") as stream:
        stream.truncate(2**43)


def _more_evidence(path):
    def change(folder):
        plain = json.loads((folder / "report.json").read_text())
        plain["evidence"].append({**plain["evidence"][0], "path": path})
        (folder / "report.json").write_text(json.dumps(plain))

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_more_evidence("evidence/proof.txt"), "it names one file of evidence twice"),
        (_more_evidence("evidence/./proof.txt"), "it names one file of evidence twice"),
        (_link_report, "is a link that leads out of b/"),
        (_link_folder, "is a link"),
        (_pipe, "is no regular file"),
        (_huge, "has more than 268,435,456 bytes"),
        (lambda folder: (folder / "report.json").write_text('{"schema_version": 99}'), "schema version 99"),
        (lambda folder: (folder / "report.json").write_bytes(b"\xff\x00"), "cannot read the report"),
        (lambda folder: (folder / "report.json").write_text("[" * 200_000), "cannot read the report"),
        (lambda folder: (folder / "evidence/proof.txt").write_text("forged"), "is not the file that the report names"),
        (lambda folder: (folder / "evidence/proof.txt").unlink(), "cannot read"),
        (_link_evidence, "is, or lies behind, a link"),
        (_vast_evidence, "there is no room for them"),
        (_evidence("../../secret"), "does not name a path inside"),
        (_evidence("/etc/passwd"), "does not name a path inside"),
        (_evidence("evidence"), "is no regular file"),
    ],
)
def test_a_hostile_folder_is_one_line_and_the_others_are_merged(trial, jobs, change, told):
    jobs("ja", "a")
    bad = jobs("jb", "b")
    (trial.cwd / "secret").write_text("secret")
    change(bad / "b")
    run = trial("report", "merge", "ja", "jb", "--out", "all", "--require", "a,b")
    assert run.returncode == 3
    lines = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert lines[0].startswith("error: left out of the merge: ")
    assert told in lines[0]
    assert record(trial)["ids"] == ["a", "required"]
    assert not (trial.cwd / "all/b").exists()
    assert not list((trial.cwd / "all").rglob("*.part"))


def test_evidence_that_cannot_be_written_costs_its_report_alone(trial, jobs):
    jobs("ja", "a")
    deep = "/".join(["d" * 200] * 18 + ["d" * 100, "d" * (3_950 - 18 * 201 - 101 - len(str(trial.cwd)))])
    (jobs("jb", "b") / "b" / deep).parent.mkdir(parents=True)
    (trial.cwd / "jb/b" / deep).write_text("proof")
    _more_evidence(deep)(trial.cwd / "jb/b")
    out = "o" * 200  # in which the path is longer than any may be
    run = trial("report", "merge", "jb", "ja", "--out", out)
    assert run.returncode == 3
    assert "File name too long" in run.stderr
    assert record(trial, out)["ids"] == ["a"]


def test_of_a_report_that_is_left_out_no_earlier_copy_is_left(trial, jobs):
    jobs("ja", "a")
    bad = jobs("jb", "b")
    assert trial("report", "merge", "ja", "jb", "--out", "all").returncode == 0
    (bad / "b/evidence/proof.txt").write_text("forged")
    assert trial("report", "merge", "ja", "jb", "--out", "all").returncode == 3
    assert not (trial.cwd / "all/b").exists()


def test_other_peoples_files_are_not_written_over(trial, jobs):
    jobs("ja", "a")
    trial.write("home/thesis.txt", "mine")
    run = trial("report", "merge", "ja", "--out", "home")
    assert (run.returncode, "holds other files" in run.stderr) == (2, True)


def test_signatures_of_different_jobs_come_along_and_two_of_one_name_are_refused(trial, jobs):
    for folder, name in (("ja", "a"), ("jb", "b")):
        jobs(folder, name, subjects=[{"role": "model", "name": "m.onnx", "sha256": "0" * 64}])
        trial.write(f"{folder}/attestations/{name}.sigstore.json", f'{{"of": "{name}"}}')
        trial.write(f"{folder}/attestations/{name}.json", "{}")
    assert trial("report", "merge", "ja", "jb", "--out", "all").returncode == 0
    assert sorted(path.name for path in (trial.cwd / "all/attestations").iterdir()) == [
        "a.json",
        "a.sigstore.json",
        "b.json",
        "b.sigstore.json",
    ]
    trial.write("jb/attestations/a.sigstore.json", "{}")
    run = trial("report", "merge", "ja", "jb", "--out", "all")
    assert (run.returncode, "two jobs wrote attestations/a.sigstore.json, and not the same" in run.stderr) == (2, True)
    (trial.cwd / "jb/attestations/a.sigstore.json").unlink()
    (trial.cwd / "jb/attestations/a.sigstore.json").symlink_to("/etc/hostname")
    run = trial("report", "merge", "ja", "jb", "--out", "all")
    assert (run.returncode, "is a link that leads out" in run.stderr) == (3, True)


def test_the_id_of_the_requirements_is_not_taken_by_a_report(trial_catalogue, tmp_path):
    job = made(tmp_path / "job", "required")
    asked = merging.Asked(places=(job,), out=tmp_path / "all", require=(required.parse("required"),))
    with pytest.raises(UsageError, match="stands for what --require asks"):
        merging.merge(asked, trial_catalogue, {})


def test_policies_are_refused_as_everywhere(trial, jobs):
    jobs("ja", "a")
    assert trial("report", "merge", "ja", "--out", "all", MLOPS_POLICY="x").returncode == 2
    assert not Path(trial.cwd / "all").exists()


def test_what_a_job_has_signed_is_verified_after_the_merge_and_what_is_not_signed_yet_can_be_signed(mlops, jobs):
    key = ec.generate_private_key(ec.SECP256R1())
    (mlops.cwd / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (mlops.cwd / "pub.pem").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    mlops.write("model.onnx", "model")
    about = [{"role": "model", "name": "model.onnx", "sha256": hashlib.sha256(b"model").hexdigest()}]
    for name in ("quality", "fairness"):
        jobs(name, name, stage=name, subjects=about)
    assert mlops("sign", "--key", "key.pem", "--reports", "quality", "--out", "signed").returncode == 0
    assert mlops("report", "merge", "quality", "fairness", "signed", "--out", "all").returncode == 0
    wanted = ("verify", "--key", "pub.pem", "--model", "model.onnx", "--out", "all", "--require")
    assert mlops(*wanted, "quality").returncode == 0
    assert mlops(*wanted, "fairness").returncode == 1
    assert mlops("sign", "--key", "key.pem", "--out", "all").returncode == 0
    assert mlops(*wanted, "quality,fairness").returncode == 0
    assert mlops("report", "merge", "all", "--require", "quality,fairness,sign,verify", "--out", "all").returncode == 0
