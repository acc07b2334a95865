"""What `mlops-stage init` writes for this stage: a table, and the contract and profile that lie beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.inputs.repository import PREDICTION_WORDS, TEST_WORDS, files, tables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_JUDGED = (*TEST_WORDS, "data")


def init(root: Path) -> Mapping[str, Any] | None:
    """Params for what lies in the repository, or None where there is no table."""
    paths = files(root)
    found = [path for path in tables(paths) if not any(word in _name(path) for word in PREDICTION_WORDS)]
    if not found:
        return None
    data = next((path for word in _JUDGED for path in found if word in _name(path)), found[0])
    train = next((path for path in found if "train" in _name(path) and path != data), None)
    contract = next((path for path in paths if path.lower().endswith((".odcs.yaml", ".odcs.yml"))), None)
    profile = next((path for path in paths if _name(path).endswith("profile.json")), None)
    beside = {"train": train, "contract": contract, "profile": profile}
    return {"data": data, **{name: path for name, path in beside.items() if path}}


def _name(path: str) -> str:
    return path.rpartition("/")[2].lower()
