"""Makes `emit/inventories.py` importable as `sbom_inventories`: tests of this folder lie in no package."""

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("sbom_inventories", Path(__file__).with_name("emit") / "inventories.py")
_module = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _module
_spec.loader.exec_module(_module)
