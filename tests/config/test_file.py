import pytest

from mlops_stage.config.file import load
from mlops_stage.errors import UsageError

GOOD = """\
version: 1
model: model.onnx
slices: [sex, region]
stages:
  quality:
    label: income
    gates: |
      accuracy >= 0.8
runs:
  - stage: quality
  - id: against_old
    stage: quality
    with:
      baseline: old.onnx
      score: ""
      weight:
"""


@pytest.fixture
def config(tmp_path):
    def loaded(text):
        (tmp_path / "mlops.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(None, tmp_path)

    return loaded


def test_values_know_their_lines(config, tmp_path):
    made = config(GOOD)
    assert made.root == tmp_path
    assert made.run_wide["model"].value == "model.onnx"
    assert made.run_wide["model"].source == "mlops.yaml:2"
    assert made.run_wide["slices"].value == ["sex", "region"]
    assert type(made.run_wide["slices"].value[0]) is str
    assert made.stages["quality"]["gates"].source == "mlops.yaml:7"
    first, second = made.entries
    assert (first.id, first.stage, first.source) == ("quality", "quality", "mlops.yaml:10")
    assert second.values["baseline"].source == "mlops.yaml:14"


def test_empty_and_null_mean_unset(config):
    assert set(config(GOOD).entries[1].values) == {"baseline"}


def test_without_runs_every_stage_is_one(config):
    made = config("version: 1\nstages:\n  quality:\n  data:\n    label: x\n")
    assert [(entry.id, entry.source) for entry in made.entries] == [("quality", "mlops.yaml:3"), ("data", "mlops.yaml:4")]


def test_no_file_is_an_empty_config_but_a_named_one_must_exist(tmp_path):
    assert load(None, tmp_path).entries == ()
    with pytest.raises(UsageError, match="no config file") as caught:
        load(tmp_path / "other.yaml", tmp_path)
    assert "init" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 1\nmodle: x\n", "mlops.yaml:2: unknown key 'modle' at the top level"),
        ("version: 1\ngates: [a > 1]\n", "mlops.yaml:2: unknown key 'gates' at the top level"),
        ("model: x\n", "the file has no version"),
        ("version: 2\n", "mlops.yaml:1: the file has version 2"),
        ("version: 1\nruns: quality\n", "mlops.yaml:2: runs is no list"),
        ("version: 1\nruns:\n  - quality\n", "mlops.yaml:3: a run is a mapping"),
        ("version: 1\nruns:\n  - id: a\n", "mlops.yaml:3: the run names no stage"),
        ("version: 1\nruns:\n  - stage: q\n    ids: a\n", "mlops.yaml:4: unknown key 'ids' in a run"),
        ("version: 1\nruns:\n  - stage: q\n    id: A b\n", "mlops.yaml:3: the id 'A b' is not"),
        ("version: 1\nruns:\n  - stage: q\n    with: [a]\n", "mlops.yaml:4: `with` is no mapping"),
        ("version: 1\nruns:\n  - stage: q\n  - stage: q\n", "mlops.yaml:4: the id 'q' is taken by mlops.yaml:3"),
        ("version: 1\nstages: [a]\n", "mlops.yaml:2: stages is no mapping"),
        ("version: 1\nstages:\n  quality: 3\n", "mlops.yaml:3: quality is no mapping"),
        ("version: 1\nmodel: [a\n", "mlops.yaml:3: not valid YAML"),
        ("version: 1\nmodel: " + 30_000 * "[", "mlops.yaml:2: is nested too deeply"),
        ("version: 1\nmodel: a\nmodel: b\n", "mlops.yaml:3: not valid YAML: found duplicate key"),
        ("- a\n", "mlops.yaml: holds no mapping"),
        ("", "mlops.yaml: holds no mapping"),
        (b"version: 1\nmodel: \xe9\n", "mlops.yaml: not UTF-8 text at byte 18"),
        ("version: 1\nmodel: !!python/object:os.system x\n", None),
    ],
)
def test_every_error_points_at_its_line_and_says_what_to_write(config, text, message):
    if message is None:  # an unknown tag must not build anything
        assert config(text).run_wide["model"].value == "x"
        return
    with pytest.raises(UsageError) as caught:
        config(text)
    assert caught.value.message.startswith(message) or message in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_yaml_1_2_keeps_yes_and_no_as_text(config):
    assert config("version: 1\nlabel: no\nprediction: on\n").run_wide["label"].value == "no"
