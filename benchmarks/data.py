"""`mlops-stage data` on five million rows against datacontract-cli and pandera: the same rules, whole processes, in turns, in one run.

    python benchmarks/data.py [--rows 5000000] [--rounds 3]

The peers live in environments of their own, for they pin other versions: `python -m venv V && V/bin/pip install 'datacontract-cli[duckdb]'`
and `'pandera[pandas]' pyarrow`; their folders are `--datacontract` and `--pandera`. Ours is whatever runs this file; `--own` names an
environment with nothing but `mlops-stage[data]`, whose size is told.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from measuring import resident

_SEEDS = {"pip", "setuptools", "pkg_resources", "_distutils_hack"}
HOME = Path.home() / ".cache/mlops-stage/bench"
CONTRACT = """
apiVersion: v3.0.2
kind: DataContract
id: bench
version: 1.0.0
status: active
servers:
- {server: local, type: local, path: t.parquet, format: parquet}
schema:
- name: t
  physicalType: file
  properties:
  - {name: id, logicalType: integer, physicalType: BIGINT, required: true, quality: [{metric: nullValues, mustBe: 0}]}
  - name: age
    logicalType: integer
    physicalType: INTEGER
    required: true
    logicalTypeOptions: {minimum: 18, maximum: 90}
  - {name: income, logicalType: number, physicalType: DOUBLE, logicalTypeOptions: {minimum: 0, maximum: 1000000}}
  - {name: score, logicalType: number, physicalType: DOUBLE, required: true, logicalTypeOptions: {minimum: 0, maximum: 1}}
  - name: country
    logicalType: string
    physicalType: VARCHAR
    required: true
    logicalTypeOptions: {minLength: 2, maxLength: 2}
    quality:
    - {metric: invalidValues, arguments: {validValues: [AT, DE, FR, IT, ES]}, mustBe: 0}
  - {name: mail, logicalType: string, physicalType: VARCHAR, logicalTypeOptions: {pattern: '^[^@]+@[^@]+$'}}
  - {name: flag, logicalType: boolean, physicalType: BOOLEAN, required: true}
  - {name: day, logicalType: date, physicalType: DATE, required: true}
  - {name: visits, logicalType: integer, physicalType: INTEGER, logicalTypeOptions: {minimum: 0, maximum: 100}}
  - {name: plan, logicalType: string, physicalType: VARCHAR, logicalTypeOptions: {minLength: 3, maxLength: 8}}
  quality:
  - {metric: rowCount, mustBeGreaterThan: 1000}
"""
PANDERA = """
import sys
import pandas as pd
import pandera.pandas as pa
from pandera import Check, Column

schema = pa.DataFrameSchema({
    "id": Column("int64", nullable=False),
    "age": Column("int32", Check.in_range(18, 90), nullable=False),
    "income": Column("float64", Check.in_range(0, 1_000_000), nullable=True),
    "score": Column("float64", Check.in_range(0, 1), nullable=False),
    "country": Column("str", [Check.isin(["AT", "DE", "FR", "IT", "ES"]), Check.str_length(2, 2)], nullable=False),
    "mail": Column("str", Check.str_matches("^[^@]+@[^@]+$"), nullable=True),
    "flag": Column("bool", nullable=False),
    "day": Column(nullable=False),
    "visits": Column("int32", Check.in_range(0, 100)),
    "plan": Column("str", Check.str_length(3, 8)),
})
frame = pd.read_parquet(sys.argv[1])
try:
    schema.validate(frame, lazy=True)
    print("valid", len(frame))
except pa.errors.SchemaErrors as error:
    print(error.failure_cases.groupby(["column", "check"]).size())
"""


def write(path: Path, rows: int) -> None:
    """A table of ten columns, some of whose cells break the rules."""
    duckdb.sql(
        f"""COPY (SELECT range AS id, (15 + hash(range) % 80)::INTEGER AS age,
            CASE WHEN hash(range + 1) % 300 = 0 THEN NULL ELSE (hash(range + 2) % 1000000) / 1.0 END AS income,
            (hash(range + 3) % 10000) / 10000.0 AS score, ['AT', 'DE', 'FR', 'IT', 'ES', 'XX'][1 + (hash(range + 4) % 6)::INTEGER] AS country,
            CASE WHEN hash(range + 5) % 5000 = 0 THEN 'nobody' ELSE 'p' || range || '@example.org' END AS mail, hash(range + 6) % 2 = 0 AS flag,
            DATE '2020-01-01' + (hash(range + 7) % 1500)::INTEGER AS day, (hash(range + 8) % 90)::INTEGER AS visits,
            ['free', 'basic', 'premium'][1 + (hash(range + 9) % 3)::INTEGER] AS plan
            FROM range({rows})) TO '{path}' (FORMAT parquet)"""  # noqa: S608  (our own numbers)
    )


def timed(argv: list[str], cwd: Path) -> tuple[float, float, float]:
    """Wall seconds, processor seconds, and the most memory in MB that the process and its descendants hold at once."""
    before = os.times()
    begun = time.perf_counter()
    process = subprocess.Popen(argv, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        most = max(most, resident(process.pid))
        time.sleep(0.01)
    after = os.times()
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    return time.perf_counter() - begun, cpu, most / 1e6


def size(folder: Path) -> float:
    """MB that installing added to an environment, compiled modules included; what every new environment holds is left out."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.lstat().st_size for path in found if not _SEEDS & set(path.parts)) / 1e6


def main() -> None:
    """Print a table of seconds, memory and sizes, each beside ours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--datacontract", type=Path, default=HOME / "datacontract")
    parser.add_argument("--pandera", type=Path, default=HOME / "data-pandera")
    parser.add_argument("--own", type=Path, default=HOME / "data-own")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "t.parquet", asked.rows)
        (folder / "c.odcs.yaml").write_text(CONTRACT)
        (folder / "p.py").write_text(PANDERA)
        commands = {
            "mlops-stage data": [sys.executable, "-m", "mlops_stage", "data", "--data", "t.parquet", "--contract", "c.odcs.yaml"],
            "datacontract-cli": [str(asked.datacontract / "bin/datacontract"), "test", "c.odcs.yaml"],
            "pandera": [str(asked.pandera / "bin/python"), "p.py", "t.parquet"],
        }
        commands = {tool: argv for tool, argv in commands.items() if Path(argv[0]).exists()}
        told = subprocess.run(commands["mlops-stage data"], cwd=folder, capture_output=True, text=True, check=False).stdout
        (folder / "told.txt").write_text(told)
        print(f"{asked.rows:,} rows, {(folder / 't.parquet').stat().st_size / 1e6:.0f} MB")
        print(" ".join(re.findall(r"[a-z_]+: [\d,]+ rows", told)[:8]))
        seen: dict[str, list[tuple[float, float, float]]] = {tool: [] for tool in commands}
        for _ in range(asked.rounds):
            for tool, argv in commands.items():
                seen[tool].append(timed(argv, folder))
        own = statistics.median(cpu for _, cpu, _ in seen["mlops-stage data"])
        for tool, figures in seen.items():
            wall, cpu, most = (statistics.median(one[place] for one in figures) for place in range(3))
            print(f"{tool:18} wall {wall:6.1f} s   cpu {cpu:6.1f} s ({cpu / own:4.1f} x ours)   memory {most:6.0f} MB")
    for tool, home in {"mlops-stage[data]": asked.own, "datacontract-cli": asked.datacontract, "pandera": asked.pandera}.items():
        if home.exists():
            print(f"{tool:18} installed {size(home):5.0f} MB")


if __name__ == "__main__":
    main()
