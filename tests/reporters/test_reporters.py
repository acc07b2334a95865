from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import PurePosixPath

import pluggy

from mlops_stage import hookspecs, reporters
from mlops_stage.reporters import REPORTERS

FILES = {
    "codequality": "codequality.json",
    "console": "-",
    "html": "report.html",
    "json": "run.json",
    "junit": "junit.xml",
    "markdown": "summary.md",
    "openmetrics": "metrics.txt",
    "sarif": "report.sarif",
}


def rendered(record, run):
    module, attribute = record.render.split(":")
    return getattr(import_module(module), attribute)(run)


def test_the_records_come_through_the_hook_sorted_by_name():
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(reporters)
    (found,) = manager.hook.mlops_reporters()
    assert found == REPORTERS
    assert [record.name for record in found] == sorted(FILES)


def test_each_reporter_writes_its_one_file(runs):
    assert {record.name: list(rendered(record, runs("demo"))) for record in REPORTERS} == {name: [path] for name, path in FILES.items()}
    assert not any(PurePosixPath(path).is_absolute() for path in FILES.values())


def test_every_reporter_copes_with_every_run_and_gives_text_that_a_file_can_hold(any_run):
    for record in REPORTERS:
        for text in rendered(record, any_run).values():
            assert text.encode()
            assert text.endswith("\n")


def test_every_reporter_is_pure(runs):
    for record in REPORTERS:
        assert rendered(record, runs("everything")) == rendered(record, runs("everything"))


def test_offering_the_records_imports_nothing_heavy():
    code = "import sys, mlops_stage.reporters; print(*sorted(sys.modules))"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"pydantic", "jinja2", "rich", "requests", "numpy", "mlops_stage.report", "mlops_stage.reporters.html"}


def test_rendering_never_loads_the_libraries_of_stages():
    modules = ", ".join(record.render.split(":")[0] for record in REPORTERS)
    code = f"import sys, {modules}; print(*sorted(sys.modules))"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"numpy", "pandas", "duckdb", "onnx", "onnxruntime", "sklearn", "matplotlib"}
