"""Contracts that `mlops-stage data contract synth` writes for ten tables in public shapes: kept by later rows, valid, and read by datacontract-cli.

Later rows are drawn anew from the same sources, with other seeds. datacontract-cli runs from an environment of its own
(`python -m venv ENV && ENV/bin/pip install 'datacontract-cli[duckdb]'`); without one its part is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jsonschema import Draft201909Validator
from ruamel.yaml import YAML

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
SCHEMA_3_1 = ROOT / "tests" / "schemas" / "odcs-3.1.json"


def tables() -> ModuleType:
    """The tests' module, which makes the tables."""
    spec = importlib.util.spec_from_file_location("public_shapes", ROOT / "tests" / "stages" / "data" / "test_synth.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def later_rows(made: ModuleType, root: Path, name: str, seeds: int) -> tuple[int, int, list[str]]:
    """Rules held against later rows, how many of them do not hold, and which."""
    make, suffix, n, _ = made.TABLES[name]
    judged, broken = 0, []
    for seed in range(seeds):
        made.write(root / f"later.{suffix}", make(np.random.default_rng(1000 + seed), n))
        gates = made.held(root, f"later.{suffix}").gates
        judged += len(gates)
        broken += [f"{name}: {gate.sentence}" for gate in gates if gate.verdict != "passed"]
    return judged, len(broken), broken


def is_valid(text: str, schema: str, version: str) -> bool:
    values = {**YAML(typ="safe", pure=True).load(text), "apiVersion": version}
    return not list(Draft201909Validator(json.loads(schema)).iter_errors(values))


def asked(program: Path, verb: str, root: Path) -> tuple[int, str]:
    """Exit code and the last words of datacontract-cli."""
    done = subprocess.run([program, verb, "contract.odcs.yaml"], cwd=root, capture_output=True, text=True, check=False, timeout=300)
    lines = [line.strip() for line in done.stdout.splitlines() if re.match(r"\s*(🟢|🟠|🔴|\d+\))", line)]
    return done.returncode, " ".join(lines)[:160]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="later tables drawn from each source")
    parser.add_argument("--datacontract", type=Path, default=Path.home() / ".cache/mlops-stage/bench/datacontract/bin/datacontract")
    options = parser.parse_args()
    made = tables()
    newest = files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
    judged = broken = own = valid = linted = tested = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in made.TABLES:
            root = made.made(folder, name)
            text = (root / "contract.odcs.yaml").read_text(encoding="utf-8")
            own += made.held(root, f"train.{made.TABLES[name][1]}").outcome == "passed"
            valid += is_valid(text, SCHEMA_3_1.read_text(encoding="utf-8"), "v3.1.0") and is_valid(text, newest, "v3.2.0")
            rules, wrong, which = later_rows(made, root, name, options.seeds)
            judged, broken = judged + rules, broken + wrong
            print(*which, sep="\n", end="\n" if which else "")
            if options.datacontract.exists():
                for verb in ("lint", "test"):
                    code, words = asked(options.datacontract, verb, root)
                    linted, tested = linted + (verb == "lint" and not code), tested + (verb == "test" and not code)
                    print(f"{name}: datacontract {verb} exits {code}: {words}")
    count = len(made.TABLES)
    print(f"valid under 3.1 and 3.2: {valid} of {count}; kept by the table itself: {own} of {count}")
    print(f"rules broken by later rows: {broken} of {judged} ({100 * broken / judged:.2f} %)")
    print(f"datacontract-cli: lint accepts {linted} of {count}, test {tested} of {count}")


if __name__ == "__main__":
    main()
