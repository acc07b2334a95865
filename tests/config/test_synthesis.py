import pytest

from mlops_stage.config import synthesis
from mlops_stage.config.file import load
from mlops_stage.errors import UsageError


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
