"""The declarative samples: nothing here executes one, so directives are read by name and place, and each is compared with its executed twin."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
DECLARATIVE = [
    file for file in sorted((ROOT / "docs/examples/jenkins").glob("*.jenkinsfile")) if not file.name.endswith(".scripted.jenkinsfile")
]
TOKEN = re.compile(r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/|\w+|[^\s\w]""", re.DOTALL)
STEPS = {
    *(
        "archiveArtifacts",
        "checkout",
        "deleteDir",
        "dir",
        "echo",
        "error",
        "file",
        "if",
        "else",
        "scmGit",
        "script",
        "sh",
        "stash",
        "string",
    ),
    *("unstable", "unstash", "withCredentials"),
}
DIRECTIVES = {
    "": {"pipeline"},
    "pipeline": {"agent", "options", "triggers", "stages"},
    "agent": {"label"},
    "options": {"disableConcurrentBuilds", "skipDefaultCheckout"},
    "triggers": {"cron"},
    "stages": {"stage"},
    "stage": {"agent", "when", "steps"},
    "when": {"environment"},
}
"""By directive, what may stand in it; whatever else stands in a block stands in steps."""
ANYWHERE = {("agent", "any"), ("agent", "none")}
KEYS = {"environment": {"name", "value"}, "disableConcurrentBuilds": {"abortPrevious"}}


def faults(text: str, own: set[str]) -> list[str]:
    """What is wrong with the `pipeline` of this text; `own` are names of steps beside those of Jenkins."""
    begin = text.index("pipeline {")
    tokens = [token for token in TOKEN.findall(text, begin) if not token.startswith(("//", "/*"))]
    return list(_faults(tokens, STEPS | own))


def _faults(tokens: list[str], steps: set[str]) -> Iterator[str]:
    opened: list[tuple[str, str]] = []
    head = ""
    for before, token, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        block = next((name for bracket, name in reversed(opened) if bracket == "{"), "")
        if token in "{([":
            opened.append((token, head))
        elif token in "})]":
            if not opened or opened[-1][0] + token not in {"{}", "()", "[]"}:
                yield f"{token} closes nothing"
                return
            head = opened.pop()[1]
        elif token[0].isalpha() and before != "." and (before, token) not in ANYWHERE:
            if after == ":" and head in KEYS and token not in KEYS[head]:
                yield f"{head} has no {token}"
            if after in {"(", "{"} or (block in DIRECTIVES and not any(bracket == "(" for bracket, _ in opened)):
                head = token
                if token not in DIRECTIVES.get(block, steps):
                    yield f"no {token} in {block or 'a file'}"
    if opened:
        yield f"{opened[-1][0]} is not closed"


@pytest.mark.parametrize("file", DECLARATIVE, ids=lambda file: file.name)
def test_declarative_samples_hold_only_directives_and_steps_that_there_are(file):
    own = {"fetch", *(path.stem for path in (ROOT / "plugins/jenkins/vars").glob("*.groovy"))}
    assert faults(file.read_text(encoding="utf-8"), own) == []


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("stages {", "stagez {", "no stagez in pipeline"),
        ("triggers {", "triggerz {", "no triggerz in pipeline"),
        ("environment(name:", "enviroment(name:", "no enviroment in when"),
        ("environment(name:", "environment(nam:", "environment has no nam"),
        ("sh('sh train.sh')", "shh('sh train.sh')", "no shh in steps"),
        ("label 'python'", "labell 'python'", "no labell in agent"),
        ("script {", "scrpt {", "no scrpt in steps"),
        ("mlopsStage(", "mlopsStag(", "no mlopsStag in steps"),
        ("agent {", "agent }}} (( {", "} closes nothing"),
    ],
)
def test_a_wrong_name_in_a_declarative_pipeline_is_found(right, wrong, said):
    text = (ROOT / "docs/examples/jenkins/nightly.jenkinsfile").read_text(encoding="utf-8")
    assert right in text
    assert said in faults(text.replace(right, wrong, 1), {"fetch", "mlopsData", "mlopsStage"})


SAME = {
    "steps": r"\b(?:mlops\w+|sh|stash|unstash|withCredentials|stage|archiveArtifacts|unstable|error|fetch|dir)\((?:'[^']*'|\"[^\"]*\"|\[?[^)]*)\)",
    "agents": r"(?:\blabel|\bnode\()\s*'([^']+)'",
    "settings": r"disableConcurrentBuilds\([^)]*\)|cron\([^)]*\)",
    "conditions": r"if \((watch\.exitCode[^)]*)\)",
    "guarded": (
        r"stage\('([^']+)'\) \{\s*when \{ environment\(name: 'DRIFTED', value: 'true'\) \}"
        r"|if \(watch\.outputs\.drifted == 'true'\) \{\s*stage\('([^']+)'\)"
    ),
}


@pytest.mark.parametrize("file", DECLARATIVE, ids=lambda file: file.name)
def test_both_forms_of_a_sample_take_the_same_steps_on_the_same_agents_under_the_same_conditions(file):
    forms = [file.read_text(), file.with_suffix(".scripted.jenkinsfile").read_text()]
    for about, pattern in SAME.items():
        first, second = (["".join(found) for found in re.findall(pattern, form)] for form in forms)
        assert first == second, about
        assert first or about != "steps"
    assert forms[0].split("@Library")[0] == forms[1].split("@Library")[0]
