"""What can be told of an artefact without running it: that the target's runtime will not take it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import onnx

from mlops_stage.evidence.redact import shown
from mlops_stage.stages.compile.backends.kernels import oldest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_stage.inputs.onnx.facts import OnnxFacts
    from mlops_stage.stages.compile.backends.kernels import Ceiling, Release
    from mlops_stage.stages.compile.targets import Target

LAYOUTS = frozenset({"com.microsoft.nchwc", "com.ms.internal.nhwc"})
"""Domains of operators that exist only for the processor on which the file was optimised."""


def faults(facts: OnnxFacts, target: Target, installed: str) -> tuple[str, ...]:
    """Why an ONNX file will not load in the target's ONNX Runtime; nothing is opened.

    Args:
        facts: of the artefact.
        target: what it is for.
        installed: the ONNX Runtime that is installed here, for targets that name no version.
    """
    release = oldest(target.version, installed)
    return tuple(dict.fromkeys([*_versions(facts, release.ceiling(target), release), *without_kernel(facts, target, release)]))


def _versions(facts: OnnxFacts, ceiling: Ceiling, release: Release) -> Iterator[str]:
    runtime = f"ONNX Runtime {release.version}"
    for what, asked, most in (
        ("file format (IR)", facts.ir_version, ceiling.ir),
        ("operator set", facts.opsets.get("ai.onnx", 0), ceiling.opset),
        ("operator set ai.onnx.ml", facts.opsets.get("ai.onnx.ml", 0), ceiling.ml),
    ):
        if most is not None and asked > most:
            yield f"it asks for {what} {asked}, and the target's runtime reads up to {most} ({runtime})"


def without_kernel(facts: OnnxFacts, target: Target, release: Release) -> tuple[str, ...]:
    """The operators of a model that a release does not run, a line each."""
    return tuple(_operators(facts, target, release))


def _operators(facts: OnnxFacts, target: Target, release: Release) -> Iterator[str]:
    for operator in facts.operators:
        domain, _, name = operator.partition("::")
        if operator in facts.functions:
            continue
        if domain in LAYOUTS:
            if not target.native:
                yield f"{shown(name)} is laid out for the processor on which the file was optimised ({domain}): other processors refuse it"
            continue
        version = facts.opsets.get(domain, 1)
        plain = "" if domain == "ai.onnx" else domain
        schema: Any = None
        with suppress(onnx.defs.SchemaError):  # an operator of ONNX Runtime's own
            schema = onnx.defs.get_schema(name, version, plain)
        unfolded = schema is not None and (schema.function_opset_versions or schema.context_dependent_function_opset_versions)
        if not unfolded and not release.runs(operator, schema.since_version if schema else version):
            yield f"ONNX Runtime {release.version} has no kernel for {shown(operator)} {schema.since_version if schema else version}"
