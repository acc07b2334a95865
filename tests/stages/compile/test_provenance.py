"""The provenance names every artefact, and every file that went into it, by digest."""

import json
from datetime import UTC, datetime, timedelta, timezone

from mlops_stage.report import Subject
from mlops_stage.stages.compile.provenance import BUILD_TYPE, PREDICATE_TYPE, Made, statement

MODEL = Subject(role="model", name="model.onnx", sha256="a" * 64)
TRAIN = Subject(role="train", name="train.csv", sha256="b" * 64)


def made(**other):
    return Made(
        **(
            {
                "target": "host",
                "name": "evidence/host/model.onnx",
                "sha256": "c" * 64,
                "precision": "int8",
                "backend": "ort",
                "ancestors": (MODEL.sha256, TRAIN.sha256),
                "cached": False,
            }
            | other
        )
    )


def written(**other):
    moment = datetime(2026, 1, 1, 12, 0, 0, 999, tzinfo=UTC)
    given = {
        "asked": {"model": "model.onnx", "target": ["host"]},
        "made": [made()],
        "materials": [MODEL, TRAIN],
        "byproducts": [("evidence/host/compile.json", "d" * 64)],
        "versions": {"onnxruntime": "1.31.1", "mlops-stage": "0.1"},
        "started": moment,
        "finished": moment.astimezone(timezone(timedelta(hours=5))) + timedelta(seconds=3),
    }
    return json.loads(json.dumps(statement(**(given | other)), allow_nan=False))


def test_it_has_the_parts_that_slsa_asks_for():
    whole = written()
    assert (whole["_type"], whole["predicateType"]) == ("https://in-toto.io/Statement/v1", PREDICATE_TYPE)
    plain = whole["predicate"]
    assert set(plain) == {"buildDefinition", "runDetails"}
    assert plain["buildDefinition"]["buildType"] == BUILD_TYPE
    assert plain["buildDefinition"]["externalParameters"]["model"] == "model.onnx"
    assert plain["runDetails"]["builder"]["id"].startswith("https://")
    assert plain["runDetails"]["metadata"] == {"startedOn": "2026-01-01T12:00:00Z", "finishedOn": "2026-01-01T12:00:03Z"}


def test_every_ancestor_of_an_artefact_is_a_material():
    plain = written()["predicate"]["buildDefinition"]
    materials = {one["digest"]["sha256"] for one in plain["resolvedDependencies"] if "digest" in one}
    ancestors = {one["digest"]["sha256"] for artefact in plain["internalParameters"]["artefacts"] for one in artefact["ancestors"]}
    assert ancestors == materials == {MODEL.sha256, TRAIN.sha256}


def test_libraries_are_named_by_version_and_a_cached_artefact_says_so():
    plain = written(made=[made(cached=True)])["predicate"]["buildDefinition"]
    assert [one["uri"] for one in plain["resolvedDependencies"] if "uri" in one] == [
        "pkg:pypi/mlops-stage@0.1",
        "pkg:pypi/onnxruntime@1.31.1",
    ]
    assert [one["cached"] for one in plain["internalParameters"]["artefacts"]] == [True]


def test_its_subjects_are_the_artefacts_alone():
    assert written()["subject"] == [{"name": "evidence/host/model.onnx", "digest": {"sha256": "c" * 64}}]
