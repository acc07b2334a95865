import pytest
from pydantic import ValidationError

from mlops_stage import host
from mlops_stage.params import RUN_WIDE, Limits, Params, RunWide, Targets, TextList, TextMapping
from mlops_stage.stages.signing.verifying.params import VerifyParams


class Some(Params):
    names: TextList = ()
    target: Targets = ()
    pairs: TextMapping = {}
    share: float = 0.0
    loud: bool = False


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a,b", ("a", "b")),
        (" a , b ,", ("a", "b")),
        ('["a,b", "c"]', ("a,b", "c")),
        (["a,b"], ("a,b",)),
    ],
)
def test_lists_come_as_commas_or_json(given, expected):
    assert Some(names=given).names == expected


@pytest.mark.parametrize("empty", ["a,", "a, ,b", ",a", '["a", ""]'])
def test_a_list_of_demands_has_no_empty_item(empty):
    with pytest.raises(ValidationError, match="one of its items is empty; leave it out, or see whether the variable"):
        VerifyParams(require=empty)
    assert VerifyParams(require=" a , b").require == ("a", "b")


@pytest.mark.parametrize("given", ["host,aarch64,own.yaml", ["host,aarch64", "own.yaml"], ["host", "aarch64", "own.yaml"]])
def test_targets_come_with_commas_one_by_one_or_both(given):
    assert Some(target=given).target == ("host", "aarch64", "own.yaml")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("accuracy >= 0.8", ("accuracy >= 0.8",)),
        ("accuracy >= 0.8\n\ntpr[sex=a,age=b] >= 0.7\n", ("accuracy >= 0.8", "tpr[sex=a,age=b] >= 0.7")),
        ('["f1 > 0.5"]', ("f1 > 0.5",)),
    ],
)
def test_gates_are_never_split_at_commas(given, expected):
    assert Some(gates=given).gates == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [("a=b,c=d", {"a": "b", "c": "d"}), ('{"a,b": "c"}', {"a,b": "c"}), ({"a": "b"}, {"a": "b"}), ("a=b=c", {"a": "b=c"})],
)
def test_mappings_come_as_pairs_or_json(given, expected):
    assert Some(pairs=given).pairs == expected


@pytest.mark.parametrize(
    ("name", "empty"),
    [(name, empty) for name in ("names", "target", "gates") for empty in ("", " ", [""], ["a", ""])]
    + [("names", ","), ("target", ","), ("target", ["a", ","]), ("pairs", ""), ("share", ""), ("loud", ""), ("seed", " "), ("effort", "")],
)
def test_what_is_empty_is_refused_and_never_passed_over(name, empty):
    with pytest.raises(ValidationError, match="it is empty"):
        Some(**{name: empty})


def test_every_field_of_every_stage_refuses_what_is_empty():
    """What a variable that is not set leaves of an option must not ask less than was meant."""
    catalogue = host.discover({"MLOPS_STAGE_PLUGINS": "none"})
    verbs = [host.resolve(reference, name) for name, stage in catalogue.stages.items() for reference in stage.commands.values()]
    classes = [RunWide, *map(catalogue.params, catalogue.stages), *(host.resolve(verb.params, "a verb") for verb in verbs)]
    asked = [(params, name) for params in classes for name in params.model_fields]
    assert len(asked) > 150
    for params, name in asked:
        with pytest.raises(ValidationError) as caught:
            params(**{name: ""})
        assert (name, "it is empty") in {(one["loc"][0], one["msg"].removeprefix("Value error, ")[:11]) for one in caught.value.errors()}


def test_strings_of_a_ci_system_are_parsed():
    made = Some(share="0.9", loud="true", seed="7")
    assert (made.share, made.loud, made.seed) == (0.9, True, 7)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("memory=4GiB,cpu=10m,wall=90", Limits(memory=4 * 2**30, cpu=600, wall=90)),
        ({"memory": "500 MB"}, Limits(memory=500_000_000)),
        ({"memory": "1.5gib", "wall": "1h"}, Limits(memory=3 * 2**29, wall=3600)),
        ({"memory": 1024}, Limits(memory=1024)),
    ],
)
def test_limits_have_units(given, expected):
    assert Some(limits=given).limits == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"names": "[1,"},
        {"pairs": "a"},
        {"limits": "memory=lots"},
        {"limits": "memory=0"},
        {"limits": "memori=4GiB"},
        {"seed": -1},
        {"effort": "heroic"},
        {"lable": "x"},
        {"min_denominator": 0},
        {"limits": {"wall": "1.2.3s"}},
    ],
)
def test_what_cannot_be_meant_is_refused(wrong):
    with pytest.raises(ValidationError):
        Some(**wrong)


def test_gates_belong_to_one_stage():
    assert "gates" not in RUN_WIDE
    assert {"model", "data", "label", "effort", "seed", "limits", "on_inconclusive"} <= set(RUN_WIDE)


def test_params_survive_json():
    made = Some(names="a,b", limits="memory=4GiB", gates="f1 > 0.5")
    assert Some.model_validate(made.model_dump(mode="json")) == made
