"""The façade: what a plugin author imports; every name but the version is loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from mlops_stage.adapter import Adapter as Adapter
    from mlops_stage.errors import ExitCode as ExitCode, InputError as InputError, StageError as StageError, UsageError as UsageError
    from mlops_stage.estimates import (
        Difference as Difference,
        NotEstimable as NotEstimable,
        Paired as Paired,
        Point as Point,
        Rate as Rate,
        Ratio as Ratio,
        Sampled as Sampled,
    )
    from mlops_stage.hookspecs import hookimpl as hookimpl
    from mlops_stage.params import Params as Params
    from mlops_stage.report import (
        Criterion as Criterion,
        Evidence as Evidence,
        Finding as Finding,
        Metric as Metric,
        NoFinding as NoFinding,
        NotApplicable as NotApplicable,
        Observations as Observations,
        Report as Report,
        Run as Run,
        Subject as Subject,
    )
    from mlops_stage.reporter import Reporter as Reporter
    from mlops_stage.stage import Stage as Stage
    from mlops_stage.workspace import Workspace as Workspace

_HOME = {
    "adapter": ("Adapter",),
    "errors": ("ExitCode", "InputError", "StageError", "UsageError"),
    "estimates": ("Difference", "NotEstimable", "Paired", "Point", "Rate", "Ratio", "Sampled"),
    "hookspecs": ("hookimpl",),
    "params": ("Params",),
    "report": ("Criterion", "Evidence", "Finding", "Metric", "NoFinding", "NotApplicable", "Observations", "Report", "Run", "Subject"),
    "reporter": ("Reporter",),
    "stage": ("Stage",),
    "workspace": ("Workspace",),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = ["__version__", *sorted(_MODULE)]  # noqa: PLE0604  (names are computed from the table above, which a test compares with the imports)


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562), so that importing the package costs nothing."""
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)
