"""What can be said of the components and samples without running them: GitLab's schema, and what no schema sees."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mlops_stage import __version__
from mlops_stage_gitlab.project import snippet

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = sorted((ROOT / "plugins/gitlab/templates").glob("*.yml"))
SAMPLES = sorted((ROOT / "docs/examples/gitlab").glob("*.gitlab-ci.yml"))
PLACE = re.compile(r"\$\[\[ *inputs\.([a-z0-9-]+) *\]\]")
KEYS = {"type", "description", "default", "options", "regex"}
"""All that an input of ours says; GitLab's schema takes any other key without a word."""
CHOSEN = {"image", "job-name", "stage", "install", "prefix", "sign"}
"""Inputs about the pipeline itself; every other one only ever stands as the value of a variable in which nothing is replaced."""


def read(text):
    return YAML(typ="safe").load(text)


def halves(path):
    return path.read_text(encoding="utf-8").split("\n---\n", 1)


def declared(path):
    return read(halves(path)[0])["spec"]["inputs"]


def texts(node):
    """Every text of a document, keys included."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from texts(key)
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)
    elif isinstance(node, str):
        yield node


@pytest.fixture(params=TEMPLATES, ids=lambda path: path.stem)
def template(request):
    return request.param


def test_there_is_one_for_each_stage_and_two_for_all():
    from mlops_stage.stages import mlops_stages

    assert {path.stem for path in TEMPLATES} == {stage.kebab for stage in mlops_stages()} | {"full-pipeline", "merge"}


def test_every_input_is_used_and_every_used_one_is_declared(template):
    """GitLab checks the rules of an input only where it is used, and refuses one that is not declared."""
    used = {name for text in texts(read(halves(template)[1])) for name in PLACE.findall(text)}
    assert used == set(declared(template))


def test_inputs_say_what_gitlab_understands(template):
    for name, item in declared(template).items():
        assert set(item) <= KEYS, name
        assert item["description"]
        assert len(item.get("options", ())) <= 50
        assert item.get("default", "") in item.get("options", [item.get("default", "")])
        assert re.search(item.get("regex", ""), item.get("default", "")), name
    assert len(read(halves(template)[0])["spec"]["description"]) <= 256


def test_only_the_image_must_be_given_for_nobody_publishes_one_for_all(template):
    assert [name for name, item in declared(template).items() if "default" not in item] == ["image"]


def test_values_of_users_stand_in_no_script_and_nothing_is_replaced_in_them(template):
    for job in read(halves(template)[1]).values():
        assert not [text for text in job.get("script", ()) if "$[[" in text]
        values = [value for value in job["variables"].values() if isinstance(value, dict)]
        assert all(set(value) == {"value", "expand"} and value["expand"] is False for value in values)
        rest = {**job, "variables": {name: value for name, value in job["variables"].items() if not isinstance(value, dict)}}
        assert {name for text in texts(rest) for name in PLACE.findall(text)} <= CHOSEN


def test_reports_are_kept_whatever_happens_and_private_evidence_is_not(template):
    jobs = [job for job in read(halves(template)[1]).values() if "artifacts" in job]
    assert jobs
    for job in jobs:
        assert job["allow_failure"] == {"exit_codes": [5]}
        kept = job["artifacts"]
        assert kept["when"] == "always"
        assert kept["exclude"] == ["mlops-out/*/*/evidence/private", "mlops-out/*/*/evidence/private/**/*"]
        reports = kept.get("reports", {})
        bills = {"cyclonedx"} if template.stem in {"sbom", "full-pipeline"} else set()
        assert set(reports) == ({"junit", "codequality", "metrics", "dotenv"} | bills if template.stem != "merge" else set())
        assert reports.get("dotenv", "") in {"", "mlops-out/$CI_JOB_NAME_SLUG/variables.env"}
        assert all(path.startswith(kept["paths"][0]) for path in reports.values())


def test_nothing_is_fetched_without_its_hash(template):
    for job in read(halves(template)[1]).values():
        for script in job.get("script", ()):
            assert not re.search(r"curl|wget|pip3? install (?!.*--require-hashes)|git clone", script)


def faults(included):
    """What GitLab would refuse in these entries of `include:`, and the engine would not: it takes unknown inputs, and numbers where a text is declared."""
    for item in included:
        found = re.fullmatch(r"\$CI_SERVER_FQDN/mlops/components/([a-z-]+)@(.+)", item["component"])
        header = declared(ROOT / "plugins/gitlab/templates" / f"{found[1]}.yml")
        if found[2] != __version__:
            yield found[2]
        for name, value in item.get("inputs", {}).items():
            if not isinstance(value, str) or value not in header.get(name, {"options": ()}).get("options", [value]):
                yield name


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name.split(".")[0])
def test_samples_give_only_inputs_that_exist_in_their_form(sample):
    included = read(sample.read_text(encoding="utf-8"))["include"]
    assert included
    assert list(faults(included)) == []


@pytest.mark.parametrize(("given", "found"), [({"modle": "m"}, "modle"), ({"seed": 3}, "seed"), ({"effort": "slow"}, "effort")])
def test_an_input_that_gitlab_refuses_is_found(given, found):
    component = f"$CI_SERVER_FQDN/mlops/components/quality@{__version__}"
    assert list(faults([{"component": component, "inputs": {"model": "m.onnx", **given}}])) == [found]
    assert list(faults([{"component": component.replace(__version__, "0.0.1")}])) == ["0.0.1"]


SIGNED = "version: 1\nmodel: m.onnx\nstages:\n  quality: {}\n  sbom: {}\n"


@pytest.mark.parametrize(
    ("sign", "verify", "inputs"),
    [
        ("ambient: true", "identity: me, issuer: https://gitlab.com", {"sign": "identity"}),
        ("ambient: true", "", {"sign": "identity", "verify-identity": "CHOOSE", "verify-issuer": "CHOOSE"}),
        ("key: k.pem", "key: k.pub", {"sign": "key"}),
        ("key: k.pem", "", {"sign": "key", "verify-key": "CHOOSE"}),
    ],
)
def test_what_init_prints_lets_no_job_that_evaluates_sign(tmp_path, sign, verify, inputs):
    stages = f"  sign: {{{sign}}}\n" + (f"  verify: {{{verify}}}\n" if verify else "")
    (tmp_path / "mlops.yaml").write_text(SIGNED + stages)
    printed = read(snippet(tmp_path))
    (included,) = printed.pop("include")
    assert included["inputs"] == {"stage": "test", "stages": "quality,sbom"} | inputs
    assert list(faults([included])) == []
    asked = {"mlops-sign": {"id_tokens": {"SIGSTORE_ID_TOKEN": {"aud": "sigstore"}}}}
    assert printed == (asked if inputs["sign"] == "identity" else {})


@pytest.mark.parametrize("text", [SIGNED, "version: 1\nruns: [", "version: 1\nstages:\n  sign: {ambient: true}\n"])
def test_where_nothing_is_evaluated_and_then_signed_init_prints_the_block_alone(tmp_path, text):
    (tmp_path / "mlops.yaml").write_text(text)
    (item,) = read(snippet(tmp_path))["include"]
    assert item["inputs"] == {"stage": "test"}


FENCE = re.compile(r"^<!-- ([^\n]+) -->\n```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shown(page):
    """The YAML that a page shows, with what its mark says of it."""
    return FENCE.findall((ROOT / page).read_text(encoding="utf-8"))


def test_what_the_pages_quote_is_part_of_a_pipeline_that_is_run():
    run = "".join((Path(__file__).with_name(f"test_{name}.py")).read_text(encoding="utf-8") for name in ("samples", "keyless"))
    quoted = [mark for page in ("README.md", "docs/how-to/use-in-gitlab.md") for mark, _ in shown(page) if "gitlab/" in mark]
    names = [re.fullmatch(r"from: examples/gitlab/(\S+)\.gitlab-ci\.yml", mark)[1] for mark in quoted]
    assert {"one-job", "if-changed"} <= set(names)
    assert [name for name in names if f'"{name}"' not in run and f'"{name}.gitlab-ci.yml"' not in run] == []


@pytest.mark.engine
def test_gitlabs_schema_takes_headers_bodies_and_samples(engine, tmp_path):
    check = engine("gitlab", "python/bin/check-jsonschema") / "python/bin/check-jsonschema"
    files = []
    for path in TEMPLATES:
        for name, text in zip(("header", "body"), halves(path), strict=True):
            files.append(tmp_path / f"{path.stem}.{name}.yml")
            files[-1].write_text(text + "\n")
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(files[0].read_text().replace("type: string", "type: text"))
    argv = [check, "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", "--output-format", "json"]
    done = subprocess.run([*argv, *files, *SAMPLES, wrong], capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    assert (done.returncode, told["parse_errors"]) == (1, [])
    assert {Path(error["filename"]) for error in told["errors"]} == {wrong}, told["errors"]
