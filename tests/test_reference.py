"""The reference pages are true: generated from the code, and complete."""

import importlib.util
import json
import re
from pathlib import Path

import jsonschema
import pytest

from mlops_stage.errors import ExitCode
from mlops_stage.report import Failure, Outcome, Report, Run, to_json

DOCS = Path(__file__).parents[1] / "docs"
CORE = Path(__file__).parents[1] / "core" / "mlops_stage"


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_what_the_code_says(generate):
    stale = {name for name, text in generate.pages().items() if (DOCS / "reference" / name).read_text() != text}
    assert stale == set(), "run python docs/generate.py"


def test_every_hook_is_documented_with_its_signature(generate):
    page = generate.hooks()
    assert {"mlops_stages", "mlops_reporters", "mlops_adapters"} == set(re.findall(r"^## `(\w+)`$", page, re.MULTILINE))


def test_every_rule_that_the_code_can_report_has_an_anchor():
    rules = {
        rule
        for file in CORE.rglob("*.py")
        for rule in re.findall(
            r'"((?:validity|reading|quality|data|fairness|scan|adversarial|compile|sbom|sign|verify)/[a-z0-9-]+)"',
            file.read_text(encoding="utf-8"),
        )
    }
    documented = set(re.findall(r"^#+ `([a-z]+/[a-z0-9-]+)`", (DOCS / "reference" / "rules.md").read_text(), re.MULTILINE))
    assert rules
    assert rules - documented == set()
    assert {rule for rule in documented - rules if not rule.endswith("/gate")} == set()


@pytest.mark.parametrize(
    "value",
    [
        Report(stage="a", id="a", outcome=Outcome.ERROR, summary="s", error=Failure(code=ExitCode.STAGE, message="m")),
        Run(reports=(), ids=(), started="2026-01-01T00:00:00Z", seconds=1.0),
    ],
)
def test_what_is_written_fits_the_published_schema(value):
    name = f"{type(value).__name__.lower()}-v1.schema.json"
    schema = json.loads((DOCS / "reference" / name).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(to_json(value)))


def test_the_schema_of_the_configuration_accepts_the_example_and_refuses_a_typo():
    from ruamel.yaml import YAML

    schema = json.loads((DOCS / "reference" / "mlops-v1.schema.json").read_text())
    check = jsonschema.Draft202012Validator(schema)
    example = YAML(typ="safe").load((DOCS / "examples" / "income" / "mlops.yaml").read_text())
    check.validate(example)
    assert not check.is_valid({**example, "modle": "x"})
    assert not check.is_valid({"version": 1, "stages": {"quality": {"lable": "x"}}})
    assert not check.is_valid({"version": 1, "runs": [{"stage": "quality", "with": {"lable": "x"}}]})
    assert not check.is_valid({"version": 2})
