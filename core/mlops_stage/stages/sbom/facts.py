"""What was found out about a system and its parts, each fact with its source: the stage's own model, which knows no format of any BOM.

Everything here is the same for the same inputs: no folder of this machine, no user, no clock. Text comes from files of unknown origin; it was cut to
`MOST_TEXT` characters and holds no control characters but line breaks, and whoever prints it on one line still uses `evidence.redact.shown`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mlops_stage.report import Finding

MOST_TEXT = 4000
"""Characters of a fact; a longer text ends in `…`."""


class Confidence(StrEnum):
    """How a fact is known; where two say something different, the first of these counts."""

    DECLARED = "declared"
    """Somebody who answers for the project says so, in its configuration."""
    EXTRACTED = "extracted"
    """It stands in a file."""
    INFERRED = "inferred"
    """It was concluded, such as the family of a model from its operators."""


ELEMENTS = {
    "name": "what it is called",
    "version": "which one of that name",
    "description": "what it is, in a few sentences",
    "producer": "who made it: an organisation or a person",
    "contact": "e-mail address or URL of the producer",
    "supplier": "who distributes it, where that is somebody else",
    "identifier": "a stable name in some registry: a purl, a DOI, a URL",
    "licence": "terms of use, as they were called; `Item.licences` has them by their SPDX names (one fact each)",
    "copyright": "whose it is",
    "timestamp": "when it was made: ISO 8601, UTC",
    "homepage": "URL of a page about it",
    "documentation": "URL or path of its documentation",
    "repository": "URL of its source code",
    "download": "URL to get it from",
    "citation": "paper or text to cite",
    "language": "natural language of its inputs, outputs or texts (ISO 639, one fact each)",
    "tag": "a key word (one fact each)",
    "intended_use": "what it is meant for",
    "users": "who is meant to use it",
    "out_of_scope": "what it must not be used for",
    "limitation": "what it cannot do well (one fact each)",
    "tradeoff": "what was given up for what (one fact each)",
    "risk": "what harm it may do (one fact each)",
    "bias": "known or feared unfairness, and to whom",
    "training": "how it was trained, in words",
    "training_type": "supervised, unsupervised, reinforcement-learning, semi-supervised or self-supervised",
    "task": "what it does: classification, regression, text-generation …",
    "family": "kind of architecture: linear model, tree ensemble, convolutional neural network, recurrent neural network, transformer …",
    "architecture": "its own name for its architecture, such as BertForSequenceClassification",
    "framework": "library that trained it or wrote its file, with version",
    "parameters": "how many learned numbers, as digits",
    "precision": "share of them by type, as `float32=1200,int8=64`",
    "quantised": "true or false",
    "operators": "how many nodes of each kind, as `ai.onnx::MatMul=3,…`",
    "opset": "operator sets, as `ai.onnx:18,ai.onnx.ml:3`",
    "ir_version": "version of the ONNX format",
    "functions": "how many functions the model defines itself",
    "part": "what one of several weights of the model holds, such as `onnx/decoder.onnx: parameters=1200` (one fact each)",
    "format": "format of its files",
    "hyperparameter": "`name=value` of a setting (one fact each)",
    "metadata": "`key=value` that its exporter wrote into the file (one fact each)",
    "claimed_metric": "figure that its authors state without evidence here: `accuracy=0.91 (imdb, test)` (one fact each)",
    "energy_kwh": "energy used to make it, in kWh",
    "co2_tonnes": "emissions of making it, in tonnes of CO2 equivalent",
    "rows": "how many rows, as digits",
    "columns": "how many columns, as digits",
    "missing": "share of missing cells, as `0.013`",
    "statistics": "figures of its distribution, in words",
    "content": "what kind of data it holds: tabular, text, image, audio …",
    "provenance": "where its rows come from",
    "collection": "how they were gathered",
    "preparation": "how they were cleaned or labelled",
    "sensitivity": "classification such as public or confidential, or what makes it sensitive",
    "consent": "on which ground it may be used",
    "data_flow": "what data goes through the system, from where and to where",
    "data_usage": "how data of users is used",
    "interface": "what it takes and gives, in words",
    "software": "software it runs on or needs, in words",
    "hardware": "hardware it runs on or needs",
    "security_policy": "URL or path of the policy for reporting weaknesses",
    "security_control": "measure that protects it (one fact each)",
    "compliance": "norm or law that it claims to follow (one fact each)",
    "attestation": "where a signature over the bill of materials lies",
    "vulnerability": "where known vulnerabilities are told (one fact each)",
}
"""What is known by name here; a third party's own elements have a colon, `acme:shelf_life`. All values are text, and a list is several facts."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One thing that is known."""

    element: str
    """A key of `ELEMENTS`, or a name with a colon."""
    value: str
    source: str
    """Where it stands: a path relative to the root such as `models/README.md`, `mlops.yaml`, `git`, or the name of a CI system."""
    confidence: Confidence = Confidence.EXTRACTED


@dataclass(frozen=True, kw_only=True)
class Licence:
    """Terms of use, as far as they can be named."""

    kind: Literal["id", "expression", "name"]
    """A name of the SPDX list (in its exact spelling), several of them combined by AND, OR and WITH, or terms that SPDX does not list (`openrail++`)."""
    text: str
    source: str
    confidence: Confidence = Confidence.EXTRACTED
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that belongs to a model or data set."""

    path: str
    """Relative to the root, POSIX; of a file outside the root its last name."""
    sha256: str
    size: int
    """Bytes."""
    role: str
    """`weights`, `config`, `tokenizer`, `preprocessor`, `card`, `code`, `data`, or `other`."""
    format: str
    """`ONNX`, `safetensors`, `pickle`, `Parquet` …; a weights file of a pickle family was hashed and not opened."""


@dataclass(frozen=True, kw_only=True)
class Port:
    """An input or output of a model."""

    name: str
    dtype: str
    """`float32`, `string` …"""
    shape: tuple[int | str, ...] | None
    """A dimension is a number, a name, or `?`; None where it is no tensor."""

    @property
    def text(self) -> str:
        """`x: float32[N, 4]`."""
        shape = "" if self.shape is None else f"[{', '.join(map(str, self.shape))}]"
        return f"{self.name}: {self.dtype}{shape}"


@dataclass(frozen=True, kw_only=True)
class Item:
    """What systems, models, data sets and libraries have in common."""

    ref: str
    """Unique in the inventory and made of content: `model:sha256:<digest>`, `dataset:sha256:<digest>` (`dataset:md5:…` by a pointer), a purl, or `system:<name>`."""
    name: str
    """Also the fact `name`, with its source; here so that nobody need look for it."""
    version: str = ""
    """Also the fact `version`."""
    purl: str = ""
    """Its canonical Package URL; empty where there is none (models of no registry have `pkg:generic/…?checksum=sha256:…`)."""
    licences: tuple[Licence, ...] = ()
    facts: tuple[Fact, ...] = ()
    """In the order of `ELEMENTS`, then by name and value; of an element that has one value, only that which counts."""

    def fact(self, element: str) -> Fact | None:
        """The first fact of an element."""
        return next((fact for fact in self.facts if fact.element == element), None)

    def text(self, element: str) -> str:
        """The value of the first fact of an element; empty where nothing is known."""
        found = self.fact(element)
        return found.value if found else ""

    def every(self, element: str) -> tuple[Fact, ...]:
        """All facts of an element that may have several."""
        return tuple(fact for fact in self.facts if fact.element == element)


@dataclass(frozen=True, kw_only=True)
class Parent:
    """A model that another one was made from."""

    name: str
    """`bert-base-uncased`, `google/flan-t5-base`; of a file its path."""
    relation: str
    """`finetune`, `adapter`, `merge`, `quantized`, `export` (the same model in another format), or `base` where it is not told."""
    source: str
    confidence: Confidence = Confidence.EXTRACTED
    sha256: str = ""
    """Digest of its file, or empty where it is only named."""
    purl: str = ""
    """Empty where the name says nothing about a registry."""
    ref: str = ""
    """`Item.ref` where the parent is in this inventory too; it is made of what is known either way: `model:sha256:…`, or the purl, or `model:<name>`."""


@dataclass(frozen=True, kw_only=True)
class DatasetUse:
    """That a model was trained, tuned or judged with data."""

    role: str
    """`train`, `test`, `reference`, `validation`, `calibration`, or `unknown`."""
    name: str
    source: str
    confidence: Confidence = Confidence.EXTRACTED
    ref: str = ""
    """`Item.ref` of a data set in this inventory; empty for one that is only named."""


@dataclass(frozen=True, kw_only=True)
class Model(Item):
    """A model: one file, or a folder with everything that belongs to it."""

    role: str = "model"
    """`model` for the one the stage was asked about; whoever adds further ones names what they are."""
    sha256: str = ""
    """As `open_model` names a model by digest, where the folder holds nothing but one ONNX model and its papers; of its one file; or of the JSON list of
    `[path relative to the model's folder, digest]`, the weights first."""
    files: tuple[File, ...] = ()
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    parents: tuple[Parent, ...] = ()
    datasets: tuple[DatasetUse, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table."""

    name: str
    type: str
    """As the format or the contract calls it; empty where cells are untyped text (CSV)."""
    sensitive: str = ""
    """Why it is taken for sensitive: `declared` as such, or `looks personal`; empty where it is not."""
    description: str = ""
    missing: float | None = None
    """Share of missing cells, from 0 to 1, where it is told without reading the data."""


@dataclass(frozen=True, kw_only=True)
class Dataset(Item):
    """A table, or files of data. Values of cells never stand here, nor their extremes."""

    role: str = "data"
    """`data` (the test rows), `train`, `reference`, or `named` for one that is only mentioned."""
    sha256: str = ""
    """As `Table.subject()`: of its one file, or of the list of names and digests; empty for one that is only mentioned, or told by a pointer."""
    hash_scope: Literal["content", "pointer", "none"] = "none"
    """What is known by digest: the rows themselves, or what a pointer of DVC records of them, in `snapshot`."""
    snapshot: str = ""
    """What a pointer records of the data, which were not looked at: `md5:…`, `sha256:…`, `etag:…`."""
    files: tuple[File, ...] = ()
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Library(Item):
    """A package of a programming language; `ref` is its purl."""

    sha256s: tuple[str, ...] = ()
    """Of its archives, where a lock file names them."""
    requires: tuple[str, ...] = ()
    """Refs of the libraries that it needs, sorted; all are in the inventory."""
    direct: bool = False
    """Whether the system itself asks for it; false also where that is not known."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """What made this inventory, or a file in it."""

    name: str
    version: str
    purl: str = ""
    what: str = ""
    """What it did: `inventory`, `export`."""


class Changed(StrEnum):
    """Whether something differs from what was committed."""

    YES = "true"
    NO = "false"
    UNKNOWN = "unknown"
    """It took too long to find out, or could only be told by running a program that the repository names."""


@dataclass(frozen=True, kw_only=True)
class Git:
    """The state of the repository."""

    commit: str
    """Forty or sixty-four hexadecimal digits."""
    committed: int | None
    """Seconds since 1970, UTC; None for a time after the year 9999."""
    remote: str = ""
    """As an https address without user, password or query; empty for a repository without remote, and for one on this machine."""
    tag: str = ""
    """A tag at this very commit; of several the highest version."""
    dirty: Changed = Changed.UNKNOWN
    """Whether tracked files differ from the commit."""


@dataclass(frozen=True, kw_only=True)
class Ci:
    """Where this is built; nothing of a single run, so that a second run gives the same bytes."""

    system: str
    """`GitHub Actions`, `GitLab CI`, `Jenkins`."""
    repository: str = ""
    """URL."""
    ref: str = ""
    """Branch or tag."""
    workflow: str = ""
    """The file or job that defines the pipeline."""
    commit: str = ""


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """All that was found. Lists are sorted so that the same inputs give the same order."""

    system: Item
    """What the models belong to. Named by declaration, pyproject.toml, git's remote or the model, in this order; never by a folder of this machine."""
    models: tuple[Model, ...]
    """The one that was asked about first, then by role and name; the first may be a served model without files."""
    datasets: tuple[Dataset, ...] = ()
    libraries: tuple[Library, ...] = ()
    libraries_from: str = ""
    """The lock file they come from, `environment` for what is installed, or empty."""
    libraries_complete: bool = False
    """Whether all libraries and their dependencies are listed, as in a lock file."""
    tools: tuple[Tool, ...] = ()
    git: Git | None = None
    ci: Ci | None = None
    epoch: int | None = None
    """Seconds since 1970 for every time that must be told: SOURCE_DATE_EPOCH, else that of the commit; None where neither is known."""
    findings: tuple[Finding, ...] = ()
    """What was left out or contradicts itself, of rules `sbom/…`; for the report."""
