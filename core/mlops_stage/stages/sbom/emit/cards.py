"""Model cards and descriptions of data, which cyclonedx-python-lib has no classes for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlops_stage.report import metric_label
from mlops_stage.stages.sbom.emit import properties
from mlops_stage.stages.sbom.emit.components import OF_DATA
from mlops_stage.stages.sbom.values import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_stage.stages.sbom.emit.properties import Pair
    from mlops_stage.stages.sbom.facts import Dataset, Fact, Model
    from mlops_stage.stages.sbom.results import Assessment, Figure, Results

Record = dict[str, Any]

_APPROACHES = frozenset({"supervised", "unsupervised", "reinforcement-learning", "semi-supervised", "self-supervised"})
_CLAIM = re.compile(r"(?P<name>[^=]+)=(?P<value>[^\s(]+)\s*(?:\((?P<where>.*)\))?", re.DOTALL)
_UNKNOWN = "unknown"


def card(model: Model, results: Results) -> Record:
    """The model card.

    Args:
        model: the model.
        results: what other stages say about it; empty for any model but the one that the stage was asked about.
    """
    told = {
        "bom-ref": f"{model.ref}#card",
        "modelParameters": _parameters(model),
        "quantitativeAnalysis": _full(
            {"performanceMetrics": [*map(_metric, results.figures), *(_claimed(fact) for fact in model.every("claimed_metric"))]}
        ),
        "considerations": _considerations(model, results.assessments),
        "properties": properties.records(_of_card(model, results)),
    }
    return _full(told)


def _full(record: Mapping[str, Any]) -> Record:
    """What of a record says something."""
    return {key: value for key, value in record.items() if value not in ("", None, [], {})}


def _texts(model: Model, element: str, before: str = "") -> list[str]:
    return [f"{before}{fact.value}" for fact in model.every(element)]


def _parameters(model: Model) -> Record:
    approach = model.text("training_type").lower()
    return _full(
        {
            "approach": {"type": approach} if approach in _APPROACHES else {},
            "task": model.text("task"),
            "architectureFamily": model.text("family"),
            "modelArchitecture": model.text("architecture"),
            "datasets": _datasets(model),
            "inputs": [{"format": port.text} for port in model.inputs],
            "outputs": [{"format": port.text} for port in model.outputs],
        }
    )


def _datasets(model: Model) -> list[Record]:
    """Those in this document by reference, those only mentioned by name; each once."""
    referred = [{"ref": ref} for ref in dict.fromkeys(use.ref for use in model.datasets if use.ref)]
    mentioned = dict.fromkeys((use.name, use.role) for use in model.datasets if not use.ref)
    return [
        *referred,
        *({"type": "dataset", "name": name, **({} if role == _UNKNOWN else {"description": role})} for name, role in mentioned),
    ]


def _metric(figure: Figure) -> Record:
    """A measured figure; CycloneDX asks for texts."""
    ends = {"lowerBound": figure.low, "upperBound": figure.high}
    interval = {name: _number(end) for name, end in ends.items() if end is not None}
    name = f"{figure.name} ({figure.unit})" if figure.unit else figure.name
    return _full({"type": name, "value": _number(figure.value), "slice": figure.where, "confidenceInterval": interval})


def _number(value: float) -> str:
    return repr(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)


def _claimed(fact: Fact) -> Record:
    """A figure that nobody measured here: its slice says who claims it."""
    found = _CLAIM.fullmatch(fact.value)
    claim = f"claimed in {fact.source}, not measured"
    if not found or number(found["value"]) is None:
        return {"type": fact.value, "slice": claim}
    where = f"{found['where'].strip()}; {claim}" if found["where"] else claim
    return {"type": found["name"].strip(), "value": found["value"], "slice": where}


def _considerations(model: Model, assessments: Iterable[Assessment]) -> Record:
    return _full(
        {
            "users": _texts(model, "users"),
            "useCases": _texts(model, "intended_use"),
            "technicalLimitations": [*_texts(model, "limitation"), *_texts(model, "out_of_scope", "not meant for: ")],
            "performanceTradeoffs": _texts(model, "tradeoff"),
            "ethicalConsiderations": [{"name": text} for text in [*_texts(model, "risk"), *_texts(model, "bias", "bias: ")]],
            "fairnessAssessments": [_assessed(one) for one in assessments],
            "environmentalConsiderations": _environment(model),
        }
    )


def _assessed(one: Assessment) -> Record:
    """A judged gap as it is: what was found is told under harms, also that no evidence of harm was found."""
    return {"groupAtRisk": one.group, "harms": f"{one.verdict}: {one.sentence} ({one.metric}, report {one.source})"}


def _environment(model: Model) -> Record:
    """Energy and emissions; CycloneDX wants emissions beside energy, so alone they are a property."""
    energy, emitted = number(model.text("energy_kwh")), number(model.text("co2_tonnes"))
    if energy is not None:
        cost = {"activity": "training", "energyProviders": [], "activityEnergyCost": {"value": energy, "unit": "kWh"}}
        return {
            "energyConsumptions": [{**cost, **({} if emitted is None else {"co2CostEquivalent": {"value": emitted, "unit": "tCO2eq"}})}]
        }
    return {} if emitted is None else {"properties": [{"name": "mlops:co2_tonnes", "value": model.text("co2_tonnes")}]}


def _of_card(model: Model, results: Results) -> Iterable[Pair]:
    """How many rows each figure stands on, what its report is, and a type of training that CycloneDX has no word for."""
    for figure in results.figures:
        label = metric_label(figure.name, figure.slice)
        of_data = f" on {figure.data}" if figure.data else ""
        yield f"mlops:metric:{label}:report", f"{figure.source}{of_data}"
        if figure.n is not None:
            yield f"mlops:metric:{label}:n", f"{_number(figure.n)}{of_data}"
    if model.text("training_type").lower() not in _APPROACHES:
        yield "mlops:training_type", model.text("training_type")


def description(dataset: Dataset, verdicts: Iterable[Pair]) -> list[Record]:
    """What a data set holds; values of cells are never told.

    Args:
        dataset: the data set.
        verdicts: what reports say of it, as properties.
    """
    sensitivity = dataset.text("sensitivity")
    told = [*properties.of_facts(fact for fact in dataset.facts if fact.element in OF_DATA - {"sensitivity"}), *verdicts]
    owner = dataset.text("producer")
    return [
        _full(
            {
                "bom-ref": f"{dataset.ref}#data",
                "type": "dataset",
                "name": dataset.name,
                "description": dataset.text("description"),
                "classification": sensitivity,
                "sensitiveData": [f"{column.name} ({column.sensitive})" for column in dataset.columns if column.sensitive],
                "contents": _full({"properties": properties.records([*told, *_columns(dataset)])}),
                "governance": {"owners": [{"organization": {"name": owner}}]} if owner else {},
            }
        )
    ]


def _columns(dataset: Dataset) -> Iterable[Pair]:
    """Names, types and shares of missing cells."""
    for place, column in enumerate(dataset.columns, 1):
        missing = "" if column.missing is None else f", {column.missing:.6g} missing"
        told = f": {column.description}" if column.description else ""
        yield f"mlops:column:{place:04}", f"{column.name} ({column.type or 'text'}{missing}){told}"
