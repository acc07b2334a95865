"""What effort means: a budget in rows and queries, the same on every machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_stage.stages.adversarial.params import AdversarialParams


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How many rows are attacked, and how often the model is asked about each."""

    rows: int
    iterations: int
    """Of HopSkipJump: about 150 queries for the first, 2,400 for ten."""
    restarts: int
    """Searches of HopSkipJump, each from another start."""
    queries: int
    """Of Square, for each row and size of change."""
    pool: int
    """Rows of the reference from which searches start; each is asked about once."""

    @property
    def most(self) -> int:
        """Queries that HopSkipJump takes for a row, roughly."""
        return self.restarts * sum(int(100 * (step + 1) ** 0.5) + 40 for step in range(self.iterations))


BUDGETS = {
    "quick": Budget(rows=100, iterations=3, restarts=1, queries=300, pool=300),
    "standard": Budget(rows=400, iterations=10, restarts=1, queries=1000, pool=300),
    "deep": Budget(rows=1000, iterations=15, restarts=3, queries=5000, pool=1000),
}


def budget(params: AdversarialParams) -> Budget:
    """The budget of the params' effort, with their number of rows where they name one."""
    found = BUDGETS[params.effort]
    if params.rows is None:
        return found
    return Budget(**{**found.__dict__, "rows": params.rows})
