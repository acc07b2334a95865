"""Targets: the hardware and the runtime that a model is compiled for, and whether this machine is one."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError, nearest
from mlops_stage.evidence.paths import existing, relative
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

HOST = "host"
_MACHINES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}
"""Other words for an architecture."""
OTHER_WORDS = {"neon": "asimd", "sse3": "pni", "lzcnt": "abm"}
"""Features that the Linux kernel knows under another name."""
_VECTORS = ("avx2", "avx512", "avx_vnni", "avx_ifma", "amx", "fma", "f16c", "asimddp", "asimdhp", "asimdfhm", "bf16", "i8mm", "sve", "sme")
"""How features begin that arithmetic gets faster by."""
_NAMED = 3
_SUFFIXES = (".yaml", ".yml")
RESERVED = frozenset({"private", "provenance"})
"""Names that no target can have: files and folders of the evidence are called so."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a model is compiled for."""

    name: str
    """As reports show it, and as the folder of its artefact is called: lower-case words, digits, dots and hyphens."""
    backend: str
    version: str = ""
    """Which versions of the backend's runtime it has, as pip writes it: `>=1.20,<1.32`; empty for the one that is installed here."""
    max_opset: int | None = None
    """The newest `ai.onnx` operator set that its runtime reads; unset where the backend knows it."""
    max_ir: int | None = None
    """The newest ONNX file format (IR) that its runtime reads; unset where the backend knows it."""
    arch: str = HOST
    """`host`, `x86_64`, `aarch64` …"""
    features: tuple[str, ...] = ()
    """Features of the processor, as the Linux kernel names them: `avx2`, `asimd`."""
    artifact_bytes: int | None = None
    """The artefact may not be larger."""
    ram_bytes: int | None = None
    """It may not take more memory."""
    latency_ratio: float | None = 1.05
    """It may not be slower than so many times the source."""
    precisions: tuple[str, ...] = ("fp32", "fp16", "int8")
    """Which variants may ship; fp32 is made always."""
    required: bool = False
    """Whether a missing backend is an error rather than a target left out."""
    native: bool = False
    """Whether the artefact may be made for the processor of this very machine, so that it runs on no other kind."""
    source: str = ""
    """The file that says so."""


def builtin() -> tuple[str, ...]:
    """Names of the targets that come with the stage."""
    return tuple(sorted(file.stem for file in Path(__file__).parent.glob("*.yaml")))


def load_targets(names: Iterable[str], root: Path) -> tuple[Target, ...]:
    """The targets of these names, in their order; a name with a slash or that ends in .yaml is a file of the user's, relative to the root.

    Raises:
        UsageError: no such target, or a mistake in a file, a name among them that something else has; the message begins with file and line.
        InputError: a file that cannot be read.
    """
    from mlops_stage.stages.compile.targets.reading import read  # the YAML library is dear to import

    found: dict[str, Target] = {}
    for name in dict.fromkeys(names):
        own = "/" in name or name.endswith(_SUFFIXES)
        if not own and name not in builtin():
            raise UsageError(f"there is no target {shown(name)!r}", f"{nearest(name, builtin())}; or name a file that ends in .yaml")
        file = existing(root, name, "target") if own else Path(__file__).with_name(f"{name}.yaml")
        target = read(file, relative(root, file) if own else name, taken=found)
        found[target.name] = target
    return tuple(found.values())


def foreign(target: Target) -> str:
    """Why an artefact for that target cannot run on this machine; empty if it can."""
    if target.arch == HOST:
        return ""
    here = machine()
    if target.arch != here:
        return f"it is for {target.arch}, and this machine is {here}"
    if not target.features:
        return ""
    present = processor_features()
    if not present:
        return "the features of this machine's processor cannot be read"
    missing = [name for name in target.features if OTHER_WORDS.get(name, name) not in present]
    return f"it is for processors with {', '.join(missing)}, which this machine's lacks" if missing else ""


def surpassed(target: Target) -> str:
    """What this machine's processor computes with and the target's do not have, so that how long something takes here says nothing of them; empty if nothing."""
    if target.arch == HOST or foreign(target):
        return ""
    named = {OTHER_WORDS.get(name, name) for name in target.features}
    more = sorted(name for name in processor_features() - named if name.startswith(_VECTORS))
    if not more:
        return ""
    return f"this machine's processor is newer than those that it is for: it has {', '.join(more[:_NAMED])}"


def machine() -> str:
    """This machine's architecture, in the words of target files."""
    return canonical(platform.machine())


def canonical(arch: str) -> str:
    """One word for each architecture."""
    plain = arch.strip().lower()
    return _MACHINES.get(plain, plain)


def processor_features() -> frozenset[str]:
    """Features of this machine's processor, as the Linux kernel names them; empty where the system does not say."""
    if not sys.platform.startswith("linux"):
        return frozenset()
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    named = (line.partition(":") for line in text.splitlines())
    return frozenset(word for key, _, words in named if key.strip() in {"flags", "Features"} for word in words.split())
