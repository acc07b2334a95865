"""Cells that must stand in no artefact, and queries that reach for what is not theirs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from mlops_stage.errors import StageError
from mlops_stage.gate import Rules, judge
from mlops_stage.report import Outcome, adapter_of
from mlops_stage.stages.data.criteria import criteria
from mlops_stage.stages.data.measure import measure
from mlops_stage.stages.data.params import DataParams, ProfileParams
from mlops_stage.stages.data.profiling import run as write_profile
from mlops_stage.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_stage.report import Judgement, Observations


def workspace(folder: Path) -> Workspace:
    return Workspace(root=folder, run_dir=folder, out=folder / "out", cache=folder / "cache")


def held(folder: Path, **params: Any) -> tuple[Observations, Judgement]:
    asked = DataParams(data=params.pop("data", "now.parquet"), **params)
    seen = measure(asked, workspace(folder))
    return seen, judge(seen, criteria(asked, seen), Rules())


def table(n: int, seed: int, *, shift: float = 0.0, new: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    colours = rng.choice(["red", "green", "blue", "grey"], n, p=[0.5, 0.3, 0.15, 0.05])
    return pd.DataFrame(
        {
            "x": rng.normal(shift, 1, n),
            "y": rng.normal(0, 1, n),
            "colour": np.where(rng.random(n) < new, "violet", colours),
            "gap": np.where(rng.random(n) < 0.1, np.nan, rng.random(n)),
        }
    )


SECRETS = ("ada.lovelace@mail.example", "4111111111111111", "hunter2-passphrase", "DE89370400440532013000", "Wolfeschlegelstein")
SECRET_CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: s
version: 1.0.0
status: active
schema:
- name: t
  properties:
  - {name: id, logicalType: string, primaryKey: true}
  - {name: mail, logicalType: integer}
  - {name: card, logicalType: integer, logicalTypeOptions: {maximum: 9}}
  - {name: word, logicalType: string, logicalTypeOptions: {maxLength: 3}, quality: [{metric: invalidValues, arguments: {validValues: [a]}, mustBe: 0}]}
  - {name: iban, logicalType: string, logicalTypeOptions: {pattern: '^[a-z]*$'}}
  - {name: name, logicalType: date, unique: true}
  quality:
  - {metric: duplicateValues, arguments: {properties: [name]}, mustBe: 0}
  - {type: sql, query: 'SELECT count(DISTINCT word) FROM {object}', mustBe: 0}
"""


def secret_rows() -> pd.DataFrame:
    """Forty harmless rows, and three that hold what nobody may read."""
    mail, card, word, iban, name = SECRETS
    harmless = [{"id": f"{place}", "mail": "5", "card": "7", "word": "a", "iban": "x", "name": "2024-01-01"} for place in range(40)]
    return pd.DataFrame([*harmless, *[{"id": name, "mail": mail, "card": card, "word": word, "iban": iban, "name": name}] * 3])


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_planted_secrets_stand_in_no_artefact(tmp_path: Path, suffix: str) -> None:
    frame = secret_rows()
    if suffix == "csv":
        frame.to_csv(tmp_path / "now.csv", index=False)
        with (tmp_path / "now.csv").open("a") as stream:
            stream.write(f"{SECRETS[0]},{SECRETS[2]}\n")
    elif suffix == "jsonl":
        frame.to_json(tmp_path / "now.jsonl", orient="records", lines=True)
        with (tmp_path / "now.jsonl").open("a") as stream:
            stream.write(f'{{"mail": "{SECRETS[0]}", "word": {SECRETS[2]}}}\n')
    else:
        frame.to_parquet(tmp_path / "now.parquet")
    (tmp_path / "c.odcs.yaml").write_text(SECRET_CONTRACT)
    write_profile(ProfileParams(source=f"now.{suffix}"), workspace(tmp_path))
    seen, judged = held(tmp_path, data=f"now.{suffix}", contract="c.odcs.yaml", profile="profile.json")
    assert judged.outcome is Outcome.FAILED
    artefacts = [path.read_text() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    artefacts += [json.dumps(adapter_of(type(seen)).dump_python(seen, mode="json")), repr(judged), (tmp_path / "profile.json").read_text()]
    assert len(artefacts) >= 6
    assert sum(artefact.count(secret) for artefact in artefacts for secret in SECRETS) == 0


def test_values_are_revealed_only_when_asked_and_only_in_private(tmp_path: Path) -> None:
    secret_rows().to_csv(tmp_path / "now.csv", index=False)
    (tmp_path / "c.odcs.yaml").write_text(SECRET_CONTRACT)
    held(tmp_path, data="now.csv", contract="c.odcs.yaml", reveal=True)
    shown = {
        path.relative_to(tmp_path / "out").as_posix()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file() and SECRETS[2] in path.read_text()
    }
    assert shown == {"evidence/private/failing-rows.json"}


HOSTILE = {
    "read a file": "SELECT count(*) FROM read_text('/etc/passwd')",
    "read a csv": "SELECT count(*) FROM read_csv('/etc/passwd')",
    "a path for a table": "SELECT count(*) FROM '/etc/passwd'",
    "the network": "SELECT count(*) FROM 'https://example.org/x.parquet'",
    "list files": "SELECT count(*) FROM glob('/etc/*')",
    "copy": "COPY (SELECT 1) TO 'stolen.csv'",
    "attach": "ATTACH 'other.db'",
    "two statements": "SELECT 1; DROP TABLE t",
    "install": "INSTALL httpfs",
    "settings": "SET enable_external_access = true",
    "pragma": "PRAGMA database_list",
    "in a subquery": "SELECT (SELECT count(*) FROM read_text('/etc/passwd')) FROM {object}",
    "in a condition": "SELECT count(*) FROM {object} WHERE EXISTS (SELECT 1 FROM read_blob('/etc/passwd'))",
    "behind a name": "WITH a AS (SELECT * FROM read_text('/etc/passwd')) SELECT count(*) FROM a",
    "of the catalogue": "SELECT count(*) FROM duckdb_settings()",
    "another table": "SELECT count(*) FROM information_schema.tables",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_queries_are_refused(tmp_path: Path, name: str) -> None:
    table(50, 1).to_parquet(tmp_path / "now.parquet")
    head = SECRET_CONTRACT[: SECRET_CONTRACT.index("  properties:")]
    query = json.dumps(HOSTILE[name])
    (tmp_path / "c.odcs.yaml").write_text(
        f"{head}  properties: [{{name: x, logicalType: number}}]\n  quality: [{{type: sql, query: {query}, mustBe: 0}}]\n"
    )
    with pytest.raises(StageError) as caught:
        held(tmp_path, contract="c.odcs.yaml")
    assert caught.value.code == 2
    assert caught.value.message.startswith("c.odcs.yaml:")
    assert not (tmp_path / "stolen.csv").exists()


def test_a_query_that_fails_does_not_quote_cells(tmp_path: Path) -> None:
    pd.DataFrame({"word": ["hunter2-passphrase"] * 30}).to_csv(tmp_path / "now.csv", index=False)
    head = SECRET_CONTRACT[: SECRET_CONTRACT.index("  properties:")]
    query = "SELECT sum(CAST(word AS INTEGER)) FROM {object}"
    (tmp_path / "c.odcs.yaml").write_text(
        f"{head}  properties: [{{name: word, logicalType: string}}]\n  quality: [{{type: sql, query: '{query}', mustBe: 0}}]\n"
    )
    seen, judged = held(tmp_path, data="now.csv", contract="c.odcs.yaml")
    assert judged.outcome is Outcome.INCONCLUSIVE
    (told,) = (finding for finding in seen.findings if finding.rule == "data/not-evaluated")
    assert "the query fails on a cell of this table (conversion error)" in told.message
    assert "hunter2" not in json.dumps(adapter_of(type(seen)).dump_python(seen, mode="json"))
