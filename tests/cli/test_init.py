import pytest
from onnx import TensorProto, helper, save_model


@pytest.fixture
def table(tmp_path):
    """A table of sixty rows."""
    path = tmp_path / "people.csv"
    path.write_text("age,plan\n" + "".join(f"{20 + row % 40},{'ab'[row % 2]}\n" for row in range(60)), encoding="utf-8")
    return path


@pytest.mark.usefixtures("table")
def test_init_writes_a_contract_beside_the_config_and_the_table_keeps_it(mlops, tmp_path):
    done = mlops("init")
    assert done.returncode == 0, done.stderr
    assert "wrote contract.odcs.yaml: 2 columns, and " in done.stdout
    assert "contract: contract.odcs.yaml" in (tmp_path / "mlops.yaml").read_text(encoding="utf-8")
    assert mlops("data").returncode == 0


@pytest.mark.usefixtures("table")
def test_init_leaves_a_contract_as_it_is(mlops, tmp_path):
    (tmp_path / "mine.odcs.yaml").write_text("apiVersion: v3.1.0\n", encoding="utf-8")
    done = mlops("init")
    assert "odcs" not in done.stdout
    assert "contract: mine.odcs.yaml" in (tmp_path / "mlops.yaml").read_text(encoding="utf-8")


def test_a_table_that_cannot_be_read_costs_the_contract_only(mlops, tmp_path):
    (tmp_path / "people.csv").write_bytes(b"")
    done = mlops("init")
    assert done.returncode == 0
    assert "wrote mlops.yaml" in done.stdout
    assert "people.csv is empty" in done.stderr
    assert "nothing was drafted for it" in done.stderr
    assert not (tmp_path / "contract.odcs.yaml").exists()


@pytest.mark.usefixtures("table")
def test_a_config_that_is_there_keeps_init_from_writing_anything(mlops, tmp_path):
    (tmp_path / "mlops.yaml").write_text("version: 1\n", encoding="utf-8")
    assert mlops("init").returncode == 2
    assert not (tmp_path / "contract.odcs.yaml").exists()


def test_an_empty_folder_is_told_how_to_begin(mlops):
    done = mlops("init")
    assert done.returncode == 0
    assert "there is no model and no data here" in done.stdout
    assert "CHOOSE" not in done.stdout


def test_what_init_writes_for_a_model_of_one_matrix_can_be_planned_as_it_can_be_run(mlops, tmp_path):
    made = helper.make_node(
        "LinearClassifier", ["X"], ["label", "scores"], domain="ai.onnx.ml", classlabels_ints=[0, 1], coefficients=[0.1, 0.0, -0.1, 0.0]
    )
    ports = [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["n", 2])]
    outs = [
        helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2]),
    ]
    versions = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 3)]
    save_model(
        helper.make_model(helper.make_graph([made], "g", ports, outs), ir_version=10, opset_imports=versions), tmp_path / "model.onnx"
    )
    rows = "".join(f"{20 + row % 40},{row / 7:.2f},{'fm'[row % 2]},{row % 3 % 2}\n" for row in range(60))
    mlops.write("test.csv", "age,income,sex,approved\n" + rows)
    assert "1 value in it only you can know" in mlops("init").stdout
    config = (tmp_path / "mlops.yaml").read_text(encoding="utf-8")
    assert "label: CHOOSE  # one of: age, income, sex, approved\n" in config
    assert 'X: "age|income"\n' in config
    mlops.write("mlops.yaml", config.replace("label: CHOOSE", "label: approved"))
    assert mlops("quality", "--plan").returncode == 0
    mlops.write("mlops.yaml", config.replace("label: CHOOSE", "label: approved").replace("  X: ", "#"))
    for told in (mlops("run", "--plan", "quality"), mlops("quality")):
        assert told.returncode == 2
        assert "model input 'X' is a matrix of 2 columns, and nobody says which" in told.stdout + told.stderr


def test_what_to_add_to_the_pipeline_is_told_of_a_config_that_is_there_too(mlops):
    """Nobody signs on the first day: the job for it comes with a file that was changed by hand."""
    mlops.write(".github/workflows/ci.yml", "on: push\n")
    config = "version: 1\nstages: {quality: {}, sign: {}}\n"
    mlops.write("mlops.yaml", config)
    done = mlops("init")
    assert (done.returncode, (mlops.cwd / "mlops.yaml").read_text(encoding="utf-8")) == (2, config)
    assert "add this to your github_actions pipeline:" in done.stdout
    assert "/sign.yml@" in done.stdout
    assert done.stderr.startswith("error: mlops.yaml exists already and is left as it is")
    mlops.write("mlops.yaml", "stages: [")
    assert "add this to your github_actions pipeline:" in mlops("init").stdout


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(("name", "kind"), [("model.pkl", "sklearn"), ("net.PT", "torch")])
def test_a_model_that_nobody_opens_is_named_with_the_way_out(mlops, tmp_path, name, kind):
    (tmp_path / name).write_bytes(b"\x80\x04N.")
    told = f"{name} is not opened, so nothing asks it yet: `mlops-stage init --export {kind}` writes a script"
    assert told in mlops("init").stdout
    (tmp_path / "predictions.csv").write_text("y_true,y_pred\n1,1\n", encoding="utf-8")
    assert "is not opened" not in mlops("init", "--force").stdout
