import json
from pathlib import Path

import pytest

from mlops_stage.config import precedence
from mlops_stage.config.file import load
from mlops_stage.errors import UsageError
from mlops_stage.params import Refusal

YAML = """\
version: 1
label: wide
stages:
  trial:
    label: block
runs:
  - stage: trial
  - id: second
    stage: trial
    with:
      label: entry
"""


@pytest.fixture
def ask(tmp_path, trial_catalogue):
    def asked(text=YAML, *, cwd=None, **invocation):
        (tmp_path / "mlops.yaml").write_text(text)
        config = load(None, tmp_path)
        call = precedence.Invocation(cwd=cwd or tmp_path, env=invocation.pop("env", {}), **invocation)
        found = precedence.requests(config, config.entries, trial_catalogue, call)
        return {request.id: request for request in found}

    return asked


def label(request):
    return request.params.label, request.sources["label"]


@pytest.mark.parametrize(
    ("env", "options", "subcommand", "first", "second"),
    [
        ({}, {}, False, ("block", "mlops.yaml:5"), ("entry", "mlops.yaml:11")),
        ({"MLOPS_INPUT_LABEL": "v"}, {}, False, ("block", "mlops.yaml:5"), ("entry", "mlops.yaml:11")),
        ({"MLOPS_INPUT_LABEL": "v"}, {}, True, ("v", "MLOPS_INPUT_LABEL"), ("v", "MLOPS_INPUT_LABEL")),
        ({"MLOPS_INPUT_SECOND__LABEL": "v"}, {}, False, ("block", "mlops.yaml:5"), ("v", "MLOPS_INPUT_SECOND__LABEL")),
        (
            {"MLOPS_INPUT_SECOND__LABEL": "v", "MLOPS_INPUT_LABEL": "w"},
            {},
            True,
            ("w", "MLOPS_INPUT_LABEL"),
            ("v", "MLOPS_INPUT_SECOND__LABEL"),
        ),
        ({"MLOPS_INPUT_SECOND__LABEL": "v"}, {"label": "o"}, False, ("o", "--label"), ("o", "--label")),
        ({"MLOPS_INPUT_SECOND__LABEL": ""}, {}, False, ("block", "mlops.yaml:5"), ("entry", "mlops.yaml:11")),
    ],
)
def test_which_value_wins(ask, env, options, subcommand, first, second):
    found = ask(env=env, options=options, subcommand=subcommand)
    assert label(found["trial"]) == first
    assert label(found["second"]) == second


def test_in_a_run_a_plain_variable_wins_over_run_wide_keys_only(ask):
    text = "version: 1\nlabel: wide\nstages:\n  trial:\n"
    assert label(ask(text)["trial"]) == ("wide", "mlops.yaml:2")
    assert label(ask(text, env={"MLOPS_INPUT_LABEL": "v"})["trial"]) == ("v", "MLOPS_INPUT_LABEL")
    assert label(ask("version: 1\nstages:\n  trial:\n")["trial"]) == ("y_true", "default")


def test_a_plain_variable_sets_no_gates_for_a_whole_run(ask):
    assert ask(env={"MLOPS_INPUT_GATES": "f1 > 0.5"})["trial"].params.gates == ()
    assert ask(env={"MLOPS_INPUT_GATES": "f1 > 0.5"}, subcommand=True)["trial"].params.gates == ("f1 > 0.5",)


def test_a_path_from_the_command_line_is_seen_from_where_it_was_typed(ask, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    found = ask(cwd=inner, options={"model": "m.onnx"})["trial"].params.model
    assert found == "inner/m.onnx"
    assert ask(cwd=inner, options={"model": "http://host/m"})["trial"].params.model == "http://host/m"
    assert ask("version: 1\nmodel: m.onnx\nstages:\n  trial:\n", cwd=inner)["trial"].params.model == "m.onnx"
    assert ask(cwd=inner, env={"MLOPS_INPUT_TRIAL__MODEL": "m.onnx"})["trial"].params.model == "inner/m.onnx"


@pytest.mark.parametrize(
    ("block", "message", "hint"),
    [
        ("lable: x", "mlops.yaml:4: stage trial has no key 'lable'", "did you mean 'label'?"),
        ("share: 2", "mlops.yaml:4: share: input should be less than or equal to 1 (got 2)", "a share"),
        ("share: lots", 'mlops.yaml:4: share: input should be a valid number, unable to parse string as a number (got "lots")', "a share"),
        ("label: CHOOSE", "mlops.yaml:4: label is still CHOOSE", "column with the truth"),
        ("limits: {memory: CHOOSE}", "mlops.yaml:4: limits is still CHOOSE", "memory=4GiB"),
        ("gates: accuracy", "mlops.yaml:4: ", ""),
        ("limits: {memory: huge}", "mlops.yaml:4: limits.memory: write a size such as 4GiB", ""),
        ("effort: heroic", "mlops.yaml:4: effort: input should be 'quick', 'standard' or 'deep'", ""),
        ("seed: 2026-01-01", "mlops.yaml:4: seed: ", ""),
    ],
)
def test_a_wrong_value_is_told_with_its_line_and_its_meaning(ask, block, message, hint):
    with pytest.raises(UsageError) as caught:
        ask(f"version: 1\nstages:\n  trial:\n    {block}\n")
    assert caught.value.message.startswith(message)
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message


def test_an_unknown_stage_is_told_with_its_line(ask):
    with pytest.raises(UsageError, match="mlops.yaml:3: unknown stage 'trail'") as caught:
        ask("version: 1\nruns:\n  - stage: trail\n")
    assert caught.value.hint == "did you mean 'trial'?"


def test_a_broken_stage_refuses_itself_only(ask, trial_catalogue, monkeypatch):
    from dataclasses import replace

    broken = replace(trial_catalogue.stages["reader"], params="nowhere:Nothing")
    monkeypatch.setitem(trial_catalogue.stages, "reader", broken)
    found = ask("version: 1\nruns:\n  - stage: reader\n  - stage: trial\n")
    assert isinstance(found["reader"], Refusal)
    assert found["reader"].error.code == 3
    assert found["trial"].params.label == "y_true"


def test_unknown_variables_are_warned_about_with_the_nearest(tmp_path, trial_catalogue):
    (tmp_path / "mlops.yaml").write_text(YAML)
    config = load(None, tmp_path)
    env = {"MLOPS_INPUT_LABLE": "x", "MLOPS_INPUT_SECOND__LABEL": "x", "MLOPS_INPUT_OUT": "x", "MLOPS_INPUT_EFFORT": "quick"}
    call = precedence.Invocation(cwd=tmp_path, env=env)
    assert precedence.warnings(trial_catalogue, config.entries, call) == [
        "nothing reads the variable MLOPS_INPUT_LABLE; did you mean 'MLOPS_INPUT_LABEL'?"
    ]


@pytest.mark.parametrize(
    ("name", "hint"), [("GATE", "write MLOPS_INPUT_TRIAL__GATES"), ("SECOND__LABLE", "did you mean 'MLOPS_INPUT_SECOND__LABEL'?")]
)
def test_a_misspelt_variable_of_one_stage_is_led_to_that_of_an_id(tmp_path, trial_catalogue, name, hint):
    (tmp_path / "mlops.yaml").write_text(YAML)
    call = precedence.Invocation(cwd=tmp_path, env={f"MLOPS_INPUT_{name}": "x"})
    (told,) = precedence.warnings(trial_catalogue, load(None, tmp_path).entries, call)
    assert told == f"nothing reads the variable MLOPS_INPUT_{name}; {hint}"


@pytest.mark.parametrize(
    ("text", "env", "told"),
    [
        (YAML, {"LABEL": "v"}, ["MLOPS_INPUT_LABEL changes nothing: mlops.yaml:5 (trial), mlops.yaml:11 (second) come first; "]),
        (YAML, {"LABEL": ""}, []),
        (YAML, {"LABEL": "v", "SECOND__LABEL": "w"}, ["MLOPS_INPUT_LABEL changes nothing: mlops.yaml:5 (trial) comes first; "]),
        (YAML.replace("with:\n      label: entry", "with: {}").replace("    label: block", "    {}"), {"LABEL": "v"}, []),
        (YAML, {"EFFORT": "quick"}, []),
    ],
)
def test_a_variable_that_changes_nothing_is_warned_about(ask, tmp_path, text, env, told):
    env = {f"MLOPS_INPUT_{name}": value for name, value in env.items()}
    asked = ask(text, env=env).values()
    found = precedence.overruled(asked, precedence.Invocation(cwd=tmp_path, env=env))
    assert [line.partition("; ")[0] + "; " for line in found] == told
    assert precedence.overruled(asked, precedence.Invocation(cwd=tmp_path, env=env, subcommand=True)) == []


def test_explain_names_value_and_source_of_every_field(ask):
    text = precedence.explain(ask(env={"MLOPS_INPUT_SECOND__SEED": "7"}).values())
    assert "second (stage trial)" in text
    rows = [line.split() for line in text.split("second (stage trial)")[1].splitlines()]
    assert ["seed", "7", "MLOPS_INPUT_SECOND__SEED"] in rows
    assert ["label", '"entry"', "mlops.yaml:11"] in rows
    assert ["model", "(unset)", "default"] in rows


def test_a_token_in_the_place_of_its_variable_is_not_repeated(trial):
    for token in ("s3cr3t-literal.tok", "eyJhbGciOiJIUzI1NiJ9abc"):
        done = trial("trial", "--model-token-env", token)
        said = done.stdout + done.stderr + "".join(path.read_text() for path in trial.cwd.glob("mlops-out/**/*") if path.is_file())
        assert token not in said


PEM = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGsecret\n-----END PRIVATE KEY-----"
JWT = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2NpIn0.c2VjcmV0LXNpZ25hdHVyZQ"


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (PEM, "a key"),
        (PEM.replace("\n", " "), "a key"),
        ("MIGHAgEAMBMGByqGSM49" + "Ab1+" * 20, "a key"),
        (JWT, "a token"),
        ("ghp_" + "a1" * 20, "a token"),
        ("first\nsecond", "several lines"),
    ],
)
@pytest.mark.parametrize("given", ["option", "variable", "yaml"])
def test_what_a_file_should_hold_is_refused_in_the_place_of_its_path_and_not_repeated(ask, given, value, what):
    ways = {
        "option": ("--model", {"options": {"model": value}, "cwd": Path("/")}),  # from elsewhere, so that paths are rooted
        "variable": ("input 'model' (MLOPS_INPUT_MODEL)", {"env": {"MLOPS_INPUT_MODEL": value}, "subcommand": True}),
        "yaml": ("mlops.yaml:2: model", {"text": f"version: 1\nmodel: {json.dumps(value)}\nruns:\n  - stage: trial\n"}),
    }
    who, asked = ways[given]
    with pytest.raises(UsageError) as caught:
        ask(**asked)
    assert caught.value.message == f"{who} holds {what}, not the path of a file"
    assert caught.value.hint == "write it to a file and name that, or give --model <(...)"


def test_a_file_whose_name_has_a_line_break_is_to_be_renamed(ask, tmp_path):
    (tmp_path / "a\nb.onnx").write_text("")
    with pytest.raises(UsageError, match="--model: a name of a file with a line break in it is not accepted") as caught:
        ask(options={"model": "a\nb.onnx"})
    assert caught.value.hint == "rename the file"


@pytest.mark.parametrize("text", ["f1 > 0.5, f1 > 0.6", "f1 > 0.5\nacuracy"])
def test_a_wrong_gate_in_a_variable_names_the_input_and_how_to_write_several(ask, text):
    with pytest.raises(UsageError, match=r"^input 'gates' \(MLOPS_INPUT_GATES\): ") as caught:
        ask(env={"MLOPS_INPUT_GATES": text}, subcommand=True)
    assert caught.value.hint.endswith("write one gate per line, or a JSON list")


@pytest.mark.parametrize(
    "path", ["keys/MIGHA.pem", "run-eyJhbGciOiJ.eyJ.onnx", "/dev/fd/63", "https://host/model", "git:main:m.onnx", "a b.onnx"]
)
def test_what_may_be_a_path_is_taken_as_one(ask, path):
    assert ask(options={"model": path})["trial"].params.model == path


def test_a_secret_in_another_param_is_masked_where_it_is_shown(ask):
    found = ask(options={"label": JWT}).values()
    assert JWT not in precedence.explain(found)
    with pytest.raises(UsageError) as caught:
        ask(options={"seed": JWT})
    assert JWT not in caught.value.message
