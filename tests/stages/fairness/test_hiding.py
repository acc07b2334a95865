import json
from itertools import product

import numpy as np
import pytest

from mlops_stage.estimates import NotEstimable
from mlops_stage.evidence.redact import HIDDEN
from mlops_stage.stages.fairness.evidence import PRIVATE, PUBLISHED


def with_few(bench, few=6):
    """Three sexes, of which one has few rows, spread over two races."""
    answers = bench.answers(rows=3_000, races=("black", "white"))
    answers["sex"] = answers["sex"].astype("U10")
    answers["sex"][:few] = "nonbinary"
    bench.write("p.csv", **answers)
    return answers


def test_nothing_is_told_of_a_small_group(bench):
    with_few(bench)
    seen = bench.measure()
    small = [metric for metric in seen.metrics if ("sex", "nonbinary") in metric.slice]
    assert len(small) >= 7 * 3
    assert {metric.estimate for metric in small} == {HIDDEN}


def test_the_counts_that_would_tell_a_small_group_stand_in_no_published_number(bench):
    answers = with_few(bench)
    seen = bench.measure()
    told = {metric.estimate.n for metric in seen.metrics if metric.slice and metric.slice[0][0] in {"sex", "by"}}
    counts = {sex: int((answers["sex"] == sex).sum()) for sex in ("female", "male")}
    assert not set(counts.values()) <= told, "the total less both would be the small group"


def test_a_large_group_beside_a_small_one_is_still_compared(bench):
    with_few(bench)
    seen = bench.measure()
    for sex in ("female", "male"):
        assert bench.find(seen, "tpr", sex=sex).n > 500
    assert not isinstance(bench.find(seen, "tpr_difference", by="sex"), NotEstimable)
    (gap,) = [metric for metric in seen.metrics if metric.label == "tpr_difference[by=sex]"]
    assert "nonbinary" in gap.incomplete


def test_a_rate_of_few_rows_in_a_large_group_is_hidden_and_its_other_side_blurred(bench):
    rng = np.random.default_rng(3)
    sex = np.array(["f"] * 400 + ["m"] * 1_403 + ["d"] * 1_207)
    label = np.concatenate([np.arange(400) < 4, rng.random(2_610) < 0.4]).astype(int)
    bench.write("p.csv", sex=sex, y_true=label, y_pred=np.where(rng.random(3_010) < 0.9, label, 1 - label))
    seen = bench.measure()
    assert bench.find(seen, "tpr", sex="f") == HIDDEN
    assert bench.find(seen, "fpr", sex="f").n == 391, "396 would tell that 4 of the 400 are positive, and they are 1 to 9"
    assert bench.find(seen, "selection_rate", sex="f").n == 400
    counts = [int(label[sex == one].sum()) for one in ("d", "m")]
    assert [bench.find(seen, "tpr", sex=one).n for one in ("d", "m")] != counts, "all positives less both would be the 4"


def test_all_counts_are_private_evidence_from_which_every_share_follows(bench):
    answers = with_few(bench)
    seen = bench.measure()
    folder = bench.workspace.out
    whole = json.loads((folder / PRIVATE).read_text(encoding="utf-8"))
    assert whole["classes"] == ["0", "1"]
    assert [tuple(one["columns"]) for one in whole["groupings"]] == [("sex",), ("race",), ("sex", "race")]
    for values in product(("female", "male", "nonbinary"), ("black", "white")):
        (group,) = [one for one in whole["groupings"][2]["groups"] if tuple(one["values"]) == values] or [None]
        mine = (answers["sex"] == values[0]) & (answers["race"] == values[1])
        table = [[int(((answers["y_true"] == i) & (answers["y_pred"] == j) & mine).sum()) for j in (0, 1)] for i in (0, 1)]
        assert group["rows"] == table
    assert {one.path for one in seen.evidence} == {PRIVATE, PUBLISHED}


def test_published_counts_are_ranges_where_they_must_be(bench):
    answers = with_few(bench)
    bench.measure()
    told = json.loads((bench.workspace.out / PUBLISHED).read_text(encoding="utf-8"))
    groups = {one["values"][0]: one for one in told["groupings"][0]["groups"]}
    low, high = groups["nonbinary"]["rows"]
    assert 1 <= low <= 6 <= high <= 9
    assert high - low >= 4
    blurred = [one for one in groups.values() if isinstance(one["rows"], list) and one["rows"][1] > 9]
    assert blurred
    for one in blurred:
        count = int((answers["sex"] == one["values"][0]).sum())
        low, high = one["rows"]
        assert low <= count <= high
        assert 4 <= high - low < 20


def test_weights_stand_in_the_private_counts_as_well(bench):
    answers = bench.answers(rows=600)
    bench.write("p.csv", w=np.linspace(0.5, 2, 600).round(3), **answers)
    bench.measure(weight="w", sensitive="sex")
    (group, _) = json.loads((bench.workspace.out / PRIVATE).read_text(encoding="utf-8"))["groupings"][0]["groups"]
    assert np.sum(group["mass"]) == pytest.approx(np.linspace(0.5, 2, 600).round(3)[answers["sex"] == "female"].sum())


def test_the_same_question_gives_the_same_bytes(bench):
    with_few(bench)
    first = bench.measure()
    published = (bench.workspace.out / PUBLISHED).read_bytes()
    assert bench.measure() == first
    assert (bench.workspace.out / PUBLISHED).read_bytes() == published


def test_the_published_digest_of_the_private_counts_is_no_oracle_for_them(bench):
    """The same counts in another order of rows give another digest: whoever knows all counts but one cannot try the rest."""
    answers = with_few(bench)

    def digest():
        (one,) = [one for one in bench.measure().evidence if one.path == PRIVATE]
        return one.sha256, json.loads((bench.workspace.out / PRIVATE).read_text(encoding="utf-8"))

    first, whole = digest()
    bench.write("p.csv", **{name: column[::-1] for name, column in answers.items()})
    second, turned = digest()
    assert len(whole["salt"]) == 64
    assert {**whole, "salt": ""} == {**turned, "salt": ""}
    assert whole["salt"] != turned["salt"]
    assert first != second
