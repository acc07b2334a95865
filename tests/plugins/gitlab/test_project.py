"""What a repository that GitLab builds is told to add fits the pipeline that is there."""

import time

import pytest
from ruamel.yaml import YAML

from mlops_stage import __version__
from mlops_stage_gitlab import project

COMPONENT = f"$CI_SERVER_FQDN/mlops/components/full-pipeline@{__version__}"
PLAIN = {"include": [{"component": COMPONENT, "inputs": {"stage": "test"}}]}
SIGNS = "version: 1\nmodel: m.onnx\nstages:\n  quality: {}\n  sign: {ambient: true}\n"


@pytest.fixture
def printed(tmp_path):
    def snippet(text, config=""):
        (tmp_path / ".gitlab-ci.yml").write_bytes(text if isinstance(text, bytes) else text.encode())
        if config:
            (tmp_path / "mlops.yaml").write_text(config)
        return project.snippet(tmp_path)

    return snippet


def read(text):
    return YAML(typ="safe").load(text)


def test_a_repository_of_gitlab_is_told_what_to_include(tmp_path, printed):
    assert not project.present(tmp_path)
    text = printed("")
    assert project.present(tmp_path)
    assert read(text) == PLAIN


def test_without_a_pipeline_the_block_is_the_same(tmp_path):
    assert read(project.snippet(tmp_path)) == PLAIN


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ("[build, test, deploy]", "test"),
        ("[deploy, test]", "test"),
        ("[build, deploy]", "build"),
        ("[prepare, check, Release-candidate, production]", "check"),
        ("[build, publish:image, smoke]", "build"),
        ("[build, train]", "train"),
        ("[deploy, smoke]", ".pre"),
        ("[.pre, deploy, .post]", ".pre"),
        ("[build, .post]", "build"),
        ("[.post]", ".pre"),
        ("\n- build # first\n- prod", "build"),
        ("['check: all', deploy]", "check: all"),
        ("['yes', deploy]", "yes"),
        (r'["a\nb # c", deploy]', "a\nb # c"),
        ("['12', deploy]", "12"),
        ("&all [build, deploy]\n.again: *all", "build"),
        ("[]", "test"),
        ("", "test"),
        ("build", "test"),
        ("[[build], deploy]", "test"),
        ("!reference [.shared, stages]", "test"),
        ("[build, !reference [.shared, stages]]", "test"),
    ],
)
def test_the_stage_is_one_that_the_pipeline_has(printed, stages, expected):
    assert read(printed(f"stages: {stages}\n")) == {"include": [{"component": COMPONENT, "inputs": {"stage": expected}}]}


def test_the_stage_is_to_be_chosen_by_whoever_reads_it(printed):
    assert "stage: test # one of your stages\n" in printed("")


def test_inputs_of_a_component_before_the_pipeline_are_passed_over(printed):
    text = printed("spec:\n  inputs:\n    stages: {default: a}\n---\nstages: [lint, release]\n")
    assert read(text)["include"][0]["inputs"] == {"stage": "lint"}


@pytest.mark.parametrize("before", ["include:\n- local: a.yml\n", "include:\n    - local: a.yml\n    - template: b.yml\n"])
@pytest.mark.parametrize("config", ["", SIGNS])
def test_where_files_are_included_already_only_the_item_is_printed_and_continues_the_list(printed, before, config):
    """A second `include:` would replace the first, and GitLab would not say so."""
    first, rest = printed(f"stages: [build, deploy]\n{before}", config).split("\n", 1)
    assert first == "# in the list below the include: that is there, for a second include: would silently replace it"
    whole = read(before + rest)
    assert len(whole["include"]) == len(read(before)["include"]) + 1
    assert whole["include"][-1]["component"] == COMPONENT
    assert whole["include"][-1]["inputs"]["stage"] == "build"
    assert ("mlops-sign" in whole) == bool(config)


@pytest.mark.parametrize(
    "before", ["include: a.yml\n", "include:\n  local: a.yml\n", "include: [a.yml, b.yml]\n", "include:\n", "include: !reference [a, b]\n"]
)
def test_where_the_include_is_no_list_the_item_says_to_make_it_one(printed, before):
    first, second, rest = printed(before).split("\n", 2)
    assert first.startswith("# in the list below the include: that is there")
    assert second == "# it is no list with one item to a line yet: make it one, with '- ' before each"
    assert read(rest) == PLAIN["include"]


@pytest.mark.parametrize(
    "text",
    [
        "stages: [build",
        "- stages\n- include\n",
        "just words",
        "# nothing\n",
        "a: &a [*a]\n",
        "a: *nowhere\n",
        "%YAML 9.9\n---\nstages: [build]\n",
        "? [a, b]\n: 1\n? {c: d}\n: 2\n",
        "stages: [build]\n---\n",
        b"stages: [\xff]\n",
        b"stages: [\x00]\n",
        "a: 2024-99-99\nb: !!int x\nc: !!binary '*'\nd: !reference [a, b]\n",
        "deep: " + "[" * 50_000,
        "deep: " + "{a: " * 50_000,
        "\n".join("- " * place + "a" for place in range(1, 200)),
        "stages: [build]\nlong: |\n" + "  words\n" * 400_000,
    ],
    ids=lambda text: repr(text[:16]),
)
def test_a_pipeline_that_cannot_be_read_gets_the_plain_block_at_once(printed, text):
    begun = time.monotonic()
    assert read(printed(text)) == PLAIN
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    "more",
    [
        "job: {script: !reference [.shared, script]}\n",
        "job: {a: 1}\njob: {a: 2}\n",
        "when: 2024-99-99\nthat: !!int x\n",
        "a: &a {x: [1, 2]}\nb:\n  <<: *a\n",
        "a: &a 1\nb: &a 2\n",
        "job:\n  script: |\n    include: x\n    stages: [no]\n",
    ],
)
def test_whatever_else_the_pipeline_holds_its_stages_are_found(printed, more):
    assert read(printed(f"{more}stages: [lint, deploy]\n"))["include"][0]["inputs"] == {"stage": "lint"}


def test_a_folder_of_that_name_is_no_pipeline(tmp_path):
    (tmp_path / ".gitlab-ci.yml").mkdir()
    assert not project.present(tmp_path)
    assert read(project.snippet(tmp_path)) == PLAIN
