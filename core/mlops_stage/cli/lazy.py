"""A click command whose options are built on first use."""

from __future__ import annotations

import click


class Lazy(click.Command):
    """A command whose options are built on first use, so that `--help` of the suite imports no Params."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The options and arguments, built now at the latest."""
        if not self.params:
            self.params = self.build()
        return super().get_params(ctx)

    def build(self) -> list[click.Parameter]:
        """The options and arguments."""
        raise NotImplementedError

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, with the options there."""
        self.get_params(ctx)
        return super().parse_args(ctx, args)
