"""ONNX Runtime on the processor: the artefact is an ONNX file, optimised ahead of time as far as that stays true on other processors."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import onnx
import onnxruntime

from mlops_stage.inputs.onnx.reader import read_facts
from mlops_stage.inputs.onnx.screen import screen
from mlops_stage.stages.compile import static
from mlops_stage.stages.compile.backends.backend import NATIVE, BuildError, Built, Coverage, Footprint, Inspection
from mlops_stage.stages.compile.backends.kernels import oldest
from mlops_stage.stages.compile.footprint import reckoned
from mlops_stage.stages.compile.graphs import keep_metadata, read_model, write_model
from mlops_stage.stages.compile.normalise import normalised
from mlops_stage.stages.compile.parity.weights import largest_weight
from mlops_stage.stages.compile.precision.half import halved
from mlops_stage.stages.compile.precision.integer import quantised
from mlops_stage.stages.compile.runtime import LEVELS, folded, loaded, optimise, session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_stage.inputs.onnx.facts import OnnxFacts
    from mlops_stage.stages.compile.backends.backend import Runnable, Shapes
    from mlops_stage.stages.compile.targets import Target

ARTEFACT = "model.onnx"
_SESSION_BYTES, _KEPT, _CONVOLVED = 2**20, 1.02, 3
"""What a session takes beside its tensors, weights in memory per byte of the file, and how many further copies of a convolution's weights stay:
read from resident memory in benchmarks/compile.py."""


class OrtBackend:
    """ONNX Runtime's CPU kernels."""

    name: ClassVar[str] = "ort"
    extra: ClassVar[str] = "compile"

    def versions(self) -> Mapping[str, str]:
        """ONNX Runtime, and onnx, which converts."""
        return {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}

    def supports(self, facts: OnnxFacts, target: Target) -> Coverage:
        """By the kernels that the target's release has."""
        missing = static.without_kernel(facts, target, oldest(target.version, onnxruntime.__version__))
        return Coverage(verdict="unsupported" if missing else "supported", reasons=missing)

    def compile(self, source: Path, precision: str, target: Target, calibration: Path | None, folder: Path) -> Built:
        """Convert, optimise, check that the target's release will take the file, and load it once.

        fp32 is optimised by ONNX Runtime with what it calls extended, or everything for a native target. fp16 and int8 are left for the runtime to
        optimise when it loads them: only there it is known which kernels the processor has.

        Raises:
            BuildError: it cannot; the message says why.
        """
        release = oldest(target.version, onnxruntime.__version__)
        model, notes = normalised(read_model(source), release.ceiling(target))
        path = folder / ARTEFACT
        changed = True
        if precision == "fp32":
            notes += self._optimised(model, target, path)
        else:
            plain = folded(model)
            converted, said = halved(plain) if precision == "fp16" else quantised(plain, calibration)
            changed = converted is not None
            made = model if converted is None else converted
            keep_metadata(made, model)
            write_model(made, path)
            notes += said
        problems = static.faults(read_facts(path), target, onnxruntime.__version__)
        if problems:
            raise BuildError(f"{precision}: {problems[0]}", "compile for a newer runtime, or export the model with an older operator set")
        session(path)
        return Built(path=path, precision=precision, changed=changed, notes=notes)

    def _optimised(self, model: onnx.ModelProto, target: Target, path: Path) -> tuple[str, ...]:
        """Write the optimised model; where the target's release lacks a fused operator, with standard operators only."""
        if target.native:
            optimise(model, path, LEVELS.ORT_ENABLE_ALL)
            return (NATIVE,)
        optimise(model, path, LEVELS.ORT_ENABLE_EXTENDED)
        problems = static.faults(read_facts(path), target, onnxruntime.__version__)
        if not problems:
            return ()
        for file in path.parent.iterdir():
            file.unlink()
        optimise(model, path, LEVELS.ORT_ENABLE_BASIC)
        return (f"optimised with standard operators only: {problems[0]}",)

    def inspect(self, artefact: Path, source: OnnxFacts, target: Target) -> Inspection:
        """By the screen that the source went through, by what the target's release runs, and by what the exporter wrote, which tells columns from each other."""
        facts = read_facts(artefact)
        weights = {tensor.external.location for tensor in facts.tensors if tensor.external is not None}
        faults = [found.message for found in screen(facts, artefact)]
        faults += static.faults(facts, target, onnxruntime.__version__)
        if facts.metadata != source.metadata:
            faults.append("it does not say of itself what the model says")
        return Inspection(files=(ARTEFACT, *sorted(weights)), faults=tuple(faults))

    def load(self, artefact: Path, target: Target) -> Runnable:
        """A session of one thread."""
        del target
        return loaded(artefact)

    def footprint(self, artefact: Path, target: Target, rows: int = 1, shapes: Shapes | None = None) -> Footprint:
        """By the sizes of its weights and of what is alive between its nodes."""
        del target
        size = sum(file.stat().st_size for file in artefact.parent.iterdir())
        found = reckoned(read_model(artefact), rows, shapes or {})
        held = round(_KEPT * found.weights) + _CONVOLVED * found.convolved
        return Footprint(artifact_bytes=size, ram_bytes=None if found.alive is None else _SESSION_BYTES + held + found.alive)

    def largest_weight(self, artefact: Path) -> int | None:
        """By the operators that multiply."""
        return largest_weight(read_model(artefact))
