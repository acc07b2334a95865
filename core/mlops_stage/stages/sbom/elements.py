"""The named elements that a bill of materials for AI is asked to hold, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["system", "model", "dataset"]

SOURCE = (
    "G7 Cybersecurity Working Group, Software Bill of Materials for Artificial Intelligence: Minimum Elements (2026-05-12), "
    "published by BSI, CISA and others"
)


@dataclass(frozen=True, kw_only=True)
class Element:
    """One element; its name is the key under `declare`, and the value of the slice in a gate: `element[name=model_license] >= 1`."""

    name: str
    cluster: str
    """One of the seven clusters of the source; `Model card` for what no list asks but a reader of a model does."""
    number: str
    """As in the source: `MDL-12`; empty where it is of no list."""
    title: str
    asks: str
    """What it asks for, in one phrase for a reader who is no lawyer."""
    of: Kind
    """What it is an element of; what the document says of itself counts to the system."""
    facts: tuple[str, ...] = ()
    """Names of facts that answer it (`facts.ELEMENTS`; `licence`, `purl` and `parent` are no facts but fields); a declaration becomes the first of them."""
    example: str = ""
    """A value as it may be declared; empty where this stage finds it out and a declaration would only be a claim."""

    @property
    def declarable(self) -> bool:
        """Whether mlops.yaml may say it."""
        return bool(self.example)


def _cluster(cluster: str, prefix: str, of: Kind, *rows: tuple[str, str, str, str, str]) -> tuple[Element, ...]:
    return tuple(
        Element(
            name=name,
            cluster=cluster,
            number=f"{prefix}-{place:02}" if prefix else "",
            title=title,
            asks=asks,
            of=of,
            facts=tuple(facts.split()),
            example=example,
        )
        for place, (name, title, asks, facts, example) in enumerate(rows, 1)
    )


METADATA = _cluster(
    "Metadata",
    "MD",
    "system",
    ("sbom_author", "SBOM author", "who made this document; give it as `creator`", "", ""),
    ("sbom_version", "SBOM version", "which edition of the document this is", "", ""),
    ("sbom_data_format_name", "SBOM data format name", "the format of the document", "", ""),
    ("sbom_data_format_version", "SBOM data format version", "the version of that format", "", ""),
    (
        "sbom_author_signature",
        "SBOM author signature",
        "where the signature lies by which it can be verified",
        "attestation",
        "attestations/sbom.bom.cdx.sigstore.json, made by the stage sign",
    ),
    ("sbom_tool_name", "SBOM tool name", "the tool that made it", "", ""),
    ("sbom_tool_version", "SBOM tool version", "the version of that tool", "", ""),
    ("sbom_generation_context", "SBOM generation context", "when in the life of the model it was made: build, release, deploy", "", ""),
    ("sbom_timestamp", "SBOM timestamp", "the time it speaks of", "", ""),
    ("sbom_dependency_relationship", "SBOM dependency relationship", "which component depends on which", "", ""),
)
SYSTEM = _cluster(
    "System level properties",
    "SLP",
    "system",
    ("system_name", "System name", "the name of the whole", "name", "income-screening"),
    ("system_components", "System components", "models, data sets and libraries that it is made of", "", ""),
    ("system_producer", "System producer", "who supplies it", "producer", "Example Bank"),
    ("system_version", "System version", "its release", "version", "1.4.0"),
    ("system_timestamp", "System timestamp", "when it was built or released", "timestamp", "2026-01-31T12:00:00Z"),
    (
        "system_data_flow",
        "System data flow",
        "how data flows in, through and out",
        "data_flow",
        "applications come from the web form; scores go to the case file",
    ),
    (
        "system_data_usage",
        "System data usage",
        "what data, also personal data, is used for",
        "data_usage",
        "personal data of applicants, only to score their application",
    ),
    (
        "system_input_output_properties",
        "System input/output properties",
        "what it takes and gives",
        "interface",
        "one row of a table in, one score out",
    ),
    (
        "system_intended_application_area",
        "Intended application area",
        "the field it is meant for",
        "intended_use",
        "finance: pre-screening of credit applications",
    ),
)
MODELS = _cluster(
    "Models",
    "MDL",
    "model",
    ("model_name", "Model name", "its name", "name", "income-classifier"),
    ("model_identifier", "Model identifier", "a stable, unique identifier", "identifier purl", "pkg:mlflow/income@7"),
    ("model_version", "Model version", "which weights these are", "version", "7"),
    ("model_timestamp", "Model timestamp", "when it was trained, built or released", "timestamp", "2026-01-31T12:00:00Z"),
    ("model_producer", "Model producer", "who trained or supplies it", "producer", "Example Bank, risk team"),
    (
        "model_description",
        "Model description",
        "its purpose and main traits",
        "description",
        "gradient-boosted trees that tell incomes above 50,000 dollars",
    ),
    ("model_hash_value", "Model hash value", "the digest of every weight file", "", ""),
    ("model_hash_algorithm", "Model hash algorithm", "how those were computed", "", ""),
    ("model_properties", "Model properties", "its kind, size and operators", "family architecture parameters operators", "tree ensemble"),
    (
        "model_input_output_properties",
        "Model input/output properties",
        "what it takes and gives",
        "interface",
        "eight columns in, a probability out",
    ),
    (
        "model_training_properties",
        "Model training properties",
        "how it was trained: settings, preparation of data",
        "training training_type hyperparameter framework",
        "200 trees, early stopping; numbers standardised",
    ),
    ("model_license", "Model license", "on what terms it may be used; an SPDX expression where there is one", "licence", "Apache-2.0"),
    (
        "model_external_references",
        "Model external references",
        "where more is written: repository, paper, registry",
        "documentation homepage repository download citation",
        "https://example.org/models/income",
    ),
)
DATASETS = _cluster(
    "Dataset properties",
    "DP",
    "dataset",
    ("dataset_name", "Dataset name", "its name", "name", "adult-census-1994"),
    (
        "dataset_description",
        "Dataset description",
        "what it holds and for what purpose",
        "description",
        "rows of the census of 1994 with whether income was above 50,000 dollars",
    ),
    ("dataset_content", "Dataset content", "of what type it is, and how large", "content", "table"),
    ("dataset_identifier", "Dataset identifier", "a stable, unique identifier", "identifier purl", "doi:10.24432/C5XW20"),
    ("dataset_hash", "Dataset hash", "the digest of the snapshot", "", ""),
    (
        "dataset_provenance",
        "Dataset provenance",
        "how, when and where it was collected and prepared",
        "provenance collection",
        "extracted from the census of 1994 by Barry Becker",
    ),
    (
        "dataset_statistical_properties",
        "Dataset statistical properties",
        "rows, missing values, shares of classes",
        "statistics rows columns missing",
        "24 % above 50,000 dollars",
    ),
    (
        "dataset_sensitivity",
        "Dataset sensitivity",
        "whether it holds personal or confidential data",
        "sensitivity",
        "personal data, published; special categories: race",
    ),
    ("dataset_dependency_relationship", "Dataset dependency relationship", "which model learnt from it or was tested on it", "", ""),
    ("dataset_license", "Dataset license", "on what terms it may be used", "licence", "CC-BY-4.0"),
)
INFRASTRUCTURE = _cluster(
    "Infrastructure",
    "INF",
    "system",
    (
        "infrastructure_software",
        "Infrastructure software",
        "frameworks and libraries that it needs to run",
        "software",
        "Python 3.12, ONNX Runtime",
    ),
    (
        "infrastructure_hardware",
        "Infrastructure hardware",
        "hardware that it needs to run",
        "hardware",
        "x86-64 processor, 2 GiB of memory; no accelerator",
    ),
)
SECURITY = _cluster(
    "Security properties",
    "SP",
    "system",
    (
        "security_controls",
        "Security controls",
        "what protects it: access, encryption, logs",
        "security_control",
        "served behind single sign-on; requests are logged",
    ),
    ("security_compliance", "Security compliance", "standards that it was assessed against", "compliance", "ISO/IEC 27001 (2025 audit)"),
    (
        "cybersecurity_policy",
        "Cybersecurity policy information",
        "where to report a weakness",
        "security_policy",
        "https://example.org/.well-known/security.txt",
    ),
    (
        "vulnerability_referencing",
        "Vulnerability referencing",
        "where its known weaknesses are told",
        "vulnerability",
        "https://example.org/vex/income.json",
    ),
)
INDICATORS = _cluster(
    "Key performance indicators",
    "KPI",
    "model",
    ("security_metrics", "Security metrics", "figures of how it withstands attacks", "", ""),
    ("operational_performance_kpis", "Operational performance KPIs", "figures of how well and how fast it works", "", ""),
)
CARD = _cluster(
    "Model card",
    "",
    "model",
    ("model_users", "Intended users", "who is meant to use it", "users", "credit officers"),
    ("model_use_cases", "Use cases", "what it is meant for", "intended_use", "ordering applications for review"),
    (
        "model_limitations",
        "Technical limitations",
        "where it is known to fail",
        "limitation out_of_scope",
        "incomes of 1994; no retired people",
    ),
    ("model_tradeoffs", "Performance trade-offs", "what was given up for what", "tradeoff", "recall for precision: reviewers are few"),
    (
        "model_ethical_considerations",
        "Ethical considerations",
        "what could harm whom, and what is done about it",
        "risk bias",
        "may favour men; reviewed every quarter",
    ),
    (
        "model_base",
        "Base model",
        "what it was fine-tuned or derived from, as a package URL",
        "parent",
        "pkg:huggingface/google-bert/bert-base-uncased@86b5e09",
    ),
)
DATA_CARD = _cluster(
    "Dataset properties",
    "",
    "dataset",
    ("dataset_producer", "Dataset producer", "who made or publishes it", "producer", "UCI Machine Learning Repository"),
)

G7 = (*METADATA, *SYSTEM, *MODELS, *DATASETS, *INFRASTRUCTURE, *SECURITY, *INDICATORS)
"""The 50 elements of `SOURCE`; titles and numbers are theirs, the phrases are ours."""
BY_NAME: Mapping[str, Element] = {element.name: element for element in (*G7, *CARD, *DATA_CARD)}
DECLARABLE = tuple(element.name for element in BY_NAME.values() if element.declarable)
