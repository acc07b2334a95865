"""Every hostile file of the corpus is refused, no harmless one is, and nothing in them is carried out."""

import pytest

from mlops_stage.errors import InputError
from mlops_stage.inputs.model import open_model
from mlops_stage.inputs.onnx.session import Session
from mlops_stage.report import Level

HOSTILE_ONNX = 29
HOSTILE_PICKLES = 75
HOSTILE_OTHERS = 29


def graves(seen):
    return [finding for finding in seen.findings if finding.level is Level.ERROR]


@pytest.mark.parametrize("place", range(HOSTILE_ONNX))
def test_hostile_onnx_files_are_refused_by_scan_and_by_everything_that_opens_one(corpus, scan, folder, place):
    name, make = list(corpus.HOSTILE_ONNX.items())[place]
    path = make(folder)
    found = graves(scan(f"model/{path.name}"))
    assert found, name
    assert all(finding.location == "model/m.onnx" for finding in found)
    assert all(finding.message.startswith("m.onnx") for finding in found)
    with pytest.raises(InputError):
        open_model("model/m.onnx", folder.parent)
    with pytest.raises(InputError):
        Session(path)


@pytest.mark.parametrize("place", range(HOSTILE_PICKLES))
def test_hostile_pickles_are_refused_whatever_they_are_called(corpus, scan, folder, place, capfd):
    name, make = list(corpus.HOSTILE_PICKLES.items())[place]
    path = make(folder)
    assert graves(scan(f"model/{path.name}")), name
    assert graves(scan("model")), name
    assert "pwned" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("place", range(HOSTILE_OTHERS))
def test_broken_archives_headers_and_foreign_formats_are_refused(corpus, scan, folder, place):
    name, make = list(corpus.HOSTILE_OTHERS.items())[place]
    assert graves(scan(f"model/{make(folder).name}")), name


def test_the_corpus_is_counted(corpus):
    assert len(corpus.SIZE_AND_PATH) == 8
    assert len(corpus.HOSTILE_ONNX) == HOSTILE_ONNX
    assert len(corpus.HOSTILE_PICKLES) == HOSTILE_PICKLES
    assert len(corpus.HOSTILE_OTHERS) == HOSTILE_OTHERS


@pytest.mark.parametrize("place", range(12))
def test_harmless_files_raise_no_alarm(corpus, scan, folder, place):
    name, make = list(corpus.HARMLESS.items())[place]
    seen = scan(f"model/{make(folder).name}")
    assert not graves(seen), (name, graves(seen))
    assert seen.outputs["errors"] == "0"
