"""What `mlops-stage init` writes for this stage: the model that lies in the repository, its data, and what only a person can tell, as comments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.inputs.repository import TEST_WORDS, called, files, tables, weights
from mlops_stage.params import Examples
from mlops_stage.stages.sbom.elements import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_ASKED = (
    *("system_producer", "system_intended_application_area", "system_data_flow", "system_data_usage"),
    *("model_description", "model_license", "model_use_cases", "model_limitations", "model_ethical_considerations"),
    *("dataset_description", "dataset_provenance", "dataset_sensitivity", "dataset_license"),
    *("infrastructure_hardware", "security_controls", "security_compliance", "cybersecurity_policy", "vulnerability_referencing"),
)
"""Elements that no file of a repository tells as a rule."""


def init(root: Path) -> Mapping[str, Any] | None:
    """Params for what lies in the repository, or None where there is no model."""
    paths = files(root)
    model = weights(paths)
    if model is None:
        return None
    found: dict[str, Any] = {"model": model}
    data, train = called(tables(paths), TEST_WORDS), called(tables(paths), ("train",))
    found |= {"data": data} if data else {}
    found |= {"train": train} if train else {}
    return {**found, "declare": Examples({name: BY_NAME[name].example for name in _ASKED})}
