"""What each command loads: sets of modules, not milliseconds."""

import subprocess
import sys

import pytest

from mlops_stage import host

HEAVY = {
    "art", "duckdb", "fairlearn", "fickling", "jsonschema", "matplotlib", "numpy", "onnx", "onnxruntime", "open_data_contract_standard", "pandas",
    "picklescan", "pyarrow", "scipy", "skl2onnx", "sklearn",
}  # fmt: skip
NOT_FOR_HELP = HEAVY | {"pydantic", "requests", "jinja2", "ruamel", "rich", "ctypes", "subprocess"}

TELL = """
import sys
sys.argv = ["mlops-stage", *{args!r}]
from mlops_stage.cli import main
try:
    main()
except SystemExit as end:
    print("CODE", end.code, file=sys.stderr)
print("LOADED", *sorted({{name.split(".")[0] for name in sys.modules}}), file=sys.stderr)
"""


def loaded(command, *args):
    done = subprocess.run(
        [sys.executable, "-P", "-c", TELL.format(args=list(args))],
        cwd=command.cwd,
        env=command.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stderr.splitlines()
    assert lines[-2] == "CODE 0", done.stderr
    return set(lines[-1].split()[1:])


@pytest.mark.parametrize("args", [("--help",), ("--version",), ("plugins",), ("init", "--help"), ("demo", "--help")])
def test_commands_that_only_talk_load_next_to_nothing(mlops, args):
    assert loaded(mlops, *args) & NOT_FOR_HELP == set()


def test_completion_of_a_command_loads_no_params(mlops):
    mlops.env |= {"_MLOPS_STAGE_COMPLETE": "bash_complete", "COMP_WORDS": "mlops-stage qu", "COMP_CWORD": "1"}
    done = mlops()
    assert done.stdout.split(",") == ["plain", "quality\n"]


@pytest.mark.parametrize("args", [*((name, "--help") for name in host.discover({host.ALLOW_LIST: "none"}).stages), ("run", "--help")])
def test_the_help_of_a_stage_loads_no_heavy_library(mlops, args):
    assert loaded(mlops, *args) & HEAVY == set()


def test_the_parent_loads_no_heavy_library_in_any_stage(mlops):
    rows = "".join(f"{i % 2},{i % 2},0.{i % 2 * 8 + 1},g{i % 3}\n" for i in range(600))
    mlops.write("p.csv", "y_true,y_pred,y_score,group\n" + rows)
    mlops.write("old.csv", "y_true,y_pred,y_score,group\n" + rows)
    args = ("quality", "--predictions", "p.csv", "--slices", "group", "--baseline", "old.csv")
    assert loaded(mlops, *args) & HEAVY == set()


def test_the_parent_loads_no_heavy_library_in_a_plan(mlops):
    mlops.write("p.csv", "y_true,y_pred\n" + "1,1\n0,0\n" * 50)
    assert loaded(mlops, "quality", "--predictions", "p.csv", "--plan") & HEAVY == set()


@pytest.mark.parametrize(
    ("args", "needless"),
    [
        (("data", "--data", "p.csv"), {"jsonschema", "open_data_contract_standard", "onnxruntime", "requests"}),
        (("quality", "--predictions", "p.csv"), {"jsonschema", "onnxruntime", "fairlearn"}),
        (("fairness", "--predictions", "p.csv", "--sensitive", "group"), {"jsonschema", "onnxruntime", "fairlearn"}),
    ],
)
def test_a_stage_loads_no_library_that_its_params_do_not_ask_for(mlops, args, needless):
    mlops.write("p.csv", "y_true,y_pred,group\n" + "".join(f"{i % 2},{i % 2},g{i % 3}\n" for i in range(600)))
    found = loaded(mlops, *args, "--in-process")
    assert {"duckdb", "numpy"} <= found
    assert found & needless == set()
