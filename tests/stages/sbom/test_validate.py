import copy

import pytest

from mlops_stage.errors import InputError
from mlops_stage.stages.sbom import validate
from mlops_stage.stages.sbom.validate import SPECS, faults

DOCUMENT = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "version": 1,
    "metadata": {"timestamp": "2026-01-31T12:00:00Z"},
    "components": [
        {
            "type": "machine-learning-model",
            "name": "m",
            "licenses": [{"license": {"id": "MIT"}}],
            "modelCard": {"quantitativeAnalysis": {"performanceMetrics": [{"type": "accuracy", "value": "0.9"}]}},
        }
    ],
}


def broken(change):
    document = copy.deepcopy(DOCUMENT)
    change(document)
    return list(faults(document))


@pytest.mark.parametrize("spec", SPECS)
def test_every_version_at_hand_validates_without_the_network(spec):
    bare = {"bomFormat": "CycloneDX", "specVersion": spec, "version": 1, "components": []}
    assert list(faults(bare)) == []
    assert list(faults({**bare, "version": "1"})) != []


def test_a_right_document_has_no_faults():
    assert list(faults(DOCUMENT)) == []


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        (
            lambda d: d["components"][0]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][0].update(value=0.9),
            "components[0].modelCard.quantitativeAnalysis.performanceMetrics[0].value",
            "'0.9' is not a text",
        ),
        (
            lambda d: d["components"][0]["licenses"][0]["license"].update(id="mit"),
            "components[0].licenses[0].license.id",
            "values allowed here; it is written 'MIT'",
        ),
        (lambda d: d["components"][0].update(colour="red"), "components[0]", "unknown key 'colour'"),
        (lambda d: d["metadata"].update(timestamp="2026-01-31"), "metadata.timestamp", "a time with its zone"),
        (lambda d: d["metadata"].update(timestamp="soon"), "metadata.timestamp", "a time with its zone"),
        (lambda d: d.update(serialNumber="1"), "serialNumber", "has not the form of"),
        (lambda d: d["components"].append(copy.deepcopy(d["components"][0])), "components", "some entries of the list are equal"),
        (lambda d: d["components"][0].pop("name"), "components[0]", "'name' is a required property"),
        (
            lambda d: d["components"][0].update(externalReferences=[{"type": "website", "url": "no address at all"}]),
            "components[0].externalReferences[0].url",
            "an address",
        ),
        (lambda d: d["metadata"].update(authors=[{"email": "nobody"}]), "metadata.authors[0].email", "an e-mail address"),
    ],
)
def test_a_fault_is_one_line_that_says_where_and_what(change, path, message):
    (fault,) = broken(change)
    assert fault.path == path
    assert message in fault.message
    assert "\n" not in fault.message
    assert len(fault.message) < 300


def test_a_hostile_value_stays_one_short_line():
    (fault,) = broken(lambda d: d["components"][0].update(type="\x1b[31m\n" + "x" * 10_000))
    assert "\x1b" not in fault.message
    assert "\n" not in fault.message
    assert len(fault.message) < 300


@pytest.mark.parametrize("spec", ["2.0", "1.1", "", None, 1.6])
def test_a_version_without_a_schema_is_refused(spec):
    with pytest.raises(InputError, match="there is no schema for CycloneDX"):
        list(faults({**DOCUMENT, "specVersion": spec}))


def test_equal_objects_are_found_whatever_the_order_of_their_keys():
    document = copy.deepcopy(DOCUMENT)
    first = document["components"][0]
    document["components"].append(dict(reversed(first.items())))
    assert [fault.path for fault in faults(document)] == ["components"]


def references(schema):
    if isinstance(schema, dict):
        yield from (value for key, value in schema.items() if key == "$ref" and isinstance(value, str))
        schema = schema.values()
    if isinstance(schema, list | type({}.values())):
        for one in schema:
            yield from references(one)


@pytest.mark.parametrize("spec", SPECS)
def test_every_reference_in_a_schema_leads_somewhere(spec):
    whole = validate._whole(f"bom-{spec}-strict" if spec in ("1.2", "1.3") else f"bom-{spec}")
    found = {ref for schema in whole.values() for ref in references(schema)}
    assert "spdx.SNAPSHOT.schema.json" in found
    assert found - whole.keys() == set()


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"signature": {"algorithm": "ES256"}}, "signature"),
        ({"definitions": {"standards": [{"bom-ref": "s", "name": 1}]}}, "definitions.standards[0].name"),
        ({"definitions": {"standards": [{"bom-ref": "s", "name": "s"}]}}, None),
        ({"signature": {"algorithm": "ES256", "value": "abc", "publicKey": {"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}}}, None),
        ({"signature": {"algorithm": "ES256", "value": "abc", "publicKey": {"kty": "EC", "crv": "P-1", "x": "a", "y": "b"}}}, "signature"),
    ],
)
def test_parts_that_stand_in_schemas_of_their_own_are_held_against_them(change, path):
    found = list(faults({**DOCUMENT, **change}))
    assert [fault.path.startswith(path or "nowhere") for fault in found[:1]] == ([] if path is None else [True])
