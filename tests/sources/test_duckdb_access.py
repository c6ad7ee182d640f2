"""What a query on DuckDB can reach: its file and the project's, to read; nothing to write."""

import re
import shutil
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from connector.errors import SourceError
from connector.sources.source import Source
from tests.sources.warehouses import opened

SERIALIZED = "json_execute_serialized_sql(json_serialize_sql('WITH x AS (COPY t TO ''leak.csv'') SELECT * FROM x'))"

WRITING = {
    "copy": "WITH x AS (COPY (SELECT email FROM t) TO 'leak.csv') SELECT 1 AS n",
    "copy over the warehouse": "WITH x AS (COPY t TO 'shop.duckdb' (FORMAT csv)) SELECT * FROM x",
    "copy over the settings": "with X as materialized (copy t to 'orchestrations.yaml' (format csv)) FROM x",
    "copy over the ledger": "WITH x AS (COPY t TO '.connector/ledger.sqlite') SELECT * FROM x",
    "copy elsewhere": "WITH x AS (COPY t TO '../outside/leak.csv') SELECT * FROM x",
    "copy as Parquet": "WITH x AS (COPY t TO 'leak.parquet' (FORMAT parquet, PARTITION_BY (n))) SELECT * FROM x",
    "copy in a subquery": "SELECT * FROM (WITH x AS (COPY t TO 'leak.csv') SELECT * FROM x)",
    "copy in brackets": "(WITH x AS (COPY t TO 'leak.csv') SELECT * FROM x)",
    "copy in the second of two": "SELECT 1 UNION ALL (WITH x AS (COPY t TO 'leak.csv') SELECT count(*) FROM x)",
    "copy in a second query of WITH": "WITH a AS (SELECT 1), b AS (COPY t TO 'leak.csv') SELECT * FROM a",
    "insert": "WITH x AS (INSERT INTO t VALUES (9, 'x') RETURNING *) SELECT * FROM x",
    "update": "WITH x AS (UPDATE t SET n = 9 RETURNING *) SELECT * FROM x",
    "delete": "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
    "serialized": f"FROM {SERIALIZED}",
    "serialized, qualified": f'SELECT * FROM system.main."JSON_Execute_Serialized_SQL"{SERIALIZED[27:]}',
    "serialized in text": f"FROM query('FROM ' || '{SERIALIZED.replace(chr(39), chr(39) * 2)}')",
    "export": "EXPORT DATABASE 'leak'",
    "attach": "ATTACH 'leak.duckdb'",
    "copy statement": "COPY t TO 'leak.csv'",
    "copy, the comment first": "/* SELECT */ COPY t TO 'leak.csv'",
    "second statement": "SELECT 1; COPY t TO 'leak.csv'",
    "explain": "EXPLAIN ANALYZE COPY t TO 'leak.csv'",
    "create": "CREATE TABLE leak AS SELECT 1",
    "sequence": "SELECT nextval('numbers')",
    "log": "FROM enable_logging(storage = 'file', storage_path = 'leak')",
    "profile": "FROM enable_profiling(save_location = 'leak.json')",
    "checkpoint": "FROM force_checkpoint()",
    "external resource": "FROM destroy_external_resource('checkpoint', 1)",
}
CHANGING = (
    "SET lock_configuration = false", "SET enable_external_access = true", "PRAGMA temp_directory = 'leak'",
    "RESET allowed_paths", "INSTALL httpfs", "LOAD httpfs", "CALL enable_logging()", "CREATE SECRET (TYPE s3)",
    "SET VARIABLE a = 1", "USE memory", "DETACH shop", "VACUUM", "PREPARE x AS SELECT 1", "BEGIN",
)  # fmt: skip
BEYOND = (
    "FROM read_text('/etc/passwd')", "FROM read_csv('/etc/passwd')", "FROM read_blob('/proc/self/environ')",
    "FROM '../outside/beyond.csv'", "FROM read_text('data/../../outside/beyond.csv')", "FROM glob('/*')",
    "FROM glob('../*')", "FROM sniff_csv('/etc/passwd')", "FROM read_text('/proc/self/root/etc/passwd')",
    "FROM read_text('file:///etc/passwd')", "FROM read_text('link.txt')", "FROM 'linked/beyond.csv'",
    "FROM read_text('.connector/tokens.json')", "FROM read_text('data/../.connector/tokens.json')",
    "FROM read_text('state/tokens.json')", "FROM read_text('.env')", "FROM read_text('data/link_to_env')",
    "FROM read_text('orchestrations.yaml')", "FROM read_text('*')", "FROM read_text('*/tokens.json')",
    "FROM read_text('**')", "FROM read_text('.*')", "FROM parquet_metadata('../outside/beyond.csv')",
    "FROM 'https://127.0.0.1:1/orders.parquet'", "FROM read_parquet('http://127.0.0.1:1/orders.parquet')",
    "FROM 's3://bucket/orders.parquet'", "FROM which_secret('s3://bucket/orders.parquet', 's3')",
    "FROM in_python", "SELECT getenv('HOME')", "SELECT '127.0.0.1'::INET", "FROM read_xlsx('data/orders.xlsx')",
    "FROM sqlite_scan('data/orders.sqlite', 't')", "FROM postgres_scan('host=127.0.0.1', 'public', 't')",
    "FROM read_duckdb('../outside/other.duckdb', table_name = 't')", "FROM beyond",
)  # fmt: skip
READABLE = {
    "FROM 'data/orders.parquet'": 2,
    "FROM 'data/*.parquet'": 2,
    "FROM '*.csv'": 2,
    "FROM 'd?ta/*.csv'": 2,
    "FROM '*/orders.csv'": 4,
    "FROM read_csv(['data/orders.csv', 'orders.csv'])": 4,
    "FROM './data/../orders.csv'": 2,
    "FROM '{folder}/data/orders.parquet'": 2,
    "FROM '{folder}/*.csv'": 2,
    "FROM 'größe/bestellungen.csv'": 2,
    "FROM 'it''s here/orders.csv'": 2,
    "FROM read_text('data/orders.csv')": 1,
    "FROM read_duckdb('data/other.duckdb', table_name = 't')": 2,
    "FROM parquet_view": 2,
    "FROM macro_of_files('data/orders.parquet')": 2,
    "FROM query_table('t')": 2,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with files of every kind, and one folder beside it."""
    top = tmp_path_factory.mktemp("top")
    project = top / "project"
    for name in ("project/data", "project/.connector", "project/größe", "project/it's here", "outside"):
        (top / name).mkdir(parents=True)
    for name in ("data/orders.csv", "orders.csv", "größe/bestellungen.csv", "it's here/orders.csv"):
        (project / name).write_text("n,email\n1,a@example.com\n2,b@example.com\n")
    (top / "outside" / "beyond.csv").write_text("n\n1\n")
    for name in (".env", ".connector/tokens.json", ".connector/ledger.sqlite", "orchestrations.yaml"):
        (project / name).write_text("secret\n1\n")
    for link, aim in {"link.txt": "../outside/beyond.csv", "linked": "../outside", "state": ".connector"}.items():
        (project / link).symlink_to(aim)
    (project / "data" / "link_to_env").symlink_to("../.env")
    _fill(project, top / "outside")
    return project


def _fill(project: Path, outside: Path) -> None:
    for file in (project / "shop.duckdb", project / "data" / "other.duckdb", outside / "other.duckdb"):
        with duckdb.connect(str(file)) as made:
            made.execute("CREATE TABLE t AS SELECT range AS n, range || '@example.com' AS email FROM range(2)")
    with duckdb.connect(str(project / "shop.duckdb")) as made:
        made.execute(f"COPY t TO '{project}/data/orders.parquet'")
        made.execute(f"CREATE VIEW parquet_view AS FROM '{project}/data/*.parquet'")
        made.execute(f"CREATE VIEW beyond AS FROM '{outside}/beyond.csv'")
        made.execute("CREATE MACRO macro_of_files(name) AS TABLE FROM read_parquet(name)")
        made.execute("CREATE SEQUENCE numbers")
    shutil.copy(project / "shop.duckdb", project / "data" / "shared.duckdb")


@pytest.fixture(autouse=True)
def in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Each file in the project and beside it, with what is in it."""
    files = [path for path in folder.parent.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def rows(source: Source, sql: str) -> list[dict[str, object]]:
    with source.execute(sql) as result:
        return [row for batch in result.batches() for row in batch.to_pylist()]


@pytest.fixture(scope="module")
def shared(folder: Path) -> Iterator[Source]:
    """One connection for many attempts, to a file of its own: connections to one file share what is allowed."""
    with opened("duckdb:///data/shared.duckdb", folder) as source:
        yield source


def refused(folder: Path, sql: str, shared: Source | None = None) -> str:
    """What is said of a query, which leaves every file as it was whatever is asked of it."""
    before = everything(folder)
    with nullcontext(shared) if shared else opened("duckdb:///shop.duckdb", folder) as source:
        with pytest.raises(SourceError) as caught:
            rows(source, sql)
        with suppress(SourceError):
            source.describe(sql)
    assert everything(folder) == before
    assert "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("attempt", WRITING)
def test_nothing_is_written(folder: Path, attempt: str, shared: Source) -> None:
    refused(folder, WRITING[attempt], shared)


ACTING = {
    "json_execute_serialized_sql": SERIALIZED.replace("leak", "data/leak"),
    "destroy_external_resource": "destroy_external_resource('checkpoint', 1)",
}
DEFINITIONS = {
    "VIEW acting AS FROM {}": r'"shop\.main\.acting"',
    "VIEW acting AS SELECT (SELECT count(*) FROM {}) AS n": r'"shop\.main\.acting"',
    "MACRO acting() AS TABLE FROM {}": "macro",
    "MACRO acting() AS (SELECT count(*) FROM {})": "macro",
}


@pytest.mark.parametrize("function", ACTING)
@pytest.mark.parametrize("definition", DEFINITIONS)
def test_a_view_or_a_macro_that_runs_statements_is_refused(
    tmp_path: Path, definition: str, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as made:
        made.execute(f"CREATE TABLE t AS SELECT 1 AS n; CREATE {definition.format(ACTING[function])}")
        made.execute("CREATE VIEW reading AS FROM t")
    call = "acting" + ("()" if "MACRO" in definition else "")
    with opened("duckdb:///shop.duckdb", tmp_path) as source:
        for sql in (f"FROM {call}", f"SELECT * FROM reading WHERE EXISTS (FROM {call})"):
            with pytest.raises(SourceError) as caught:
                rows(source, sql.replace("FROM acting()", "SELECT acting()") if "AS (" in definition else sql)
            assert re.search(DEFINITIONS[definition], caught.value.message)
            assert function in caught.value.message
        assert rows(source, "FROM reading") == [{"n": 1}]
    assert not list((tmp_path / "data").iterdir())


def test_sql_that_a_macro_runs_from_a_text_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as made:
        made.execute("CREATE TABLE t AS SELECT 1 AS n; CREATE MACRO runs(sql) AS TABLE FROM query(sql)")
    with opened("duckdb:///shop.duckdb", tmp_path) as source:
        for name in ("copy", "copy in a subquery", "copy in brackets", "insert", "update", "delete", "serialized"):
            sql = WRITING[name].replace("leak", "data/leak").replace("'", "''")
            with pytest.raises(SourceError):
                rows(source, f"FROM runs('{sql}')")
        assert rows(source, "FROM runs('FROM t')") == [{"n": 1}]
    assert not list((tmp_path / "data").iterdir())


def test_a_view_of_files_in_the_project_folder_is_read_after_other_queries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        (tmp_path / f"orders_{number}.csv").write_text("n\n1\n")
    (tmp_path / ".env").write_text("n\n1\n")
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as made:
        made.execute("CREATE TABLE t AS SELECT 1 AS n; CREATE VIEW orders AS FROM 'orders_*.csv'")
        made.execute("CREATE VIEW every AS FROM orders; CREATE MACRO counted() AS (SELECT count(*) FROM every)")
    with opened("duckdb:///shop.duckdb", tmp_path) as source:
        assert rows(source, "FROM t") == [{"n": 1}]
        assert rows(source, "FROM every") == [{"n": 1}, {"n": 1}]
        assert rows(source, "SELECT counted() AS n, (SELECT count(*) FROM 'orders_?.csv') AS m") == [{"n": 2, "m": 2}]
        for sql in ("FROM read_text('.e*')", "FROM '../*.csv'", "FROM read_text('/etc/host*')"):
            with pytest.raises(SourceError, match="may not read"):
                rows(source, sql)
        assert source.describe("FROM every").names == ["n"]


def test_a_statement_that_writes_is_named(folder: Path) -> None:
    assert "contains a COPY statement" in refused(folder, WRITING["copy"])
    assert "contains an INSERT statement" in refused(folder, WRITING["insert"])
    assert "query()" in refused(folder, WRITING["serialized in text"])


@pytest.mark.parametrize("sql", CHANGING)
def test_no_setting_is_changed(folder: Path, sql: str, shared: Source) -> None:
    assert "one SELECT" in refused(folder, sql, shared)


@pytest.mark.parametrize("sql", BEYOND)
def test_nothing_beyond_the_project_is_read(folder: Path, sql: str, shared: Source) -> None:
    in_python = pa.table({"a": [1]})
    message = refused(folder, sql, None if "*" in sql else shared)
    assert in_python.num_rows == 1
    assert "INSTALL" not in message


def test_what_is_out_of_reach_is_named_with_what_to_do(folder: Path) -> None:
    message = refused(folder, "FROM '../outside/beyond.csv'")
    assert '"../outside/beyond.csv"' in message
    assert "external_access" in message
    assert 'extension "excel"' in refused(folder, "FROM read_xlsx('data/orders.xlsx')")


@pytest.mark.parametrize("sql", READABLE)
def test_files_of_the_project_are_read(folder: Path, sql: str, shared: Source) -> None:
    with opened("duckdb:///shop.duckdb", folder) if "*" in sql else nullcontext(shared) as source:
        assert len(rows(source, sql.format(folder=folder))) == READABLE[sql]
        assert source.describe(sql.format(folder=folder)).names


def test_a_folder_that_is_reached_by_a_link_is_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "here").symlink_to(folder)
    with opened("duckdb:///shop.duckdb", tmp_path / "here") as source:
        assert len(rows(source, f"FROM '{tmp_path}/here/data/orders.parquet'")) == 2


def test_a_warehouse_in_memory_reads_the_project_and_writes_nothing(folder: Path) -> None:
    before = everything(folder)
    with opened("duckdb:///:memory:", folder) as source:
        assert len(rows(source, "FROM 'data/orders.parquet'")) == 2
        for sql in (
            WRITING["copy"].replace("t)", "'orders.csv')"),
            f"FROM {SERIALIZED}",
            "FROM '../outside/beyond.csv'",
        ):
            with pytest.raises(SourceError):
                rows(source, sql)
    assert everything(folder) == before


def test_folders_that_the_warehouse_names_are_read_and_not_written(folder: Path) -> None:
    before, access = everything(folder), {"folders": ["../outside"]}
    with opened("duckdb:///shop.duckdb", folder, external_access=access) as source:
        assert len(rows(source, "FROM '../outside/beyond.csv'")) == 1
        assert len(rows(source, "FROM beyond")) == 1
        for sql in (WRITING["copy elsewhere"], "FROM read_text('/etc/passwd')", "FROM read_text('.env')"):
            with pytest.raises(SourceError):
                rows(source, sql)
    assert everything(folder) == before


def test_hosts_need_an_extension_that_is_never_downloaded(folder: Path, tmp_path: Path) -> None:
    access = {"hosts": ["127.0.0.1:1"]}
    with opened("duckdb:///shop.duckdb", folder, external_access=access) as source:
        with pytest.raises(SourceError, match=r'"httpfs".*INSTALL httpfs'):
            rows(source, "FROM 'https://127.0.0.1:1/orders.csv'")


def test_two_connections_to_one_file_share_what_is_allowed(folder: Path) -> None:
    with opened("duckdb:///shop.duckdb", folder) as one:
        assert rows(one, "SELECT 1 AS n")
        with opened("duckdb:///shop.duckdb", folder) as other:
            assert len(rows(other, "FROM t")) == 2
            with pytest.raises(SourceError):
                rows(other, "FROM read_text('/etc/passwd')")


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t AS SELECT 1 AS n; COPY t TO 'leak.csv'",
        "CREATE TABLE t AS WITH x AS (COPY (SELECT 1) TO 'leak.csv') SELECT 1 AS n",
        "CREATE TABLE t (n INT); WITH x AS (COPY t /* FROM */ TO 'leak.csv') INSERT INTO t SELECT 1",
        "ATTACH 'leak.duckdb'; CREATE TABLE t AS SELECT 1 AS n",
        f"CREATE TABLE t AS SELECT 1 AS n; CREATE VIEW v AS FROM {SERIALIZED}",
        "EXPORT DATABASE 'leak'",
        "INSTALL httpfs",
        "CREATE TABLE t AS FROM read_text('/etc/passwd')",
    ],
)
def test_the_sql_that_makes_a_warehouse_writes_to_nothing_else(
    tmp_path: Path, sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo.sql").write_text(sql)
    with pytest.raises(SourceError, match=r"demo\.sql"), opened("duckdb:///demo.duckdb", tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["demo.sql"]


def test_the_sql_that_makes_a_warehouse_reads_files_of_the_project(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orders.csv").write_text((folder / "orders.csv").read_text())
    (tmp_path / "demo.sql").write_text(
        "CREATE TABLE t AS FROM 'orders.csv'; /* ü */ CREATE TABLE \"copy\" (n INT, email TEXT);"
        "COPY \"copy\" FROM 'orders.csv' (HEADER); CREATE VIEW v AS FROM '*.csv'; CREATE MACRO to_cents(x) AS x * 100"
    )
    with opened("duckdb:///demo.duckdb", tmp_path) as source:
        assert rows(source, 'SELECT count(*) AS n FROM (FROM t UNION ALL FROM "copy" UNION ALL FROM v)') == [{"n": 6}]


@pytest.mark.parametrize("ending", ["-- end", "-- end\n", "/* end */", "--", "-- it's", "-- ;"])
@pytest.mark.parametrize(
    "sql", ["SELECT 1 AS a, 2 AS a, 3 AS b_1", "FROM t", "SELECT n FROM t ORDER BY n DESC LIMIT 1"]
)
def test_a_query_may_end_in_a_comment_and_names_stay(sql: str, ending: str, shared: Source) -> None:
    with shared.execute(f"{sql} {ending}") as result:
        names = {"SELECT 1 AS a, 2 AS a, 3 AS b_1": ["a", "a", "b_1"], "FROM t": ["n", "email"]}.get(sql, ["n"])
        assert result.schema.names == shared.describe(f"{sql} {ending}").names == names
