import copy

import pytest

from mlops_stage.report import Level
from mlops_stage.stages.sbom.lint import lint
from mlops_stage.stages.sbom.validate import faults

DIGEST = "a" * 64
DOCUMENT = {
    "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
    "version": 1,
    "metadata": {"timestamp": "2026-01-31T12:00:00Z", "component": {"type": "application", "name": "app", "bom-ref": "app"}},
    "components": [
        {
            "type": "machine-learning-model",
            "name": "m",
            "version": "7",
            "bom-ref": "model",
            "hashes": [{"alg": "SHA-256", "content": DIGEST}],
            "licenses": [{"expression": "Apache-2.0 OR LicenseRef-house"}],
            "purl": "pkg:huggingface/acme/m@0123456789",
            "modelCard": {
                "modelParameters": {"datasets": [{"ref": "data"}]},
                "quantitativeAnalysis": {
                    "performanceMetrics": [
                        {"type": "accuracy", "value": "0.9", "confidenceInterval": {"lowerBound": "0.8", "upperBound": "0.95"}}
                    ]
                },
            },
        },
        {
            "type": "data",
            "name": "d",
            "bom-ref": "data",
            "hashes": [{"alg": "SHA-256", "content": DIGEST}],
            "data": [{"type": "dataset", "name": "d"}],
        },
        {"type": "library", "name": "numpy", "version": "2.1.0", "bom-ref": "numpy", "purl": "pkg:pypi/numpy@2.1.0"},
    ],
    "dependencies": [{"ref": "app", "dependsOn": ["model"]}, {"ref": "model", "dependsOn": ["data", "numpy"]}],
    "compositions": [{"aggregate": "incomplete", "assemblies": ["app"]}],
}


def card(document):
    return document["components"][0]["modelCard"]


def metric(document):
    return card(document)["quantitativeAnalysis"]["performanceMetrics"][0]


def said(change, spec=""):
    document = copy.deepcopy(DOCUMENT)
    change(document)
    return document, lint(document, spec)


def test_a_right_document_is_clean():
    assert lint(DOCUMENT) == ()
    assert list(faults(DOCUMENT)) == []


EIGHT = {
    "a card on a library": (lambda d: d["components"][2].update(modelCard={}), "sbom/misplaced", "(numpy) has a modelCard"),
    "data on a model": (lambda d: d["components"][0].update(data=[{"type": "dataset"}]), "sbom/misplaced", "(m) has data"),
    "a data set that is not there": (
        lambda d: card(d)["modelParameters"].update(datasets=[{"ref": "gone"}]),
        "sbom/dangling-reference",
        "datasets[0].ref: nothing here has the bom-ref 'gone'",
    ),
    "a dependency that is not there": (
        lambda d: d["dependencies"][1]["dependsOn"].append("gone"),
        "sbom/dangling-reference",
        "dependencies[1].dependsOn[2]",
    ),
    "one reference twice": (
        lambda d: d["components"][2].update({"bom-ref": "data"}) or d["dependencies"][1].update(dependsOn=["data"]),
        "sbom/duplicate-reference",
        "are both 'data'",
    ),
    "a purl that is none": (lambda d: d["components"][2].update(purl="numpy, I think"), "sbom/purl", "is no Package URL"),
    "a licence expression that is none": (
        lambda d: d["components"][0].update(licenses=[{"expression": "free AND (open"}]),
        "sbom/licence",
        "is no SPDX expression",
    ),
    "a data set that says nothing": (lambda d: card(d)["modelParameters"].update(datasets=[{}]), "sbom/empty-dataset", "says nothing"),
}


@pytest.mark.parametrize("fault", EIGHT)
def test_what_the_schema_allows_and_is_wrong_all_the_same_is_found(fault):
    change, rule, message = EIGHT[fault]
    document, found = said(change)
    assert list(faults(document)) == []
    errors = [finding for finding in found if finding.level is Level.ERROR]
    assert rule in {finding.rule for finding in errors}
    assert any(message in finding.message for finding in errors)
    assert all(finding.hint for finding in errors)


def test_a_version_that_is_not_the_one_expected_is_found():
    document, found = said(lambda d: d.update(specVersion="1.7"), "1.6")
    assert list(faults(document, "1.6")) == []
    assert [finding.rule for finding in found] == ["sbom/spec-version", "sbom/spec-version"]
    assert "1.6 is expected" in found[0].message
    assert "names the schema" in found[1].message


@pytest.mark.parametrize(
    ("change", "level", "rule", "message"),
    [
        (lambda d: d["components"][0].update(colour=1), "error", "sbom/schema", "components[0]: unknown key 'colour'"),
        (
            lambda d: d.update({"specVersion": "3.0", "$schema": "http://cyclonedx.org/schema/bom-3.0.schema.json"}),
            "error",
            "sbom/spec-version",
            "not known here",
        ),
        (lambda d: d["dependencies"].append({"ref": "app"}), "error", "sbom/duplicate-reference", "an earlier entry did"),
        (lambda d: d["dependencies"][0]["dependsOn"].append("app"), "warning", "sbom/self-dependency", "depends on itself"),
        (lambda d: d["components"][2].update(version="2.0.0"), "error", "sbom/version-mismatch", "says 2.1.0"),
        (lambda d: d["components"][0].update(purl="pkg:huggingface/m@1"), "error", "sbom/purl", "names no owner"),
        (
            lambda d: d["components"][0].update(licenses=[{"expression": "MIT AND Nonsense-1.0"}]),
            "error",
            "sbom/licence",
            "no Nonsense-1.0",
        ),
        (lambda d: d["components"][0].update(licenses=[{"expression": "!!"}]), "error", "sbom/licence", "cannot be read"),
        (lambda d: d["components"][0].update(licenses=[{"license": {"name": " "}}]), "error", "sbom/licence", "empty name"),
        (lambda d: d["components"][0]["hashes"][0].update(alg="SHA-512"), "error", "sbom/digest", "has 128 digits, not 64"),
        (
            lambda d: d["components"][0]["hashes"].append({"alg": "SHA-256", "content": "0" * 64}),
            "error",
            "sbom/digest",
            "2 digests of SHA-256",
        ),
        (lambda d: d["components"][1].pop("hashes"), "warning", "sbom/unhashed", "components[1] (d) has no digest"),
        (lambda d: metric(d).update(value="high"), "warning", "sbom/figure", "value 'high' is no number"),
        (lambda d: metric(d).update(value="0.99"), "warning", "sbom/figure", "0.99 does not lie between 0.8 and 0.95"),
        (
            lambda d: metric(d).update(confidenceInterval={"lowerBound": "0.95", "upperBound": "0.8"}),
            "error",
            "sbom/figure",
            "its interval begins at 0.95 and ends at 0.8",
        ),
        (lambda d: d.pop("serialNumber"), "warning", "sbom/unidentified", "no serialNumber"),
        (lambda d: d["metadata"].pop("timestamp"), "note", "sbom/unidentified", "no time"),
        (lambda d: d.pop("compositions"), "note", "sbom/completeness-not-told", "complete"),
        (
            lambda d: d.update(externalReferences=[{"type": "website", "url": "http://acme.example"}]),
            "warning",
            "sbom/address",
            "without encryption",
        ),
        (lambda d: d["components"][1]["data"][0].update(name="/home/ada/d.csv"), "warning", "sbom/local-path", "a path of one machine"),
        (lambda d: d["components"][1]["data"][0].update(contents={"url": "/data/d.csv"}), "warning", "sbom/local-path", "one machine"),
    ],
)
def test_further_faults_are_found(change, level, rule, message):
    _, found = said(change)
    assert [(finding.level, finding.rule) for finding in found][:1] == [(level, rule)]
    assert message in found[0].message


@pytest.mark.parametrize(
    "secret",
    [
        "https://ada:" + "s3cr3t@git.example/x.git",
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "gh" + "p_" + "A1" * 20,
        "hf" + "_" + "Ab" * 20,
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "https://bucket.example/x?X-Amz-Signature=" + "ab12" * 8,
    ],
)
def test_secrets_are_found_and_not_repeated(secret):
    _, found = said(lambda d: d.update(properties=[{"name": "x", "value": f"see {secret}"}]))
    assert [finding.rule for finding in found] == ["sbom/credential"]
    assert "properties[0].value" in found[0].message
    assert all(part not in found[0].message for part in (secret, secret[4:16]))


def test_what_may_stand_is_not_accused():
    def change(document):
        document["externalReferences"] = [
            {"type": "vcs", "url": "https://git.example/x.git"},
            {"type": "bom", "url": "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1"},
        ]
        document["components"][0]["licenses"] = [{"license": {"name": "openrail++"}}]
        document["dependencies"][1]["dependsOn"].append("urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#x")
        document["properties"] = [{"name": "mlops:onnx:operators", "value": "/model/layer.0/MatMul=1"}]
        document["components"][0]["pedigree"] = {"ancestors": [{"type": "machine-learning-model", "name": "bert"}]}

    _, found = said(change)
    assert found == ()


def test_many_findings_of_a_rule_are_counted():
    def change(document):
        document["components"] += [{"type": "file", "name": f"f{index}", "bom-ref": f"f{index}"} for index in range(100)]

    _, found = said(change)
    assert len(found) == 21
    assert found[-1].message == "and 80 more findings of this rule"


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [None], [[]], [{}], {"a": 1}, [1.5]])
def test_any_shape_is_judged_without_breaking(value):
    for key in DOCUMENT:
        lint({**DOCUMENT, key: value})
    for key in ["licenses", "hashes", "purl", "modelCard", "data", "components", "pedigree", "version", "name", "type", "bom-ref"]:
        _, found = said(lambda d, key=key: d["components"][0].update({key: value}))
        assert all("\n" not in finding.message for finding in found)
    for part in ("modelParameters", "quantitativeAnalysis"):
        said(lambda d, part=part: card(d).update({part: value}))
