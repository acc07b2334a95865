"""The built-in extractors, offered through the same hook as any plugin's."""

from __future__ import annotations

from mlops_stage.hookspecs import hookimpl
from mlops_stage.stages.sbom.hookspecs import Extractor

_HERE = "mlops_stage.stages.sbom.extract"


@hookimpl
def mlops_sbom_extractors() -> tuple[Extractor, ...]:
    """In the order in which what they say counts, where two say different things with the same confidence."""
    return (
        Extractor(name="onnx", summary="ONNX files, without their weights", extract=f"{_HERE}.onnx:extract"),
        Extractor(name="safetensors", summary="headers of safetensors files", extract=f"{_HERE}.safetensors:extract"),
        Extractor(name="gguf", summary="headers of GGUF files", extract=f"{_HERE}.gguf:extract"),
        Extractor(name="opaque", summary="formats that are not opened, by name and digest", extract=f"{_HERE}.opaque:extract"),
        Extractor(name="huggingface", summary="model cards and configurations", extract=f"{_HERE}.huggingface:extract"),
        Extractor(name="record", summary="the record of the export script", extract=f"{_HERE}.record:extract"),
        Extractor(name="contract", summary="the data contract", extract=f"{_HERE}.contract:extract"),
        Extractor(name="tables", summary="data sets: rows, columns, missing cells", extract=f"{_HERE}.tables:extract"),
        Extractor(name="project", summary="pyproject.toml, CITATION.cff, licence and security policy", extract=f"{_HERE}.project:extract"),
        Extractor(name="git", summary="when files were committed", extract=f"{_HERE}.git:extract"),
        Extractor(name="locks", summary="lock files of Python", extract=f"{_HERE}.locks:extract"),
        Extractor(name="environment", summary="installed Python packages", extract=f"{_HERE}.environment:extract"),
    )
