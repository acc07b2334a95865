import duckdb
import pytest

from mlops_stage.stages.data.contract.types import FORMATS
from mlops_stage.stages.data.rules import DistinctItems, Length, MultipleOf, Pattern, Range

HEAD = (
    "apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: '1'\nstatus: draft\nschema:\n  - name: t\n    properties:\n      - name: a\n"
)


@pytest.fixture
def column(read):
    """Rules by id, and mistakes, of a column with such a type and options."""

    def of(kind, options="{}"):
        inspected = read(f"{HEAD}        logicalType: {kind}\n        logicalTypeOptions: {options}\n")
        rules = {rule.id: rule for contract in inspected.contracts for rule in contract.rules}
        return rules, [problem.message for problem in inspected.problems.ordered]

    return of


@pytest.mark.parametrize(
    ("kind", "options", "rule", "check"),
    [
        ("number", "{exclusiveMinimum: 0}", "a.exclusiveMinimum", Range(low=0, low_open=True)),
        ("number", "{exclusiveMaximum: 1.5}", "a.exclusiveMaximum", Range(high=1.5, high_open=True)),
        ("integer", "{multipleOf: 5}", "a.multipleOf", MultipleOf(step=5)),
        ("integer", "{format: u8}", "a.format", Range(low=0, high=255)),
        ("integer", "{format: i16}", "a.format", Range(low=-32768, high=32767)),
        ("string", "{minLength: 2}", "a.minLength", Length(low=2)),
        ("string", "{maxLength: 9}", "a.maxLength", Length(high=9)),
        ("string", "{pattern: '^a'}", "a.pattern", Pattern(text="^a")),
        ("string", "{format: uuid}", "a.format", Pattern(text=FORMATS["uuid"])),
        ("date", "{minimum: '2024-02-29'}", "a.minimum", Range(low="2024-02-29")),
        ("date", "{maximum: 2024-02-29}", "a.maximum", Range(high="2024-02-29")),
        ("timestamp", "{maximum: '2024-01-01T01:00:00+01:00'}", "a.maximum", Range(high="2024-01-01T00:00:00")),
        ("time", "{minimum: '08:30:00'}", "a.minimum", Range(low="08:30:00")),
        ("array", "{maxItems: 3}", "a.maxItems", Length(high=3)),
        ("array", "{uniqueItems: true}", "a.uniqueItems", DistinctItems()),
    ],
)
def test_options_become_rules(column, kind, options, rule, check):
    rules, problems = column(kind, options)
    assert problems == []
    assert rules[rule].check == check


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("date", "{minimum: '2024-02-30'}", "is no date in ISO 8601"),
        ("timestamp", "{minimum: yesterday}", "is no timestamp in ISO 8601"),
        ("time", "{minimum: '25:00:00'}", "is no time in ISO 8601"),
        ("date", "{minimum: '2024-02-01', maximum: '2024-01-01'}", "no value lies between"),
        ("number", "{minimum: 1, exclusiveMinimum: 0}", "both given"),
        ("number", "{exclusiveMinimum: 1, maximum: 1}", "no value lies between"),
        ("number", "{multipleOf: 0}", "multipleOf"),
        ("string", "{minLength: 5, maxLength: 2}", "no text has"),
        ("array", "{minItems: 5, maxItems: 2}", "no list has"),
        ("date", "{format: 'QQQ'}", "'QQQ' is not supported"),
        ("date", '{format: "yyyy\'"}', "is no format of dates"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(column, kind, options, message):
    _, problems = column(kind, options)
    assert message in " ".join(problems)


@pytest.mark.parametrize(
    ("format_", "cell", "value"),
    [
        ("dd.MM.yyyy", "31.01.2024", "2024-01-31T00:00:00"),
        ("yyyy-MM-dd'T'HH:mm:ss", "2024-01-31T08:09:10", "2024-01-31T08:09:10"),
        ("M/d/yy h:mm a", "1/2/24 3:04 PM", "2024-01-02T15:04:00"),
        ("yyyyMMddHHmmssSSS", "20240131080910123", "2024-01-31T08:09:10.123000"),
        ("d MMM yyyy", "3 Feb 2024", "2024-02-03T00:00:00"),
        ("yyyy 'o''clock' HH 100%", "2024 o'clock 07 100%", "2024-01-01T07:00:00"),
    ],
)
def test_formats_of_java_are_read_as_java_reads_them(column, format_, cell, value):
    quoted = format_.replace("'", "''")
    rules, problems = column("timestamp", f"{{format: '{quoted}'}}")
    assert problems == []
    found = duckdb.connect().execute("SELECT strptime($1, $2)", [cell, rules["a.type"].check.format]).fetchone()
    assert found[0].isoformat() == value


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("email", "a.b@c.example", "a@b"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000"),
        ("ipv4", "255.0.10.1", "256.0.0.1"),
        ("ipv6", "2001:db8::1", "2001"),
        ("hostname", "a-b.example.org", "-a.example"),
        ("uri", "https://example.org/x?y", "example.org/x"),
    ],
)
def test_formats_of_text(name, right, wrong):
    ask = duckdb.connect().execute("SELECT regexp_matches($1, $3), regexp_matches($2, $3)", [right, wrong, FORMATS[name]])
    assert ask.fetchone() == (True, False)
