"""Names of ours beside those of a stage that is somebody else's."""

import pytest

from mlops_stage.adapter import Layout
from mlops_stage.native.inputs import Input
from mlops_stage_tekton import objects, pages, samples

LAYOUT = Layout(kind="plugin", distribution="acme-pictures", version="2.3.1")
UNIT = objects.Unit(
    name="mlops-pictures",
    title="pictures",
    summary="Look at pictures.",
    command="pictures",
    inputs=tuple(
        Input(name=name, variable=f"MLOPS_INPUT_{name.upper()}", help="one of theirs") for name in ("image", "secret", "workspace")
    ),
    outputs={"outcome": "theirs", "faces": "how many"},
    secrets=("MODEL_TOKEN",),
)


@pytest.mark.parametrize("make", [objects.task, objects.step_action])
def test_an_input_of_theirs_keeps_its_name(make):
    made = make(UNIT, LAYOUT)
    names = [item["name"] for item in made["spec"]["params"]]
    assert len(names) == len(set(names))
    assert {"image", "secret", "workspace", "mlops-image", "mlops-secret"} <= set(names)
    step = made["spec"].get("steps", [made["spec"]])[0]
    assert step["image"] == "$(params.mlops-image)"
    assert step["env"][0] == {"name": "MLOPS_INPUT_IMAGE", "value": "$(params.image)"}
    assert step["env"][-1]["valueFrom"]["secretKeyRef"]["name"] == "$(params.mlops-secret)"


def test_an_output_of_theirs_does_not_replace_a_result_of_ours():
    results = objects.task(UNIT, LAYOUT)["spec"]["results"]
    assert [item["description"] for item in results if item["name"] == "outcome"] == [
        "passed, failed, inconclusive, not_applicable or error"
    ]
    assert results[-1]["name"] == "faces"


def test_samples_and_pages_follow():
    image = objects.example_image(LAYOUT)
    sample = samples.task_run(objects.task(UNIT, LAYOUT), image)
    assert sample["spec"]["params"] == [{"name": "mlops-image", "value": image}]
    step = samples.task_with_step(objects.step_action(UNIT, LAYOUT), image)["spec"]["steps"][0]
    assert [item["name"] for item in step["params"]] == ["mlops-image", "mlops-workspace"]
    assert "`mlops-image`" in pages.of_task(objects.task(UNIT, LAYOUT), "task/mlops-pictures/2.3/mlops-pictures.yaml")


@pytest.mark.parametrize(
    ("layout", "image"),
    [
        (Layout(version="0.1.0"), "registry.example.com/mlops-stage@sha256:"),
        (LAYOUT, "registry.example.com/mlops-stage-with-acme-pictures@sha256:"),
        (Layout(kind="vendor", version="0.1.0", image="ours.example.org/ml@sha256:"), "ours.example.org/ml@sha256:"),
        (Layout(kind="vendor", version="0.1.0", wheel_sha256=64 * "d"), "registry.example.com/python@sha256:"),
    ],
    ids=["project", "plugin", "image", "installing"],
)
def test_samples_name_an_image_that_can_run_them(layout, image):
    assert objects.example_image(layout).startswith(image)


def test_a_catalogs_versions_have_two_numbers():
    assert objects.task(UNIT, LAYOUT)["metadata"]["labels"] == {"app.kubernetes.io/version": "2.3"}
