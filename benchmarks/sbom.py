"""A bill of materials of one project by `mlops-stage sbom` and by two other tools, and the time for one with thousands of libraries.

    python benchmarks/sbom.py [--libraries 4000] [--runs 3]

Prints JSON and exits 1 where a promise is broken. The peers, ai-bom and aisbom-cli, run offline, each from a virtual environment of its own:
`~/.cache/mlops-stage/bench/sbom-ai-bom` and `…/sbom-aisbom` (`python -m venv`, then `pip install ai-bom` and `pip install aisbom-cli`); one that is
not there is left out. The project holds an ONNX model with its weights in a file beside it, another one without, a pickle, a configuration, a card,
a table and a lock file.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from measuring import promised

HOME = Path.home() / ".cache" / "mlops-stage" / "bench"
EPOCH = "1767225600"
CARD = """---
license: apache-2.0
base_model: acme/base
datasets: [imdb]
---
# Credit

## Limitations

Only English.
"""


def project(root: Path) -> None:
    """The files; numbers of the weights are drawn with a seed."""
    import joblib
    import numpy as np
    import onnx
    import pandas as pd
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    folder = root / "model"
    folder.mkdir()
    for name, size in (("credit.onnx", 512), ("large.onnx", 2048)):
        weights = numpy_helper.from_array(rng.normal(size=(size, size)).astype(np.float32), "w")
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["y"])],
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", size])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", size])],
            [weights],
        )
        model = helper.make_model(graph, producer_name="bench", opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        onnx.save(model, folder / name, save_as_external_data=name == "large.onnx", location="large.bin")
    joblib.dump({"scale": rng.normal(size=16)}, folder / "scaler.joblib")
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertForSequenceClassification"]}))
    (folder / "README.md").write_text(CARD)
    pd.DataFrame({"age": rng.integers(18, 90, 1000), "label": rng.integers(0, 2, 1000)}).to_parquet(root / "train.parquet")
    (root / "requirements.txt").write_text("numpy==2.2.1\nonnxruntime==1.20.1\nscikit-learn==1.6.1\n")


def commands(root: Path) -> dict[str, list[str]]:
    """How each tool is asked to write `bom.json`."""
    ours = [
        sys.executable,
        "-P",
        "-m",
        "mlops_stage",
        "sbom",
        "--model",
        "model",
        "--train",
        "train.parquet",
        "--lock",
        "requirements.txt",
        "-q",
    ]
    peers = {
        "ai-bom": [str(HOME / "sbom-ai-bom" / "bin" / "ai-bom"), "scan", ".", "--format", "cyclonedx", "--output", "bom.json", "--quiet"],
        "aisbom": [str(HOME / "sbom-aisbom" / "bin" / "aisbom"), "scan", ".", "--offline", "--output", "bom.json"],
    }
    return {"ours": [*ours, "--out", str(root / "out")], **{name: argv for name, argv in peers.items() if Path(argv[0]).exists()}}


def asked(name: str, argv: list[str], root: Path) -> tuple[float, bytes]:
    """Wall seconds, and the document."""
    env = {
        **os.environ,
        "SOURCE_DATE_EPOCH": EPOCH,
        "AISBOM_OFFLINE": "1",
        "AISBOM_NO_TELEMETRY": "1",
        "AI_BOM_TELEMETRY": "0",
        "NO_COLOR": "1",
    }
    begun = time.perf_counter()
    done = subprocess.run(argv, cwd=root, env=env, capture_output=True, check=False)
    seconds = time.perf_counter() - begun
    path = root / ("out/sbom.cdx.json" if name == "ours" else "bom.json")
    if not path.exists():
        raise RuntimeError(f"{name} wrote nothing: {done.stdout[-500:]!r} {done.stderr[-500:]!r}")
    content = path.read_bytes()
    path.unlink()
    return seconds, content


def judged(content: bytes, root: Path) -> dict[str, Any]:
    """What a document says of the project, and whether it is right."""
    from mlops_stage.stages.sbom.document import components
    from mlops_stage.stages.sbom.lint import lint
    from mlops_stage.stages.sbom.validate import faults

    document = json.loads(content)
    weights = {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (root / "model").iterdir()
        if path.suffix in {".onnx", ".bin", ".joblib"}
    }
    found = list(components(document))
    digests = {one["content"] for component in found for one in component.record.get("hashes", [])}
    own = [{key: value for key, value in component.record.items() if key != "components"} for component in found]
    outside = [json.dumps(record).lower() for record in own if str(record["name"]).endswith("large.bin")]
    return {
        "schema_faults": sum(1 for _ in faults(document)),
        "lint_errors": sum(finding.level == "error" for finding in lint(document)),
        "weight_files": f"{sum(digest in digests for digest in weights.values())}/{len(weights)}",
        "weights_called_pickle": any("pickle" in text for text in outside),
        "model_cards": sum("modelCard" in component.record for component in found),
        "data_sets": sum(component.record["type"] == "data" for component in found),
        "libraries": sum(component.record["type"] == "library" for component in found),
        "bytes": len(content),
    }


def same_project(runs: int) -> dict[str, Any]:
    """Every tool on the same files, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        project(root)
        told: dict[str, Any] = {}
        seconds: dict[str, list[float]] = {}
        written: dict[str, set[bytes]] = {}
        for _ in range(runs):
            for name, argv in commands(root).items():
                took, content = asked(name, argv, root)
                seconds.setdefault(name, []).append(took)
                written.setdefault(name, set()).add(content)
        for name, contents in written.items():
            told[name] = {
                **judged(next(iter(contents)), root),
                "same_bytes": len(contents) == 1,
                "seconds": round(statistics.median(seconds[name]), 2),
            }
    return told


def many(libraries: int) -> dict[str, Any]:
    """Processor seconds to write a document with that many libraries and to validate it; the library's own validator on a tenth of them, beside ours."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    from mlops_stage.stages.sbom.emit import emit
    from mlops_stage.stages.sbom.validate import faults

    path = Path(__file__).parents[1] / "tests" / "stages" / "sbom" / "emit" / "inventories.py"
    spec = importlib.util.spec_from_file_location("inventories", path)
    assert spec is not None
    assert spec.loader is not None
    inventories = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(inventories)
    whole = inventories.whole()

    def sized(count: int) -> Any:
        return replace(whole, libraries=tuple(inventories.library(f"package-{place}", f"{place}.0") for place in range(count)))

    begun = time.process_time()
    content = emit(sized(libraries), inventories.found(whole))
    built = time.process_time()
    wrong = sum(1 for _ in faults(json.loads(content)))
    checked = time.process_time()
    part = emit(sized(libraries // 10), inventories.found(whole)).decode()
    timed = time.process_time()
    ours = sum(1 for _ in faults(json.loads(part)))
    between = time.process_time()
    theirs = JsonStrictValidator(SchemaVersion.V1_6).validate_str(part)
    ended = time.process_time()
    return {
        "libraries": libraries,
        "megabytes": round(len(content) / 1e6, 1),
        "faults": wrong + ours + (theirs is not None),
        "build_s": round(built - begun, 2),
        "validate_s": round(checked - built, 2),
        "seconds": round(checked - begun, 2),
        "validators_on_a_tenth": round((between - timed) / (ended - between), 3),
    }


def _kept(told: dict[str, Any]) -> bool:
    ours = told["ours"]
    right = ours["schema_faults"] == ours["lint_errors"] == 0 and ours["weight_files"] == "4/4" and not ours["weights_called_pickle"]
    return right and ours["same_bytes"] and ours["model_cards"] == 1 and ours["data_sets"] >= 1 and ours["libraries"] >= 3


def main() -> int:
    """Measure both parts and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--libraries", type=int, default=4000)
    parser.add_argument("--runs", type=int, default=3)
    wanted = parser.parse_args()
    return promised(
        {
            "same_project": (partial(same_project, wanted.runs), _kept),
            "many_libraries": (partial(many, wanted.libraries), lambda told: told["seconds"] < 10 and told["faults"] == 0),
        }
    )


if __name__ == "__main__":
    sys.exit(main())
