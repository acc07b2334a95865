"""What an organisation demands of every run; there are no policies yet, and one that is asked for must not be passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "MLOPS_POLICY"


def refuse(env: Mapping[str, str]) -> None:
    """Run nothing where a policy is demanded.

    Raises:
        UsageError: the variable is set; a floor that is not enforced would be believed to hold.
    """
    if env.get(VARIABLE):
        raise UsageError(
            f"{VARIABLE} is set, and this version knows no policies: it would not be enforced",
            f"unset {VARIABLE}, or declare the same demands as gates in mlops.yaml",
        )
