"""Train the demo's two models on `data/train.parquet` and export them to ONNX.

    python train.py

`baseline.onnx` is a logistic regression, `candidate.onnx` gradient-boosted trees. Both take one tensor per column, named as the column, so that
`mlops-stage` maps table columns to model inputs by name. Each export is compared with its scikit-learn original on every row of the test split.
The same command writes the same bytes as long as scikit-learn, numpy and skl2onnx stay the same; another processor may change last digits.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = Path(__file__).resolve().parent
NUMBERS = ["age", "education_num", "capital_gain", "capital_loss", "hours_per_week"]
CATEGORIES = ["workclass", "marital_status", "occupation"]
INPUTS = [*NUMBERS, *CATEGORIES]
"""Left out: `sex`, `race`, `native_country` and `relationship` (they describe who somebody is), `education` (`education_num` says the
same as a number), `fnlwgt` (a survey weight, not a property of the person)."""
LABEL = "income"
OPSET = {"": 18, "ai.onnx.ml": 3}
"""Old enough for every ONNX Runtime that `mlops-stage` accepts."""
PROBABILITY_TOLERANCE = 1e-5


def split(name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Inputs and labels of one split, in the types that the ONNX models take: float32 and plain Python strings."""
    table = pd.read_parquet(HERE / "data" / f"{name}.parquet")
    inputs = table[INPUTS].astype(dict.fromkeys(NUMBERS, np.float32) | dict.fromkeys(CATEGORIES, object))
    return inputs, table[LABEL].to_numpy(dtype=object).astype(str)


def pipelines() -> dict[str, Pipeline]:
    """The two models, not yet trained."""
    encode = ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), CATEGORIES)
    scaled = ColumnTransformer([("numbers", StandardScaler(), NUMBERS), encode])
    plain = ColumnTransformer([("numbers", "passthrough", NUMBERS), encode])
    trees = GradientBoostingClassifier(n_estimators=150, max_depth=4, learning_rate=0.1, random_state=0)
    return {
        "baseline": Pipeline([("columns", scaled), ("model", LogisticRegression(max_iter=1000, random_state=0))]),
        "candidate": Pipeline([("columns", plain), ("model", trees)]),
    }


def export(pipeline: Pipeline, name: str) -> bytes:
    """The trained pipeline as ONNX: label and probabilities as plain tensors, no list of dictionaries (zipmap)."""
    types = [(column, FloatTensorType([None, 1])) for column in NUMBERS] + [(column, StringTensorType([None, 1])) for column in CATEGORIES]
    model = convert_sklearn(pipeline, name=name, initial_types=types, target_opset=OPSET, options={id(pipeline): {"zipmap": False}})
    opsets = sorted(model.opset_import, key=lambda opset: opset.domain)  # skl2onnx writes them in the order of a set
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    return model.SerializeToString(deterministic=True)


def compare(pipeline: Pipeline, model: bytes, inputs: pd.DataFrame) -> tuple[int, float]:
    """On how many rows the label differs between scikit-learn and ONNX, and the largest difference of a probability."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    labels, probabilities = session.run(None, {column: inputs[[column]].to_numpy() for column in INPUTS})
    differing = int((labels.astype(str) != pipeline.predict(inputs)).sum())
    return differing, float(np.abs(probabilities - pipeline.predict_proba(inputs)).max())


def main() -> None:
    """Train, export, compare; stop without writing if an export disagrees with its original."""
    inputs, labels = split("train")
    held_out, truth = split("test")
    for name, pipeline in pipelines().items():
        pipeline.fit(inputs, labels)
        model = export(pipeline, name)
        differing, gap = compare(pipeline, model, held_out)
        print(f"{name}: ONNX and scikit-learn differ on {differing} of {len(truth)} labels; largest difference of a probability {gap:.1e}")
        if differing or gap > PROBABILITY_TOLERANCE:
            sys.exit(f"{name}.onnx was not written: the export is not the model that was trained")
        (HERE / f"{name}.onnx").write_bytes(model)
        print(f"{name}.onnx: {len(model)} bytes, accuracy {pipeline.score(held_out, truth):.4f} on the test split")


if __name__ == "__main__":
    main()
