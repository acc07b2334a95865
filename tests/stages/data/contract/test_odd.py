"""Numbers that are too long, lists without a value, queries that are too deep, and options that nobody applies: each is told at its line."""

import pytest

HEAD = "apiVersion: v3.1.0\nkind: DataContract\nid: c\nversion: 1.0.0\nstatus: active\nschema:\n- name: t\n  properties:\n"
LONG = "9" * 400
CASES = " ".join(["SELECT", *["CASE WHEN x > 1 THEN"] * 600, "1", *["END"] * 600, "FROM t"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"  - {{name: x, logicalType: integer}}\n  quality: [{{metric: rowCount, mustBeLessThan: {LONG}}}]\n", "no number that anything"),
        (f"  - {{name: x, logicalType: integer, logicalTypeOptions: {{maximum: {LONG}}}}}\n", "no number that anything"),
        (f"  - {{name: x, logicalType: integer, logicalTypeOptions: {{maximum: {LONG * 20}}}}}\n", "no number that anything"),
        (f"  - {{name: x, logicalType: integer, logicalTypeOptions: {{maximum: 0x{'f' * 300}}}}}\n", "no number that anything"),
        ("  - {name: x, logicalType: integer, logicalTypeOptions: {maximum: 1e999}}\n", "no number that anything"),
        (
            "  - {name: x, logicalType: string, quality: [{metric: invalidValues, arguments: {validValues: [null]}, mustBe: 0}]}\n",
            "no list of values",
        ),
        (
            "  - {name: x, logicalType: date}\nslaProperties: [{property: freshness, value: 1.0e+305, unit: y, element: t.x}]\n",
            "is no span of time",
        ),
        (
            f"  - {{name: x, logicalType: integer}}\n  quality: [{{type: sql, query: '{CASES}', mustBe: 0}}]\n",
            "nested too deeply",
        ),
        (
            f"  - {{name: x, logicalType: integer}}\n  quality: [{{type: sql, query: 'SELECT {'(' * 3000}1{')' * 3000}', mustBe: 0}}]\n",
            "nested too deeply",
        ),
    ],
)
def test_it_is_refused_in_a_line(read, text, told):
    found = read(HEAD + text).problems.ordered
    assert [problem for problem in found if told in problem.message]
    assert all(len(problem.message) < 200 and problem.line >= 9 for problem in found)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("{metric: nulValues, mustBe: 0}", ("'nulValues' is not known", "did you mean 'nullValues'?")),
        ("{type: sql, query: , mustBe: 0}", ("query: nothing is not a text", "write a text, or take the line out")),
        ("{metric: nullValues, mustBe: zero}", ("mustBe: 'zero' is not a number", "write a number")),
        ("{type: text, mustBe: 0}", ("'mustBe' does not belong to a rule of type text", "a sentence for people")),
    ],
)
def test_a_mistake_in_a_rule_is_told_once_and_makes_no_other_key_a_stranger(read, rule, told):
    (problem,) = read(f"{HEAD}  - name: x\n    quality: [{rule}]\n").problems.ordered
    assert told[0] in problem.message
    assert told[1] in problem.hint


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("logicalType: timestamp, logicalTypeOptions: {timezone: true}", "whether cells of x have a time zone is not checked"),
        ("logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Europe/Vienna}", "'Europe/Vienna' of x is not applied"),
        ("logicalType: string, physicalType: VARCHAR(3)", "'VARCHAR(3)' of x is not checked"),
        ("logicalType: number, logicalTypeOptions: {format: f32}", "'f32' of x is not checked"),
    ],
)
def test_what_is_not_applied_is_told(read, column, told):
    inspected = read(f"{HEAD}  - {{name: x, {column}}}\n")
    assert not inspected.problems.found
    (contract,) = inspected.contracts
    assert [one.where for one in contract.unchecked if told in one.what] == ["contract.odcs.yaml:9"]


def test_what_changes_nothing_is_not_told(read):
    (contract,) = read(
        f"{HEAD}  - {{name: x, logicalType: timestamp, physicalType: TIMESTAMP, logicalTypeOptions: {{defaultTimezone: Etc/UTC}}}}\n"
    ).contracts
    assert contract.unchecked == ()
