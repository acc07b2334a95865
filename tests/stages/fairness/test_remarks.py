import numpy as np

from mlops_stage.report import Level


def test_small_groups_are_named_with_what_they_lack(bench):
    answers = bench.answers()
    answers["race"] = answers["race"].astype("U20")
    answers["race"][:40] = "islander"
    bench.write("p.csv", **answers)
    seen = bench.measure(sensitive="race")
    (finding,) = [one for one in seen.findings if one.rule == "fairness/small-group"]
    assert finding.level is Level.WARNING
    assert (
        finding.message == "1 of 4 groups of race has fewer than 30 rows of some label, too few for a verdict on every rate: race=islander"
    )


def test_of_crossed_columns_it_is_a_note_for_no_gate_looks_there_unasked(bench):
    answers = bench.answers(rows=700, races=tuple("abcdefg"))
    bench.write("p.csv", **answers)
    levels = {
        finding.message.split(" groups of ")[1].split(" ")[0]: finding.level
        for finding in bench.measure().findings
        if finding.rule == "fairness/small-group"
    }
    assert levels["sex+race"] is Level.NOTE


def test_a_label_that_no_row_of_a_group_has_is_said(bench):
    answers = bench.answers()
    answers["y_true"][answers["race"] == "other"] = 0
    bench.write("p.csv", **answers)
    assert bench.said(bench.measure(sensitive="race"), "fairness/undefined-rate") == (
        "1 of 3 groups of race has no row labelled '1', and so no true positive rate: race=other"
    )


def test_of_few_people_not_even_a_zero_is_told(bench):
    answers = bench.answers()
    answers["race"] = answers["race"].astype("U20")
    answers["race"][:5] = "islander"
    answers["y_true"][:5] = 0
    bench.write("p.csv", **answers)
    seen = bench.measure(sensitive="race")
    assert "fairness/undefined-rate" not in bench.rules(seen)
    assert not [metric for metric in seen.metrics if "no positives" in metric.incomplete]


def test_base_rates_that_differ_are_said_with_what_follows(bench):
    rng = np.random.default_rng(0)
    sex = np.array(["f", "m"] * 1_000)
    label = (rng.random(2_000) < np.where(sex == "f", 0.2, 0.45)).astype(int)
    bench.write("p.csv", sex=sex, y_true=label, y_pred=label)
    told = bench.said(bench.measure(), "fairness/base-rates-differ")
    shares = [label[sex == name].mean() for name in ("f", "m")]
    assert f"{shares[0]:.1%} of the rows with sex=f and of {shares[1]:.1%} of those with sex=m" in told
    assert "cannot both be the same" in told


def test_equal_base_rates_of_many_groups_are_not_said_to_differ(bench):
    """Of 40 groups the lowest and the highest always look far apart."""
    rng = np.random.default_rng(1)
    label = (rng.random(4_000) < 0.4).astype(int)
    group = np.array([f"g{index:02}" for index in range(40)])[rng.integers(0, 40, 4_000)]
    shares = [label[group == name].mean() for name in set(group)]
    assert max(shares) - min(shares) > 0.15
    bench.write("p.csv", race=group, y_true=label, y_pred=label)
    assert "fairness/base-rates-differ" not in bench.rules(bench.measure())


def test_columns_that_cross_into_too_many_groups_are_passed_over_and_that_is_said(bench):
    rows = 6_000
    rng = np.random.default_rng(0)
    columns = {name: rng.integers(0, 60, rows).astype("U4") for name in ("race", "nationality")}
    columns = {name: np.char.add("v", column) for name, column in columns.items()}
    bench.write("p.csv", y_true=np.arange(rows) % 2, y_pred=np.arange(rows) % 2, **columns)
    seen = bench.measure()
    assert "they are not compared, though each column is" in bench.said(seen, "fairness/too-many-groups")
    assert bench.find(seen, "tpr_difference", by="race").value == 0
    assert not [metric for metric in seen.metrics if metric.slice == (("by", "race+nationality"),)]


def test_one_small_count_is_one_count(bench):
    rows = [f"{sex},{y},{y}" for sex in "fm" for y in (0, 1) for _ in range(100)] + ["f,1,0"] * 4 + ["m,1,0"] * 30
    (bench.root / "p.csv").write_text("\n".join(["sex,y_true,y_pred", *rows]) + "\n")
    told = bench.said(bench.measure(), "fairness/small-counts")
    assert "1 counts" not in told
    assert "small counts are masked: " in told
