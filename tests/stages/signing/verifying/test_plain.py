"""JSON from strangers."""

import time

import pytest

from mlops_stage.stages.signing.verifying.plain import doubled, parsed
from mlops_stage.stages.signing.verifying.refusal import RefusalError


def test_a_doubled_key_behind_many_others_is_found_at_once():
    many = ",".join(f'"{number}":0' for number in range(60_000))
    begun = time.process_time()
    with pytest.raises(RefusalError, match="names 'z' twice"):
        parsed(f'{{{many},"z":0,"z":0}}'.encode(), "trust", "it")
    assert time.process_time() - begun < 5  # one look at each key takes 0.1 s, one at each pair a minute


def test_the_first_name_that_stands_there_again():
    assert doubled(["a", "b", "c", "b", "a"]) == "b"
    assert doubled(["a", "b"]) == ""
