"""Rows on which a variant answers otherwise are kept to be asked again, and stay private."""

from pathlib import Path

import numpy as np

from mlops_stage.estimates import Rate
from mlops_stage.stages.compile import arrays
from mlops_stage.stages.compile.evidence import _rows, _told
from mlops_stage.stages.compile.parity.rows import Probes
from mlops_stage.stages.compile.parity.tiers import Agreement, Worst
from mlops_stage.stages.compile.results import Compiled, Variant
from mlops_stage.stages.compile.targets import Target

PROBES = Probes(feeds={"x": np.arange(8.0).reshape(4, 2), "job": np.array(["a", "b", "c", "d"], dtype=object)}, kinds=("real",) * 4)


def compiled():
    differing = Agreement(
        tier="reduced",
        rows=4,
        ties=0,
        labels=Rate(2, 4),
        largest=1.0,
        worst=Worst("scores", 3, 1.0, float("inf"), float("inf"), float("inf")),
        failing_rows=(3, 1),
        failing=2,
        verdict="failed",
        reasons=("a number is infinite",),
    )
    wrong = Variant(precision="fp16", failure="does not answer as the model does", artefact=Path("fp16"), agreement=differing)
    return Compiled(target=Target(name="host", backend="ort"), variants=(wrong,))


def test_differing_rows_are_kept_in_their_order_and_privately(tmp_path):
    (told,) = _rows(tmp_path, compiled(), PROBES)
    assert told.path == "evidence/private/host-fp16-rows.npz"
    kept = arrays.load(tmp_path / told.path)
    assert kept["x"].tolist() == [[6.0, 7.0], [2.0, 3.0]]
    assert kept["job"].tolist() == ["d", "b"]


def test_what_was_found_out_names_places_and_no_values_of_rows(tmp_path):
    told = _told(tmp_path, compiled(), PROBES, seed=7)
    text = (tmp_path / told.path).read_text()
    assert told.path == "evidence/host.json"
    assert '"seed": 7' in text
    assert '"failing": 2' in text
    assert '"candidate": "inf"' in text
    assert "Infinity" not in text
