"""With what a run was made, as its record says it."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from mlops_stage import __version__

if TYPE_CHECKING:
    from mlops_stage.host import Catalogue


def versions(catalogue: Catalogue) -> dict[str, str]:
    """Ours, the interpreter's and those of all plugins, sorted by name."""
    return dict(sorted({"mlops-stage": __version__, "python": platform.python_version(), **catalogue.plugins}.items()))
