"""The native files of Jenkins: what stands in them, for whom, and that the samples ask for nothing that the library does not know."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_stage import __version__, host
from mlops_stage.adapter import Layout
from mlops_stage.config.file import load
from mlops_stage.errors import UsageError
from mlops_stage.native import inputs
from mlops_stage_jenkins.native import camel, native, quoted

ROOT = Path(__file__).parents[3]
CATALOGUE = host.discover({host.ALLOW_LIST: "none"})
OURS = replace(CATALOGUE, stages={name: stage for name, stage in CATALOGUE.stages.items() if stage.distribution == "mlops-stage"})
SAMPLES = sorted((ROOT / "docs/examples/jenkins").glob("*.jenkinsfile"))
CALL = re.compile(r"\bmlops(?P<stage>[A-Z]\w*)\((?P<given>[^)]*)\)")
OWN = {"source", "publish", "returnStatus"}


def made(**layout: str) -> dict[str, str]:
    return native(OURS, Layout(version=__version__, **layout))


def test_the_committed_library_is_what_the_catalogue_gives():
    for path, text in made().items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, path


@pytest.mark.parametrize("name", OURS.stages)
def test_every_input_of_a_stage_is_in_the_table_and_on_its_page(name):
    files = made()
    table = files["plugins/jenkins/vars/mlopsStage.groovy"].split(f"        {name}: [\n")[1].split("        ],\n")[0]
    page = files[f"plugins/jenkins/vars/{camel(f'mlops_{name}')}.txt"]
    for item in inputs.of_stage(OURS, OURS.stages[name]):
        kind = "list" if item.name == "reports" else item.kind
        assert f"            {camel(item.name)}: ['{kind}', '{item.variable}'" in table
        assert f"\n  {camel(item.name)} - " in page
    for output in OURS.stages[name].outputs:
        assert f"\n  outputs.{output} - " in page
    assert not re.search(r"</?(?:p|dl|dt|dd|code)>|<!--", page)  # the default formatter of Jenkins shows tags as they are


def test_texts_that_are_lists_to_a_pipeline_say_what_joins_them():
    library = made()["plugins/jenkins/vars/mlopsStage.groovy"]
    assert "            stages: ['list', 'MLOPS_INPUT_STAGES', ',']," in library
    assert "            reports: ['list', 'MLOPS_INPUT_REPORTS', ':']," in library


def test_a_changed_record_changes_the_library():
    stage = OURS.stages["data"]
    for change in ({"summary": "Look twice"}, {"outputs": {"colour": "a colour"}}, {"params": OURS.stages["scan"].params}):
        changed = replace(OURS, stages={**OURS.stages, "data": replace(stage, **change)})
        assert native(changed, Layout(version=__version__)) != made(), change


def test_a_plugin_has_a_library_of_its_own_with_names_of_its_own():
    catalogue = replace(OURS, stages={"size": replace(OURS.stages["scan"], name="size", distribution="acme-size")})
    files = native(catalogue, Layout(kind="plugin", distribution="acme-size", version="3"))
    assert set(files) == {
        *(f"vars/{name}.{kind}" for name in ("acmeSize", "mlopsSize") for kind in ("groovy", "txt")),
        *(f"resources/acme_size/{name}" for name in ("bootstrap.sh", "bootstrap.py")),
    }
    assert "acmeSize.one('size', given)" in files["vars/mlopsSize.groovy"]
    assert "'/mlops-stage.lock'" in files["vars/acmeSize.groovy"]
    assert "libraryResource('acme_size/' + script)" in files["vars/acmeSize.groovy"]


@pytest.mark.parametrize(("name", "step"), [("acme-size", "acmeSize"), ("Acme.Size_of", "acmeSizeOf"), ("size", "size")])
def test_the_name_of_a_distribution_becomes_that_of_a_step(name, step):
    stage = replace(OURS.stages["scan"], name="size", distribution=name, summary="Look */ here")
    files = native(replace(OURS, stages={"size": stage}), Layout(kind="plugin", distribution=name, version="3"))
    assert f"    return {step}.one('size', given)\n" in files["vars/mlopsSize.groovy"]
    assert files["vars/mlopsSize.groovy"].count("*/") == 1


def test_a_distribution_that_is_called_like_the_step_of_its_stage_keeps_both_apart():
    stage = replace(OURS.stages["scan"], name="size", distribution="mlops-size")
    files = native(replace(OURS, stages={"size": stage}), Layout(kind="plugin", distribution="mlops-size", version="3"))
    assert "    return mlopsSizeStages.one('size', given)\n" in files["vars/mlopsSize.groovy"]
    assert "Map<String, Object> one(String stage, Map<String, Object> given)" in files["vars/mlopsSizeStages.groovy"]


def test_a_vendored_library_installs_the_wheel_with_that_digest():
    files = made(kind="vendor", wheel_sha256="ab" * 32, index_url="https://index.example/simple")
    library = files["vars/mlopsStage.groovy"]
    assert f"'MLOPS_STAGE_VERSION={__version__}', 'MLOPS_STAGE_SHA256={'ab' * 32}'" in library
    assert "'MLOPS_STAGE_INDEX_URL=https://index.example/simple'" in library
    assert "source: ['text']" not in library
    assert "resources/mlops_stage/bootstrap.sh" in files


def test_a_vendored_library_with_an_image_installs_nothing():
    files = made(kind="vendor", image="registry.example/mlops@sha256:" + "0" * 64)
    assert not [path for path in files if path.startswith("resources/")]
    assert "let it run in registry.example/mlops@sha256:" in files["vars/mlopsStage.groovy"]
    assert "\n  python - " not in files["vars/mlopsStage.txt"]


def test_a_vendored_library_of_a_wheel_that_nobody_knows_is_refused():
    with pytest.raises(UsageError, match="digest"):
        made(kind="vendor")


def test_two_inputs_of_one_name_in_groovy_are_refused(monkeypatch):
    twice = (inputs.Input(name="top-k", variable="A", help="a"), inputs.Input(name="topK", variable="B", help="b"))
    monkeypatch.setattr(inputs, "of_stage", lambda *_: twice)
    with pytest.raises(ValueError, match="one name"):
        made()


@pytest.mark.parametrize(("text", "literal"), [("a'b", r"'a\'b'"), ("a\\n", r"'a\\n'"), ("a\nb", r"'a\nb'"), ("${x}", "'${x}'")])
def test_texts_stand_in_groovy_as_they_are(text, literal):
    assert quoted(text) == literal


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.name)
def test_samples_give_only_inputs_that_there_are(file):
    calls = list(CALL.finditer(file.read_text(encoding="utf-8")))
    assert calls
    for call in calls:
        stage = call["stage"].lower()
        known = inputs.of_run() if stage == "stage" else inputs.of_stage(OURS, OURS.stages[stage])
        names = {camel(item.name) for item in (*known, *inputs.BOOTSTRAP)} | OWN
        given = {part.split(":")[0].strip() for part in re.sub(r"'[^']*'|\[[^\]]*\]", "''", call["given"]).split(",") if part.strip()}
        assert given <= names, call[0]


@pytest.mark.parametrize("file", [file for file in SAMPLES if ".scripted" not in file.name], ids=lambda file: file.name)
def test_every_sample_has_its_configuration_beside_it(file):
    config = load(file.with_suffix(".mlops.yaml"), file.parent)
    assert {entry.stage for entry in config.entries} <= set(OURS.stages)
    assert config.entries


SANDBOX = {
    *(
        "add",
        "addAll",
        "charAt",
        "contains",
        "containsKey",
        "entrySet",
        "get",
        "indexOf",
        "join",
        "keySet",
        "length",
        "matches",
        "max",
        "min",
    ),
    *(
        "put",
        "putAll",
        "randomUUID",
        "remove",
        "replace",
        "replaceAll",
        "size",
        "split",
        "substring",
        "toJson",
        "toLowerCase",
        "toString",
        "toUpperCase",
        "floorDiv",
    ),
}
"""Methods of Java and Groovy that script-security lets a library of a folder call; a library of the whole controller may call any."""


def test_the_library_calls_nothing_that_the_sandbox_refuses():
    files = "\n".join(file.read_text() for file in (ROOT / "plugins/jenkins/vars").glob("*.groovy"))
    text = re.sub(r"'(?:[^'\\\n]|\\.)*'|//[^\n]*|/\*\*.*?\*/", "''", files, flags=re.DOTALL)
    text = re.sub(r"\bmlopsStage\.(?:plain|one)\(", "(", text)
    assert text.count(".add(") > 5
    assert set(re.findall(r"\.(\w+)\(", text)) <= SANDBOX
    assert "new " not in text
