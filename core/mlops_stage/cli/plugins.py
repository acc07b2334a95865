"""`mlops-stage plugins`: what is offered, by whom, and what is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlops_stage.cli.terminal import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.cli.group import Suite
    from mlops_stage.host import Catalogue, Record


def command(suite: Suite) -> click.Command:
    """The command, over the suite's catalogue."""

    @click.command(name="plugins", short_help="List stages, reporters and adapters, and the plugins that are broken.")
    def listed() -> None:
        """List stages, reporters and adapters with the distribution that offers them, and every broken plugin with its reason."""
        say(table(suite.catalogue), nl=False)

    return listed


def table(catalogue: Catalogue) -> str:
    """The listing as text."""
    kinds: tuple[tuple[str, Mapping[str, Record]], ...] = (
        ("Stages", catalogue.stages),
        ("Reporters", catalogue.reporters),
        ("Adapters", catalogue.adapters),
    )
    rows = [(title, list(records.values())) for title, records in kinds if records]
    wide = max((len(record.name) for _, records in rows for record in records), default=0)
    owners = {name: f"{name} {version}".strip() for name, version in catalogue.plugins.items()}
    far = max((len(owner) for owner in owners.values()), default=0)
    text = ""
    for title, records in rows:
        text += f"{title}\n"
        for record in records:
            text += f"  {record.name:<{wide}}  {owners.get(record.distribution, ''):<{far}}  {record.summary}\n"
    if catalogue.broken:
        text += "Broken\n"
        text += "".join(f"  {broken.name} of {broken.distribution}: {broken.reason}\n" for broken in catalogue.broken)
    return text
