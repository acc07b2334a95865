import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mlops_stage


def test_the_lazy_table_and_the_imports_for_type_checkers_name_the_same():
    tree = ast.parse(Path(mlops_stage.__file__).read_text())
    shown = {
        (node.module.removeprefix("mlops_stage."), alias.asname)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert shown == {(module, name) for module, names in mlops_stage._HOME.items() for name in names}


def test_every_public_name_loads():
    for name in mlops_stage.__all__:
        assert getattr(mlops_stage, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Stagee'"):
        _ = mlops_stage.Stagee


def test_importing_the_package_loads_nothing():
    code = "import sys; import mlops_stage; print([m for m in sys.modules if m.startswith('mlops_stage.') or m in {'pydantic', 'click'}])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
