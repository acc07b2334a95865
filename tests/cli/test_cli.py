"""The command as a user meets it: one line per error, the right exit code, the right stream."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_stage.cli import demo, main

COMMAND = Path(__file__).parents[1] / "fixtures/command/mlops-stage"
"""What a shell starts in place of an interpreter that imports everything anew."""


def problem(done):
    """The message and the hint of a command that refused."""
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.endswith("started")]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    hints = [line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")]
    assert len(errors) == 1, done.stderr
    return errors[0], hints[0] if hints else ""


@pytest.mark.parametrize(
    ("args", "code", "message", "hint"),
    [
        (["qualiti"], 2, "unknown command or stage 'qualiti'", "did you mean 'quality'?"),
        (["trial", "--lable", "x"], 2, "no such option '--lable'", "did you mean '--label'? See `mlops-stage trial --help`"),
        (["trial", "--zzzzzz", "x"], 2, "no such option '--zzzzzz'", "see `mlops-stage trial --help`"),
        (["init", "--forse"], 2, "no such option '--forse'", "did you mean '--force'? See `mlops-stage init --help`"),
        (["trial", "--share", "2"], 2, "--share: input should be less than or equal to 1", "a share"),
        (["trial", "--effort", "heroic"], 2, "invalid value for '--effort'", "see `mlops-stage trial --help`"),
        (["trial", "--gate", "accuracy"], 2, "--gate: ", ""),
        (["trial", "--gate", "accuracy ~ 3"], 2, "--gate: ", ""),
        (["trial", "--id", "A b"], 2, "--id: 'A b' is not lower-case words", "write an id"),
        (["trial", "--reports", "nowhere"], 2, "--reports: nowhere holds no report.json", ""),
        (["trial", "--config", "absent.yaml"], 2, "there is no config file absent.yaml", "`mlops-stage init` writes one"),
        (["trial", "--config", "."], 2, "the config . is a folder", "name the file in it: mlops.yaml"),
        (["trial", "--limits", "memory=lots"], 2, "--limits.memory: write a size such as 4GiB", ""),
        (["run"], 2, "there is nothing to run", "`mlops-stage init` writes a first one"),
        (["completion", "tcsh"], 2, "invalid value for", "see `mlops-stage completion --help`"),
    ],
)
def test_a_wrong_command_is_told_in_one_line(trial, args, code, message, hint):
    done = trial(*args)
    assert done.returncode == code
    said, advice = problem(done)
    assert said.startswith(message)
    assert hint in advice
    assert not (trial.cwd / "mlops-out").exists()


def test_the_end_says_where_the_reports_are_from_where_the_user_is(trial, tmp_path_factory):
    done = trial("trial", "--out", "here/out")
    assert done.stdout.splitlines()[-1] == "The reports named above are in here/out; open here/out/report.html."
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    done = trial("trial", "--out", str(elsewhere))
    assert done.stdout.splitlines()[-1].endswith(f"open {elsewhere / 'report.html'}.")


def test_a_variable_of_a_native_step_that_is_empty_means_unset(trial):
    names = ("LABEL", "SHARE", "GATES", "CONFIG", "OUT", "REPORTS", "ID")
    assert trial("trial", **{f"MLOPS_INPUT_{name}": "" for name in names}).returncode == 0
    trial.write("mlops.yaml", 'version: 1\nstages: {trial: {label: ""}}\n')
    assert trial("run", MLOPS_INPUT_STAGES="").returncode == 0


@pytest.mark.parametrize("option", ["--label", "--share", "--gate", "--effort", "--id", "--config", "--out", "--reports"])
def test_an_option_that_is_empty_is_refused(trial, option):
    """`--label "$LABEL"` where the variable is not set."""
    done = trial("trial", option, "")
    assert done.returncode == 2
    assert problem(done)[0].partition(": ")[0] in {option, f"invalid value for '{option}'"}
    assert not (trial.cwd / "mlops-out").exists()


def test_an_id_that_is_empty_does_not_run_everything(trial):
    trial.write("mlops.yaml", "version: 1\nstages: {trial: {}}\n")
    done = trial("run", "")
    assert (done.returncode, problem(done)[0]) == (2, "no id is named where one is given")


def test_inputs_of_a_native_step_come_as_variables(trial):
    done = trial("trial", MLOPS_INPUT_DO="fail", MLOPS_INPUT_OUT="there", MLOPS_INPUT_ID="mine")
    assert done.returncode == 1
    assert json.loads((trial.cwd / "there" / "mine" / "report.json").read_text())["params"]["do"] == "fail"


def test_gates_repeat_and_come_from_a_variable_line_by_line(trial):
    assert trial("trial", "--gate", "accuracy >= 0.8", "--gate", "accuracy <= 0.99").returncode == 0
    done = trial("trial", MLOPS_INPUT_GATES="accuracy >= 0.8\naccuracy <= 0.85\n")
    assert done.returncode == 1
    gates = json.loads((trial.cwd / "mlops-out" / "trial" / "report.json").read_text())["gates"]
    assert [gate["verdict"] for gate in gates] == ["passed", "failed"]


def test_a_variable_that_nobody_reads_is_a_warning(trial):
    done = trial("trial", MLOPS_INPUT_LABLE="x")
    assert done.returncode == 0
    assert "warning: nothing reads the variable MLOPS_INPUT_LABLE; did you mean 'MLOPS_INPUT_LABEL'?" in done.stderr


YAML = """\
version: 1
runs:
  - {id: good, stage: trial}
  - {id: bad, stage: trial, with: {do: fail}}
  - {id: worse, stage: trial, with: {do: raise}}
"""


def test_a_run_runs_all_or_only_the_given_ids(trial):
    trial.write("mlops.yaml", YAML)
    assert trial("run").returncode == 4
    assert trial("run", "good").returncode == 0
    assert trial("run", "good", "bad").returncode == 1
    assert trial("run", MLOPS_INPUT_STAGES="good,bad").returncode == 1
    said, hint = problem(trial("run", "god"))
    assert said == "mlops.yaml has no run with the id 'god'"
    assert hint == "did you mean 'good'?"
    assert trial("run", "good", "--seed", "7").returncode == 0
    assert json.loads((trial.cwd / "mlops-out" / "good" / "report.json").read_text())["seed"] == 7


def test_a_subcommand_takes_the_entry_of_its_id(trial):
    trial.write("mlops.yaml", YAML)
    assert trial("trial", "--id", "bad").returncode == 1
    assert trial("trial", "--id", "bad", "--do", "pass").returncode == 0
    said, _ = problem(trial("reader", "--id", "bad"))
    assert "the id 'bad' runs stage trial, not reader" in said


def test_a_config_elsewhere_is_the_root_of_its_paths(trial):
    trial.write("inner/mlops.yaml", "version: 1\nstages:\n  trial: {model: m.onnx}\n")
    assert trial("run", "--config", "inner/mlops.yaml").returncode == 0
    assert json.loads((trial.cwd / "mlops-out" / "trial" / "report.json").read_text())["params"]["model"] == "m.onnx"


def test_explain_config_runs_nothing(trial):
    trial.write("mlops.yaml", YAML)
    done = trial("run", "--explain-config")
    assert done.returncode == 0
    assert "bad (stage trial)" in done.stdout
    assert '"fail"' in done.stdout
    assert "mlops.yaml:4" in done.stdout
    assert not (trial.cwd / "mlops-out").exists()


def test_a_plan_says_what_would_run_and_what_cannot_be_decided(trial):
    trial.write("mlops.yaml", "version: 1\nruns:\n  - stage: reader\n  - stage: trial\n")
    done = trial("run", "--plan")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "1. trial (stage trial)",
        "   on 1,000 rows; about 1 s",
        "   accuracy >= 0.9 cannot be decided with 1,000 rows",
        "2. reader (stage reader)",
        "   cost unknown: the stage gives no plan",
    ]
    assert not (trial.cwd / "mlops-out").exists()


def test_a_plan_that_cannot_be_made_exits_as_the_run_would(trial):
    done = trial("trial", "--do", "input", "--plan")
    assert done.returncode == 3
    assert "cannot run: the file is empty" in done.stdout
    assert "hint: fill it" in done.stdout


def test_the_report_is_on_stdout_and_everything_else_on_stderr(trial):
    done = trial("trial", "--loud", "-v")
    assert "trial: started" in done.stderr
    assert "trial | a library speaks" in done.stderr
    assert "a library speaks" not in done.stdout
    assert "accuracy" in done.stdout.lower()
    quiet = trial("trial", "--loud", "-q")
    assert quiet.stderr == ""
    assert quiet.stdout == done.stdout


def test_a_failing_stage_shows_its_traceback_only_when_asked(trial):
    plain = trial("trial", "--do", "raise")
    assert plain.returncode == 4
    assert "Traceback" not in plain.stderr + plain.stdout
    assert "Traceback" in trial("trial", "--do", "raise", "-v").stderr


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("plugins | true", 0),
        ("trial --do fail 2>&1 | true", 1),
        ("trial >&-", 0),
        ("trial 2>&-", 0),
        ("trial --do fail <&- >&- 2>&-", 1),
        ("trial --in-process --do fail >/dev/full", 1),
    ],
)
def test_a_reader_that_goes_away_changes_no_verdict(trial, line, code):
    command = f"{sys.executable} -P -m mlops_stage {line}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=trial.cwd, env=trial.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_text_from_outside_gives_the_pipeline_no_commands(trial):
    trial.write("mlops.yaml", 'version: 1\n"label\\n::error::pwn": x\n')
    done = trial("run")
    assert done.returncode == 2
    assert not [line for line in done.stderr.splitlines() if line.startswith("::")]


def test_an_alias_bomb_is_refused_at_once(trial):
    rows = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10))
    trial.write("mlops.yaml", f"version: 1\nslices:\n  a0: &a0 [x]\n  {rows.replace(chr(10), chr(10) + '  ')}\n")
    said, _ = problem(trial("run"))
    assert "holds more than 100,000 values" in said


def test_bytes_that_are_no_text_are_refused(trial, channel):
    done = subprocess.run(
        [COMMAND, "trial", "--label", b"\xff"],
        cwd=trial.cwd,
        env=trial.environment(WARM=str(channel)),
        pass_fds=(channel,),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert b"--label: label is no valid text" in done.stderr


def test_numbers_and_booleans_of_yaml_are_text_where_text_is_asked(trial):
    trial.write(
        "mlops.yaml", "version: 1\nruns:\n  - {id: one, stage: trial, with: {label: 1}}\n  - {id: two, stage: trial, with: {label: true}}\n"
    )
    assert trial("run").returncode == 0
    labels = [json.loads((trial.cwd / "mlops-out" / name / "report.json").read_text())["params"]["label"] for name in ("one", "two")]
    assert labels == ["1", "true"]


def test_credentials_in_an_address_reach_no_report(trial):
    assert trial("trial", "--model", "https://user:s3cret@host/m.onnx").returncode == 0
    written = "".join(path.read_text() for path in (trial.cwd / "mlops-out").rglob("*") if path.is_file())
    assert "s3cret" not in written
    assert "https://***@host/m.onnx" in written


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(trial, shell):
    script = trial("completion", shell).stdout
    assert "_MLOPS_STAGE_COMPLETE" in script
    assert f"{shell}_complete" in script


@pytest.fixture
def on_a_terminal(trial, channel):
    """Exit code and output of the command when standard error and standard output are a terminal."""

    def run(*args, **env):
        parent, child = pty.openpty()
        given = trial.environment(TERM="xterm-256color", WARM=str(channel), **env)
        process = subprocess.Popen([COMMAND, *args], cwd=trial.cwd, env=given, stdout=child, stderr=child, pass_fds=(channel,))
        os.close(child)
        text = b""
        while True:
            try:
                piece = os.read(parent, 65536)
            except OSError:
                break
            if not piece:
                break
            text += piece
        os.close(parent)
        return process.wait(), text.decode()

    return run


def test_on_a_terminal_there_is_a_bar_with_the_time_left(on_a_terminal):
    code, text = on_a_terminal("trial", CI="")
    assert code == 0
    assert "half way" in text
    assert "50 %" in text
    assert "\x1b[" in text
    assert "trial: started" not in text


def test_a_terminal_of_a_pipeline_gets_lines_and_no_bar(on_a_terminal):
    code, text = on_a_terminal("trial", CI="true")
    assert code == 0
    assert "trial: started" in text
    assert "half way" not in text


def test_no_color_is_honoured(on_a_terminal):
    import re

    _, text = on_a_terminal("trial", NO_COLOR="1")
    colours = [code for codes in re.findall(r"\x1b\[([\d;]*)m", text) for code in codes.split(";") if code and 30 <= int(code) <= 107]
    assert colours == []
    _, refused = on_a_terminal("qualiti", NO_COLOR="1")
    assert "\x1b[" not in refused


def test_init_writes_what_can_be_known_and_marks_the_rest(trial):
    trial.write("trial.txt", "")
    done = trial("init")
    assert done.returncode == 0
    assert "1 value in it only you can know: look for CHOOSE" in done.stdout
    said, hint = problem(trial("run"))
    assert said.startswith("mlops.yaml:")
    assert "label is still CHOOSE" in said
    assert hint == "write the column with the truth"
    said, _ = problem(trial("init"))
    assert said == "mlops.yaml exists already and is left as it is"
    assert trial("init", "--force").returncode == 0


ADAPTER = """
from mlops_stage import Adapter, hookimpl

@hookimpl
def mlops_adapters():
    return [Adapter(name="bell", summary="Ring", native="bell_ci:native", present="bell_ci:present", snippet="bell_ci:snippet")]

def present(root):
    return (root / "bell.txt").exists()

def snippet(root):
    return "ring: mlops-stage run\\n"
"""


def test_init_tells_the_snippet_of_the_ci_system_in_use(mlops):
    mlops.write("site/bell_ci.py", ADAPTER)
    mlops.write("site/bell_ci-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: bell-ci\nVersion: 1.0\n")
    mlops.write("site/bell_ci-1.0.dist-info/entry_points.txt", "[mlops_stage]\nbell = bell_ci\n")
    mlops.env = {"PYTHONPATH": str(mlops.cwd / "site"), "MLOPS_STAGE_PLUGINS": "bell"}
    assert "ring:" not in mlops("init").stdout
    mlops.write("bell.txt", "")
    done = mlops("init", "--force")
    assert done.stdout.endswith("add this to your bell pipeline:\n\nring: mlops-stage run\n")
    assert "bell" in mlops("plugins").stdout


@pytest.mark.parametrize("broken", [True, False])
def test_the_demo_tells_what_went_wrong_beside_the_stages(trial, trial_catalogue, monkeypatch, capfd, broken):
    del trial_catalogue  # its plugin is on this process's path by then
    config = trial.write("income/mlops.yaml", "version: 1\nruns:\n  - {id: bad, stage: trial, with: {do: fail}}\n")
    monkeypatch.setattr(demo, "example", lambda: config.parent)  # the real one takes minutes of work; the README's command runs it
    monkeypatch.setenv("MLOPS_STAGE_PLUGINS", "trial")
    monkeypatch.setattr(sys, "argv", ["mlops-stage", "demo", "--out", str(trial.cwd / "brittle"), "-q"])
    if broken:
        trial.write("brittle/summary.md/in-the-way.txt", "")
        trial.write("brittle/run.json", "{}")
    with pytest.raises(SystemExit) as left:
        main()
    told = capfd.readouterr()
    assert left.value.code == (3 if broken else 0)
    assert ("summary.md" in told.err) is broken
    assert told.err.count("error: ") == int(broken)
    assert ("1 gate fails on purpose" in told.out) is not broken


@pytest.mark.parametrize("args", [["trial"], ["trial", "--plan"], ["trial", "paint", "wall"]])
def test_a_policy_that_would_not_be_enforced_stops_the_run(trial, args):
    done = trial(*args, MLOPS_POLICY="policy.yaml")
    assert done.returncode == 2
    assert problem(done)[0].startswith("MLOPS_POLICY is set")
    assert not (trial.cwd / "mlops-out").exists()
    assert trial("trial", MLOPS_POLICY="").returncode == 0


def test_what_is_an_input_of_pipelines_and_no_option_is_led_to_its_place(trial):
    said, hint = problem(trial("run", "--stages", "quality"))
    assert said == "no such option '--stages'"
    assert hint == "write it without an option: mlops-stage run [OPTIONS] [ID]..."
    _, hint = problem(trial("report", "merge", "--from", "a"))
    assert hint == "write it without an option: mlops-stage report merge [OPTIONS] DIR..."
