import json

import pytest
from onnx import TensorProto, helper, save_model

from mlops_stage.inputs.columns import joined
from mlops_stage.inputs.questions import columns_of, label_of
from mlops_stage.params import CHOOSE, Ask

PEOPLE = "age,income,sex,approved\n" + "".join(f"{age},{age / 7:.2f},{'fm'[age % 2]},{age % 3 > 1:d}\n" for age in range(20, 60))
GUESS = "a guess: all columns of numbers but {}; check them, and that the model was trained on them in this order"


@pytest.fixture
def model(tmp_path):
    """A function that writes a model of inputs by name, with so many columns each (None: one value per row), and its metadata."""

    def write(kind=TensorProto.FLOAT, metadata=None, /, **inputs):
        values = [helper.make_tensor_value_info(name, kind, ["n"] if width is None else ["n", width]) for name, width in inputs.items()]
        nodes = [helper.make_node("Identity", [name], [f"{name}_"]) for name in inputs]
        outputs = [helper.make_tensor_value_info(f"{name}_", kind, None) for name in inputs]
        made = helper.make_model(helper.make_graph(nodes, "g", values, outputs))
        helper.set_model_props(made, metadata or {})
        save_model(made, tmp_path / "m.onnx")
        return tmp_path / "m.onnx"

    return write


@pytest.fixture
def table(tmp_path):
    """A function that writes a table."""

    def write(text=PEOPLE, name="test.csv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def test_a_label_is_chosen_among_the_columns_of_the_table(table):
    assert label_of(table()) == Ask(CHOOSE, "one of: age, income, sex, approved")
    assert label_of(table("y_true,x\n1,2\n", "named.csv")) == "y_true"
    assert label_of(table("PAR1", "t.parquet")) == label_of(None) == CHOOSE
    assert label_of(table(",".join(f"c{n}" for n in range(99)) + "\n", "wide.csv")).note.endswith("c10, c11, …")


def test_a_matrix_of_as_many_columns_as_hold_numbers_is_guessed(model, table):
    assert columns_of(model(X=2), table()) == {"columns": Ask({"X": "age|income"}, GUESS.format("approved"))}
    lines = "".join(json.dumps({"y": row % 2, "a": row, "b|c": None if row else 1.5, "job": "x"}) + "\n" for row in range(9))
    assert columns_of(model(X=2), table(lines, "t.jsonl")) == {"columns": Ask({"X": '["a", "b|c"]'}, GUESS.format("y"))}
    told = columns_of(model(TensorProto.STRING, X=2, job=None), table("job,a,b,label\nx,y,z,1\n", "texts.csv"))["columns"]
    assert told == Ask({"X": "a|b"}, GUESS.format("label").replace(" of numbers", ""))


def test_what_does_not_fit_is_left_to_people(model, table):
    of = "of: age, income, sex, approved"
    note = f"the 3 columns that the model was trained on, in that order, as in first|second, {of}"
    assert columns_of(model(X=3), table()) == {"columns": Ask({"X": CHOOSE}, note)}
    assert columns_of(model(X="wide"), table())["columns"].note.startswith("the columns that")
    assert columns_of(model(a=2, b=2), table())["columns"].value == {"a": CHOOSE, "b": CHOOSE}
    assert columns_of(model(X=2), None)["columns"].value == {"X": CHOOSE}
    assert columns_of(model(X=2), table("\xff" * 9, "odd.csv"))["columns"].value == {"X": CHOOSE}


def test_nothing_is_asked_where_the_model_names_its_columns(model, table, tmp_path):
    people = table()
    assert columns_of(model(age=1, income=None), people) == {}
    assert columns_of(model(TensorProto.FLOAT, {"mlops_stage.columns": '["age", "income"]'}, X=2), people) == {}
    (tmp_path / "m.onnx").write_bytes(b"no model")
    assert columns_of(tmp_path / "m.onnx", people) == {}


def test_names_that_would_be_misread_are_written_as_json():
    assert joined(["a", "b c"]) == "a|b c"
    for odd in ("a|b", " a", "[a"):
        assert json.loads(joined([odd, "c"])) == [odd, "c"]
