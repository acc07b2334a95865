"""The extractor of the documentation, installed as a package and found by the command."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "add-an-extractor.md"


def test_the_extractor_of_the_documentation_works(project):
    (module,) = re.findall(r"<!-- file: acme_facts.py -->\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (entry,) = re.findall(r"```toml\n\[project.entry-points.mlops_stage\]\nacme-facts = \"(.*?)\"\n```", PAGE.read_text())
    site = project.root.parent / "site"
    (site / "acme_facts-1.dist-info").mkdir(parents=True)
    (site / "acme_facts.py").write_text(module)
    (site / "acme_facts-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-facts\nVersion: 1\n")
    (site / "acme_facts-1.dist-info" / "entry_points.txt").write_text(f"[mlops_stage]\nacme-facts = {entry}\n")
    project.network("m/model.onnx")
    project.json("m/training.json", {"epochs": 3, "device": "cpu", "kwh": 1.5, "ticket": "ML-7", "data": "applications"})
    argv = [sys.executable, "-P", "-m", "mlops_stage", "sbom", "--model", "m/model.onnx", "-q"]
    environment = {**os.environ, "PYTHONPATH": str(site), "VIRTUAL_ENV": project.env["VIRTUAL_ENV"]}
    done = subprocess.run(argv, cwd=project.root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (model,) = [
        one
        for one in json.loads((project.root / "mlops-out" / "sbom.cdx.json").read_text())["components"]
        if one["type"] == "machine-learning-model"
    ]
    told = json.dumps(model)
    assert all(text in told for text in ("3 epochs on cpu", "ML-7", "applications", "acme:ticket"))
