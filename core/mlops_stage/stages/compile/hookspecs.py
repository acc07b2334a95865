"""The hook through which `compile` is given further backends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_stage.hookspecs import hookimpl, hookspec

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, kw_only=True)
class CompileBackend:
    """A backend that a plugin offers; it is imported only in the worker process that uses it."""

    name: str
    """What a target file writes after `backend:`."""
    summary: str
    """One line."""
    backend: str
    """`module:attribute`: a class, or a function without arguments, that gives a `stages.compile.backends.backend.Backend`."""
    extra: str = ""
    """The optional dependency group of mlops-stage that installs its library; empty for a plugin's, which asks for its own."""


@hookspec
def mlops_compile_backends() -> Iterable[CompileBackend]:
    """Offer compile backends. Called once per run; must not import anything heavy."""
    return ()


class Builtin:
    """The backends that come with the stage."""

    @staticmethod
    @hookimpl
    def mlops_compile_backends() -> tuple[CompileBackend, ...]:
        """ONNX Runtime and OpenVINO."""
        return (
            CompileBackend(
                name="ort",
                summary="ONNX Runtime on the processor",
                backend="mlops_stage.stages.compile.backends.ort:OrtBackend",
                extra="compile",
            ),
            CompileBackend(
                name="openvino",
                summary="OpenVINO on the processor",
                backend="mlops_stage.stages.compile.backends.openvino:OpenVinoBackend",
                extra="openvino",
            ),
        )
