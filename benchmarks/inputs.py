"""What reading costs: ONNX facts, a million predictions, shared rows and scores, each against a peer in the same run.

    python benchmarks/inputs.py [--rows 1000000] [--rounds 5]

Every case runs in a process of its own, ours and the peer in turn; prints JSON with medians, ratios and peak memory. Needs `mlops-stage[demo]`.
Imports are not in the seconds, but in the memory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PRELUDE = """
import sys, time
from pathlib import Path
here = Path(sys.argv[1])
def report(seconds):  # not getrusage, whose peak a child inherits from its parent
    peak = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(seconds, int(peak) / 1024)
"""

FACTS = """
from mlops_stage.inputs.onnx.reader import read_facts
from mlops_stage.inputs.onnx.screen import screen
path = here / "{name}" / "m.onnx"
start = time.perf_counter()
facts = read_facts(path)
assert not screen(facts, path)
report(time.perf_counter() - start)
assert facts.parameters > 5e7
"""

FACTS_ONNX = """
import math, onnx
start = time.perf_counter()
model = onnx.load(here / "{name}" / "m.onnx", load_external_data=False)
parameters = sum(math.prod(tensor.dims) for tensor in model.graph.initializer)
report(time.perf_counter() - start)
assert parameters > 5e7
"""

PREDICTIONS = """
from mlops_stage.inputs.predictions import Question, read
start = time.perf_counter()
found = read("p.{suffix}", here, Question(slices=("sex", "region")))
report(time.perf_counter() - start)
assert found.n > 0 and found.task == "binary"
"""

PREDICTIONS_PANDAS = """
import hashlib, pandas as pd
start = time.perf_counter()
table = pd.{reader}
for name in ("y_true", "y_pred", "sex", "region"):
    table[name] = table[name].astype("category")
codes = [table[name].cat.codes.to_numpy() for name in ("y_true", "y_pred", "sex", "region")]
score = table["y_score"].to_numpy()
missing = int(table.isna().any(axis=1).sum())
with open(here / "p.{suffix}", "rb") as stream:
    hashlib.file_digest(stream, "sha256").hexdigest()
report(time.perf_counter() - start)
"""

OVERLAP = """
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.inputs.tables.overlap import shared_rows
start = time.perf_counter()
found = shared_rows(open_table("train.parquet", here, "train"), open_table("test.parquet", here))
report(time.perf_counter() - start)
assert found.shared >= 1000
"""

OVERLAP_PANDAS = """
import pandas as pd
start = time.perf_counter()
train, test = (pd.read_parquet(here / f"{name}.parquet") for name in ("train", "test"))
shared = len(test.merge(train.drop_duplicates(), how="inner"))
report(time.perf_counter() - start)
assert shared >= 1000
"""

SCORES = """
from mlops_stage.inputs.model import open_model
from mlops_stage.inputs.predictions import Question, score
from mlops_stage.inputs.tables.open import open_table
start = time.perf_counter()
found = score(open_model("candidate.onnx", here), open_table("people.parquet", here), here / "{cache}", Question(label="income"))
report(time.perf_counter() - start)
"""

SCORES_PLAIN = """
import numpy as np, onnxruntime, pandas as pd
start = time.perf_counter()
table = pd.read_parquet(here / "people.parquet")
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(here / "candidate.onnx", options)
labels, scores = session.run(None, {
    port.name: table[[port.name]].to_numpy(dtype=object if "string" in port.type else np.float32) for port in session.get_inputs()
})
report(time.perf_counter() - start)
"""


def main() -> None:
    """Run all cases and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        make_models(here)
        make_tables(here, asked.rows)
        cases = {
            "onnx_facts_external_200mb": (FACTS.replace("{name}", "external"), FACTS_ONNX.replace("{name}", "external")),
            "onnx_facts_inline_200mb": (FACTS.replace("{name}", "inline"), FACTS_ONNX.replace("{name}", "inline")),
            "predictions_csv": predictions("csv", "read_csv(here / 'p.csv')"),
            "predictions_parquet": predictions("parquet", "read_parquet(here / 'p.parquet')"),
            "predictions_jsonl": predictions("jsonl", "read_json(here / 'p.jsonl', lines=True)"),
            "shared_rows": (OVERLAP, OVERLAP_PANDAS),
            "scores_first": (SCORES.replace("{cache}", "cache-{round}"), SCORES_PLAIN),
            "scores_kept": (SCORES.replace("{cache}", "cache-0"), SCORES_PLAIN),
        }
        print(json.dumps({name: compared(ours, peer, here, asked.rounds) for name, (ours, peer) in cases.items()}, indent=2))


def predictions(suffix: str, reader: str) -> tuple[str, str]:
    """Ours, and pandas up to the same arrays: codes, scores, missing cells counted, the file's digest."""
    return PREDICTIONS.replace("{suffix}", suffix), PREDICTIONS_PANDAS.replace("{reader}", reader).replace("{suffix}", suffix)


def compared(ours: str, peer: str, here: Path, rounds: int) -> dict[str, float]:
    """Medians over interleaved rounds."""
    pairs = [(measured(ours.replace("{round}", str(number)), here), measured(peer, here)) for number in range(rounds)]
    seconds, memory = ([statistics.median(pair[side][part] for pair in pairs) for side in (0, 1)] for part in (0, 1))
    return {
        "ours_s": round(seconds[0], 4),
        "peer_s": round(seconds[1], 4),
        "ratio": round(seconds[0] / seconds[1], 3),
        "ours_mb": round(memory[0]),
        "peer_mb": round(memory[1]),
    }


def measured(code: str, here: Path) -> tuple[float, float]:
    """Seconds and peak megabytes of one case in a process of its own."""
    done = subprocess.run([sys.executable, "-P", "-c", PRELUDE + code, str(here)], capture_output=True, text=True, check=True)
    seconds, memory = done.stdout.split()
    return float(seconds), float(memory)


def make_models(here: Path) -> None:
    """The same 200 MB of weights in eight tensors, inside the model file and beside it."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save

    side, layers = 2560, 8
    weights = [numpy_helper.from_array(np.full((side, side), layer, dtype=np.float32), f"w{layer}") for layer in range(layers)]
    nodes = [helper.make_node("MatMul", [f"x{layer}", f"w{layer}"], [f"x{layer + 1}"]) for layer in range(layers)]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", side]) for name in ("x0", f"x{layers}")]
    model = helper.make_model(helper.make_graph(nodes, "g", ports[:1], ports[1:], weights), opset_imports=[helper.make_opsetid("", 17)])
    for name in ("inline", "external"):
        (here / name).mkdir()
        save(model, here / name / "m.onnx", save_as_external_data=name == "external", location="m.bin")


def make_tables(here: Path, rows: int) -> None:
    """Predictions in three formats, two tables that share a thousand rows, and many copies of the demo's people."""
    import numpy as np
    import pandas as pd

    generator = np.random.default_rng(0)
    truth = generator.integers(0, 2, rows)
    score = np.clip(generator.beta(2, 2, rows) * 0.7 + truth * 0.3, 0, 1)
    groups = {
        "sex": generator.choice(["female", "male"], rows),
        "region": generator.choice(["north", "south", "east", "west", "central"], rows),
    }
    made = pd.DataFrame({"y_true": truth, "y_pred": (score > 0.5).astype(int), "y_score": score, **groups})
    made.to_csv(here / "p.csv", index=False)
    made.to_parquet(here / "p.parquet", index=False)
    made.to_json(here / "p.jsonl", orient="records", lines=True)
    features = pd.DataFrame(generator.standard_normal((2 * rows, 8)), columns=list("abcdefgh")).assign(g=np.tile(groups["region"], 2))
    features.iloc[:rows].to_parquet(here / "train.parquet", index=False)
    pd.concat([features.iloc[rows:], features.iloc[:1000]]).to_parquet(here / "test.parquet", index=False)
    income = Path(__file__).parents[1] / "docs" / "examples" / "income"
    (here / "candidate.onnx").write_bytes((income / "candidate.onnx").read_bytes())
    people = pd.read_parquet(income / "data" / "test.parquet")
    pd.concat([people] * max(1, rows // 10 // len(people))).to_parquet(here / "people.parquet", index=False)


if __name__ == "__main__":
    main()
