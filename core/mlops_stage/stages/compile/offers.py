"""The backends that there are: our own, and those of plugins."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError, nearest
from mlops_stage.evidence.redact import shown
from mlops_stage.hookspecs import OURS, Plugin, gather
from mlops_stage.stages.compile import hookspecs
from mlops_stage.stages.compile.targets.releases import other_release

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_stage.hookspecs import Gathered
    from mlops_stage.stages.compile.targets import Target
    from mlops_stage.workspace import Workspace

_RUNTIMES = {"ort": "onnxruntime", "openvino": "openvino"}
"""Backend of ours -> the distribution of its runtime."""


def offered_to(workspace: Workspace) -> Gathered:
    """All that is offered, our own first."""
    ours = Plugin(name=OURS, distribution=OURS, version=version(OURS), load=hookspecs.Builtin)
    return gather(hookspecs, "mlops_compile_backends", (ours, *workspace.plugins))


def backends_of(targets: Sequence[Target], offered: Gathered) -> Mapping[str, str]:
    """Name of a backend -> its reference; of two of one name the built-in one, which comes first.

    Raises:
        UsageError: a target asks for one that nobody offers.
    """
    known: dict[str, str] = {}
    for offer in offered.offers:
        if isinstance(offer.record, hookspecs.CompileBackend):
            known.setdefault(offer.record.name, offer.record.backend)
    for target in targets:
        if target.backend not in known:
            told = f"target {target.name}: there is no backend {shown(target.backend)!r}"
            raise UsageError(told, f"{nearest(target.backend, known)}; or install the plugin that offers it")
    return known


def installed(target: Target) -> tuple[str, str]:
    """Without importing its runtime: why nothing can be made for a target, and why what is made is another release's; empty where neither is known."""
    runtime = _RUNTIMES.get(target.backend)
    if runtime is None:
        return "", ""
    try:
        return "", other_release(target, {runtime: version(runtime)})
    except PackageNotFoundError:
        return f"{runtime} is not installed", ""
