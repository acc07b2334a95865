from mlops_stage.words import counted, listed


def test_lists_and_counts_read_as_english():
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert [counted(count, "gate") for count in (0, 1, 2)] == ["0 gates", "1 gate", "2 gates"]
    assert counted(12_345, "entry", "entries") == "12,345 entries"
    assert counted(1, "row has", "rows have") == "1 row has"
