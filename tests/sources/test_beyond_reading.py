"""What a statement that begins as a query could do beyond reading: refused, by the session or for its words."""

import sqlite3
from pathlib import Path

import psycopg
import pytest

from connector.errors import Rule, SourceError
from connector.sources.query_syntax import query_fault
from connector.sources.registry import open_source
from connector.sources.source import Source
from connector.sources.statement import check_read_only
from tests.postgres import Postgres
from tests.snowflake.account import Account
from tests.sources.warehouses import opened, warehouse

POSTGRESQL = (
    "SELECT pg_terminate_backend(1)", "SELECT pg_catalog . pg_Reload_Conf ( )", 'SELECT "pg_reload_conf"()',
    'SELECT U&"pg\\005freload_conf"()', "SELECT pg_reload_conf/* now */()", "SELECT pg_rotate_logfile()",
    "SELECT pg_advisory_lock(1)", "SELECT pg_try_advisory_xact_lock(1)", "SELECT lo_export(1, 'leak')",
    "SELECT lo_import('/etc/passwd')", "SELECT pg_read_file('/etc/passwd')", "SELECT * FROM pg_ls_dir('/')",
    "SELECT pg_notify('a', 'b')", "SELECT set_config('transaction_read_only', 'off', true)",
    "SELECT pg_create_physical_replication_slot('x')", "SELECT pg_logical_emit_message(false, 'a', 'b')",
    "SELECT pg_stat_reset()", "SELECT pg_switch_wal()", "SELECT query_to_xml('SELECT 1', true, true, '')",
    "SELECT * FROM dblink('dbname=x', 'DELETE FROM t') AS t (n int)", "SELECT nextval('numbers')",
    "SELECT setval('numbers', 5)", "SELECT n FROM t FOR UPDATE", "SELECT * INTO leak FROM t",
    "WITH x AS (INSERT INTO t VALUES (2) RETURNING n) SELECT * FROM x", "COPY t TO PROGRAM 'touch leak'",
    "SELECT 1) TO PROGRAM 'touch leak' --", "SELECT 1; DELETE FROM t", "DO $$ BEGIN DELETE FROM t; END $$",
    "SELECT writes()", "SELECT 1 FROM t WHERE pg_cancel_backend(n)",
)  # fmt: skip
SQLITE = (
    "SELECT load_extension('leak')", "SELECT writefile('leak', 'x')", "SELECT readfile('/etc/passwd')",
    "SELECT fts3_tokenizer('simple')", "ATTACH 'leak' AS x", "VACUUM INTO 'leak'", "PRAGMA journal_mode = WAL",
    "WITH x AS (SELECT 1) DELETE FROM t", "WITH x AS (SELECT 2) INSERT INTO t SELECT * FROM x",
    "SELECT * FROM pragma_wal_checkpoint", "SELECT * FROM pragma_journal_mode('wal')", "SELECT 1; DELETE FROM t",
    "SELECT * FROM pragma_query_only(0)", "WITH x AS (SELECT 1) REPLACE INTO t SELECT 3",
    "SELECT zeroblob(1000000000)", "SELECT hex(randomblob(200000000))", "SELECT replace(hex(zeroblob(30000000)), '0', 'xxxxxxxx')",
)  # fmt: skip
WORDS = {
    "snowflake": (
        "SELECT 1 ->> DELETE FROM t", "SELECT * FROM t\n->>\nINSERT INTO t SELECT * FROM $1",
        "WITH p AS PROCEDURE () RETURNS INT LANGUAGE SQL AS $$ BEGIN DELETE FROM t; END $$ CALL p()",
        "SELECT SYSTEM$CANCEL_QUERY('x')", "SELECT system$abort_session(1)", "SELECT 1; DELETE FROM t",
        "CALL p()", "SHOW TABLES", "EXECUTE IMMEDIATE 'DELETE FROM t'", "COPY INTO @leak FROM t",
        "-- SELECT\nDELETE FROM t", "// SELECT\nDELETE FROM t",
    ),
    "mysql": (
        "SELECT 1 INTO OUTFILE 'leak'", "SELECT 1 into # x\n dumpfile 'leak'",
        "SELECT load_file('/etc/passwd')", "SELECT 1 /*!50000 INTO OUTFILE 'leak' */",
        "SELECT `get_lock`('a', 1)", "SELECT 1; DROP TABLE t",
    ),
    "mariadb": ("SELECT 1 /*M!100000 INTO OUTFILE 'leak' */",),
    "mssql": (
        "SELECT 1 EXEC xp_cmdshell 'touch leak'", "SELECT * FROM OPENROWSET('SQLNCLI', 'x', 'DELETE FROM t')",
        "SELECT * FROM OPENQUERY(other, 'DELETE FROM t')", "SELECT 1; DROP TABLE t",
    ),
    "oracle": (
        "WITH FUNCTION f RETURN INT IS PRAGMA AUTONOMOUS_TRANSACTION; BEGIN RETURN 1; END; SELECT f() FROM dual",
        "SELECT utl_http.request('http://127.0.0.1/') FROM dual", "SELECT dbms_xmlquery.getxml('x') FROM dual",
    ),
    "clickhouse": (
        "SELECT 1 INTO OUTFILE 'leak'", "SELECT * FROM file('passwd')", "SELECT file ('passwd')", "INSERT INTO t SELECT 1",
        "SELECT * FROM executable('rm', 'TSV', 'a Int8')", "SELECT generateSerialID('a')", "SYSTEM STOP MERGES", "SELECT 1; DROP TABLE t",
    ),
    "redshift": ("UNLOAD ('SELECT 1') TO 's3://leak'", "SELECT pg_terminate_backend(1)"),
}  # fmt: skip
FINE = {
    "postgresql": (
        "SELECT 'pg_reload_conf()' AS a, \"call\" FROM t -- pg_reload_conf()", "SELECT pg_typeof(1), my_lo_export(1)",
        "SELECT pg_size_pretty(pg_relation_size('t')), random(), gen_random_uuid()", "SELECT lo_export FROM t;",
        "TABLE t", "(VALUES (1))", "SELECT $$; DELETE FROM t$$",
    ),
    "snowflake": (
        "SELECT SYSTEM$TYPEOF(src:a) FROM t", "SELECT '->>' AS a, src:email::string FROM t // end; of it",
        "SELECT call, execute FROM t", "/* ; */ WITH x AS (SELECT 1) SELECT * FROM x;  ",
    ),
    "mysql": ("SELECT `into outfile`, 'INTO OUTFILE' FROM t # INTO OUTFILE",),
    "clickhouse": ("SELECT file, `into outfile`, profile(1) FROM t SETTINGS max_threads = 1 -- INTO OUTFILE",),
    "mssql": ("SELECT 'EXEC' AS a FROM t -- EXEC",),
    "oracle": ("WITH function_calls AS (SELECT 1 AS n FROM dual) SELECT n FROM function_calls",),
    "whatever": ("SELECT 1 -- end", "WITH x AS (SELECT 1) SELECT * FROM x"),
}  # fmt: skip
IN_WITH = (
    "postgresql",
    "redshift",
    "cockroachdb",
    "mssql",
    "mysql",
    "snowflake",
    "bigquery",
    "databricks",
    "oracle",
    "sqlite",
)
STATEMENTS_IN_WITH = (
    "WITH x AS (DELETE FROM t RETURNING a) SELECT * FROM x", "with x as(update t set a = 1 returning a) select * from x",
    "WITH RECURSIVE x (a, b) AS (SELECT 1, 2), y AS NOT MATERIALIZED ( INSERT INTO t VALUES (1) RETURNING a) TABLE y",
    "WITH x AS MATERIALIZED (MERGE INTO t USING u ON (t.a = u.a) WHEN MATCHED THEN DELETE) SELECT 1",
    "WITH x AS (SELECT (1), ')' AS a /* ) */) DELETE FROM t WHERE a IN (SELECT a FROM x)",
    "WITH x AS (SELECT 1 AS a), y AS (SELECT 2 AS b)\n-- why\nUPDATE t SET a = 1", "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
    "WITH x AS (SELECT 1 AS a) MERGE INTO t USING x ON t.a = x.a WHEN MATCHED THEN DELETE", "WITH x AS (SELECT 1) REPLACE INTO t SELECT 3",
    "SELECT * FROM (WITH x AS (WITH y AS (DELETE FROM t RETURNING 1) SELECT * FROM y) SELECT * FROM x) AS z",
)  # fmt: skip
WRITING_WORDS = {
    "postgresql": (
        "SELECT * INTO leak FROM t", "SELECT a, 'x'INTO TEMP leak FROM t", 'SELECT a into"leak" FROM t',
        "SELECT a AS b INTO UNLOGGED leak FROM t", "(SELECT 1 AS a INTO leak)", "WITH x AS (SELECT 1) SELECT * INTO leak FROM x",
    ),
    "redshift": ("SELECT * INTO leak FROM t",),
    "vertica": ("SELECT * INTO TABLE leak FROM t",),
    "mssql": (
        "SELECT * INTO leak FROM t", "SELECT * INTO[leak] FROM t", "SELECT a AS b INTO #leak FROM t", "SELECT 1 DELETE FROM t",
        "SELECT 1 UPDATE t SET a = 1 COMMIT", "SELECT 1 MERGE t USING u ON 1 = 1 WHEN MATCHED THEN DELETE;", "SELECT 1 DROP TABLE t",
        "SELECT 1\nTRUNCATE TABLE t", "SELECT 1 INSERT t VALUES (1)", "SELECT 1 CREATE TABLE u (a int)", "SELECT 1 KILL 53",
    ),
    "bigquery": (
        "FROM t |> INSERT INTO u", "SELECT 1 |> EXPORT DATA OPTIONS (uri = 'gs://leak') AS SELECT 1", "FROM t |> CREATE TABLE u",
        "FROM t |> WHERE a > 1 |> FORK (|> EXPORT DATA OPTIONS (uri = 'x'))", "FROM t; DELETE FROM t",
    ),
    "databricks": (
        "FROM t INSERT OVERWRITE TABLE u SELECT a", "FROM t INSERT INTO u SELECT a |> SELECT 1", "FROM t SELECT a",
        "WITH x AS (SELECT 1) FROM x INSERT INTO u SELECT *", "FROM t |> WHERE a > 1; DELETE FROM t",
    ),
    "hive": ("WITH x AS (SELECT 1) FROM x INSERT OVERWRITE DIRECTORY 'leak' SELECT *", "FROM t |> SELECT a"),
}  # fmt: skip
READING_WORDS = {
    "postgresql": (
        'SELECT count(*) delete FROM t', 'SELECT a AS into, t.into, u . into FROM t, u', 'SELECT "into", "INSERT INTO" FROM t',
        "SELECT 'a INTO b', $$ INTO $$ FROM t -- INTO leak", "WITH d AS (SELECT count(*) update FROM t) SELECT * FROM d",
        "WITH delete AS (SELECT 1 AS update), insert AS (SELECT 2) SELECT * FROM delete, insert", "SELECT a FROM update, merge",
        "SELECT replace(a, 'x', 'y'), update FROM t", "WITH x AS (SELECT 1) (SELECT replace('a', 'b', 'c') FROM x)",
        "SELECT * FROM ROWS FROM (generate_series(1, 2)) WITH ORDINALITY AS t (a, b)", "SELECT into_account, account_into FROM t",
        "WITH x AS (VALUES (1)), y AS (TABLE x) SELECT * FROM y WHERE (a) IN (SELECT 1) -- DELETE FROM t",
        "SELECT date_trunc('day', updated) AS \"update\", deleted FROM inserts ORDER BY merge",
    ),
    "mssql": (
        "SELECT [delete], [into], [exec], [kill] FROM [update]", 'SELECT "INTO" FROM t', "SELECT a FROM t INNER MERGE JOIN u ON 1 = 1",
        "SELECT a FROM t OPTION (MERGE JOIN, HASH UNION)", "SELECT a FROM t WITH (UPDLOCK, NOLOCK)", "SELECT 'DROP' AS a -- DROP",
        "SELECT update_count, last_update, @@version, created, dropped FROM #updates", "WITH x AS (SELECT 1 AS a) SELECT a FROM x",
    ),
    "mysql": (
        "SELECT INSERT('abc', 1, 1, 'x'), REPLACE(a, 'b', 'c') FROM t", "SELECT 1 INTO @a",
        "WITH x AS (SELECT INSERT('abc', 1, 1, 'x') AS a) SELECT REPLACE(a, 'b', 'c') FROM x",
    ),
    "bigquery": (
        "FROM t |> WHERE a > 1 |> SELECT a, b", "from `p.d.t`\n|> AGGREGATE sum(a) AS a GROUP BY b\n|> ORDER BY a DESC |> LIMIT 5;",
        "-- why\n(FROM t |> SELECT a)", "FROM t |> DROP a |> RENAME b AS c |> SET d = 1 |> EXTEND 1 AS e |> AS u |> JOIN v USING (c)",
        "SELECT * FROM t |> WHERE 'a' = '|> INSERT' |> DISTINCT", "WITH x AS (FROM t |> SELECT a) FROM x |> WHERE a > 1", "FROM t",
        "SELECT `insert`, x.update FROM UNNEST([1]) AS x WITH OFFSET AS delete", "SELECT WITH(a AS 1, b AS a + 1, a + b)",
    ),
    "databricks": (
        "FROM t |> WHERE a > 1 |> SELECT a, b", "FROM t |> DROP a |> SET b = 1 |> UNION ALL (TABLE u)", "SELECT into, insert FROM t",
    ),
    "spark": ("FROM t |> SELECT a",),
    "clickhouse": ("WITH 1 AS a, (SELECT 2) AS b SELECT replace(c, 'a', 'b'), a, b FROM t", "WITH x AS (SELECT 1) SELECT * FROM x"),
    "snowflake": ("SELECT delete, update, insert('abc', 1, 1, 'x') FROM t", "WITH merge AS (SELECT 1) SELECT * FROM merge"),
    "oracle": ("WITH x (a) AS (SELECT 1 FROM dual) SEARCH DEPTH FIRST BY a SET b SELECT * FROM x",),
    "whatever": ("SELECT 'it\\'s INSERT INTO x' FROM t",),
}  # fmt: skip
SEMICOLON_IN_NAME = {
    '"': ("postgresql", "redshift", "cockroachdb", "snowflake", "sqlite", "mssql", "oracle", "trino", "clickhouse", "whatever"),
    "`": ("mysql", "mariadb", "bigquery", "databricks", "spark", "hive", "sqlite", "clickhouse"),
    "[": ("sqlite", "mssql"),
}  # fmt: skip
NO_NAME_QUOTES = {
    "`": ("postgresql", "redshift", "snowflake", "oracle", "mssql", "trino", "whatever"),
    "[": ("postgresql", "bigquery", "snowflake", "databricks", "mysql", "trino", "whatever"),
}
HARMLESS = """
amvalidate array_sample array_shuffle bernoulli clock_timestamp current_query currtid2 currval gen_random_uuid lastval
pg_available_wal_summaries pg_blocking_pids pg_collation_actual_version pg_control_checkpoint pg_control_init
pg_control_recovery pg_control_system pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn
pg_database_collation_actual_version pg_database_size pg_indexes_size pg_is_in_recovery pg_is_wal_replay_paused
pg_isolation_test_session_is_blocked pg_jit_available pg_last_committed_xact pg_last_wal_receive_lsn
pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_lock_status pg_notification_queue_usage pg_partition_ancestors
pg_partition_tree pg_prepared_xact pg_relation_size pg_safe_snapshot_blocking_pids pg_sequence_last_value
pg_show_replication_origin_status pg_sleep pg_sleep_for pg_sleep_until pg_table_size pg_tablespace_size pg_total_relation_size pg_wal_summary_contents
pg_xact_commit_timestamp pg_xact_commit_timestamp_origin pg_xact_status random random_normal setseed system timeofday
ts_rewrite txid_status uuidv4 uuidv7
""".split()
"""Functions of PostgreSQL that are volatile, and change and reveal nothing that matters."""

LOOKING = ("pg_get_", "pg_stat_get_", "pg_stat_have_", "plpgsql_")


def rows(source: Source, sql: str) -> list[dict[str, object]]:
    with source.execute(sql) as result:
        return [row for batch in result.batches() for row in batch.to_pylist()]


def not_refused(source: Source, attempts: tuple[str, ...]) -> list[str]:
    """Those of the attempts that are run."""
    found = []
    for sql in attempts:
        try:
            rows(source, sql)
            found.append(sql)
        except SourceError:
            continue
    return found


@pytest.fixture(scope="module")
def postgresql(postgres: Postgres) -> str:
    """A database with a table, a sequence, and a function that writes."""
    url = postgres.lasting_database()
    writes = "CREATE FUNCTION writes() RETURNS int LANGUAGE sql AS 'DELETE FROM t RETURNING 1'"
    with psycopg.connect(url) as connection:
        connection.execute(f"CREATE TABLE t AS SELECT 1 AS n; CREATE SEQUENCE numbers; {writes}".encode())
    return url


def test_postgresql_refuses_all_but_reading(postgresql: str, tmp_path: Path) -> None:
    with opened(postgresql, tmp_path) as source:
        assert not_refused(source, POSTGRESQL) == []
        assert rows(source, "SELECT n, (SELECT is_called FROM numbers) AS called FROM t") == [{"n": 1, "called": False}]
        assert rows(source, "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory'") == [{"n": 0}]


def test_every_volatile_function_of_postgresql_is_refused_or_known_to_be_harmless(postgresql: str) -> None:
    ours = "prokind = 'f' AND provolatile = 'v' AND pronamespace = 'pg_catalog'::regnamespace"
    result = "NOT LIKE ALL (ARRAY['internal', '%handler', 'trigger'])"
    sql = f"SELECT DISTINCT proname FROM pg_proc WHERE {ours} AND format_type(prorettype, NULL) {result}"
    with psycopg.connect(postgresql) as connection:
        names = {name for (name,) in connection.execute(sql.encode()).fetchall()}
    taken = set()
    for name in names:
        try:
            check_read_only(f"SELECT {name}(1)", "postgresql")
            taken.add(name)
        except SourceError:
            continue
    assert {name for name in taken if not name.startswith(LOOKING)} <= set(HARMLESS)


def test_sqlite_refuses_all_but_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with sqlite3.connect("shop.sqlite") as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS n")
        connection.execute("CREATE VIRTUAL TABLE texts USING fts5 (body)")
        connection.execute("INSERT INTO texts VALUES ('red shoes')")
        connection.execute("CREATE VIRTUAL TABLE places USING rtree (id, low, high)")
        connection.execute("INSERT INTO places VALUES (1, 0, 5)")
        connection.execute("CREATE VIEW found AS SELECT body FROM texts WHERE texts MATCH 'red'")
    connection.close()
    before = (tmp_path / "shop.sqlite").read_bytes()
    with opened("sqlite:///shop.sqlite", tmp_path) as source:
        assert not_refused(source, SQLITE) == []
        assert rows(source, "SELECT body FROM found, t, json_each('[1]'), places -- end") == [{"body": "red shoes"}]
        assert rows(source, "SELECT name FROM pragma_table_info('t')") == [{"name": "n"}]
    assert [path.name for path in tmp_path.iterdir()] == ["shop.sqlite"]
    assert (tmp_path / "shop.sqlite").read_bytes() == before


@pytest.mark.parametrize(("dialect", "sql"), [(dialect, sql) for dialect in WORDS for sql in WORDS[dialect]])
def test_what_does_more_than_read_is_refused_for_its_words(dialect: str, sql: str) -> None:
    with pytest.raises(SourceError):
        check_read_only(sql, dialect)


@pytest.mark.parametrize(("dialect", "sql"), [(dialect, sql) for dialect in FINE for sql in FINE[dialect]])
def test_the_same_words_in_texts_names_and_comments_are_fine(dialect: str, sql: str) -> None:
    check_read_only(sql, dialect)


@pytest.mark.parametrize(
    ("dialect", "sign"), [(dialect, sign) for sign, names in SEMICOLON_IN_NAME.items() for dialect in names]
)
def test_a_semicolon_in_a_quoted_name_is_no_second_statement(dialect: str, sign: str) -> None:
    closer = "]" if sign == "[" else sign
    doubled = "" if (sign, dialect) == ("[", "sqlite") else closer * 2
    for name in ("sel;ect", ";", "x;y z", f"a{doubled}b;c", f"a;{doubled}"):
        quoted = f"{sign}{name}{closer}"
        check_read_only(f"SELECT {quoted} FROM t", dialect)
        check_read_only(f"SELECT t.{quoted} AS {quoted} FROM t;", dialect)
        for second in (f"SELECT {quoted};DELETE", f"SELECT {quoted} FROM t; DELETE FROM {quoted}"):
            with pytest.raises(SourceError, match="delete the semicolon"):
                check_read_only(second, dialect)


@pytest.mark.parametrize(
    ("dialect", "sign"), [(dialect, sign) for sign, names in NO_NAME_QUOTES.items() for dialect in names]
)
def test_a_semicolon_is_refused_between_signs_that_quote_no_name_in_the_dialect(dialect: str, sign: str) -> None:
    with pytest.raises(SourceError, match="delete the semicolon"):
        check_read_only(f"SELECT {sign}x;y{']' if sign == '[' else sign} FROM t", dialect)


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("clickhouse", 'SELECT "a\\", 1, "; DROP TABLE t"'),
        ("clickhouse", "SELECT `a\\`, 1, `; DROP TABLE t`"),
        ("bigquery", "SELECT `a\\`, 1, `; DROP TABLE t`"),
        ("sqlite", "SELECT [a]];DELETE FROM t"),
        ("postgresql", "SELECT ` ' ` ';DELETE FROM t -- ` '"),
    ],
)
def test_a_second_statement_cannot_hide_in_what_only_looks_like_a_name(dialect: str, sql: str) -> None:
    with pytest.raises(SourceError, match="delete the semicolon"):
        check_read_only(sql, dialect)


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [(dialect, sql) for dialect in IN_WITH for sql in STATEMENTS_IN_WITH]
    + [(dialect, sql) for dialect in WRITING_WORDS for sql in WRITING_WORDS[dialect]],
)
def test_a_keyword_that_writes_is_refused_before_anything_is_opened(dialect: str, sql: str) -> None:
    found = query_fault(sql, dialect)
    assert found is not None
    assert (found.rule, found.line is not None) == (Rule.NOT_ONE_SELECT, True)
    with pytest.raises(SourceError):
        check_read_only(sql, dialect)


@pytest.mark.parametrize(
    ("dialect", "sql"), [(dialect, sql) for dialect in READING_WORDS for sql in READING_WORDS[dialect]]
)
def test_the_same_keywords_as_names_functions_and_hints_are_fine(dialect: str, sql: str) -> None:
    check_read_only(sql, dialect)
    assert query_fault(sql, dialect) is None


def test_postgresql_takes_the_same_keywords_as_names(postgresql: str, tmp_path: Path) -> None:
    with opened(postgresql, tmp_path) as source:
        assert rows(source, "SELECT count(*) delete FROM t") == [{"delete": 1}]
        assert rows(source, "SELECT u.into FROM (SELECT n AS into FROM t) AS u") == [{"into": 1}]


def test_snowflake_is_asked_to_take_one_statement_at_a_time(snowflake: Account) -> None:
    snowflake.set(expired=False, renewable=True)
    with open_source(warehouse(**snowflake.settings), Path()) as source:
        assert rows(source, "SELECT 1 AS n -- end")
        with pytest.raises(SourceError):
            rows(source, "SELECT 1 ->> DELETE FROM t")
    (login,) = snowflake.log("login")
    assert login["login"]["SESSION_PARAMETERS"]["MULTI_STATEMENT_COUNT"] in {1, "1"}
