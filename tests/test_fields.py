from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Literal

import pytest
from pydantic import Field as Described

from mlops_stage.fields import PATH, describe
from mlops_stage.params import Params, RunWide


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Everything(Params):
    text: Annotated[str | None, Described(description="some text", json_schema_extra=PATH)] = None
    count: int = 3
    share: float = 0.5
    loud: bool = False
    colour: Colour = Colour.RED
    size: Literal["small", "large"] = "small"
    names: tuple[str, ...] = ()
    pairs: Mapping[str, str] = {}
    must: str


FIELDS = {item.name: item for item in describe(Everything)}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("text", "text"),
        ("count", "integer"),
        ("share", "number"),
        ("loud", "flag"),
        ("colour", "choice"),
        ("size", "choice"),
        ("names", "list"),
        ("pairs", "mapping"),
        ("limits", "mapping"),
        ("gates", "list"),
    ],
)
def test_each_annotation_has_its_kind(name, kind):
    assert FIELDS[name].kind == kind


def test_choices_help_path_and_default_come_along():
    assert FIELDS["colour"].choices == ("red", "blue")
    assert FIELDS["colour"].default == "red"
    assert FIELDS["size"].choices == ("small", "large")
    assert FIELDS["text"].help == "some text"
    assert FIELDS["text"].path
    assert not FIELDS["count"].path
    assert FIELDS["must"].required
    assert not FIELDS["count"].required


def test_own_fields_come_before_those_of_every_stage():
    names = list(FIELDS)
    assert names.index("must") < names.index("gates")


def test_spellings():
    assert FIELDS["min_denominator"].kebab == "min-denominator"
    assert FIELDS["min_denominator"].variable == "MLOPS_INPUT_MIN_DENOMINATOR"
    assert FIELDS["min_denominator"].option == "--min-denominator"
    assert FIELDS["gates"].option == "--gate"


def test_lists_repeat_whose_option_is_given_for_it():
    assert FIELDS["gates"].repeats
    assert not FIELDS["names"].repeats
    assert {item.name for item in describe(RunWide) if item.repeats} == {"gates", "target"}
