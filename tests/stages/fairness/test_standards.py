from __future__ import annotations

import pytest

from mlops_stage.errors import UsageError
from mlops_stage.stages.fairness.standards import DEFAULT, STANDARDS, chosen


def test_names_are_found_however_they_are_written_and_once():
    assert [standard.name for standard in chosen(("four_fifths", " Equalized-Odds ", "four-fifths"))] == ["four-fifths", "equalized-odds"]


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="no standard 'four-fiths'") as caught:
        chosen(("four-fiths",))
    assert "four-fifths" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        chosen(("x\ny",))
    assert "\n" not in str(caught.value)


def test_each_standard_says_where_it_comes_from():
    assert DEFAULT in STANDARDS
    for name, standard in STANDARDS.items():
        assert standard.name == name
        assert standard.title
        assert standard.source
        assert standard.limits
