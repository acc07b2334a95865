"""What an organisation keeps for itself: Tasks with its image, or Tasks that install the release into an image with Python alone."""

import re
from functools import cache

import pytest
from ruamel.yaml import YAML

from mlops_stage import native
from mlops_stage.adapter import Layout
from mlops_stage.host import discover
from mlops_stage.native import bootstrapping

pytestmark = pytest.mark.engine

IMAGE = "registry.example.org/ml/mlops-stage@sha256:" + 64 * "c"
WITH_IMAGE = Layout(kind="vendor", version="0.1.0", image=IMAGE)
INSTALLING = Layout(kind="vendor", version="0.1.0", wheel_sha256=64 * "d", index_url="https://index.example.org/simple")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder of a copy, by its layout."""

    @cache
    def write(layout):
        folder = tmp_path_factory.mktemp("copy")
        catalogue = discover({"MLOPS_STAGE_PLUGINS": "none"})
        native.write(folder, native.files(catalogue, native.chosen(discover({}), ["tekton"]), layout))
        return folder

    return write


def objects(folder):
    return sorted(folder.glob("*/*/*/*.yaml"))


def read(file):
    return YAML(typ="safe").load(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("layout", [WITH_IMAGE, INSTALLING], ids=["image", "installing"])
def test_a_copy_lies_at_the_top_and_is_valid(tekton, written, layout):
    files = objects(written(layout))
    assert {file.relative_to(written(layout)).parts[0] for file in files} == {"task", "stepaction", "pipeline"}
    assert tekton.check(*(file for file in files if "pipeline" not in file.parts)) == ""
    assert tekton.check(*files, flags="enable-api-fields=beta") == ""


def test_an_image_becomes_the_default_by_its_digest(written):
    for file in objects(written(WITH_IMAGE)):
        (image,) = [item for item in read(file)["spec"]["params"] if item["name"] == "image"]
        assert image["default"] == IMAGE


def test_a_copy_without_one_carries_the_scripts_and_what_they_install(written):
    spec = read(next(file for file in objects(written(INSTALLING)) if file.stem == "mlops-scan"))["spec"]
    step = spec.get("steps", [spec])[0]
    for script in bootstrapping.texts(INSTALLING).values():
        assert script in step["script"]
    env = {item["name"]: item.get("value") for item in step["env"]}
    assert env["MLOPS_STAGE_VERSION"] == "0.1.0"
    assert env["MLOPS_STAGE_SHA256"] == 64 * "d"
    assert env["MLOPS_STAGE_INDEX_URL"] == "https://index.example.org/simple"
    assert env["MLOPS_STAGE_WHEELS"] == "$(params.wheels)"
    assert all("default" not in item for item in spec["params"] if item["name"] == "image")


def test_the_scripts_run_as_they_were_written(tekton, written, tmp_path):
    """Without any wheel to install they say so, on a root that cannot be written, as a user without rights."""
    source = tmp_path / "source"
    (source / "wheels").mkdir(parents=True)
    task = next(written(INSTALLING).glob("task/mlops-scan/*/mlops-scan.yaml"))
    python = "/opt/mlops/venv/bin/python"
    status = tekton.start(task, {"image": tekton.image, "wheels": "wheels", "python": python}, source)
    assert (status.succeeded, status.codes) == (False, {"run": 3})
    assert re.search(r"^error: .*mlops-stage==0\.1\.0|^error: cannot (install|make)|no wheel", status.logs["step-run"], re.MULTILINE)
    assert "SyntaxError" not in status.logs["step-run"]
