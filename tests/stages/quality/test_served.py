"""A served model judged from the command line, in the stage's child process, by a real server."""

import json
import shutil
from pathlib import Path

import pytest

INCOME = Path(__file__).parents[3] / "docs" / "examples" / "income"
TOKEN = "canary-77aa01"


@pytest.fixture
def income(mlops):
    (mlops.cwd / "data").mkdir()
    for name in ("train", "test"):
        shutil.copy(INCOME / "data" / f"{name}.parquet", mlops.cwd / "data")
    return mlops


def report(command, identifier="quality"):
    return json.loads((command.cwd / "mlops-out" / identifier / "report.json").read_text())


def written(command):
    return b"".join(path.read_bytes() for path in (command.cwd / "mlops-out").rglob("*") if path.is_file())


def test_a_served_model_has_the_figures_of_its_file(income, serve):
    url = f"{serve(INCOME / 'candidate.onnx', token=TOKEN)}/v2/models/income"
    asked = ("quality", "--data", "data/test.parquet", "--label", "income", "--slices", "sex", "--gate", "accuracy >= 0.8")
    served = income(*asked, "--model", url, "--model-token-env", "SERVER_TOKEN", SERVER_TOKEN=TOKEN)
    assert served.returncode == 0, served.stdout + served.stderr
    found = report(income)
    assert TOKEN.encode() not in written(income)
    assert TOKEN not in served.stdout + served.stderr
    assert [(subject["role"], subject["name"]) for subject in found["subjects"]] == [("model", url), ("data", "data/test.parquet")]
    assert any("its digest is that of its name, version and description" in finding["message"] for finding in found["findings"])
    assert income(*asked, "--model", str(INCOME / "candidate.onnx")).returncode == 0
    assert report(income)["metrics"] == found["metrics"]
    assert (income.cwd / ".cache" / "scores").is_dir()
    assert len(list((income.cwd / ".cache" / "scores").iterdir())) == 1, "only the file's answers are kept"


def test_the_configuration_names_the_variable_and_the_model_in_production_is_the_baseline(income, serve):
    old, new = (f"{serve(INCOME / f'{name}.onnx', '--json', token=TOKEN)}/v2/models/income" for name in ("baseline", "candidate"))
    income.write(
        "mlops.yaml",
        f"version: 1\nmodel: {new}\nmodel_token_env: SERVER_TOKEN\ndata: data/test.parquet\nlabel: income\nstages:\n  quality:\n    train: data/train.parquet\n",
    )
    done = income("run", SERVER_TOKEN=TOKEN)
    assert done.returncode == 0, done.stdout + done.stderr
    denied = income("quality", "--baseline", old, SERVER_TOKEN=TOKEN)
    assert denied.returncode == 3, "the token is for the model's server alone"
    assert "refuses access: 401" in denied.stdout + denied.stderr
    open_to_all = f"{serve(INCOME / 'baseline.onnx')}/v2/models/income"
    done = income("quality", "--baseline", open_to_all, SERVER_TOKEN=TOKEN)
    assert done.returncode == 0, done.stdout + done.stderr
    assert report(income)["outputs"]["better_than_baseline"] == "yes"
    assert ("baseline", open_to_all) in [(subject["role"], subject["name"]) for subject in report(income)["subjects"]]
    heard = [json.loads(line) for line in (income.cwd / "requests.jsonl").read_text().splitlines()]
    assert {token for _, _, token, _ in heard} == {None, f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("--model", "http://127.0.0.1:1/v2/models/m"), 3, "nothing answers at http://127.0.0.1:1: connection refused"),
        (("--model", "http://127.0.0.1:1/models/m"), 2, "is not the address of a served model"),
        (("--model", "ftp://127.0.0.1/v2/models/m"), 2, "is neither http nor https"),
        (("--model", "http://me:canary@127.0.0.1:1/v2/models/m"), 2, "holds a name or password"),
        (("--model", "http://127.0.0.1:1/v2/models/m?token=me:canary"), 2, "models/m?*** is not the address of a served model"),
        (("--model", "http://127.0.0.1:1/v2/models/m", "--model-token-env", "NOT_SET"), 2, "the variable that it names is not set"),
        (("--model", "http://10.1.2.3/v2/models/m", "--model-token-env", "SERVER_TOKEN"), 2, "over plain http"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(income, options, code, told):
    done = income("quality", "--data", "data/test.parquet", "--label", "income", *options, SERVER_TOKEN=TOKEN)
    assert done.returncode == code, done.stdout + done.stderr
    assert told in (done.stdout + done.stderr).replace("\n", " ")
    everything = (done.stdout + done.stderr).encode() + written(income)
    assert b"Traceback" not in everything
    assert TOKEN.encode() not in everything
    assert b"me:canary" not in everything
