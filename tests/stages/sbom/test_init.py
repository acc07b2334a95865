from ruamel.yaml import YAML

from mlops_stage.config import synthesis
from mlops_stage.host import Catalogue
from mlops_stage.stages.sbom import STAGE
from mlops_stage.stages.sbom.elements import BY_NAME
from mlops_stage.stages.sbom.init import init
from mlops_stage.stages.sbom.params import SbomParams


def lay(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_it_finds_the_model_and_its_data(tmp_path):
    lay(tmp_path, "models/income.onnx", "models/old.pkl", "data/train.csv", "data/test.csv")
    found = init(tmp_path)
    assert {name: found[name] for name in ("model", "data", "train")} == {
        "model": "models/income.onnx",
        "data": "data/test.csv",
        "train": "data/train.csv",
    }


def test_it_says_nothing_where_there_is_no_model(tmp_path):
    lay(tmp_path, "data/train.csv")
    assert init(tmp_path) is None


def test_what_only_a_person_can_tell_stands_there_as_comments_that_work(tmp_path):
    lay(tmp_path, "income.onnx")
    text = synthesis.text(tmp_path, Catalogue(stages={"sbom": STAGE}))
    assert YAML(typ="safe").load(text)["stages"]["sbom"] == {"model": "income.onnx"}
    head, _, rest = text.partition("    # declare:\n")
    examples, _, _ = rest.partition("    # criterion")
    loaded = YAML(typ="safe").load(head + "    declare:\n" + examples.replace("    #   ", "      "))["stages"]["sbom"]
    params = SbomParams(**loaded)
    assert "model_license" in params.declare
    assert all(BY_NAME[name].example == example for name, example in params.declare.items())
