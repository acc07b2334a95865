"""The shared library on groovy-cps: what is peculiar to Jenkins. What all systems share stands in test_scenarios.py."""

import json
import os
import re
from pathlib import Path

import pytest

import stages

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

SECRET = "a-token-of-somebody"
PIPELINES = {
    # the host itself: faults that real Jenkins has, and plain Groovy has not
    "matcher": "def found = ('a=1' =~ /=(.*)/)\nnode { sh 'true' }\nreturn found[0][1]",
    "noncps": "@NonCPS\nint count() { int code = sh(script: 'exit 7', returnStatus: true); return code + 1 }\nnode { return count() }",
    "expanded": "node { withEnv(['A=1', 'B=$A ${A} $$A', 'C=x']) { withEnv(['C=']) { return sh(script: 'echo \"$B ${C-unset}\"', returnStdout: true) } } }",
    # calls that are refused before anything runs
    "unknown": "node { mlopsScan(modle: 'model.onnx') }",
    "underscore": "node { mlopsFairness(row_id: 'id') }",
    "no_stage": "node { mlopsStage(stage: 'fairnes') }",
    "far": "node { mlopsScan(zzzzzzzz: 1) }",
    "kind": "node { mlopsScan(model: ['a', 'b']) }",
    "switch": "node { mlopsScan(publish: 'false') }",
    "bare": "node { mlopsScan(requirements: 'mine.txt') }",
    "nowhere": "node { mlopsScan(source: 'no-such-folder') }",
    "empty_merge": "node { mlopsMerge(out: 'all') }",
    "spaced": "node { mlopsScan(out: 'my out') }",
    "whole": "node { mlopsScan(out: './') }",
    "outside": "node { mlopsScan(out: '../elsewhere') }",
    "wild": "node { mlopsScan(out: 'a,b*') }",
    "no_command": "node { withEnv(['PATH=/usr/bin:/bin']) { mlopsScan() } }",
    # two libraries in one pipeline, each with names of its own
    "beside": (
        "List<String> said = []\n"
        "node {\n"
        "try { mlopsScan(share: 1) } catch (Exception refused) { said.add(refused.message) }\n"
        "try { mlopsTrial(sharre: 1, source: 'x') } catch (Exception refused) { said.add(refused.message) }\n"
        "try { mlopsStageTrial(stage: 'trail', source: 'x') } catch (Exception refused) { said.add(refused.message) }\n"
        "try { mlopsStage(stage: 'trial') } catch (Exception refused) { said.add(refused.message) }\n"
        "try { mlopsStageTrial(source: 'x') } catch (Exception refused) { said.add(refused.message) }\n"
        "}\nreturn said"
    ),
    # calls that run
    "published": "node { checkout(scm); return mlopsScan(model: 'model.onnx') }",
    "poor": "node { checkout(scm); return mlopsStage(stage: 'scan', model: 'model.onnx', id: 'again') }",
    "asked": "node { checkout(scm); return mlopsScan(model: 'hostile.pkl', returnStatus: true, publish: false) }",
    "masked": "node { withCredentials([string(credentialsId: 'token', variable: 'TOKEN')]) { sh 'echo \"$TOKEN\"' } }",
    "values": (
        '@NonCPS\nObject parsed() { return new groovy.json.JsonSlurper().parseText(\'{"age": "age", "in, come": "income"}\') }\n'
        "node { checkout(scm); withCredentials([string(credentialsId: 'token', variable: 'TOKEN')]) { String row = 'rowId'\n"
        "return mlopsQuality(model: 'model.onnx', data: 'test.csv', label: 'truth', modelTokenEnv: 'TOKEN', seed: 7, slices: ['group', 'a, b'],"
        ' columns: parsed(), gates: ["accuracy >= ${0.1}"] as String[], ("${row}".toString()): null, returnStatus: true) } }'
    ),
    # one workspace, several calls
    "keys": (
        "node { checkout(scm); String asked = 'out'; String status = 'returnStatus'\n"
        "return mlopsScan([(\"${asked}\"): './else//where/', (\"${status}\"): true, model: 'hostile.pkl']) }"
    ),
    "several": (
        "List<Object> said = []\n"
        "node { checkout(scm)\n"
        "said.add(mlopsScan(model: 'model.onnx').outcome)\n"
        "said.add(mlopsStage('sbom', model: 'model.onnx').outcome)\n"
        "said.add(mlopsScan(config: 'none.yaml', returnStatus: true).outcome)\n"
        "said.add(mlopsStage(\"s${'can'}\", model: 'model.onnx', out: 'other/größe').outcome)\n"
        "writeFile(file: 'mlops.yaml', text: 'version: 1\\nmodel: model.onnx\\nstages: {scan: {}, sbom: {}}')\n"
        "said.add(mlopsStage(stage: null, stages: ['scan', 'sbom']).outcome)\n"
        "}\nreturn said"
    ),
    "amber": "node { checkout(scm); mlopsQuality(model: 'model.onnx', data: 'test.csv', label: 'truth', gates: ['accuracy >= 0.5'], minDenominator: 100000) }",
    "merged": (
        "List<String> seen = []\n"
        "node { checkout(scm); for (String name in ['one', 't *']) {\n"
        "seen.add(mlopsScan(model: 'model.onnx', id: name[0], out: name, publish: false).outputs.get(name[0] + '_files')) }\n"
        "Map good = mlopsMerge(from: ['one', 't *'], require: ['o', 't'])\n"
        "Map bad = mlopsMerge(from: 'one', require: 'o,data', out: 'bad', returnStatus: true)\n"
        "return [good, bad, seen] }"
    ),
    "unchanged": (
        "node { checkout(scm); writeFile(file: 'mlops.yaml', text: 'version: 1\\nstages: {scan: {model: model.onnx}}')\n"
        "return [mlopsStage(ifChanged: true, publish: false), mlopsStage(ifChanged: true, publish: false)] }"
    ),
}


@pytest.fixture
def ran(once, jenkins, load, command):
    """The folder in which every pipeline was run, in one process, on an agent with the command on PATH; and how each ended."""

    def make(folder):
        for name in ("project", "bin"):
            (folder / name).mkdir()
        stages.project(folder / "project")
        program = command(folder / "bin")
        told = jenkins.builds([_build(load("jenkins").Build, name, folder, program) for name in PIPELINES])
        return folder, dict(zip(PIPELINES, told, strict=True))

    return once("jenkins-library", make)


def _build(build, name, folder, program):
    (folder / f"{name}.groovy").write_text(PIPELINES[name])
    return build(
        pipeline=folder / f"{name}.groovy",
        project=folder / "project",
        home=folder / name,
        keep=folder / name / "keep",
        variables={"PATH": f"{program.parent}:{os.environ['PATH']}"},
        credentials={"token": SECRET},
        absent=["recordIssues", "publishHTML", "junit", "sarif"] if name == "poor" else [],
    )


@pytest.fixture
def done(ran):
    return ran[1]


@pytest.fixture
def kept(ran):
    return ran[0]


def test_what_cannot_be_saved_is_found(done):
    assert done["matcher"].error == "java.io.NotSerializableException: java.util.regex.Matcher"


def test_a_step_in_a_method_that_cannot_wait_is_found(done):
    assert done["noncps"].status == "FAILURE"
    assert done["noncps"].mismatches == ["expected to call count but wound up catching sh"]


def test_variables_are_expanded_and_removed_as_jenkins_does(done):
    assert done["expanded"].result == "1 1 $A unset\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("unknown", "mlops-stage: scan has no input 'modle'; did you mean 'model'?"),
        ("underscore", "mlops-stage: fairness has no input 'row_id'; did you mean 'rowId'?"),
        ("no_stage", "mlops-stage: there is no stage 'fairnes'; did you mean 'fairness'?"),
        ("far", "mlops-stage: scan has no input 'zzzzzzzz'; it knows model, trusted, failOn, "),
        ("kind", "mlops-stage: model is of the kind text, which '[a, b]' is not"),
        ("switch", "mlops-stage: publish is of the kind true or false, which 'false' is not; write false without quotes"),
        ("bare", "mlops-stage: requirements concerns how the command is installed: say source too, or leave requirements out"),
        ("empty_merge", "mlops-stage: merge has nothing to read: say from: ['data-out', 'quality-out']"),
        ("spaced", "mlops-stage: nothing can be published from 'my out': "),
        ("whole", "mlops-stage: nothing can be published from '.': "),
        ("nowhere", "mlops-stage: there is no checkout in 'no-such-folder' to install from; check it out in an earlier step"),
        ("outside", "mlops-stage: nothing can be published from '../elsewhere': "),
        ("wild", "mlops-stage: nothing can be published from 'a,b*': "),
        ("no_command", "mlops-stage is not on this agent: "),
    ],
)
def test_what_is_asked_wrongly_is_told_in_a_sentence(done, name, said):
    assert done[name].status == "FAILURE"
    assert done[name].error.startswith(f"host.Failed: {said}")
    if name != "no_command":
        assert not done[name].of("sh")


def test_reports_are_published_before_the_verdict(done):
    one = done["published"]
    assert (one.status, one.error) == ("SUCCESS", "")
    assert one.result["outcome"] == "passed"
    assert one.result["exitCode"] == 0
    assert one.result["outputs"]["errors"] == "0"
    assert [step["step"] for step in one.steps][-4:] == ["junit", "recordIssues", "publishHTML", "archiveArtifacts"]
    assert one.of("junit")[0]["given"]["testResults"] == "mlops-out/this-call.junit.xml"
    (tool,) = one.of("recordIssues")[0]["given"]["tools"]
    assert (tool["symbol"], tool["pattern"], tool["id"]) == ("sarif", "mlops-out/this-call.sarif", "mlops-scan")
    page = one.of("publishHTML")[0]["given"]["target"]
    assert (page["reportDir"], page["reportFiles"], page["includes"]) == ("mlops-out", "report.html", "report.html")
    assert one.of("archiveArtifacts")[0]["value"] > 8


def test_the_program_is_saved_and_read_back_at_every_step(done):
    assert done["published"].saves >= len(done["published"].steps)
    assert done["published"].mismatches == []


def test_the_script_is_the_same_whatever_the_values_are(done):
    shells = {step["given"]["script"] for name in ("published", "poor", "asked") for step in done[name].of("sh")}
    assert shells == {"mlops-stage scan"}


def test_nothing_is_left_in_the_temporary_folder(done):
    assert done["published"].of("deleteDir")[0]["folder"].startswith(done["published"].of("pwd")[0]["value"] + "/mlops-stage-")


def test_a_plugin_that_is_not_there_costs_its_own_report_alone(done):
    one = done["poor"]
    assert one.status == "SUCCESS"
    assert [step["given"].split(" step ")[1].split()[0] for step in one.of("echo")] == ["junit", "recordIssues", "publishHTML"]
    assert one.of("archiveArtifacts")[0]["value"] > 8
    assert one.result["outputs"]["again_outcome"] == "passed"


def test_a_pipeline_may_decide_itself(done):
    one = done["asked"]
    assert (one.status, one.result["exitCode"], one.result["outcome"]) == ("SUCCESS", 1, "failed")
    assert not one.of("archiveArtifacts")


def test_values_of_every_kind_arrive_letter_for_letter(kept):
    report = json.loads((kept / "values/keep/mlops-out/quality/report.json").read_text())
    shown = {name: report["params"][name] for name in ("seed", "slices", "columns", "gates", "row_id")}
    assert shown == {
        "seed": 7,
        "slices": ["group", "a, b"],
        "columns": {"age": "age", "in, come": "income"},
        "gates": ["accuracy >= 0.1"],
        "row_id": None,
    }


def test_the_host_masks_what_the_shell_says_and_keeps_it_raw(done, kept):
    (shell,) = done["masked"].of("sh")
    assert shell["log"].endswith("****\n")
    assert (kept / "masked/raw.log").read_text().endswith(f"{SECRET}\n")


def test_secrets_stay_out_of_the_raw_log_and_of_every_file(done, kept):
    assert done["values"].status == "SUCCESS"
    assert len((kept / "values/raw.log").read_bytes()) > 100
    files = [file for file in (kept / "values").rglob("*") if file.is_file()]
    assert len(files) > 20
    assert [file for file in files if SECRET.encode() in file.read_bytes()] == []


def test_keys_that_are_no_plain_texts_are_read_like_any_other(done, kept):
    one = done["keys"]
    assert (one.status, one.result["exitCode"]) == ("SUCCESS", 1)
    assert one.of("recordIssues")[0]["given"]["tools"][0]["pattern"] == "else/where/this-call.sarif"
    assert one.of("archiveArtifacts")[0]["value"] > 8
    assert (kept / "keys/keep/else/where/scan/report.json").is_file()


def test_no_report_of_an_earlier_call_is_published_again(done):
    one = done["several"]
    assert (one.status, one.error) == ("SUCCESS", ""), one.of("unstable")
    assert one.result == ["passed", "passed", "error", "passed", "passed"]
    suites = [sorted(re.findall('<testsuite name="([^"]+)"', step["text"])) for step in one.of("junit")]
    assert suites == [["scan"], ["sbom"], ["scan"], ["sbom", "scan"]]
    warned = [
        {result["ruleId"].split("/")[0] for result in json.loads(step["text"])["runs"][0]["results"]} for step in one.of("recordIssues")
    ]
    assert all(rules <= set(own) for rules, own in zip(warned, suites, strict=True))


def test_reports_of_one_build_have_names_of_their_own(done):
    tools = [step["given"]["tools"][0] for step in done["several"].of("recordIssues")]
    assert [tool["id"] for tool in tools] == ["mlops-scan", "mlops-sbom", "mlops-scan-other-gr--e", "mlops-run-scan-sbom"]


def test_amber_says_the_sentence_of_the_stage(done):
    (said,) = done["amber"].of("unstable")
    assert said["given"].startswith("mlops-stage quality is inconclusive (exit code 5): ")
    report = json.loads((Path(done["amber"].of("sh")[0]["folder"]) / "mlops-out/quality/report.json").read_text())
    assert said["given"].endswith(report["summary"])


def test_reports_of_several_agents_become_one_page(done):
    good, bad, _ = done["merged"].result
    assert (good["outcome"], good["exitCode"]) == ("passed", 0)
    assert {"o_outcome", "t_outcome"} <= set(good["outputs"])
    assert (bad["outcome"], bad["exitCode"]) == ("failed", 1)
    assert len({step["given"]["script"] for step in done["merged"].of("sh")[2:]}) == 1


def test_a_loop_survives_restarts(done):
    assert done["merged"].result[2] == ["1", "1"]
    assert done["merged"].saves > 20


def test_a_report_whose_sources_have_not_changed_is_used_again(done):
    first, second = done["unchanged"].of("sh")
    assert "used again" not in first["log"]
    assert "used again" in second["log"]
    one, other = done["unchanged"].result
    assert (one["outcome"], other["outcome"]) == ("passed", "passed")
    assert one["outputs"] == other["outputs"]


def test_two_libraries_in_one_pipeline_know_their_own_stages_and_inputs_alone(done):
    ours, theirs, stage, elsewhere, unsaid = done["beside"].result
    assert unsaid == "mlops-stage: say which stage; there are reader, trial"
    assert ours.startswith("mlops-stage: scan has no input 'share'; it knows model, trusted, ")
    assert theirs == "mlops-stage: trial has no input 'sharre'; did you mean 'share'?"
    assert stage == "mlops-stage: there is no stage 'trail'; did you mean 'trial'?"
    assert elsewhere.startswith("mlops-stage: there is no stage 'trial'; it knows run, adversarial, ")
