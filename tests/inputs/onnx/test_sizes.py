"""Sizes that constants decide, and functions that call functions."""

from mlops_stage.inputs.onnx.facts import Maker, OnnxFacts, Reckoner, Tensor
from mlops_stage.inputs.onnx.sizes import largest, unfolded


def facts(makers, reckoners=(), **constants):
    tensors = tuple(
        Tensor(name=name, dtype="int64", dims=(len(values),), stored=8 * len(values), values=values) for name, values in constants.items()
    )
    made = tuple(Maker(operator=operator, inputs=tuple(inputs), shape=()) for operator, *inputs in makers)
    reckoned = tuple(Reckoner(operator=operator, inputs=tuple(inputs), output=output) for operator, inputs, output in reckoners)
    return OnnxFacts(ir_version=8, opsets={"ai.onnx": 17}, tensors=tensors, makers=made, reckoners=reckoned)


def size(*args, **constants):
    return max((elements for _, elements in largest(facts(*args, **constants))), default=0)


def test_only_the_input_that_says_the_size_counts():
    assert size([("Expand", "x", "s")], x=(10**12,), s=(2, 3)) == 6
    assert size([("Expand", "x", "s")], x=(10**12,)) == 0
    assert size([("Resize", "x", "", "", "s")], s=(1, 3, 1000, 1000)) == 3_000_000
    assert size([("ConstantOfShape", "s")], s=(2**20, 2**20)) == 2**40


def test_sizes_are_worked_out_from_constants():
    steps = [("Mul", ("a", "b"), "c"), ("Concat", ("c", "a"), "d"), ("Cast", ("d",), "e"), ("Unsqueeze", ("e", "axes"), "f")]
    assert size([("ConstantOfShape", "f")], steps, a=(1000,), b=(1000,), axes=(0,)) == 10**9
    assert size([("ConstantOfShape", "p")], [("Pow", ("a", "b"), "p")], a=(10,), b=(9,)) == 10**9
    assert size([("ConstantOfShape", "p")], [("Pow", ("a", "b"), "p")], a=(10,), b=(10**9,)) == 0
    assert size([("ConstantOfShape", "p")], [("Div", ("a", "b"), "p")], a=(10,), b=(0,)) == 0


def test_what_depends_on_data_is_not_known():
    assert size([("ConstantOfShape", "c")], [("Mul", ("a", "x"), "c")], a=(10**9,)) == 0


def test_a_circle_among_reckoners_ends():
    assert size([("ConstantOfShape", "c")], [("Add", ("c", "a"), "c")], a=(1,)) == 0


def test_functions_unfold():
    assert unfolded({}) == {}
    assert unfolded({"F": {"Relu": 3}, "G": {"F": 2, "Add": 1}}) == {"F": 3, "G": 7}
    assert unfolded({f"F{level}": {f"F{level - 1}": 10} for level in range(1, 60)})["F59"] == 10**59


def test_functions_in_a_circle_or_a_very_long_chain_are_none():
    assert unfolded({"F": {"F": 1}}) is None
    assert unfolded({"F": {"G": 1}, "G": {"H": 1}, "H": {"F": 1}}) is None
    assert unfolded({f"F{level}": {f"F{level + 1}": 1} for level in range(2000)}) is None


def test_many_functions_beside_each_other_are_no_long_chain():
    calls = {f"F{number}": {"G": 1} for number in range(3000)} | {
        "G": {"H": 1},
        "H": {"Relu": 1},
        "All": {f"F{number}": 1 for number in range(3000)},
    }
    assert unfolded(calls)["All"] == 3000
