"""An environment with PyTorch, which the project itself does not have."""

import os
import subprocess
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlops-stage" / "torch"
DEBIAN = "/usr/bin/python3"
NEEDED = ["numpy<2", "onnx<1.19", "onnxruntime"]  # Debian's torch 1.13 was built for numpy 1


def has(python, *modules):
    done = subprocess.run([python, "-c", f"import {', '.join(modules)}"], capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture(scope="session")
def torch_python():
    """A Python with torch, numpy, onnx and onnxruntime: MLOPS_STAGE_TORCH_PYTHON, or one made from Debian's python3-torch and kept in the user's cache."""
    named = os.environ.get("MLOPS_STAGE_TORCH_PYTHON")
    if named:
        return named
    python = str(CACHE / "bin" / "python")
    if Path(python).exists() and has(python, "torch", "onnx", "onnxruntime"):
        return python
    if not Path(DEBIAN).exists() or not has(DEBIAN, "torch"):
        pytest.skip("no PyTorch: name a Python that has it in MLOPS_STAGE_TORCH_PYTHON, or apt-get install python3-torch python3-venv")
    made = [[DEBIAN, "-m", "venv", "--clear", "--system-site-packages", str(CACHE)], [python, "-m", "pip", "install", "-q", *NEEDED]]
    if any(subprocess.run(command, capture_output=True, check=False).returncode for command in made):
        pytest.skip("no environment for PyTorch could be made: python3-venv or the package index is not there")
    return python
