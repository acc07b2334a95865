"""What the configuration declares, under the names of the elements that lists of minimum elements ask for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlops_stage.stages.sbom.extract.scene import ROLES, Ancestor, claim, harmless
from mlops_stage.stages.sbom.facts import Confidence, Parent
from mlops_stage.stages.sbom.identity import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_stage.stages.sbom.extract.scene import Found

SOURCE = "mlops.yaml"
"""How a declaration is told, also where an option or a CI variable gave it."""
_ABOUT = {
    "sbom_author_signature": ("system", "attestation"),
    "system_name": ("system", "name"),
    "system_producer": ("system", "producer"),
    "system_version": ("system", "version"),
    "system_timestamp": ("system", "timestamp"),
    "system_data_flow": ("system", "data_flow"),
    "system_data_usage": ("system", "data_usage"),
    "system_input_output_properties": ("system", "interface"),
    "system_intended_application_area": ("system", "intended_use"),
    "model_name": ("model", "name"),
    "model_identifier": ("model", "identifier"),
    "model_version": ("model", "version"),
    "model_timestamp": ("model", "timestamp"),
    "model_producer": ("model", "producer"),
    "model_description": ("model", "description"),
    "model_properties": ("model", "family"),
    "model_input_output_properties": ("model", "interface"),
    "model_training_properties": ("model", "training"),
    "model_license": ("model", "licence"),
    "model_external_references": ("model", "documentation"),
    "model_users": ("model", "users"),
    "model_use_cases": ("model", "intended_use"),
    "model_limitations": ("model", "limitation"),
    "model_tradeoffs": ("model", "tradeoff"),
    "model_ethical_considerations": ("model", "risk"),
    "infrastructure_software": ("system", "software"),
    "infrastructure_hardware": ("system", "hardware"),
    "security_controls": ("system", "security_control"),
    "security_compliance": ("system", "compliance"),
    "cybersecurity_policy": ("system", "security_policy"),
    "vulnerability_referencing": ("system", "vulnerability"),
    "dataset_name": ("", "name"),
    "dataset_description": ("", "description"),
    "dataset_content": ("", "content"),
    "dataset_identifier": ("", "identifier"),
    "dataset_producer": ("", "producer"),
    "dataset_provenance": ("", "provenance"),
    "dataset_statistical_properties": ("", "statistics"),
    "dataset_sensitivity": ("", "sensitivity"),
    "dataset_license": ("", "licence"),
}
"""Element of a list -> what it is about (empty: data sets) and the fact it becomes."""


def declared(declare: Mapping[str, str]) -> Iterator[Found]:
    """The facts that were declared: `model_license`, or of one data set `dataset_license.train`, which comes before the one for all.

    Args:
        declare: name of an element -> text, as `SbomParams` checked it.
    """
    for key, text in sorted(declare.items()):
        name, _, role = key.partition(".")
        if name == "model_base":
            yield Ancestor(parent=_base(text))
        elif name in _ABOUT:
            about, element = _ABOUT[name]
            keys = [about or role] if about or role else [one for one in ROLES if f"{name}.{one}" not in declare]
            for one in keys:
                yield claim(one, element, text, SOURCE, Confidence.DECLARED)


def _base(text: str) -> Parent:
    """A base model by its Package URL, or by any name."""
    purl = canonical(text.strip())
    name = re.sub(r"^pkg:[^/]+/|[@?#].*$", "", purl) if purl else harmless(text, 300)
    return Parent(name=name, relation="base", source=SOURCE, confidence=Confidence.DECLARED, purl=purl)
