import pytest

from mlops_stage.stages.data.contract.expressions import RefusedError, check_pattern, check_query, filled
from mlops_stage.stages.data.rules import Column

COLUMNS = (
    Column(name="age", kind="integer", where="c:1"),
    Column(name="the plan", kind="string", where="c:2"),
    Column(name="seen", kind="timestamp", where="c:3"),
    Column(name="open", kind=None, where="c:4"),
)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM people WHERE age < 18",
        'select avg(("the plan" = \'a\')::INT) from "people";',
        "WITH old AS (SELECT * FROM people WHERE age > 60) SELECT count(*) FROM old JOIN people USING (age)",
        "SELECT max(n) FROM (SELECT count(*) AS n FROM people GROUP BY date_trunc('day', seen))",
        "SELECT count(*) FROM people, unnest([1, 2]) AS t(x) WHERE age = x",
        "SELECT count(*) FROM people SEMI JOIN (VALUES (1), (2)) v(x) ON age = x",
        "SELECT bool_and(age > 0) FROM people",
        "FROM people SELECT sum(age)",
        "SELECT count(*) FILTER (x ^ 2 > 3 AND x // 2 <> -x) FROM (SELECT age AS x FROM people)",
        "SELECT avg(len(string_split(\"the plan\", ' ')) + len(regexp_replace(\"the plan\", 'a', 'b'))) FROM people WHERE \"the plan\" NOT LIKE 'x%'",
        "SELECT count(*) FROM (SELECT lag(age) OVER (ORDER BY seen) AS earlier, age FROM people) WHERE age < earlier",
        "SELECT max(date_diff('day', seen, TIMESTAMP '2024-01-01') + extract(year FROM seen)) FROM people WHERE seen + INTERVAL 3 DAY > DATE '2024-01-01'",
        "SELECT quantile_cont(age, 0.5) - median(age) FROM people",
        "SELECT sum(CASE WHEN age IN (1, 2) THEN coalesce(nullif(age, 1), ifnull(age, 0), greatest(age, 3)) END) FROM people",
        'SELECT count(*) FROM people WHERE list_contains([x + 1 FOR x IN [1, 2]], age) AND "the plan"[1] = upper(trim("the plan"))',
        "SELECT count(*) FROM people WHERE \"the plan\" ~ 'a+' AND \"the plan\" SIMILAR TO 'b' AND \"the plan\" ILIKE 'c'",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT count(*) FROM n ANTI JOIN people ON age = i",
    ],
)
def test_queries_that_compute_one_figure_of_the_table(query):
    check_query(query, "people", COLUMNS)


HOSTILE = [
    "SELECT count(*) FROM read_text('/etc/passwd')",
    "SELECT count(*) FROM read_csv('/etc/passwd')",
    "SELECT count(*) FROM '/etc/passwd'",
    "SELECT count(*) FROM 'data.parquet'",
    "SELECT count(*) FROM people WHERE age IN (SELECT count(*) FROM read_blob('/etc/shadow'))",
    "WITH x AS (SELECT * FROM glob('/*')) SELECT count(*) FROM x",
    "SELECT count(*) FROM 'https://example.org/x.csv'",
    "SELECT count(*) FROM query('SELECT 1')",
    "SELECT count(*) FROM query_table('people')",
    "SELECT count(*) FROM duckdb_settings()",
    "SELECT count(*) FROM information_schema.tables",
    "SELECT count(*) FROM sqlite_master",
    "COPY people TO '/tmp/x.csv'",
    "COPY (SELECT 1) TO '/tmp/x.csv'",
    "ATTACH '/tmp/x.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "DROP TABLE people",
    "CREATE TABLE x AS SELECT 1",
    "INSERT INTO people SELECT * FROM people",
    "PRAGMA database_list",
    "CALL duckdb_functions()",
    "EXPORT DATABASE '/tmp/x'",
    "SELECT 1; DROP TABLE people",
    "SELECT count(*) FROM people; SELECT count(*) FROM people",
    "DESCRIBE people",
    "SUMMARIZE people",
    "SHOW TABLES",
    "SELECT count(*) FROM (DESCRIBE people)",
    "EXPLAIN SELECT 1",
    "SELECT random() FROM people",
    "SELECT count(*) FROM people WHERE random() < 0.5",
    "SELECT getenv('HOME')",
    "SELECT count(*) FROM people USING SAMPLE 10%",
    "SELECT count(*) FROM people TABLESAMPLE 10%",
    "SELECT count(*) FROM (SELECT * FROM people USING SAMPLE reservoir(3 ROWS) REPEATABLE (7))",
    "SELECT epoch(now())",
    "SELECT count(*) FROM people WHERE seen < current_timestamp",
    "SELECT count(*) FROM people WHERE seen < current_date",
    "SELECT year(today())",
    "SELECT epoch(get_current_timestamp())",
    "SELECT epoch(transaction_timestamp())",
    "SELECT any_value(age) FROM people",
    "SELECT first(age) FROM people",
    "SELECT last(age) FROM people",
    "SELECT arbitrary(age) FROM people",
    "SELECT approx_quantile(age, 0.5) FROM people",
    "SELECT count(*) FROM range(1000000000000)",
    "SELECT count(*) FROM people, generate_series(1, 1000000000000)",
    "SELECT count(*) FROM (SELECT unnest(range(1000000000000)))",
    "SELECT list_sum(generate_series(1, 1000000000000)) FROM people",
    "SELECT approx_count_distinct(age) FROM people",
    "SELECT reservoir_quantile(age, 0.5) FROM people",
    "SELECT length(current_setting('temp_directory'))",
    "SELECT length(current_user)",
    "SELECT txid_current()",
    "SELECT current_query_id()",
    "SELECT current_connection_id()",
    "SELECT write_log('hello') IS NULL",
    "SELECT getvariable('x')::INT",
    "SELECT length(version())",
    "SELECT (SELECT count(*) FROM duckdb_tables) + (WITH duckdb_tables AS (SELECT 1 AS a) SELECT a FROM duckdb_tables)",
    "WITH duckdb_tables AS (SELECT * FROM duckdb_tables) SELECT count(*) FROM duckdb_tables",
    "WITH PG_CLASS AS (SELECT 1) SELECT count(*) FROM people",
    "SELECT count(*) FROM main.people",
    "SELECT count(*) FROM pg_catalog.pg_class",
    "SELECT " + "CASE WHEN age > 1 THEN " * 600 + "1" + " END" * 600 + " FROM people",
    "SELECT " + "(" * 3000 + "1" + ")" * 3000,
    "",
    "-- nothing",
    "SELECT '1' || repeat('x', 20001) -- " + "x" * 20_001,
]


@pytest.mark.parametrize("query", HOSTILE)
def test_everything_else_is_refused_with_a_reason_and_a_hint(query):
    with pytest.raises(RefusedError) as refused:
        check_query(query, "people", COLUMNS)
    message, hint = refused.value.told
    assert message
    assert hint
    assert "\n" not in message + hint


@pytest.mark.parametrize(
    ("query", "message", "hint"),
    [
        ("SELECT count(*) FROM people WHERE aeg < 18", "aeg", "age"),
        ("SELECT age, count(*) FROM people GROUP BY age", "2 columns", "one figure"),
        ('SELECT max("the plan") FROM people', "VARCHAR, no number", "count"),
        ("SELECT count(* FROM people", "cannot be run", ""),
        ("SELECT count(*) FROM people WHERE zzz < 18", "zzz", "known: age, open, seen, the plan"),
        (" ; ", "the query is empty", "SELECT count(*)"),
        ("SELECT count(*) FROM persons", "'persons'", "people"),
        ('SELECT sum("the plan") FROM people', "sum(VARCHAR)", ""),
    ],
)
def test_mistakes_are_told(query, message, hint):
    with pytest.raises(RefusedError) as refused:
        check_query(query, "people", COLUMNS)
    assert message in refused.value.told[0]
    assert hint in refused.value.told[1]


def test_placeholders():
    assert filled("SELECT count(*) FROM {object} WHERE ${column} > 1", 'the "table"', "a b") == (
        'SELECT count(*) FROM "the ""table""" WHERE "a b" > 1'
    )
    with pytest.raises(RefusedError, match="placeholder for a column"):
        filled("SELECT {property} FROM {table}", "t", None)


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("a(?!b)", "lookahead"),
        ("(?<=a)b", "lookbehind"),
        (r"(a)\1", "references"),
        (r"\u0041", r"\x{0041}"),
        ("a{2000}", "1,000 times"),
        ("(", "RE2"),
    ],
)
def test_patterns_that_re2_has_not(pattern, hint):
    with pytest.raises(RefusedError) as refused:
        check_pattern(pattern)
    assert hint in refused.value.told[1]


@pytest.mark.parametrize("pattern", [r"^\d{2}\/x$", r"[\w-]+@\w+", r"\p{Lu}", "(?i)yes|no", "", "ä€😀"])
def test_patterns_that_both_have(pattern):
    check_pattern(pattern)
