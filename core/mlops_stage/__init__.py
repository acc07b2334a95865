"""The façade: what a plugin author imports; every name but the version is loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from mlops_stage.adapter import Adapter as Adapter
    from mlops_stage.errors import ExitCode as ExitCode
    from mlops_stage.errors import InputError as InputError
    from mlops_stage.errors import StageError as StageError
    from mlops_stage.errors import UsageError as UsageError
    from mlops_stage.estimates import (
        Difference as Difference,
    )
    from mlops_stage.estimates import (
        NotEstimable as NotEstimable,
    )
    from mlops_stage.estimates import (
        Paired as Paired,
    )
    from mlops_stage.estimates import (
        Point as Point,
    )
    from mlops_stage.estimates import (
        Rate as Rate,
    )
    from mlops_stage.estimates import (
        Ratio as Ratio,
    )
    from mlops_stage.estimates import (
        Sampled as Sampled,
    )
    from mlops_stage.hookspecs import hookimpl as hookimpl
    from mlops_stage.params import Params as Params
    from mlops_stage.params import Verb as Verb
    from mlops_stage.report import (
        Criterion as Criterion,
    )
    from mlops_stage.report import (
        Evidence as Evidence,
    )
    from mlops_stage.report import (
        Finding as Finding,
    )
    from mlops_stage.report import (
        Metric as Metric,
    )
    from mlops_stage.report import (
        NoFinding as NoFinding,
    )
    from mlops_stage.report import (
        NotApplicable as NotApplicable,
    )
    from mlops_stage.report import (
        Observations as Observations,
    )
    from mlops_stage.report import (
        Report as Report,
    )
    from mlops_stage.report import (
        Run as Run,
    )
    from mlops_stage.report import (
        Subject as Subject,
    )
    from mlops_stage.reporter import Reporter as Reporter
    from mlops_stage.stage import Command as Command
    from mlops_stage.stage import Reply as Reply
    from mlops_stage.stage import Stage as Stage
    from mlops_stage.stages.signing.opened import Verified as Verified
    from mlops_stage.stages.signing.opened import open_verified as open_verified
    from mlops_stage.workspace import Workspace as Workspace

_HOME = {
    "adapter": ("Adapter",),
    "errors": ("ExitCode", "InputError", "StageError", "UsageError"),
    "estimates": ("Difference", "NotEstimable", "Paired", "Point", "Rate", "Ratio", "Sampled"),
    "hookspecs": ("hookimpl",),
    "params": ("Params", "Verb"),
    "report": ("Criterion", "Evidence", "Finding", "Metric", "NoFinding", "NotApplicable", "Observations", "Report", "Run", "Subject"),
    "reporter": ("Reporter",),
    "stage": ("Command", "Reply", "Stage"),
    "stages.signing.opened": ("Verified", "open_verified"),
    "workspace": ("Workspace",),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = ["__version__", *sorted(_MODULE)]  # noqa: PLE0604  (names are computed from the table above, which a test compares with the imports)


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562), so that importing the package costs nothing."""
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)
