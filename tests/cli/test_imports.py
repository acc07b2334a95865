"""What each command loads: sets of modules, not milliseconds."""

import subprocess
import sys

from mlops_stage import host

HEAVY = {
    "art", "duckdb", "fairlearn", "fickling", "jsonschema", "matplotlib", "numpy", "onnx", "onnxruntime", "open_data_contract_standard", "pandas",
    "picklescan", "pyarrow", "scipy", "skl2onnx", "sklearn",
}  # fmt: skip
NOT_FOR_HELP = HEAVY | {"pydantic", "requests", "jinja2", "ruamel", "rich", "ctypes", "subprocess"}

TELL = """
import sys
from mlops_stage.cli import main
for args in {commands!r}:
    sys.argv = ["mlops-stage", *args]
    try:
        main()
    except SystemExit as end:
        assert end.code == 0, (args, end.code)
    print("LOADED", *sorted({{name.split(".")[0] for name in sys.modules}}), file=sys.stderr)
"""


def loaded(command, *commands):
    """What one interpreter that runs these commands has loaded after each of them."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", TELL.format(commands=commands)],
        cwd=command.cwd,
        env=command.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    told = [set(line.split()[1:]) for line in done.stderr.splitlines() if line.startswith("LOADED")]
    assert len(told) == len(commands), done.stderr
    return dict(zip(commands, told, strict=True))


def test_commands_that_only_talk_load_next_to_nothing(mlops):
    commands = [("--help",), ("--version",), ("plugins",), ("init", "--help"), ("demo", "--help")]
    assert [(args, found & NOT_FOR_HELP) for args, found in loaded(mlops, *commands).items() if found & NOT_FOR_HELP] == []


def test_completion_of_a_command_loads_no_params(mlops):
    mlops.env |= {"_MLOPS_STAGE_COMPLETE": "bash_complete", "COMP_WORDS": "mlops-stage qu", "COMP_CWORD": "1"}
    done = mlops()
    assert done.stdout.split(",") == ["plain", "quality\n"]


def test_the_help_of_a_stage_loads_no_heavy_library(mlops):
    commands = [*((name, "--help") for name in host.discover({host.ALLOW_LIST: "none"}).stages), ("run", "--help")]
    assert [(args, found & HEAVY) for args, found in loaded(mlops, *commands).items() if found & HEAVY] == []


def test_the_parent_loads_no_heavy_library_in_a_plan_nor_in_any_stage(mlops):
    rows = "".join(f"{i % 2},{i % 2},0.{i % 2 * 8 + 1},g{i % 3}\n" for i in range(600))
    mlops.write("p.csv", "y_true,y_pred,y_score,group\n" + rows)
    mlops.write("old.csv", "y_true,y_pred,y_score,group\n" + rows)
    args = ("quality", "--predictions", "p.csv", "--slices", "group", "--baseline", "old.csv")
    plan = (*args, "--plan")
    assert [found & HEAVY for found in loaded(mlops, plan, args).values()] == [set(), set()]


NEEDLESS = {
    ("data", "--data", "p.csv", "--in-process"): {"jsonschema", "open_data_contract_standard", "onnxruntime", "requests"},
    ("quality", "--predictions", "p.csv", "--in-process"): {"jsonschema", "onnxruntime", "fairlearn"},
    ("fairness", "--predictions", "p.csv", "--sensitive", "group", "--in-process"): {"jsonschema", "onnxruntime", "fairlearn"},
}


def test_a_stage_loads_no_library_that_its_params_do_not_ask_for(mlops):
    mlops.write("p.csv", "y_true,y_pred,group\n" + "".join(f"{i % 2},{i % 2},g{i % 3}\n" for i in range(600)))
    for args, found in loaded(mlops, *NEEDLESS).items():
        assert {"duckdb", "numpy"} <= found
        assert found & NEEDLESS[args] == set(), args
