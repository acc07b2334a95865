"""Data sets: digest, rows, columns, missing cells, and no value of any cell."""

import gzip
import hashlib
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_stage.errors import InputError, UsageError
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.stages.sbom.emit import emit
from mlops_stage.stages.sbom.results import Results
from mlops_stage.stages.sbom.validate import faults

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: x
version: 7.0.0
tenant: Acme
description: {purpose: rows of applicants, limitations: only 1994}
schema:
- name: applicants
  properties:
  - {name: age, logicalType: integer, description: in years}
  - {name: email, logicalType: string, classification: restricted}
"""


@pytest.fixture
def tables(project):
    project.network("m/model.onnx")
    project.write("data/test.csv", "age,email,score\n41,secret.person@example.org,1\n52,,2\n,,3\n")
    frame = pa.table({"age": [41, None, 52, 7], "email": ["secret.person@example.org", None, None, "x"]})
    pq.write_table(frame, project.root / "data" / "train.parquet")
    return project


def test_rows_columns_and_missing_cells_are_told(tables):
    found = tables.look(model="m", data="data/test.csv", train="data/train.parquet")
    data, train = found.datasets
    assert (data.text("rows"), data.text("columns"), float(data.text("missing"))) == ("3", "3", pytest.approx(1 / 3, abs=1e-6))
    assert (train.text("rows"), train.text("missing"), train.text("format")) == ("4", "0.375", "Parquet")
    assert [(one.name, one.type, one.missing) for one in train.columns] == [("age", "BIGINT", 0.25), ("email", "VARCHAR", 0.5)]
    assert [(use.role, use.ref) for use in found.models[0].datasets] == [("test", data.ref), ("train", train.ref)]


def test_no_value_of_a_cell_is_told(tables):
    found = tables.look(model="m", data="data/test.csv", train="data/train.parquet")
    assert "secret.person" not in repr(found)
    assert "52" not in [fact.value for one in found.datasets for fact in one.facts]


@pytest.mark.parametrize("source", ["data/test.csv", "data/train.parquet", "data/*.csv"])
def test_the_digest_is_the_one_that_all_stages_use(tables, source):
    if "*" in source:
        tables.write("data/more.csv", "age,email,score\n1,2,3\n")
    (data,) = tables.look(model="m", data=source).datasets
    assert data.sha256 == open_table(source, tables.root).subject().sha256
    assert data.hash_scope == "content"


def test_the_contract_tells_meaning_and_sensitivity(tables):
    tables.write("c.odcs.yaml", CONTRACT)
    (data,) = tables.look(model="m", data="data/test.csv", contract="c.odcs.yaml").datasets
    assert (data.text("description"), data.text("limitation"), data.text("producer")) == ("rows of applicants", "only 1994", "Acme")
    assert data.text("sensitivity") == "restricted"
    assert [(one.name, one.type, one.sensitive, one.description) for one in data.columns] == [
        ("age", "integer", "", "in years"),
        ("email", "string", "declared", ""),
        ("score", "", "", ""),
    ]


def test_columns_that_look_personal_are_marked_without_a_contract(tables):
    (data,) = tables.look(model="m", data="data/test.csv").datasets
    assert [one.sensitive for one in data.columns] == ["", "looks personal", ""]
    assert data.fact("sensitivity").confidence == "inferred"


def test_one_table_in_two_roles_stands_there_once(tables):
    found = tables.look(model="m", data="data/test.csv", train="data/test.csv")
    assert len(found.datasets) == 1
    assert [use.role for use in found.models[0].datasets] == ["test", "train"]
    assert {use.ref for use in found.models[0].datasets} == {found.datasets[0].ref}


MD5 = "0123456789abcdef0123456789abcdef"
OTHER = "f" * 32


@pytest.mark.parametrize(
    ("pointer", "asked"),
    [
        (f"outs:\n- md5: {MD5}\n  size: 5\n  hash: md5\n  path: big.parquet\n", "data/big.parquet"),
        (f"outs:\n- md5: {MD5}\n  path: big.parquet\n", "data/big.parquet.dvc"),
        (f"md5: {OTHER}\ndeps:\n- md5: {OTHER}\n  path: raw.csv\nouts:\n- path: big.parquet\n  md5: {MD5}\n", "data/big.parquet"),
        (f"outs:\n- md5: {OTHER}\n  path: a.parquet\n- md5: {MD5}\n  path: ./big.parquet\n", "data/big.parquet"),
        (f"# md5: {OTHER}\nwdir: ../data\nmeta: {{md5: {OTHER}}}\nouts:\n- md5: {MD5}\n  path: ../data/big.parquet\n", ""),
    ],
)
def test_of_a_pointer_of_dvc_the_digest_of_the_data_is_told_as_what_dvc_recorded(tables, pointer, asked):
    tables.write("data/big.parquet.dvc", pointer.replace("../data", "."))
    (data,) = tables.look(model="m", data=asked or "data/big.parquet").datasets
    assert (data.hash_scope, data.snapshot, data.sha256, data.text("rows")) == ("pointer", f"md5:{MD5}", "", "")
    assert (data.ref, data.name, data.version) == (f"dataset:md5:{MD5}", "data/big.parquet", "md5-0123456789ab")
    assert data.purl == f"pkg:generic/dataset/big.parquet?checksum=md5:{MD5}"
    told = data.fact("identifier")
    assert (told.confidence, told.source) == ("declared", "data/big.parquet.dvc")
    assert data.files[0].format == "DVC pointer"


def test_the_digest_that_dvc_recorded_stands_in_the_document_and_that_of_the_pointer_does_not(tables):
    pointer = tables.write("data/big.parquet.dvc", f"outs:\n- md5: {MD5}\n  path: big.parquet\n")
    document = emit(tables.look(model="m", data="data/big.parquet"), Results()).decode()
    (data,) = [one for one in json.loads(document)["components"] if one["type"] == "data"]
    assert data["hashes"] == [{"alg": "MD5", "content": MD5}]
    assert hashlib.sha256(pointer.read_bytes()).hexdigest() not in document
    assert list(faults(json.loads(document), "1.6")) == []


def test_of_a_folder_that_dvc_has_no_digest_of_bytes_is_told(tables):
    tables.write("data/big.dvc", f"outs:\n- md5: {MD5}.dir\n  nfiles: 2\n  path: big\n")
    (data,) = tables.look(model="m", data="data/big").datasets
    assert (data.snapshot, data.purl) == (f"md5:{MD5}.dir", "")


@pytest.mark.parametrize(
    ("pointer", "why"),
    [
        (f"outs:\n- md5: {MD5}\n  path: other.parquet\n", "records no digest of big.parquet"),
        (f"md5: {MD5}\nouts:\n- path: big.parquet\n", "records no digest of big.parquet"),
        ("outs:\n- md5: [1]\n  path: big.parquet\n", "records no digest of big.parquet"),
        ("outs: 3\n", "records no digest of big.parquet"),
        ("outs: [[[\n", "could not be read: not valid YAML"),
        ("", "could not be read: it holds no mapping"),
    ],
)
def test_a_pointer_that_says_nothing_of_the_data_is_refused(tables, pointer, why):
    tables.write("data/big.parquet.dvc", pointer)
    with pytest.raises(InputError, match=f"^data: data/big.parquet.dvc {why}"):
        tables.look(model="m", data="data/big.parquet")


def test_large_text_is_told_without_counting(tables, monkeypatch):
    monkeypatch.setattr("mlops_stage.stages.sbom.extract.tables.MOST_COUNTED", 10)
    (data,) = tables.look(model="m", data="data/test.csv").datasets
    assert (data.text("rows"), data.text("columns")) == ("", "3")


def test_a_table_with_a_broken_record_is_described_without_its_rows(tables):
    tables.write("data/test.csv", "a,b\n1,2\n1,2,3\n")
    (data,) = tables.look(model="m", data="data/test.csv").datasets
    assert (data.text("rows"), data.text("columns")) == ("", "2")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\xff" * 50 + b"PAR1", gzip.compress(b"x", mtime=0)])
def test_what_is_no_table_is_refused(tables, content):
    tables.write("data/odd.parquet", content)
    with pytest.raises(InputError):
        tables.look(model="m", data="data/odd.parquet")


def test_a_table_that_is_not_there_is_told(tables):
    with pytest.raises(UsageError, match="train: data/gone.csv does not exist"):
        tables.look(model="m", train="data/gone.csv")
    with pytest.raises(UsageError, match="contract: gone.yaml does not exist"):
        tables.look(model="m", contract="gone.yaml")
