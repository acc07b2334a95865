"""Tasks, StepActions and a Pipeline, in the folders that a catalog of Tekton's has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_stage.native import inputs, text
from mlops_stage_tekton import objects, pages, samples
from mlops_stage_tekton.objects import Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mlops_stage.adapter import Layout
    from mlops_stage.host import Catalogue
    from mlops_stage.stage import Stage

_FOLDER = "plugins/tekton/"
RUN = "run"
PIPELINE = "mlops-evaluate"


@dataclass(frozen=True, kw_only=True)
class _Shelf:
    """One folder of a catalog: what stands beside each object in it."""

    name: str
    page: Callable[[Mapping[str, Any], str], str]
    sample: Callable[[Mapping[str, Any], str], dict[str, Any]]

    def files(self, made: Mapping[str, Any], layout: Layout) -> dict[str, str]:
        """The object, its page and a sample, as a catalog wants them."""
        name = made["metadata"]["name"]
        folder = _FOLDER if layout.kind == "project" else ""
        place = f"{folder}{self.name}/{name}/{objects.short(layout.version)}"
        head = text.heading(layout)
        return {
            f"{place}/{name}.yaml": head + text.yaml(made),
            f"{place}/README.md": text.heading(layout, "<!-- ").rstrip("\n") + " -->\n" + self.page(made, f"{place}/{name}.yaml"),
            f"{place}/samples/{name}.yaml": head + text.yaml(self.sample(made, objects.example_image(layout))),
        }


_TASKS = _Shelf(name="task", page=pages.of_task, sample=samples.task_run)
_STEP_ACTIONS = _Shelf(name="stepaction", page=pages.of_step_action, sample=samples.task_with_step)
_PIPELINES = _Shelf(name="pipeline", page=pages.of_pipeline, sample=samples.pipeline_run)


def native(catalogue: Catalogue, layout: Layout) -> dict[str, str]:
    """`task/<name>/<version>/` and `stepaction/<name>/<version>/` for each stage; our own and an organisation's copy also run all of them."""
    units = [_of_stage(catalogue, stage) for stage in catalogue.stages.values()]
    made: dict[str, str] = {}
    if layout.kind != "plugin":
        units.append(_of_run(catalogue))
        made |= _TASKS.files(objects.merge_task(layout), layout)
        made |= _PIPELINES.files(samples.pipeline(PIPELINE, catalogue, layout), layout)
    for unit in units:
        made |= _TASKS.files(objects.task(unit, layout), layout)
        made |= _STEP_ACTIONS.files(objects.step_action(unit, layout), layout)
    return made


def _of_stage(catalogue: Catalogue, stage: Stage) -> Unit:
    return Unit(
        name=f"mlops-{stage.kebab}",
        title=stage.kebab,
        summary=f"{stage.summary}.",
        command=stage.kebab,
        inputs=inputs.of_stage(catalogue, stage),
        outputs={name.replace("_", "-"): told for name, told in stage.outputs.items()},
        secrets=_secrets(catalogue, [stage]),
        identity="oidc" in stage.needs,
    )


def _of_run(catalogue: Catalogue) -> Unit:
    """What mlops.yaml names; which stages those are is not known here, and so neither are their outputs."""
    return Unit(
        name=f"mlops-{RUN}",
        title=RUN,
        summary="Data, quality, fairness, attacks, bill of materials and signatures: run the stages that mlops.yaml names.",
        command=RUN,
        inputs=inputs.of_run(),
        secrets=_secrets(catalogue, catalogue.stages.values()),
    )


def _secrets(catalogue: Catalogue, stages: Iterable[Stage]) -> tuple[str, ...]:
    """Names of variables for what must not stand in a parameter: MODEL_TOKEN for `model-token-env`, and so on."""
    fields = [item for stage in stages for item in catalogue.fields(stage.name) if item.names_variable]
    return tuple(dict.fromkeys(item.name.removesuffix("_env").upper() for item in fields))
