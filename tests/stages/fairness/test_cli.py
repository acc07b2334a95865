"""The stage as a process, as a user meets it."""

import json

import numpy as np
import pytest


@pytest.fixture
def audit(mlops):
    """A file of answers and the command in its folder."""
    rng = np.random.default_rng(0)
    label = (rng.random(1_500) < 0.4).astype(int)
    lines = [
        f"{sex},{race},{y},{p}"
        for sex, race, y, p in zip(
            rng.choice(["female", "male"], 1_500),
            rng.choice(["a", "b", "c"], 1_500),
            label,
            np.where(rng.random(1_500) < 0.9, label, 1 - label),
            strict=True,
        )
    ]
    mlops.write("p.csv", "\n".join(["sex,race,y_true,y_pred", *lines]) + "\n")
    return mlops


def report(mlops):
    return json.loads((mlops.cwd / "mlops-out" / "fairness" / "report.json").read_text(encoding="utf-8"))


def test_zero_config_on_a_file_with_sex_and_race_is_one_command(audit):
    done = audit("fairness", "--predictions", "p.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    told = report(audit)
    assert told["outcome"] == "passed"
    assert {gate["criterion"] for gate in told["gates"]} == {
        f"{rate}_difference[by={column}] <= 0.1" for rate in ("tpr", "fpr") for column in ("sex", "race")
    }
    kinds = {figure["kind"] for figure in told["figures"]}
    assert kinds == {"intervals", "matrix"}
    page = (audit.cwd / "mlops-out" / "report.html").read_text(encoding="utf-8")
    assert "There is no evidence of a gap above" in page
    for word in ("is fair", "unfair", "fair model"):
        assert word not in page.lower().replace("fairness", "")
    for name in ("summary.md", "junit.xml", "report.sarif", "metrics.txt", "outputs.env"):
        assert (audit.cwd / "mlops-out" / name).stat().st_size > 0


def test_without_a_column_of_groups_nothing_is_passed(mlops):
    mlops.write("p.csv", "y_true,y_pred\n" + "1,1\n0,0\n" * 200)
    done = mlops("fairness", "--predictions", "p.csv")
    assert done.returncode == 0
    told = report(mlops)
    assert told["outcome"] == "not_applicable"
    assert "no column says to which group a person belongs" in done.stdout.replace("\n", " ").replace("  ", " ") + told["summary"]


def test_private_counts_are_named_on_no_page_but_in_the_report(audit):
    audit("fairness", "--predictions", "p.csv")
    folder = audit.cwd / "mlops-out"
    assert (folder / "fairness" / "evidence" / "private" / "counts.json").is_file()
    assert "evidence/private/counts.json</a>" not in (folder / "report.html").read_text(encoding="utf-8")


def test_a_gap_beyond_doubt_fails(mlops):
    rows = ["sex,y_true,y_pred"] + [f"{sex},1,{int(index % 10 < (9 if sex == 'm' else 5))}" for sex in "fm" for index in range(500)]
    rows += [f"{sex},0,0" for sex in "fm" for _ in range(500)]
    mlops.write("p.csv", "\n".join(rows) + "\n")
    done = mlops("fairness", "--predictions", "p.csv")
    assert done.returncode == 1
    assert "Largest difference in true positive rate between groups of sex is 0.4" in " ".join(done.stdout.split())
    assert "fairness_worst_groups=sex=f / sex=m" in (mlops.cwd / "mlops-out" / "outputs.env").read_text(encoding="utf-8")


def test_a_group_without_positives_passes_nothing_and_is_told(mlops):
    rows = ["race,y_true,y_pred"] + [f"{race},{y},{y}" for race in "ab" for y in (0, 1) for _ in range(400)] + ["c,0,0"] * 400
    mlops.write("p.csv", "\n".join(rows) + "\n")
    done = mlops("fairness", "--predictions", "p.csv")
    assert done.returncode == 5
    told = report(mlops)
    (metric,) = [one for one in told["metrics"] if one["name"] == "tpr" and one["slice"] == [["race", "c"]]]
    assert metric["estimate"] == {"kind": "not_estimable", "n": 0, "reason": "no positives in this group"}
    assert "fairness/undefined-rate" in {finding["rule"] for finding in told["findings"]}


def ugly(name, content):
    return pytest.param(content, id=name)


HEAD = "sex,y_true,y_pred\n"


@pytest.mark.parametrize(
    ("content", "code", "told"),
    [
        (b"", 3, "empty"),
        (HEAD.encode(), 3, "no rows"),
        ((HEAD + "Zoë,1,1\nM,0,0\n" * 50).encode("cp1252"), 3, "UTF-8"),
        ((HEAD + "f,1,1\nm,0,0\n" * 50).encode("utf-16"), 3, "UTF-16"),
        ((HEAD + "f,1,1\nm,0\n" * 50).encode(), 3, "row"),
        ((HEAD + "f,,1\nm,0,0\n" * 50).encode(), 3, "empty or NaN"),
        (b"PK\x03\x04" + bytes(100), 3, "p.csv"),
        (("\ufeff" + HEAD + '"a,\n""b""",1,1\nm,0,0\n' * 50).encode(), 0, "fairness"),
    ],
    ids=["0 bytes", "no rows", "cp1252", "utf-16", "ragged", "label missing", "zip", "bom, comma, newline"],
)
def test_ugly_files_end_in_one_line_with_what_to_do(mlops, content, code, told):
    (mlops.cwd / "p.csv").write_bytes(content)
    done = mlops("fairness", "--predictions", "p.csv", "--mode", "point", "--gate", "accuracy >= 0.5")
    assert done.returncode == code, done.stdout + done.stderr
    assert told.lower() in (done.stdout + done.stderr).lower()
    assert "Traceback" not in done.stdout + done.stderr


def test_a_folder_of_parquet_files_with_one_other_schema_is_refused(mlops):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    folder = mlops.cwd / "parts"
    folder.mkdir()
    rows = {"sex": ["f", "m"] * 100, "y_true": [0, 1] * 100, "y_pred": [0, 1] * 100}
    for index in range(3):
        parquet.write_table(pa.table(rows), folder / f"part-{index}.parquet")
    done = mlops("fairness", "--predictions", "parts", "--gate", "accuracy >= 0.5")
    assert done.returncode == 0, done.stdout + done.stderr
    parquet.write_table(pa.table({"sex": ["f"], "y_true": [0], "decision": [1]}), folder / "part-9.parquet")
    done = mlops("fairness", "--predictions", "parts", "--gate", "accuracy >= 0.5")
    assert done.returncode == 3
    assert "part-9.parquet" in done.stdout + done.stderr


def test_the_plan_says_whether_groups_are_large_enough(audit):
    done = audit("fairness", "--predictions", "p.csv", "--plan")
    told = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stderr
    assert "on 1,500 rows" in told
    assert "sex: 2 groups; fewest positives" in told
    assert "rows of the label in question are needed in each" in told


def test_init_writes_a_config_that_runs(audit):
    (audit.cwd / "p.csv").rename(audit.cwd / "predictions.csv")
    assert audit("init").returncode == 0
    text = (audit.cwd / "mlops.yaml").read_text(encoding="utf-8")
    assert "  fairness:" in text
    assert "      - sex\n      - race\n" in text
    done = audit("run", "fairness")
    assert done.returncode == 0, done.stdout + done.stderr
