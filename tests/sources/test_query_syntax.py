"""What is known of a query without its warehouse: invalid SQL is refused, and nothing that a warehouse would take."""

import pytest

from connector.errors import Rule
from connector.sources.query_syntax import query_fault

VALID = {
    "duckdb": (
        "SELECT 1", "FROM t", "FROM t SELECT a", "WITH x AS (SELECT 1) SELECT * FROM x", "VALUES (1), (2)", "TABLE t",
        "SELECT * FROM 'data/*.csv'", "SELECT * FROM read_parquet('s3://b/x.parquet')", "SELECT a.b.c FROM s.t AS a",
        "SELECT * EXCLUDE (a) REPLACE (b AS c) FROM t", "SELECT x FROM t QUALIFY row_number() OVER () = 1",
        "SELECT {'a': 1}.a, [1, 2][1], x -> y, list_transform([1], lambda x: x + 1)", "SELECT 'it''s' -- a ( comment",
        "(SELECT 1) UNION ALL (SELECT 2)", "SELECT $$ ( $$", "SELECT \"a (\" FROM t /* ( */", "SELECT 1;",
        "SELECT unknown_function(a) FROM no_such_schema.no_such_table",
    ),
    "sqlite": (
        "SELECT 1", "SELECT * FROM nowhere", "SELECT no_function(1)", "WITH x AS (SELECT 1) SELECT * FROM x", "VALUES (1)",
        "SELECT [a (] FROM t", "SELECT `a` FROM t -- (", "SELECT json_extract(a, '$.b') FROM t", "SELECT a ->> '$.b' FROM t",
        "SELECT load_extension FROM t",
    ),
    "postgresql": (
        "SELECT 1", "SELECT a::text[] FROM t", "SELECT ARRAY[1, 2][1:2]", "SELECT E'it\\'s ('", "SELECT $x$ ( $x$", "TABLE t",
        "SELECT * FROM t WHERE a @> '{\"b\": [1' ", "SELECT 'a' ~ '\\('", "SELECT int4range(1, 2) * '[1,3)'::int4range",
        "SELECT U&'\\0061'", "SELECT DISTINCT ON (a) a FROM t ORDER BY a", "SELECT * FROM t TABLESAMPLE SYSTEM (1)",
        "SELECT /* nested /* ( */ */ 1",
    ),
    "snowflake": (
        "SELECT a:b.c[0]::string FROM t", "SELECT $1 FROM VALUES (1)", "SELECT $$ it's ( $$", "SELECT * FROM t QUALIFY 1 = 1",
        "SELECT 'a\\'(' // (", "SELECT * FROM TABLE(FLATTEN(input => parse_json('[1]')))", "SELECT * FROM t AT (OFFSET => -60)",
    ),
    "bigquery": (
        "SELECT `project.set.table`.a FROM `project.set.table`", "SELECT '''it's (''' # (", "SELECT [1, 2][OFFSET(0)]",
        'SELECT "a (" FROM t', "SELECT STRUCT<a INT64>(1)", "SELECT r'\\(' FROM t", "SELECT * EXCEPT (a) FROM t",
    ),
    "mysql": ("SELECT 'a\\'(' # (", "SELECT `a (` FROM t", 'SELECT "it\'s (" FROM t', "SELECT 1 -- (\n"),
    "mssql": ("SELECT TOP 5 [a (] FROM [t] OPTION (RECOMPILE)", "SELECT a FROM t FOR JSON PATH", "SELECT N'(' AS a"),
    "oracle": ("SELECT q'[it's (]' FROM dual", "SELECT a FROM t CONNECT BY PRIOR b = c", "SELECT 1 FROM dual"),
    "databricks": ("SELECT `a (`, a:b FROM t", "SELECT 'a\\'(' FROM t", "SELECT transform(a, x -> x + 1) FROM t"),
    "spark": ("SELECT r'C:\\' AS a, R\"\\\" FROM t", "SELECT 1 -- it's"),
    "clickhouse": ("SELECT $a$ it's $a$, `a\\`b`, 'it\\'s' # it's", "SELECT 1 /* it's */"),
    "cockroachdb": ("SELECT b'it\\'s', e'\\'' FROM t",),
    "vertica": ("SELECT E'it\\'s', $$ it's $$ FROM t",),
    "redshift": ("SELECT 'it\\'s' -- it's",),
    "trino": ("SELECT 'it''s \\', \"it's\" FROM t -- /*",),
    "unknown": ("SELECT 1", "{find: t}", "SELECT a FROM t WHERE b = '\\'(' -- ("),
}  # fmt: skip


@pytest.mark.parametrize(("dialect", "sql"), [(name, sql) for name, queries in VALID.items() for sql in queries])
def test_a_query_that_a_warehouse_may_take_is_left_to_it(dialect: str, sql: str) -> None:
    assert query_fault(sql, dialect) is None


FAULTS = {
    "an invalid word": ("duckdb", "SELECT 1,\n  FRM t x y", (2, 9), Rule.QUERY_SYNTAX),
    "a word far to the right": ("duckdb", f"SELECT {'1, ' * 200}2 AS a b", (1, 615), Rule.QUERY_SYNTAX),
    "a text in the wrong place": ("duckdb", "SELECT 1,\n 'a' 'b'", (2, 6), Rule.QUERY_SYNTAX),
    "a text in SQLite": ("sqlite", "SELECT 1\n WHERE 'a' 'b'", (2, 12), Rule.QUERY_SYNTAX),
    "a pivot in a clause": (
        "duckdb",
        "WITH p AS (\n  PIVOT t ON a USING sum(b)) SELECT * FROM p",
        (2, 3),
        Rule.NOT_ONE_SELECT,
    ),
    "a pivot in a subquery": ("duckdb", "SELECT * FROM (pivot t ON a USING sum(b))", (1, 16), Rule.NOT_ONE_SELECT),
    "a pivot alone": ("duckdb", "-- PIVOT\nPIVOT_WIDER t ON a", (2, 1), Rule.NOT_ONE_SELECT),
    "the second pivot": (
        "duckdb",
        "SELECT * FROM (PIVOT t ON a IN (1) USING sum(b)), (PIVOT t ON a USING sum(b))",
        (1, 52),
        Rule.NOT_ONE_SELECT,
    ),
    "a text that is not closed": ("duckdb", "SELECT 'a", (1, 8), Rule.QUERY_SYNTAX),
    "a word of SQLite": ("sqlite", "SELECT 1,\n  2 FROM WHERE", (2, 10), Rule.QUERY_SYNTAX),
    "an end that comes too early": ("sqlite", "SELECT (1", (None, None), Rule.QUERY_SYNTAX),
    "a bracket that is not closed": ("postgresql", "SELECT a\nFROM (SELECT 1", (2, 6), Rule.QUERY_SYNTAX),
    "a bracket that is not opened": ("snowflake", "SELECT a\nFROM t)", (2, 7), Rule.QUERY_SYNTAX),
    "brackets of two kinds": ("postgresql", "SELECT (1]", (1, 10), Rule.QUERY_SYNTAX),
    "no query": ("postgresql", "\n  DELETE FROM t", (2, 3), Rule.NOT_ONE_SELECT),
    "an unknown word": ("snowflake", "SELEC 1", (1, 1), Rule.NOT_ONE_SELECT),
    "two statements": ("mysql", "SELECT 1;\nDROP TABLE t", (1, 9), Rule.NOT_ONE_SELECT),
    "a semicolon in a text before a second": ("postgresql", "SELECT ';' ;\n SELECT 2", (1, 12), Rule.NOT_ONE_SELECT),
    "a function that acts": ("postgresql", "SELECT 1,\n  pg_sleep(1), pg_reload_conf()", (2, 16), Rule.NOT_ONE_SELECT),
    "a text that nothing closes": ("postgresql", "SELECT 1,\n  'it''s FROM t", (2, 3), Rule.QUERY_SYNTAX),
    "a text closed too early": ("mysql", "SELECT 'it's; INTO' FROM t", (1, 19), Rule.QUERY_SYNTAX),
    "a name that nothing closes": ("mssql", "SELECT [a]]\n FROM t", (1, 8), Rule.QUERY_SYNTAX),
    "a name with a mark in it": ("bigquery", "SELECT 1 FROM `a\\`", (1, 15), Rule.QUERY_SYNTAX),
    "a comment that nothing closes": ("snowflake", "SELECT 1\n/* end *", (2, 1), Rule.QUERY_SYNTAX),
    "a nested comment": ("postgresql", "SELECT /* a /* b */ 1", (1, 8), Rule.QUERY_SYNTAX),
    "a dollar quotation": ("postgresql", "SELECT $a$ x $b$", (1, 8), Rule.QUERY_SYNTAX),
    "a triple quotation": ("bigquery", "SELECT '''a''", (1, 8), Rule.QUERY_SYNTAX),
    "Oracle's quotation": ("oracle", "SELECT q'[a' FROM dual", (1, 8), Rule.QUERY_SYNTAX),
    "a statement in a clause": (
        "postgresql",
        "WITH x AS (\n  DELETE FROM t RETURNING 1) SELECT 1",
        (2, 3),
        Rule.NOT_ONE_SELECT,
    ),
    "a new table": ("mssql", "SELECT a\n  INTO b FROM t", (2, 3), Rule.NOT_ONE_SELECT),
    "pipes in another dialect": ("snowflake", "FROM t |> SELECT a", (1, 1), Rule.NOT_ONE_SELECT),
    "a comment that is run": ("mysql", "SELECT 1 /*! INTO OUTFILE 'x' */", (None, None), Rule.NOT_ONE_SELECT),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_its_place_and_its_rule(fault: str) -> None:
    dialect, sql, place, rule = FAULTS[fault]
    found = query_fault(sql, dialect)
    assert found is not None
    assert ((found.line, found.column), found.rule) == (place, rule), found


@pytest.mark.parametrize(
    ("dialect", "sql", "words"),
    [
        ("duckdb", "SELECT 'a' 'b'", "syntax error"),
        ("duckdb", "SELECT 1 2", 'syntax error at or near "2"'),
        ("duckdb", "SELECT a b c", 'syntax error at or near "c"'),
        ("duckdb", "SELECT 1 15551234567", "syntax error"),
        ("sqlite", "SELECT 'a' 'b' 'c'", "syntax error"),
        ("sqlite", "SELECT a b c", 'near "c": syntax error'),
    ],
)
def test_the_word_that_an_error_points_at_is_named_if_it_may_be(dialect: str, sql: str, words: str) -> None:
    found = query_fault(sql, dialect)
    assert found is not None
    assert found.message == f"This is not valid SQL: {words}."


def test_a_pivot_says_what_it_needs() -> None:
    found = query_fault("SELECT * FROM (PIVOT t ON a USING sum(b))", "duckdb")
    assert found is not None
    assert found.message == "PIVOT needs the values that become columns: write ON column IN ('value', …)."
    for sql in (
        "SELECT * FROM (PIVOT t ON a IN ('x') USING sum(b))",
        "WITH p AS (PIVOT t ON a IN (1, 2)) FROM p",
        "SELECT * FROM t PIVOT (sum(b) FOR a IN ('x'))",
        "SELECT \"pivot\", 'PIVOT t ON a' FROM t",
    ):
        assert query_fault(sql, "duckdb") is None, sql


def test_what_is_told_of_invalid_sql_quotes_no_values() -> None:
    found = query_fault("SELECT 1 WHERE email = 'jo@example.com' 'al@example.com'", "duckdb")
    assert found is not None
    assert "@" not in found.message
