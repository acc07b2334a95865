"""CodeNarc's rules for Jenkins on the library and on the samples, and on a file that breaks them."""

import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.engine

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


@pytest.fixture(scope="module")
def violations(engine, load, trial_repository, tmp_path_factory):
    """Rules that are broken, by file; one process for all."""
    built = engine("jenkins", "lint")
    folder = tmp_path_factory.mktemp("linted")
    places = {
        "ours": ROOT / "plugins/jenkins/vars",
        "theirs": trial_repository / "vars",
        "samples": ROOT / "docs/examples/jenkins",
        "bad": HERE / "lint/bad",
    }
    for name, place in places.items():
        (folder / name).symlink_to(place)
    jars = f"{built}/lint/*:{built}/lint/groovy/lib/*:{built}/stub"
    argv = [*load("jenkins").JVM, "-cp", jars, "org.codenarc.CodeNarc", f"-basedir={folder}"]
    argv += [
        "-includes=**/*.groovy,**/*.jenkinsfile",
        f"-rulesetfiles=file:{HERE}/lint/ruleset.groovy",
        "-report=json:found.json",
        "-failOnError=true",
    ]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    told = json.loads((folder / "found.json").read_text())
    return {
        f"{package['path']}/{file['name']}": Counter(found["ruleName"] for found in file["violations"])
        for package in told["packages"]
        for file in package.get("files", ())
    }


def test_a_file_that_breaks_the_rules_is_found(violations):
    assert set(violations["bad/bad.groovy"]) == {
        "ClosureInGString",
        "CpsCallFromNonCpsMethod",
        "ExpressionInCpsMethodNotSerializable",
        "ForbiddenCallInCpsMethod",
        "NoDef",
    }


def test_no_other_file_breaks_any(violations):
    assert {name: dict(found) for name, found in violations.items() if found and not name.startswith("bad/")} == {}


def test_all_files_were_looked_at(violations):
    ours = {f"ours/{file.name}" for file in (ROOT / "plugins/jenkins/vars").glob("*.groovy")}
    samples = {f"samples/{file.name}" for file in (ROOT / "docs/examples/jenkins").glob("*.jenkinsfile")}
    assert ours | samples | {"theirs/mlopsTrial.groovy", "theirs/mlopsStageTrial.groovy"} <= set(violations)
