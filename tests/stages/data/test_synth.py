"""Contracts learnt from ten tables in the shapes of public ones: valid, without what they must not say, kept by the table itself and by later rows."""

import csv
import datetime as dt
import json
import re
import shutil
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft201909Validator
from ruamel.yaml import YAML

from mlops_stage.gate import Rules, judge
from mlops_stage.stages.data.contract.loading import load_contract
from mlops_stage.stages.data.criteria import criteria
from mlops_stage.stages.data.measure import measure
from mlops_stage.stages.data.params import DataParams, SynthParams
from mlops_stage.stages.data.synth import run
from mlops_stage.workspace import Workspace

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
INCOME = Path(__file__).resolve().parents[3] / "docs" / "examples" / "income"
SURNAMES = ("Abel", "Brandt", "Castro", "Dubois", "Eriksen", "Farkas", "Garcia", "Horvat", "Ivanova", "Jansen")


def names(rng, n):
    return [f"{SURNAMES[a]}-{SURNAMES[b]}" for a, b in rng.integers(0, len(SURNAMES), (n, 2))]


def maybe(rng, values, share):
    """The values, some of them missing."""
    return [None if gone else value for value, gone in zip(values, rng.random(len(values)) < share, strict=True)]


def iris(rng, n):
    kind = rng.integers(0, 3, n)
    return {
        **{name: np.round(rng.normal(3 + kind, 0.4), 1) for name in ("sepal_length", "sepal_width", "petal_length", "petal_width")},
        "species": np.array(["setosa", "versicolor", "virginica"])[kind],
    }


def titanic(rng, n):
    return {
        "PassengerId": rng.permutation(10 * n)[:n],
        "Survived": rng.integers(0, 2, n),
        "Pclass": rng.integers(1, 4, n),
        "Name": names(rng, n),
        "Sex": rng.choice(["male", "female"], n),
        "Age": maybe(rng, np.round(rng.gamma(5, 6, n), 1).tolist(), 0.2),
        "SibSp": rng.poisson(0.5, n),
        "Fare": np.round(rng.lognormal(2.5, 1, n), 4),
        "Cabin": maybe(rng, [f"C{number}" for number in rng.integers(1, 150, n)], 0.77),
        "Embarked": maybe(rng, rng.choice(["S", "C", "Q"], n, p=[0.7, 0.2, 0.1]).tolist(), 0.01),
    }


def credit(rng, n):
    return {
        "checking_status": rng.choice(["<0", "0<=X<200", ">=200", "no checking"], n),
        "duration": rng.integers(4, 73, n),
        "credit_amount": rng.lognormal(8, 0.8, n).astype(int),
        "purpose": rng.choice(["radio/tv", "education", "new car", "repairs", "other, unknown"], n),
        "age": rng.integers(19, 76, n),
        "foreign_worker": rng.choice(["yes", "no"], n),
        "class": rng.choice(["good", "bad"], n, p=[0.7, 0.3]),
    }


def taxi(rng, n):
    start = dt.datetime(2024, 1, 1)  # noqa: DTZ001  (files of taxis have no time zone)
    seconds = rng.integers(0, 30 * 86_400, n)
    return {
        "pickup": [start + dt.timedelta(seconds=int(second)) for second in seconds],
        "dropoff": [start + dt.timedelta(seconds=int(second) + 600) for second in seconds],
        "passenger_count": maybe(rng, rng.integers(1, 7, n).tolist(), 0.03),
        "trip_distance": rng.gamma(1.5, 2, n),
        "store_and_fwd_flag": rng.choice(["Y", "N"], n, p=[0.01, 0.99]),
        "payment_type": rng.integers(1, 5, n),
        "tip_amount": np.where(rng.random(n) < 0.6, 0, rng.exponential(3, n)),
        "fare_amount": rng.normal(15, 6, n),
    }


def churn(rng, n):
    return {
        "customerID": [
            f"{a:04d}-{''.join(b)}" for a, b in zip(rng.integers(0, 9999, n), rng.choice(list("ABCDEFGHIJ"), (n, 5)), strict=True)
        ],
        "gender": rng.choice(["Male", "Female"], n),
        "tenure": rng.integers(0, 73, n),
        "Contract": rng.choice(["Month-to-month", "One year", "Two year"], n),
        "MonthlyCharges": np.round(rng.uniform(18, 118, n), 2),
        "TotalCharges": maybe(rng, np.round(rng.gamma(2, 1000, n), 2).tolist(), 0.002),
        "Churn": rng.choice([True, False], n, p=[0.27, 0.73]),
    }


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


def sensors(rng, n):
    noise = rng.normal(size=(4, n))
    noise[0, rng.random(n) < 0.01] = np.nan
    return {
        "time": [dt.date(2023, 1, 1) + dt.timedelta(days=int(day)) for day in rng.integers(0, 300, n)],
        "device": [f"dev-{number:05d}" for number in rng.integers(0, 99_999, n)],
        "temperature": noise[0] * 5 + 20,
        "vibration": np.abs(noise[1]) ** 3,
        "current": noise[2] / (np.abs(noise[3]) + 0.01),
        "status": rng.choice(["ok", "warn", "fail"], n, p=[0.95, 0.04, 0.01]),
    }


COUNTRIES = np.arange(1, 51) / 1275


def reviews(rng, n):
    words = np.array(["good", "bad", "fast", "slow", "cheap", "dear", "again", "never"])
    return {
        "review": [" ".join(words[rng.integers(0, 8, rng.integers(2, 30))]) for _ in range(n)],
        "stars": rng.choice([1, 2, 3, 4, 5], n, p=[0.1, 0.05, 0.1, 0.25, 0.5]),
        "helpful": rng.geometric(0.3, n) - 1,
        "country": rng.choice([f"{a}{b}" for a in "ABCDE" for b in "ABCDEFGHIJ"], n, p=COUNTRIES),
        "verified": rng.choice([True, False], n),
    }


def houses(rng, n):
    return {
        "Id": np.arange(1, n + 1) + int(rng.integers(0, 10**6)) * n,
        "MSZoning": rng.choice(["RL", "RM", "FV", "RH", "C (all)"], n, p=[0.79, 0.15, 0.04, 0.01, 0.01]),
        "LotArea": rng.lognormal(9.1, 0.5, n).astype(int),
        "YearBuilt": 2010 - rng.gamma(1.5, 25, n).astype(int),
        "PoolQC": maybe(rng, rng.choice(["Ex", "Gd", "Fa"], n).tolist(), 0.995),
        "zip": [f"{number:05d}" for number in rng.integers(500, 99_999, n)],
        "SalePrice": rng.lognormal(12, 0.4, n).astype(int),
    }


def bank(rng, n):
    return {
        "job": rng.choice(["admin.", "blue-collar", "technician", "unknown"], n, p=[0.4, 0.3, 0.25, 0.05]),
        "default": rng.choice(["no", "yes", "unknown"], n, p=[0.8, 0.001, 0.199]),
        "iban": [checked(number) for number in rng.integers(10**9, 10**10, n)],
        "balance": rng.standard_t(5, n) * 1500 + 1000,
        "pdays": np.where(rng.random(n) < 0.9, 999, rng.integers(0, 30, n)),
        "campaign": rng.geometric(0.4, n),
        "y": rng.choice(["no", "yes"], n, p=[0.88, 0.12]),
    }


def checked(number):
    """An IBAN of a country with 20 places, its check digits right."""
    account = f"{number:016d}"
    digits = "".join(str(int(mark, 36)) for mark in f"{account}AT00")
    return f"AT{98 - int(digits) % 97:02d}{account}"


TABLES = {
    "iris": (iris, "csv", 150, "species"),
    "titanic": (titanic, "csv", 891, "Survived"),
    "credit": (credit, "csv", 1000, "class"),
    "taxi": (taxi, "parquet", 2000, None),
    "churn": (churn, "parquet", 1500, "Churn"),
    "patients": (patients, "csv", 1200, "readmitted"),
    "sensors": (sensors, "parquet", 2000, "status"),
    "reviews": (reviews, "jsonl", 1500, "stars"),
    "houses": (houses, "csv", 1460, "SalePrice"),
    "bank": (bank, "parquet", 2000, "y"),
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


@cache
def made(folder, name):
    """A folder with the table, a later one of the same source, and the contract of the first."""
    make, suffix, n, label = TABLES[name]
    root = Path(folder) / name
    root.mkdir()
    for part, seed in (("train", 1), ("later", 2)):
        write(root / f"{part}.{suffix}", make(np.random.default_rng(seed), n))
    run(SynthParams(source=f"train.{suffix}", label=label), workspace(root))
    return root


@pytest.fixture(params=TABLES)
def project(request, tmp_path_factory):
    folder = Path(tmp_path_factory.getbasetemp()) / "synth"
    folder.mkdir(exist_ok=True)
    return made(str(folder), request.param)


def held(root, data, contract="contract.odcs.yaml"):
    """The judgement on a table, held against its contract."""
    place = workspace(root)
    place.out.mkdir(parents=True, exist_ok=True)
    params = DataParams(data=data, contract=contract)
    observations = measure(params, place)
    return judge(observations, criteria(params, observations), Rules())


def without_comments(text):
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def test_contracts_are_valid_under_both_versions_of_the_standard(project):
    values = YAML(typ="safe", pure=True).load(project / "contract.odcs.yaml")
    newest = json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8"))
    for schema, version in ((json.loads((SCHEMAS / "odcs-3.1.json").read_text(encoding="utf-8")), "v3.1.0"), (newest, "v3.2.0")):
        assert [error.message for error in Draft201909Validator(schema).iter_errors({**values, "apiVersion": version})] == []


def test_the_table_itself_keeps_its_contract(project):
    judgement = held(project, f"train.{TABLES[project.name][1]}")
    assert judgement.outcome == "passed", [gate.sentence for gate in judgement.gates if gate.verdict != "passed"]
    assert len(judgement.gates) > 20


def test_later_rows_of_the_same_sources_break_at_most_two_percent_of_the_rules(tmp_path_factory):
    folder = Path(tmp_path_factory.getbasetemp()) / "synth"
    folder.mkdir(exist_ok=True)
    roots = [made(str(folder), name) for name in TABLES]
    gates = [gate for root in roots for gate in held(root, f"later.{TABLES[root.name][1]}").gates]
    broken = [gate.sentence for gate in gates if gate.verdict != "passed"]
    assert len(gates) > 300
    assert len(broken) <= 0.02 * len(gates), broken


def test_the_census_keeps_the_contract_that_was_learnt_from_its_other_half(tmp_path):
    shutil.copytree(INCOME / "data", tmp_path / "data")
    run(SynthParams(source="data/train.parquet", label="income"), workspace(tmp_path))
    for part in ("train", "test"):
        judgement = held(tmp_path, f"data/{part}.parquet")
        assert judgement.outcome == "passed", [gate.sentence for gate in judgement.gates if gate.verdict != "passed"]
    contract = load_contract("contract.odcs.yaml", tmp_path)
    assert {column.name for column in contract.columns if column.sensitive} == {"race", "sex", "native_country"}


def test_a_contract_that_was_learnt_is_broken_by_other_rows(tmp_path):
    rng = np.random.default_rng(9)
    write(tmp_path / "train.csv", credit(rng, 1000))
    run(SynthParams(source="train.csv", label="class"), workspace(tmp_path))
    other = credit(rng, 1000)
    other["age"] = other["age"] * 12
    other["purpose"] = ["radio/TV"] * 1000
    other["duration"] = [None, *other["duration"][1:].tolist()]
    write(tmp_path / "other.csv", other)
    judgement = held(tmp_path, "other.csv")
    broken = {gate.criterion for gate in judgement.gates if gate.verdict == "failed"}
    assert len(broken) == 3, broken
    assert all(any(name in one for one in broken) for name in ("age.maximum", "purpose.invalidValues", "duration.required"))


def test_every_rule_has_its_reason_above_it(project):
    lines = (project / "contract.odcs.yaml").read_text(encoding="utf-8").splitlines()
    for line, below in pairwise(lines):
        if re.match(r" +arguments:$", line):
            continue  # the pattern of a rule that has its reason
        if re.match(r" +(- (metric|type)|required|unique|primaryKey|minimum|maximum|maxLength|pattern|classification):", below):
            assert line.lstrip().startswith("#"), below


def test_no_extreme_that_was_seen_is_told(project):
    text = (project / "contract.odcs.yaml").read_text(encoding="utf-8")
    make, _, n, _ = TABLES[project.name]
    for name, values in make(np.random.default_rng(1), n).items():
        array = np.asarray(values)
        if array.dtype.kind != "f" or name == "bmi":
            continue
        for extreme in (np.nanmin(array), np.nanmax(array)):
            assert not extreme or not re.search(rf"(?<![\d.]){re.escape(repr(float(extreme)))}(?!\d)", text), name


def test_sensitive_columns_are_named_and_none_of_their_values_is_told(project):
    contract = load_contract("contract.odcs.yaml", project)
    expected = {
        "titanic": {"Name", "Sex"},
        "churn": {"customerID", "gender"},
        "patients": {"patient_id", "email", "contact", "diagnosis"},
        "bank": {"iban"},
        "houses": {"zip"},
    }
    assert {column.name for column in contract.columns if column.sensitive} == expected.get(project.name, set())
    text = (project / "contract.odcs.yaml").read_text(encoding="utf-8")
    make, _, n, _ = TABLES[project.name]
    columns = make(np.random.default_rng(1), n)
    for name in expected.get(project.name, ()):
        for value in {str(value) for value in columns[name] if len(str(value)) > 3 and not str(value).isdigit()}:
            assert not re.search(rf"\b{re.escape(value)}\b", without_comments(text)), value
    assert "examples:" not in text
