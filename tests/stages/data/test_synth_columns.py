"""What a contract says of single columns: types, lists, identifiers, labels, and names and values that YAML would misread."""

import csv
import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from mlops_stage.errors import UsageError
from mlops_stage.gate import Rules, judge
from mlops_stage.stages.data.contract.loading import load_contract
from mlops_stage.stages.data.criteria import criteria
from mlops_stage.stages.data.measure import measure
from mlops_stage.stages.data.params import DataParams, SynthParams
from mlops_stage.stages.data.synth import run
from mlops_stage.workspace import Workspace

SURNAMES = ("Abel", "Brandt", "Castro", "Dubois", "Eriksen", "Farkas", "Garcia", "Horvat", "Ivanova", "Jansen")


def names(rng, n):
    return [f"{SURNAMES[a]}-{SURNAMES[b]}" for a, b in rng.integers(0, len(SURNAMES), (n, 2))]


def maybe(rng, values, share):
    """The values, some of them missing."""
    return [None if gone else value for value, gone in zip(values, rng.random(len(values)) < share, strict=True)]


def patients(rng, n):
    return {
        "patient_id": rng.permutation(100 * n)[:n],
        "email": [f"{name.lower()}{number}@example.org" for number, name in enumerate(names(rng, n))],
        "contact": [f"+49 30 {number}" for number in rng.integers(1_000_000, 9_999_999, n)],
        "diagnosis": rng.choice(["E11", "I10", "J45"], n),
        "glucose": maybe(rng, rng.normal(110, 25, n).tolist(), 0.05),
        "bmi": np.where(rng.random(n) < 0.04, -999.0, rng.normal(27, 4, n)),
        "readmitted": rng.choice(["NO", "<30", ">30"], n),
    }


def write(path, columns):
    plain = {name: list(values.tolist() if isinstance(values, np.ndarray) else values) for name, values in columns.items()}
    rows = [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]
    if path.suffix == ".parquet":
        pq.write_table(pa.table(plain), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(plain))
            writer.writeheader()
            writer.writerows(rows)


def workspace(root):
    return Workspace(root=root, run_dir=root / "out", out=root / "out" / "data", cache=root / "cache")


@pytest.fixture
def synth(tmp_path):
    """The text of a contract for these columns."""

    def text(suffix="csv", **columns):
        params = {name: columns.pop(name) for name in ("label", "row_id", "sensitive") if name in columns}
        write(tmp_path / f"table.{suffix}", columns)
        run(SynthParams(source=f"table.{suffix}", force=True, **params), workspace(tmp_path))
        load_contract("contract.odcs.yaml", tmp_path)
        return (tmp_path / "contract.odcs.yaml").read_text(encoding="utf-8")

    return text


def held(root, data, contract="contract.odcs.yaml"):
    """The judgement on a table, held against its contract."""
    place = workspace(root)
    place.out.mkdir(parents=True, exist_ok=True)
    params = DataParams(data=data, contract=contract)
    observations = measure(params, place)
    return judge(observations, criteria(params, observations), Rules())


def without_comments(text):
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def test_a_list_that_allows_exceptions_is_a_pattern_in_json_files_and_means_the_same(synth, tmp_path):
    often = ["C (all)", "a.b", "x|y", "back\\slash", "é+", "[z]"]
    columns = {"zone": [often[row % 6] for row in range(594)] + ["rare", "Cx (all)", "axb", "x", "a.b ", "z"]}
    text = synth("jsonl", **columns)
    assert "validValues:" not in text
    assert "pattern, for other tools" in text
    assert "validValues: [" in synth("csv", **columns)
    synth("jsonl", **columns)
    (tmp_path / "contract.odcs.yaml").write_text(re.sub(r"mustBeLessOrEqualTo: .*", "mustBeLessOrEqualTo: 0.5", text), encoding="utf-8")
    (gate,) = [gate for gate in held(tmp_path, "table.jsonl").gates if gate.verdict == "failed"]
    assert "pattern misses: 1.000 %" in gate.sentence


def test_the_same_table_gives_the_same_bytes(synth):
    columns = patients(np.random.default_rng(5), 400)
    assert synth(**columns) == synth(**columns)


def test_values_seen_a_few_times_are_not_listed(synth):
    text = synth(plan=["a"] * 500 + ["b"] * 300 + ["secret-one"] * 3)
    assert "validValues: [a, b]" in text
    assert "secret-one" not in text
    assert "mustBeLessOrEqualTo: 3" in text


def test_values_of_which_many_are_rare_are_not_listed(synth):
    assert "validValues" not in synth(plan=["a"] * 500 + [f"v{number}" for number in range(40)])


def test_names_that_yaml_would_misread(synth):
    odd = [
        "yes",
        "1.5",
        "a: b",
        "- x",
        "#",
        "ä😀",
        "with\nline",
        "null",
        " space ",
        "'quote\"",
        "\u2028",
        "{}",
        "~",
        "0x1f",
        "2024-01-01",
        "\x7f",
    ]
    text = synth(suffix="parquet", **{name: [1.5] * 40 for name in odd})
    values = YAML(typ="safe", pure=True).load(text)
    assert [column["name"] for column in values["schema"][0]["properties"]] == odd


def test_values_that_yaml_would_misread(synth):
    odd = ["yes", "no", "1", "1.50", "null", "a, b", "[x]", "ä", "2024-01-01", "tr\tue"]
    text = synth(suffix="parquet", answer=[value for value in odd for _ in range(20)])
    values = YAML(typ="safe", pure=True).load(text)
    rules = values["schema"][0]["properties"][0]["quality"]
    assert sorted(next(rule["arguments"]["validValues"] for rule in rules if "arguments" in rule)) == sorted(odd)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 3], "integer"),
        ([1.5, 2, 3], "number"),
        (["01", "02"], "string"),
        (["1_000", "2"], "string"),
        (["true", "False"], "boolean"),
        (["2024-01-31", "2023-02-01"], "date"),
        (["2024-01-31", "2023-02-31"], "string"),
        (["2024-01-31T10:00:00", "2023-02-01 11:30:00Z"], "timestamp"),
        (["a", "1"], "string"),
        (["nan", "1.5"], "number"),
        ([None, "5"], "integer"),
    ],
)
def test_types_of_text(synth, values, kind):
    assert f"logicalType: {kind}\n" in synth(value=values, other=["x"] * len(values))


def test_few_rows_and_no_values(synth):
    assert "too few to learn" in synth(a=[1, 2, 3])
    assert "Every cell is missing" in synth(suffix="parquet", a=pa.array([None] * 50, pa.int32()).to_pylist(), b=[1] * 50)


def test_identifiers_and_labels(synth):
    n = 300
    text = synth(row_id="key", label="grade", key=[f"K-{number:05d}" for number in range(n)], grade=["a", "b", "c"] * 100)
    assert "primaryKey: true" in text
    assert text.count("check: class_share") == 3
    assert 'pattern: "^[A-Z]-[0-9]{5}$"' in text


def test_truth_in_text_is_the_label_however_it_is_written(synth, tmp_path):
    synth(label="late", late=["True"] * 30 + ["FALSE"] * 200, at=range(230))
    assert "value: true\n" in (tmp_path / "contract.odcs.yaml").read_text(encoding="utf-8")
    assert held(tmp_path, "table.csv").outcome == "passed"


def test_values_that_only_chance_kept_apart_are_not_unique(synth):
    assert "unique" not in synth(contact=[f"+49 30 {number * 7919 % 9_999_991:07d}" for number in range(1000)])


def test_a_number_that_stands_for_a_missing_one_is_told_and_bounds_nothing(synth):
    rng = np.random.default_rng(3)
    text = synth(size=np.where(rng.random(1000) < 0.05, -999, rng.integers(10, 500, 1000)))
    assert "values: [-999]" in text
    assert "minimum" not in without_comments(text)
    assert "maximum" in without_comments(text)


def test_what_is_there_is_not_overwritten_and_what_is_absent_is_named(tmp_path, synth):
    synth(a=[1] * 50)
    with pytest.raises(UsageError, match="exists already"):
        run(SynthParams(source="table.csv"), workspace(tmp_path))
    with pytest.raises(UsageError, match="label: .* has no column 'z'"):
        run(SynthParams(source="table.csv", label="z", force=True), workspace(tmp_path))
    with pytest.raises(UsageError, match="no table is named"):
        run(SynthParams(), workspace(tmp_path))
