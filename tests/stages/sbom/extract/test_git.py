"""Commit, tag, remote and times; nothing of the repository is run."""

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
    assert (found.git.remote, found.git.tag, found.git.dirty) == ("https://host.example/acme/credit", "v1.2", False)
    assert len(found.git.commit) == 40
    assert found.epoch == found.git.committed == 1767323045
    assert "s3cret" not in repr(found)
    assert (found.system.name, found.system.version, found.system.text("producer")) == ("credit", "v1.2", "acme")
    assert found.models[0].text("timestamp") == "2026-01-02T03:04:05Z"


def test_what_was_changed_since_is_told(project):
    project.network()
    project.commit()
    project.network(doc_string="changed")
    assert project.look(model="model.onnx").git.dirty


def test_a_copy_of_the_repository_elsewhere_gives_the_same(project, tmp_path):
    import shutil

    project.network()
    project.commit(remote="https://host.example/acme/credit")
    first = project.look(model="model.onnx")
    shutil.copytree(project.root, tmp_path / "copy", copy_function=shutil.copy)
    project.root = tmp_path / "copy"
    assert project.look(model="model.onnx") == first


def test_hooks_and_monitors_of_the_repository_are_not_run(project, tmp_path):
    project.network()
    project.commit()
    canary = tmp_path / "ran"
    script = project.write("run.sh", f"#!/bin/sh\ntouch {canary}\n")
    script.chmod(0o755)
    with (project.root / ".git" / "config").open("a") as stream:
        stream.write(f"[core]\n\tfsmonitor = {script}\n\tpager = {script}\n\thooksPath = {project.root}\n[diff]\n\texternal = {script}\n")
    project.network(doc_string="changed")
    assert git_of(project.root).dirty
    assert not canary.exists()


def test_without_a_repository_nothing_is_told(project):
    project.network()
    found = project.look(model="model.onnx")
    assert (found.git, found.ci, found.epoch) == (None, None, None)
