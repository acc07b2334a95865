from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlops_stage.stages.data.init import init

if TYPE_CHECKING:
    from pathlib import Path


def repository(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    return root


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ((), None),
        (("model.onnx", "README.md"), None),
        (("d/train.csv", "d/test.csv"), {"data": "d/test.csv", "train": "d/train.csv"}),
        (("rows.parquet",), {"data": "rows.parquet"}),
        (("predictions.csv", "rows.csv.gz"), {"data": "rows.csv.gz"}),
        (("node_modules/data.csv", ".hidden/data.csv"), None),
        (
            ("data/data.jsonl", "contract.odcs.yaml", "model/train.profile.json"),
            {"data": "data/data.jsonl", "contract": "contract.odcs.yaml", "profile": "model/train.profile.json"},
        ),
    ],
)
def test_what_lies_in_the_repository_is_found(tmp_path: Path, names: tuple[str, ...], found: dict[str, str] | None) -> None:
    assert init(repository(tmp_path, *names)) == found
