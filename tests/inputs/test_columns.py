from __future__ import annotations

import pytest

from mlops_stage.errors import InputError, UsageError
from mlops_stage.inputs.columns import Feed, map_columns
from mlops_stage.inputs.onnx.facts import Port

TABLE = {"age": "BIGINT", "hours": "DOUBLE", "job": "VARCHAR", "when": "DATE", "list": "BIGINT[]", "y": "VARCHAR"}


def port(name, dtype="float32", shape=("?", 1)):
    return Port(name=name, dtype=dtype, shape=shape)


def test_inputs_of_one_value_take_the_column_of_their_name_or_the_one_that_is_mapped():
    feeds = map_columns([port("age"), port("work", "string", ("N",))], TABLE, {"work": "job"})
    assert feeds == (
        Feed(input="age", dtype="float32", columns=("age",), rank=2),
        Feed(input="work", dtype="string", columns=("job",), rank=1),
    )


@pytest.mark.parametrize("listed", ["age|hours", " age | hours ", '["age", "hours"]'])
def test_a_matrix_takes_the_columns_that_are_listed_for_it(listed):
    (feed,) = map_columns([port("x", shape=("N", 2))], TABLE, {"x": listed})
    assert feed.columns == ("age", "hours")


def test_a_matrix_takes_the_columns_of_the_metadata_unless_others_are_listed():
    metadata = {"mlops_stage.columns": '["hours", "age"]'}
    (feed,) = map_columns([port("x", shape=("N", "F"))], TABLE, {}, metadata)
    assert feed.columns == ("hours", "age")
    feeds = map_columns([port("age"), port("x", shape=("N", 2))], TABLE, {}, metadata)
    assert [feed.columns for feed in feeds] == [("age",), ("hours", "age")]
    (feed,) = map_columns([port("x", shape=("N", 2))], TABLE, {"x": "age|hours"}, metadata)
    assert feed.columns == ("age", "hours")


BAD = {
    "column missing": ([port("agee")], {}, {}, UsageError, "model input 'agee' needs a column 'agee'", 'columns: {"agee": "age"}?'),
    "column missing, none near": ([port("zzz")], {}, {}, UsageError, "needs a column 'zzz'", "columns: zzz=…"),
    "mapped column missing": ([port("x")], {"x": "ages"}, {}, UsageError, "needs a column 'ages'", 'columns: {"x": "age"}?'),
    "one of a matrix's columns": (
        [port("age"), port("x", shape=("N", 2))],
        {"age": "hours", "x": "age|hous"},
        {},
        UsageError,
        "needs a column 'hous'",
        'columns: {"age": "hours", "x": "age|hours"}?',
    ),
    "nobody says which, of as many": (
        [port("x", shape=("N", 6))],
        {},
        {},
        UsageError,
        "a matrix of 6 columns, and nobody says which",
        'write at the top of mlops.yaml, in the order of training: columns: {"x": "age|hours|job|when|list|y"}; or',
    ),
    "input does not exist": ([port("age")], {"agee": "age"}, {}, UsageError, "the model has no input 'agee'", "'age'"),
    "nobody says which": (
        [port("x", shape=("N", 30))],
        {},
        {},
        UsageError,
        "a matrix of 30 columns, and nobody says which",
        "mlops_stage.columns",
    ),
    "nobody says how many": ([port("x", shape=("N", "?"))], {}, {}, UsageError, "a matrix of some columns", "first|second"),
    "a column too many": (
        [port("x", shape=("N", 2))],
        {"x": "age|hours|job"},
        {},
        UsageError,
        "takes 2 columns, but 3 are declared",
        "exactly the 2",
    ),
    "a column too few": (
        [port("x", shape=("N", 2))],
        {},
        {"mlops_stage.columns": '["age"]'},
        UsageError,
        "takes 2 columns, but 1 is declared",
        "",
    ),
    "two columns for one value": ([port("x")], {"x": "age|hours"}, {}, UsageError, "takes 1 column, but 2 are declared", ""),
    "metadata is no list": (
        [port("x", shape=("N", 2))],
        {},
        {"mlops_stage.columns": "age, hours"},
        UsageError,
        "is no JSON list of names",
        '["age"',
    ),
    "metadata is hostile": (
        [port("x", shape=("N", 2))],
        {},
        {"mlops_stage.columns": "[" * 99_999},
        UsageError,
        "is no JSON list of names",
        "",
    ),
    "mapping is no list": ([port("x", shape=("N", 2))], {"x": "[1]"}, {}, UsageError, "is no JSON list of names", ""),
    "text as a date": ([port("when")], {}, {}, InputError, "is float32, but column 'when' holds DATE", ""),
    "a list": ([port("list")], {}, {}, InputError, "column 'list' holds BIGINT[]", ""),
    "an image": ([port("x", shape=("N", 3, 32, 32))], {}, {}, InputError, "has 4 dimensions", "predictions"),
    "no shape": ([port("x", shape=None)], {}, {}, InputError, "has no declared shape", "predictions"),
    "one row at a time": ([port("age", shape=(1, 1))], {}, {}, InputError, "takes exactly 1 row at a time", "dynamic"),
    "a sequence": ([port("x", "sequence", None)], {}, {}, InputError, "is of type sequence", "predictions"),
    "complex numbers": ([port("x", "complex64")], {}, {}, InputError, "is of type complex64", "predictions"),
}


@pytest.mark.parametrize("case", BAD)
def test_each_mismatch_is_said_with_its_fix(case):
    inputs, mapping, metadata, kind, message, hint = BAD[case]
    with pytest.raises(kind) as caught:
        map_columns(inputs, TABLE, mapping, metadata)
    assert type(caught.value) is kind
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.hint
    assert len(caught.value.message) < 300
