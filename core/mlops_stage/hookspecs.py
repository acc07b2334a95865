"""The hooks of `mlops_stage`: each returns records; none has effects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_stage.adapter import Adapter
    from mlops_stage.reporter import Reporter
    from mlops_stage.stage import Stage

PROJECT = "mlops_stage"
OURS = "mlops-stage"
"""The distribution that holds the built-ins."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def mlops_stages() -> Iterable[Stage]:
    """Offer stages. Called once per process; must not import anything heavy."""
    return ()


@hookspec
def mlops_reporters() -> Iterable[Reporter]:
    """Offer reporters. Called once per process; must not import anything heavy."""
    return ()


@hookspec
def mlops_adapters() -> Iterable[Adapter]:
    """Offer adapters to CI systems. Called once per process; must not import anything heavy."""
    return ()
