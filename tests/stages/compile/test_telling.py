"""What is said of each target."""

from dataclasses import replace
from pathlib import Path

import pytest

from mlops_stage.estimates import LEVELS, NotEstimable, Paired, Point, Rate, Sampled
from mlops_stage.report import Level
from mlops_stage.stages.compile.backends.backend import Footprint
from mlops_stage.stages.compile.latency import Latency
from mlops_stage.stages.compile.parity.drop import Drop
from mlops_stage.stages.compile.parity.tiers import Agreement
from mlops_stage.stages.compile.pictures import drawn
from mlops_stage.stages.compile.results import Compiled, Variant
from mlops_stage.stages.compile.targets import Target
from mlops_stage.stages.compile.telling import Source, findings, metrics

SOURCE = Source(name="model.onnx", size=400)
HOST = Target(name="host", backend="ort", artifact_bytes=500)


def variant(precision, ratio=1.0, control=1.0, **other):
    quantiles = tuple(ratio + 0.001 * place for place in range(-8, 9))
    assert len(quantiles) == len(LEVELS)
    latency = Latency(
        ratio=ratio,
        low=ratio - 0.01,
        high=ratio + 0.01,
        quantiles=quantiles,
        control=control,
        rounds=30,
        seconds=(1.0, ratio),
        verdict="passed",
        reason="" if control == 1 else "this machine is too busy to measure on",
    )
    agreement = Agreement(
        tier="exact", rows=500, ties=2, labels=Rate(498, 498), largest=1e-6, worst=None, failing_rows=(), failing=0, verdict="passed", reasons=()
    )  # fmt: skip
    made = Variant(
        precision=precision,
        artefact=Path(precision),
        agreement=agreement,
        latency=latency,
        footprint=Footprint(artifact_bytes=100, ram_bytes=120),
    )
    return replace(made, **other)


def compiled(*variants, ships=0, **other):
    shipped = variants[ships] if ships is not None and variants else None
    return Compiled(**({"target": HOST, "variants": variants, "shipped": shipped} | other))


def told(one):
    return {finding.rule: finding for finding in findings([one], SOURCE)}


def figures(one):
    return {metric.label: metric.estimate for metric in metrics([one], SOURCE)}


def test_how_many_rows_were_real_and_which_release_answered_is_told():
    one = compiled(variant("fp32"), versions=(("onnxruntime", "1.26.0"), ("onnx", "1.20.0")))
    (ships,) = findings([one], replace(SOURCE, real=5))
    assert "on 500 rows (5 real; exact, 2 ties left out) with ONNX Runtime 1.26.0" in ships.message


def test_size_memory_and_the_bounds_of_the_latency_are_told_where_it_ships():
    message = told(compiled(variant("fp32", ratio=1.0)))["compile/shipped"].message
    assert "it takes 1.00 times as long (1.00 to 1.00); it has 100 bytes, 0.25 times the model, and needs about 120 bytes" in message
    large = replace(variant("fp32"), footprint=Footprint(artifact_bytes=171_283, ram_bytes=1_223_573))
    assert "it has 167 KiB, 428.21 times the model, and needs about 1.2 MiB of memory" in told(compiled(large))["compile/shipped"].message


def test_what_ships_has_its_figures_and_budgets():
    found = figures(compiled(variant("fp32")))
    assert found["parity[target=host]"] == Point(1.0, n=500)
    assert isinstance(found["latency_ratio[target=host]"], Sampled)
    assert found["artifact_bytes[target=host]"].value == 100
    assert found["artifact_bytes_budget[target=host]"].value == 500
    assert found["size_ratio[target=host]"].value == 0.25
    assert "ram_bytes_budget[target=host]" not in found
    assert not any("seconds" in name for name in found)


def test_what_eight_bits_cost_is_told_by_group():
    drop = Drop(
        metric="accuracy",
        estimate=Paired(1, 3, 1000),
        by_group=(((("sex", "a"),), Paired(0, 2, 500)), ((("sex", "b"),), NotEstimable(None, "masked"))),
        budget=0.005,
        verdict="passed",
    )
    one = compiled(variant("fp32"), variant("int8", ratio=0.5, drop=drop), ships=1)
    found = figures(one)
    assert found["accuracy_drop[target=host,sex=a]"] == Paired(0, 2, 500)
    assert isinstance(found["accuracy_drop[target=host,sex=b]"], NotEstimable)
    assert "points of accuracy" in told(one)["compile/shipped"].message
    assert "it takes 1.00 times as long as the model" in told(one)["compile/left-out"].message


def test_where_the_machine_is_too_busy_no_ratio_is_told():
    one = compiled(variant("fp32", control=1.2))
    assert figures(one)["latency_ratio[target=host]"] == NotEstimable(30, "this machine is too busy to measure on")
    assert "cannot be told: this machine is too busy" in told(one)["compile/shipped"].message


def test_nothing_is_measured_of_a_foreign_target():
    one = compiled(variant("fp32", agreement=None, latency=None), foreign="it is for aarch64", versions=(("onnxruntime", "1.26.0"),))
    found = figures(one)
    assert isinstance(found["parity[target=host]"], NotEstimable)
    assert isinstance(found["latency_ratio[target=host]"], NotEstimable)
    assert "latency_ratio_budget[target=host]" not in found
    assert "made with ONNX Runtime 1.26.0, and does not ship before it is judged there" in told(one)["compile/shipped"].message
    assert told(one)["compile/not-emulated"].level is Level.WARNING


@pytest.mark.parametrize(
    ("other", "rule", "level"),
    [
        ({"absent": "openvino is not installed"}, "compile/backend-missing", Level.WARNING),
        ({"unsupported": ("no kernel for Foo\x1b[31m",)}, "compile/unsupported", Level.ERROR),
    ],
)
def test_a_target_for_which_nothing_was_tried_has_no_figures(other, rule, level):
    one = compiled(**other)
    assert figures(one) == {}
    assert told(one)[rule].level is level
    assert "\x1b" not in told(one)[rule].message
    assert list(drawn([one])) == []


def test_where_nothing_ships_the_reason_is_grave():
    one = compiled(variant("fp32", failure="does not answer as the model does: NaN"), ships=None)
    assert figures(one)["parity[target=host]"] == Point(0.0, n=500)
    assert told(one)["compile/no-artefact"].level is Level.ERROR


def test_where_rows_show_nothing_the_verdict_stays_open():
    found = replace(variant("fp32").agreement, verdict="inconclusive", reasons=("these rows show nothing",))
    one = compiled(variant("fp32", agreement=found, failure="was not shown to"), ships=None)
    assert figures(one)["parity[target=host]"] == NotEstimable(500, "these rows show nothing")
    assert told(one)["compile/no-artefact"].level is Level.WARNING


def test_of_a_newer_processor_answers_are_told_and_no_time():
    one = compiled(variant("fp32", latency=None), newer="this machine's processor is newer")
    found = figures(one)
    assert found["parity[target=host]"] == Point(1.0, n=500)
    assert found["latency_ratio[target=host]"] == NotEstimable(0, "this machine's processor is newer")
    assert "latency_ratio_budget[target=host]" not in found
    message = told(one)["compile/shipped"].message
    assert "on a newer processor; " in message
    assert "how long it takes there cannot be told: this machine's processor is newer" in message


def test_latency_and_size_of_all_variants_are_drawn():
    one = compiled(variant("fp32"), variant("int8", ratio=0.5), variant("fp16", control=1.5))
    latency, size = drawn([one])
    assert [row.label for row in latency.rows] == ["host, fp32", "host, int8", "host, fp16"]
    assert latency.rows[0].note == "ships"
    assert latency.rows[2].value is None
    assert [bar.label for bar in size.bars] == [row.label for row in latency.rows]
