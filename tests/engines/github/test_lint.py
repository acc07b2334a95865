"""What linters and our own rules say of the actions, the reusable workflow and the samples; each is shown a fault that it must find."""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[3]
STUBS = Path(__file__).parent / "stubs"
ACTIONS = ("action.yml", *sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("plugins/github_actions/*/action.yml")))
WORKFLOWS = tuple(sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(".github/workflows/*.yml")))
SAMPLES = tuple(sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/examples/github/*.yml")))
EVERY = (*ACTIONS, *WORKFLOWS, *SAMPLES)
UNHASHED = re.compile(r"\b(curl|wget|git clone|pip3? install|pipx|npm (install|i)|npx|uvx|uv tool|go install|docker pull)\b")


@pytest.fixture(scope="module")
def tools(engine):
    return engine("github", "actionlint")


@pytest.fixture
def tree(tmp_path):
    """A copy of the native files in a repository of its own, to break."""
    for name in (*EVERY, "plugins/github_actions/run.sh", ".github/zizmor.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def said(tree, *command):
    done = subprocess.run([str(word) for word in command], cwd=tree, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def actionlint(tools, tree, names):
    return said(tree, tools / "actionlint", "-oneline", "-shellcheck=", "-pyflakes=", *_workflows(names))


def zizmor(tools, tree, names):
    options = ("--offline", "--strict-collection", "--no-progress", "--persona", "pedantic", "--config", ".github/zizmor.yml")
    return said(tree, tools / "python/bin/zizmor", *options, *names)


def schema(tools, tree, names):
    files = {"actions": [name for name in names if name in ACTIONS], "workflows": _workflows(names)}
    check = (tools / "python/bin/check-jsonschema", "--builtin-schema")
    found = [said(tree, *check, f"vendor.github-{kind}", *listed) for kind, listed in files.items() if listed]
    return max(code for code, _ in found), "".join(told for _, told in found)


def language(tools, tree, names):
    known = {"mlops/evaluate": str(tree)} | {f"actions/{stub.name}": str(stub) for stub in STUBS.iterdir()}
    (tree / "actions.json").write_text(json.dumps(known))
    return said(tree, "node", tools / "language.cjs", "actions.json", *names)


def undeclared(tools, tree, names):
    """Inputs and outputs that are used but not declared: no linter sees those of a published action."""
    del tools
    found = [f"{name}: {told}" for name in names if name in ACTIONS for told in _of_action(_read(tree / name))]
    found += [f"{name}: {told}" for name in _workflows(names) for told in _of_workflow(tree, _read(tree / name))]
    return int(bool(found)), "\n".join(found)


def foreign(tools, tree, names):
    """Actions of others, references that move and downloads without a hash, in what is shipped."""
    del tools
    found = []
    for name in names:
        for used in re.findall(r"uses: (\S+)", (tree / name).read_text()):
            ours = re.fullmatch(r"mlops/evaluate(/[\w./-]+)?@v\d+", used) is not None
            if name in ACTIONS or not (ours or re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", used)):
                found.append(f"{name}: {used}")
    for name in (*(name for name in names if name not in SAMPLES), "plugins/github_actions/run.sh"):
        found += [f"{name}: {line.strip()}" for line in (tree / name).read_text().splitlines() if UNHASHED.search(line)]
    return int(bool(found)), "\n".join(found)


def _workflows(names):
    return [name for name in names if name in (*WORKFLOWS, *SAMPLES)]


def _read(file):
    return _parsed(file.read_text())


@cache
def _parsed(text):
    """Most files are the same in every test, and this reader takes its time."""
    return YAML(typ="safe").load(text)


def _of_action(action):
    text = json.dumps(action["runs"]) + json.dumps(action.get("outputs", {}))
    yield from (f"inputs.{name}" for name in re.findall(r"\binputs\.([\w-]+)", text) if name not in action["inputs"])
    steps = {step["id"] for step in action["runs"]["steps"] if "id" in step}
    yield from (f"steps.{name}" for name in re.findall(r"\bsteps\.([\w-]+)\.outputs", text) if name not in steps)


def _of_workflow(tree, workflow):
    called = workflow["on"].get("workflow_call") or {}
    declared = called.get("inputs", {})
    for name, job in workflow["jobs"].items():
        text = json.dumps(job)
        yield from (f"{name}: inputs.{used}" for used in re.findall(r"\binputs\.([\w-]+)", text) if used not in declared)
        steps = {step["id"]: _called(tree, step.get("uses", "")) for step in job.get("steps", ()) if "id" in step}
        for step, output in re.findall(r"\bsteps\.([\w-]+)\.outputs\.([\w-]+)", text):
            if output not in (steps.get(step) or {}).get("outputs", {}):
                yield f"{name}: steps.{step}.outputs.{output}"
        for call in (job, *job.get("steps", ())):
            known = _called(tree, call.get("uses", ""))
            yield from (f"{call['uses']}: {given}" for given in call.get("with", {}) if known and given not in known["inputs"])
        for before, output in re.findall(r"\bneeds\.([\w-]+)\.outputs\.([\w-]+)", text):
            if output not in workflow["jobs"].get(before, {}).get("outputs", {}):
                yield f"{name}: needs.{before}.outputs.{output}"


def _called(tree, uses):
    """What a published action or workflow of ours declares; None for those of others."""
    match = re.fullmatch(r"mlops/evaluate/?([\w./-]*)@v1", uses)
    if match is None:
        return None
    path = tree / match[1]
    return _read(path)["on"]["workflow_call"] if path.suffix == ".yml" else _read(path / "action.yml")


CHECKS = (actionlint, zizmor, schema, language, undeclared, foreign)


@pytest.mark.parametrize("check", CHECKS)
def test_nothing_is_found(tools, tree, check):
    code, told = check(tools, tree, EVERY)
    assert code == 0, told


PULL, NIGHTLY, SIGN = "docs/examples/github/pull-request.yml", "docs/examples/github/nightly.yml", ".github/workflows/sign.yml"
FAIRNESS = "plugins/github_actions/fairness/action.yml"
FAULTS = [
    (actionlint, PULL, "runs-on: ubuntu-latest", "runs-on: ubuntu-lastest", "ubuntu-lastest"),
    (actionlint, NIGHTLY, "needs.watch.outputs", "needs.wacth.outputs", "wacth"),
    (
        zizmor,
        FAIRNESS,
        '"$MLOPS_STAGE_ACTION/../run.sh" fairness',
        '"$MLOPS_STAGE_ACTION/../run.sh" ${{ inputs.id }}',
        "template-injection",
    ),
    (zizmor, PULL, "@11bd71901bbe5b1630ceea73d27597364c9af683", "@v4", "unpinned-uses"),
    (zizmor, SIGN, "permissions: {}\n", "permissions: write-all\n", "excessive-permissions"),
    (schema, FAIRNESS, "    required: false", "    requierd: false", "requierd"),
    (schema, PULL, "runs-on:", "run-on:", "run-on"),
    (language, FAIRNESS, "      shell: bash\n", "", "shell"),
    (language, NIGHTLY, "          stages: scan,quality", "          stagse: scan,quality", "stagse"),
    (undeclared, FAIRNESS, "${{ inputs.sensitive ||", "${{ inputs.sensitve ||", "sensitve"),
    (undeclared, FAIRNESS, "${{ steps.run.outputs.worst-gap }}", "${{ steps.runs.outputs.worst-gap }}", "steps.runs"),
    (undeclared, NIGHTLY, "steps.data.outputs.drifted", "steps.data.outputs.drited", "drited"),
    (undeclared, NIGHTLY, "          stages: scan,quality", "          stagse: scan,quality", "stagse"),
    (foreign, FAIRNESS, "    - id: run", "    - uses: actions/setup-python@v5\n    - id: run", "setup-python"),
    (foreign, PULL, "@11bd71901bbe5b1630ceea73d27597364c9af683", "@v4", "checkout@v4"),
    (foreign, "plugins/github_actions/run.sh", "exec sh", "pip install mlops-stage && exec sh", "pip install"),
]


@pytest.mark.parametrize(("check", "name", "right", "wrong", "told"), FAULTS, ids=lambda value: getattr(value, "__name__", None))
def test_a_fault_is_found(tools, tree, check, name, right, wrong, told):
    text = (tree / name).read_text()
    assert right in text
    (tree / name).write_text(text.replace(right, wrong, 1))
    code, found = check(tools, tree, [name] if name in EVERY else [])
    assert code != 0
    assert told in found
