"""`mlops-stage adapters`: write the native files of CI systems, or see whether they are true."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlops_stage.cli.terminal import say
from mlops_stage.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from mlops_stage.adapter import Layout
    from mlops_stage.cli.group import Suite

_CI = click.Option(["--ci", "names"], multiple=True, help="only this CI system, such as gitlab; repeats  [default: all]")
_FOR = click.Option(
    ["--distribution"], default="mlops-stage", show_default=True, help="whose stages: that of your own plugin, in its own repository"
)

_COPY = (
    click.Option(["--image"], default="", help="image that holds this release, as registry/name@sha256:…"),
    click.Option(["--index-url"], default="", help="package index to install from, where a machine is configured for none"),
    click.Option(["--wheel"], type=click.Path(path_type=Path), help="wheel of this release; its digest is what jobs install by"),
    click.Option(
        ["--repository"], default="", help="owner/name@ref that jobs will know the copy by; on GitHub, adds the workflow that signs"
    ),
    click.Option(["-o", "--out"], type=click.Path(path_type=Path), required=True, help="folder of the new project"),
)


def command(suite: Suite) -> click.Group:
    """The command, over the suite's catalogue."""
    group = click.Group(name="adapters", help="Write the files that CI systems read, or see whether they are true.")

    def generate(names: tuple[str, ...], distribution: str) -> None:
        """Write the native files of every stage into this repository; those of stages that are gone are removed."""
        from mlops_stage import native

        changed, removed = native.write(Path.cwd(), _files(suite, names, distribution))
        for path in changed:
            say(f"wrote {path}")
        for path in removed:
            say(f"removed {path}")
        if not changed and not removed:
            say("every file is as it should be")

    def check(names: tuple[str, ...], distribution: str) -> ExitCode:
        """Print what `generate` would change, and exit 1 if that is anything."""
        from mlops_stage import native

        found = native.difference(Path.cwd(), _files(suite, names, distribution))
        say(found, nl=False)
        return ExitCode.FAILED if found else ExitCode.PASSED

    def vendor(names: tuple[str, ...], out: Path, **what: Any) -> None:
        """Write a project of your own that installs this release from your registry or package index: components, a shared library, Tasks, actions."""
        from mlops_stage import native
        from mlops_stage.hookspecs import OURS
        from mlops_stage.native import vendoring

        copy = vendoring.layout(suite.catalogue.plugins[OURS], **what)
        made = vendoring.project(suite.catalogue, native.chosen(suite.catalogue, names), copy)
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{out} cannot be a folder: {error.strerror}", "--out names the folder of the new project") from error
        changed, removed = native.write(out, made)
        for path in removed:
            say(f"removed {path}")
        say(f"{out}: {len(changed)} files written, {len(removed)} removed, {len(made) - len(changed)} as they were")
        _missing(copy)

    group.add_command(click.Command("vendor", callback=vendor, help=vendor.__doc__, params=[_CI, *_COPY]))
    for name, callback in (("generate", generate), ("check", check)):
        group.add_command(click.Command(name, callback=callback, help=callback.__doc__, params=[_CI, _FOR]))
    return group


def _missing(copy: Layout) -> None:
    if not copy.image and not copy.wheel_sha256:
        say("no image is written in, so whoever uses these files must give one as `image`; --image registry/name@sha256:… writes it in")


def _files(suite: Suite, names: tuple[str, ...], distribution: str) -> dict[str, str]:
    from mlops_stage import native

    return native.files(suite.catalogue, native.chosen(suite.catalogue, names), _layout(suite, distribution))


def _layout(suite: Suite, distribution: str) -> Layout:
    from mlops_stage.adapter import Layout
    from mlops_stage.hookspecs import OURS

    if distribution not in {stage.distribution for stage in suite.catalogue.stages.values()}:
        raise UsageError(f"no stage of a distribution '{distribution}' is installed", "`mlops-stage plugins` lists who offers what")
    version = suite.catalogue.plugins[distribution]
    return Layout(kind="project" if distribution == OURS else "plugin", distribution=distribution, version=version)
