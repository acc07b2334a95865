"""Commit, tag, remote and times; nothing of the repository is run."""

import hashlib
import os
import shutil
import subprocess

import pytest

from mlops_stage.stages.sbom.extract.git import address, git_of


@pytest.mark.parametrize(
    ("remote", "told"),
    [
        ("https://github.com/acme/credit.git", "https://github.com/acme/credit"),
        ("https://user:s3cret@github.com/acme/credit.git", "https://github.com/acme/credit"),
        ("https://ghp_token@github.com/acme/credit", "https://github.com/acme/credit"),
        ("https://a:b@c:d@host.example/x/y/", "https://host.example/x/y"),
        ("https://me:s3cret/s3cret@host.example/x", "https://host.example/x"),
        ("https://host.example/x?token=s3cret", ""),
        ("https://me:s3cret%40host.example/x", ""),
        ("git@github.com:acme/credit.git", "https://github.com/acme/credit"),
        ("ssh://git@host.example:2222/group/sub/credit.git", "https://host.example/group/sub/credit"),
        ("git://host.example/credit.git", "https://host.example/credit"),
        ("/home/me/credit.git", ""),
        ("file:///home/me/credit", ""),
        ("../credit", ""),
        ("", ""),
    ],
)
def test_a_remote_is_told_as_a_public_address(remote, told):
    assert address(remote) == told
    assert "s3cret" not in address(remote)


def test_the_state_of_the_repository_is_told(project):
    project.network()
    project.commit(remote="https://me:s3cret@host.example/acme/credit.git", tag="v1.2")
    found = project.look(model="model.onnx")
    assert (found.git.remote, found.git.tag, found.git.dirty) == ("https://host.example/acme/credit", "v1.2", "false")
    assert len(found.git.commit) == 40
    assert found.epoch == found.git.committed == 1767323045
    assert "s3cret" not in repr(found)
    assert (found.system.name, found.system.version, found.system.text("producer")) == ("credit", "v1.2", "acme")
    assert found.models[0].text("timestamp") == "2026-01-02T03:04:05Z"


def test_what_was_changed_since_is_told(project):
    project.network()
    project.commit()
    project.network(doc_string="changed")
    assert project.look(model="model.onnx").git.dirty == "true"


def test_a_copy_of_the_repository_elsewhere_gives_the_same(project, tmp_path):
    project.network()
    project.commit(remote="https://host.example/acme/credit")
    first = project.look(model="model.onnx")
    shutil.copytree(project.root, tmp_path / "copy", copy_function=shutil.copy)
    project.root = tmp_path / "copy"
    assert project.look(model="model.onnx") == first


HOSTILE = """
[core]
	fsmonitor = {script}
	pager = {script}
	hooksPath = {folder}
	sshCommand = {script}
	gitProxy = {script}
	alternateRefsCommand = {script}
	attributesFile = {folder}/attributes
	editor = {script}
[diff]
	external = {script}
[diff "evil"]
	command = {script}
	textconv = {script}
[filter "evil"]
	clean = {script}
	smudge = {script}
	process = {script}
	required = true
[filter "e=v"]
	clean = {script}
[gpg]
	program = {script}
[log]
	showSignature = true
[credential]
	helper = {script}
[alias]
	status = !{script}
	log = !{script}
[remote "origin"]
	promisor = true
	partialclonefilter = blob:none
	uploadpack = {script}
	url = ext::{script}
[protocol]
	allow = always
[extensions]
	partialClone = origin
"""


def test_nothing_that_a_repository_configures_is_run(project, tmp_path):
    project.network()
    for name in ("a.txt", "b.txt", "gone.txt"):
        project.write(name, name)
    project.write(".gitattributes", "* filter=evil diff=evil\nb.txt filter=e=v\n")
    project.commit(tag="v1")
    blob = subprocess.run(["git", "rev-parse", ":gone.txt"], cwd=project.root, capture_output=True, text=True, check=True).stdout.strip()
    canary = tmp_path / "ran"
    script = project.write("run.sh", f"#!/bin/sh\ntouch {canary}\ncat\n")
    for name in ("run.sh", "post-index-change", "reference-transaction", "fsmonitor-watchman"):
        shutil.copy(script, project.root / ".git" / name)
        (project.root / ".git" / name).chmod(0o755)
    with (project.root / ".git" / "config").open("a") as stream:
        stream.write(HOSTILE.format(script=project.root / ".git" / "run.sh", folder=project.root / ".git"))
    (project.root / ".git" / "attributes").write_text("* filter=evil\n")
    for name in ("a.txt", "b.txt", "model.onnx"):
        os.utime(project.root / name, (1, 1))  # git must look at the content
    found = project.look(model="model.onnx")
    assert (found.git.tag, found.git.remote, found.git.dirty) == ("v1", "", "false")
    assert found.models[0].text("timestamp") == "2026-01-02T03:04:05Z"
    project.write("a.txt", "A.txt")
    assert git_of(project.root).dirty == "unknown"  # only the filter could tell
    (project.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()  # as in a partial clone
    assert len(git_of(project.root).commit) == 40
    assert not canary.exists()
    subprocess.run(["git", "status"], cwd=project.root, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert canary.exists()  # it was hostile


@pytest.mark.parametrize(("name", "told"), [("plain.txt", "true"), ("kept.bin", "unknown"), ("new.txt", "false")])
def test_a_change_that_only_a_filter_could_tell_is_not_known(project, name, told):
    project.write(".gitattributes", "*.bin filter=lfs\n")
    project.write("plain.txt", "1")
    project.write("kept.bin", "1")
    project.commit()
    project.write(name, "22")
    assert git_of(project.root).dirty == told


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_file_that_git_is_told_to_overlook_is_not_called_unchanged(project, flag):
    project.write("model.onnx", "1")
    project.commit()
    assert git_of(project.root, [project.root / "model.onnx"]).dirty == "false"
    subprocess.run(["git", "update-index", flag, "model.onnx"], cwd=project.root, check=True)
    project.write("model.onnx", "22")
    assert git_of(project.root).dirty == "unknown"


def test_of_a_model_that_is_not_in_the_commit_nobody_knows_whether_it_changed(project):
    project.write("code.py", "1")
    project.commit()
    project.write("model.onnx", "1")
    assert git_of(project.root).dirty == "false"
    assert git_of(project.root, [project.root / "model.onnx"]).dirty == "unknown"


@pytest.mark.parametrize("remote", ["https://h.example/" + "/" * 200_000, "https://" + "a@" * 100_000, "git@h.example:" + "/" * 200_000])
def test_an_address_is_read_in_one_pass(remote):
    assert address(remote) == ""


def test_a_file_of_git_lfs_is_compared_by_its_digest(project):
    content = b"weights" * 1000
    digest = hashlib.sha256(content).hexdigest()
    project.write(".gitattributes", "*.bin filter=lfs\n")
    project.write("model.bin", f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n")
    project.commit()
    project.write("model.bin", content)  # as the filter of Git LFS does at the checkout
    assert git_of(project.root).dirty == "false"
    project.write("model.bin", content + b"!")
    assert git_of(project.root).dirty == "true"


def test_settings_that_name_no_program_are_kept(project):
    subprocess.run(["git", "init", "-q"], cwd=project.root, check=True)
    subprocess.run(["git", "config", "core.autocrlf", "true"], cwd=project.root, check=True)
    project.write("a.txt", "1\r\n")
    project.commit()
    os.utime(project.root / "a.txt", (1, 1))
    assert git_of(project.root).dirty == "false"
    subprocess.run(["git", "config", "--unset", "core.autocrlf"], cwd=project.root, check=True)
    assert git_of(project.root).dirty == "true"


def test_a_file_whose_commit_was_not_fetched_has_no_time(project, tmp_path):
    project.network()
    project.commit()
    project.write("other.txt", "1")
    project.commit(at="2026-03-04T05:06:07Z")
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{project.root}", str(tmp_path / "shallow")], check=True)
    assert project.look(model="model.onnx").models[0].text("timestamp") == "2026-01-02T03:04:05Z"
    project.root = tmp_path / "shallow"
    found = project.look(model="model.onnx")
    assert (found.models[0].text("timestamp"), found.git.committed, found.git.dirty) == ("", 1772600767, "false")


def test_a_commit_of_a_time_that_no_calendar_has_tells_none(project):
    project.network()
    project.commit(at="@900000000000 +0000")
    found = project.look(model="model.onnx")
    assert (found.git.committed, found.epoch, found.models[0].text("timestamp")) == (None, None, "")


def test_without_a_repository_nothing_is_told(project):
    project.network()
    found = project.look(model="model.onnx")
    assert (found.git, found.ci, found.epoch) == (None, None, None)
