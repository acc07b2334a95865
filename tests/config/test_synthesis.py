from dataclasses import replace

import pytest

from mlops_stage.config import synthesis
from mlops_stage.config.file import load
from mlops_stage.errors import UsageError
from mlops_stage.host import resolve
from mlops_stage.params import Ask


def test_what_is_written_is_commented_valid_and_marked_where_only_a_person_knows(tmp_path, trial_catalogue):
    (tmp_path / "trial.txt").write_text("")
    synthesis.write(tmp_path, trial_catalogue, force=False)
    text = (tmp_path / "mlops.yaml").read_text()
    values = load(None, tmp_path).stages["trial"]
    assert values["label"].value == "CHOOSE"
    assert values["names"].value == ["a, b", "c"]
    assert "    # column with the truth\n    label: CHOOSE\n" in text


def test_a_folder_without_anything_gives_a_config_that_still_loads(tmp_path, trial_catalogue):
    synthesis.write(tmp_path, trial_catalogue, force=False)
    assert load(None, tmp_path).root == tmp_path


def test_nothing_is_overwritten_without_force(tmp_path, trial_catalogue):
    path = tmp_path / "mlops.yaml"
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists already") as caught:
        synthesis.write(tmp_path, trial_catalogue, force=False)
    assert "--force" in caught.value.hint
    assert path.read_text() == "mine"
    synthesis.write(tmp_path, trial_catalogue, force=True)
    assert path.read_text() != "mine"


@pytest.mark.parametrize("value", ["plain", "a, b", "yes", "null", "- x", "a: b", "# c", "", " x", "1.0", "é", "a\nb", "{a}", "*.csv"])
def test_every_scalar_comes_back_as_it_was(tmp_path, value):
    (tmp_path / "mlops.yaml").write_text(f"version: 1\nmodel: m\nlabel: {synthesis._scalar(value)}\n")
    found = load(None, tmp_path).run_wide.get("label")
    assert (found.value if found else "") == value


def asking(catalogue, monkeypatch, **answers):
    """The catalogue's stages, each with an `init` that gives these values."""
    for name in answers:
        monkeypatch.setitem(catalogue.stages, name, replace(catalogue.stages[name], init=name))
    monkeypatch.setattr(
        synthesis, "resolve", lambda init, _owner: lambda root: answers[init] if init in answers else resolve(init, "")(root)
    )
    return catalogue


def test_what_several_stages_ask_alike_is_asked_once_at_the_top(tmp_path, trial_catalogue, monkeypatch):
    label, columns = Ask("CHOOSE", "one of: a, b"), Ask({"X": "a|b"}, "check it")
    alike = {"label": label, "columns": columns, "model": "m.onnx"}
    catalogue = asking(trial_catalogue, monkeypatch, quality=alike, fairness=alike, adversarial={"label": "y_true"})
    text = synthesis.text(tmp_path, catalogue)
    synthesis.write(tmp_path, catalogue, force=True)
    config = load(None, tmp_path)
    assert "version: 1\n\n# column with the truth\nlabel: CHOOSE  # one of: a, b\n" in text
    assert '\ncolumns:  # check it\n  X: "a|b"\n\nstages:\n' in text
    assert text.count("CHOOSE\n") + text.count(": CHOOSE") == 1
    assert {name: item.value for name, item in config.run_wide.items()} == {"label": "CHOOSE", "columns": {"X": "a|b"}}
    assert [sorted(config.stages[name]) for name in ("quality", "fairness", "adversarial")] == [["model"], ["model"], ["label"]]


@pytest.mark.parametrize(
    ("quality", "scan", "top"),
    [
        ({"model": "m.onnx"}, {"model": "m.onnx"}, {"model": "m.onnx"}),
        ({"model": "m.onnx"}, {"model": "other.onnx"}, {}),
        ({"model": "m.onnx"}, {}, {}),  # it was not meant for that stage
        ({"data": "d.csv"}, {"model": "m.onnx"}, {}),
    ],
)
def test_the_model_that_every_reader_found_stands_once_where_an_input_wins_over_it(
    tmp_path, trial_catalogue, monkeypatch, quality, scan, top
):
    for name, stage in trial_catalogue.stages.items():
        monkeypatch.setitem(trial_catalogue.stages, name, replace(stage, init=None))
    synthesis.write(tmp_path, asking(trial_catalogue, monkeypatch, quality=quality, scan=scan), force=True)
    config = load(None, tmp_path)
    assert {name: item.value for name, item in config.run_wide.items()} == top
    for name, given in (("quality", quality), ("scan", scan)):
        assert {key: item.value for key, item in config.stages[name].items()} == {key: given[key] for key in given.keys() - top.keys()}


def test_what_they_ask_differently_each_asks_itself(tmp_path, trial_catalogue, monkeypatch):
    catalogue = asking(
        trial_catalogue, monkeypatch, quality={"label": Ask("CHOOSE", "one of: a")}, fairness={"label": Ask("CHOOSE", "one of: b")}
    )
    text = synthesis.text(tmp_path, catalogue)
    assert "\n    label: CHOOSE  # one of: a\n" in text
    assert "\n    label: CHOOSE  # one of: b\n" in text
    assert "\nlabel:" not in text
