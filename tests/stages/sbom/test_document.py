import json
from importlib import resources

import pytest

from mlops_stage.errors import InputError, UsageError
from mlops_stage.stages.sbom import document as documents

KEYS = {"componentIdentityEvidence": "identity", "citation": "citations", "patentFamily": "patents"}
"""Definitions of the schema whose objects stand under a key of another name."""


def references(schema):
    """Every place of a schema that holds the reference of something else, as the names on the way."""
    found = set()

    def walk(part, names):
        if not isinstance(part, dict | list):
            return
        if isinstance(part, list):
            for inner in part:
                walk(inner, names)
            return
        if part.get("$ref") == "#/definitions/refLinkType":
            found.add(names[-2:])
        for key, inner in part.items():
            if key in ("properties", "definitions"):
                for name, one in inner.items():
                    walk(one, (*names, KEYS.get(name, name)))
            elif key != "$ref":
                walk(inner, names)

    walk(schema, ())
    return found


@pytest.mark.parametrize("spec", ["1.6", "1.7"])
def test_every_place_that_the_schema_makes_a_reference_is_known_as_one(spec):
    schema = json.loads(resources.files("cyclonedx.schema").joinpath("_res", f"bom-{spec}.SNAPSHOT.schema.json").read_text())
    places = references(schema)
    assert len(places) > 15
    assert [names for names in places if not documents.Text("x", "", names).refers] == []


def test_texts_know_where_they_stand_and_which_refer():
    document = {
        "components": [{"name": "a", "modelCard": {"modelParameters": {"datasets": [{"ref": "d"}]}}}],
        "dependencies": [{"ref": "a", "dependsOn": ["b"]}],
        "compositions": [{"dependencies": ["c"]}],
    }
    found = {text.path: (text.value, text.refers) for text in documents.texts(document)}
    assert found == {
        "components[0].name": ("a", False),
        "components[0].modelCard.modelParameters.datasets[0].ref": ("d", True),
        "dependencies[0].ref": ("a", True),
        "dependencies[0].dependsOn[0]": ("b", True),
        "compositions[0].dependencies[0]": ("c", True),
    }


def test_components_are_found_wherever_they_stand():
    one = {"type": "library", "name": "one"}
    document = {
        "metadata": {
            "component": {"type": "application", "name": "app"},
            "tools": {"components": [{"type": "application", "name": "tool"}]},
        },
        "components": [
            {**one, "components": [{"type": "file", "name": "inner"}], "pedigree": {"ancestors": [{"type": "library", "name": "old"}]}}
        ],
        "formulation": [{"components": [{"type": "data", "name": "raw"}]}],
    }
    assert [component.record["name"] for component in documents.components(document)] == ["app", "tool", "one", "inner", "old", "raw"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        (b"[]", "no CycloneDX document"),
        (b"<bom/>", "no JSON"),
        (b'{"bomFormat": "SPDX"}', "no CycloneDX document"),
        (b'{"bomFormat": "CycloneDX", "a": 1, "a": 2}', "the key 'a' stands twice"),
        (b'{"bomFormat": "CycloneDX", "a": NaN}', "NaN is no number"),
        (b'{"a":' * 100_000, "no JSON"),
        (b'{"bomFormat": "CycloneDX", "components": ' + b"[" * 200 + b"]" * 200 + b"}", "more than 64 levels"),
        (b"5", "no CycloneDX document"),
    ],
)
def test_what_is_no_document_is_refused_in_one_line(tmp_path, content, why):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InputError) as caught:
        documents.read("x.json", tmp_path, "source")
    assert why in caught.value.message
    assert "\n" not in caught.value.message


def test_a_path_that_is_not_there_is_a_matter_of_usage(tmp_path):
    with pytest.raises(UsageError):
        documents.read("none.json", tmp_path, "source")


def test_half_a_character_is_refused_for_no_file_can_hold_it():
    assert documents.parsed(b'{"bomFormat": "CycloneDX", "x": "\\ud83d\\ude00"}', "it")["x"] == "\U0001f600"
    with pytest.raises(InputError, match="it is no JSON that can be read"):
        documents.parsed(b'{"bomFormat": "CycloneDX", "x": "\\ud83d"}', "it")
