"""MySQL's types and sessions, on a real MariaDB."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connector.errors import ConfigurationError, SourceError
from connector.sources.source import Source
from tests.mariadb import MariaDB
from tests.sources.warehouses import opened

pytestmark = pytest.mark.warehouses


class Shop:
    """A database and a connection to it."""

    def __init__(self, server: MariaDB, source: Source, url: str) -> None:
        self.server, self.source, self.url = server, source, url
        self.name = url.rpartition("/")[2]

    def ask(self, *statements: str) -> Any:
        return self.server.ask(self.name, *statements)

    def read(self, sql: str) -> pa.Table:
        with self.source.execute(sql) as result:
            return pa.Table.from_batches(result.batches(), result.schema)


@pytest.fixture
def made(mariadb: MariaDB, tmp_path: Path) -> Iterator[Shop]:
    url = mariadb.new_database()
    with opened(url, tmp_path) as source:
        yield Shop(mariadb, source, url)


TYPES = {
    "TINYINT": ("-3", pa.int64(), -3),
    "BOOLEAN": ("1", pa.bool_(), True),
    "INT UNSIGNED": ("4294967295", pa.int64(), 4_294_967_295),
    "INT(6) ZEROFILL": ("42", pa.int64(), 42),
    "BIGINT": ("-9223372036854775808", pa.int64(), -(2**63)),
    "BIGINT UNSIGNED": ("18446744073709551615", pa.uint64(), 2**64 - 1),
    "DECIMAL(38, 10) UNSIGNED": ("1234567890123456789012345678.5", pa.decimal128(38, 10), Decimal("1234567890123456789012345678.5")),
    "DECIMAL(38, 0)": ("-99999999999999999999999999999999999999", pa.decimal128(38, 0), Decimal("-" + "9" * 38)),
    "DECIMAL(39, 1)": ("12.5", pa.string(), "12.5"),
    "FLOAT": ("0.5", pa.float32(), 0.5),
    "DOUBLE": ("0.1", pa.float64(), 0.1),
    "BIT": ("b'1'", pa.bool_(), True),
    "BIT(9)": ("b'100000001'", pa.uint64(), 257),
    "DATE": ("'2026-11-20'", pa.date32(), date(2026, 11, 20)),
    "DATETIME": ("'2026-11-20 10:00:00'", pa.timestamp("us"), datetime(2026, 11, 20, 10)),  # noqa: DTZ001
    "DATETIME(6)": ("'9999-12-31 10:00:00.123456'", pa.timestamp("us"), datetime(9999, 12, 31, 10, 0, 0, 123456)),  # noqa: DTZ001
    "TIMESTAMP(3)": ("'2026-11-20 10:00:00.5'", pa.timestamp("us", "UTC"), datetime(2026, 11, 20, 10, 0, 0, 500000, UTC)),
    "TIME(2)": ("'-100:00:01.25'", pa.string(), "-100:00:01.25"),
    "YEAR": ("2026", pa.int64(), 2026),
    "JSON": ("'{\"a\": 1}'", pa.string(), '{"a": 1}'),
    "ENUM('a', 'ü')": ("'ü'", pa.string(), "ü"),
    "SET('x', 'y')": ("'y,x'", pa.string(), "x,y"),
    "VARCHAR(9) CHARACTER SET latin1": ("'Zoë'", pa.string(), "Zoë"),
    "LONGTEXT": ("'🎈'", pa.string(), "🎈"),
    "UUID": ("'123e4567-e89b-12d3-a456-426655440000'", pa.string(), "123e4567-e89b-12d3-a456-426655440000"),
    "INET6": ("'::1'", pa.string(), "::1"),
    "VARBINARY(9)": ("'jo'", pa.binary(), b"jo"),
    "BLOB": ("'jo'", pa.binary(), b"jo"),
    "POINT": ("NULL", pa.binary(), None),
}  # fmt: skip


def test_each_type_of_a_column_is_read_exactly(made: Shop) -> None:
    columns = ", ".join(f"c{number} {kind} NULL" for number, kind in enumerate(TYPES))
    values = ", ".join(written for written, _, _ in TYPES.values())
    made.ask(f"CREATE TABLE t ({columns})", "SET time_zone = '+00:00'", f"INSERT INTO t VALUES ({values})")
    made.ask(f"INSERT INTO t VALUES ({', '.join(['NULL'] * len(TYPES))})")
    table = made.read("SELECT * FROM t")
    assert dict(zip(TYPES, table.schema.types, strict=True)) == {name: kind for name, (_, kind, _) in TYPES.items()}
    first, second = table.to_pylist()
    assert list(first.values()) == [value for _, _, value in TYPES.values()]
    assert set(second.values()) == {None}
    assert made.source.describe("SELECT * FROM t").equals(table.schema)


def test_the_types_of_expressions_are_described_as_they_are_read(made: Shop) -> None:
    made.ask("CREATE TABLE t (id INT, price DECIMAL(10, 2), at TIMESTAMP(6) NULL, flag BOOLEAN, body BLOB)")
    sql = (
        "SELECT sum(price), avg(price), price / 3, count(*), max(at), coalesce(at, at), now(6), 1 AS one, NULL AS nothing,"
        " 1e3, -price, if(flag, 1, 0), flag + 0, hex(body), concat(id), group_concat(id), curdate(), uuid(),"
        " date_add(at, INTERVAL 1 DAY), unix_timestamp(at), 'x' AS x, 12.30 AS price, max(flag), TRUE FROM t"
    )
    assert made.source.describe(sql).equals(made.read(sql).schema)


def test_days_that_do_not_exist_are_missing_values(made: Shop) -> None:
    made.ask("SET sql_mode = 'ALLOW_INVALID_DATES'", "CREATE TABLE t (day DATE, at DATETIME)")
    made.ask(
        "SET sql_mode = 'ALLOW_INVALID_DATES'",
        "INSERT INTO t VALUES ('0000-00-00', '0000-00-00'), ('2026-02-30', '2026-00-00 10:00:00'), ('2026-11-20', '2026-11-20')",
    )
    assert made.read("SELECT * FROM t").to_pydict() == {
        "day": [None, None, date(2026, 11, 20)],
        "at": [None, None, datetime(2026, 11, 20)],  # noqa: DTZ001
    }


def test_other_numbers_in_a_column_of_true_and_false_are_told(made: Shop) -> None:
    made.ask("CREATE TABLE t (stars TINYINT(1))", "INSERT INTO t VALUES (1), (NULL), (5)")
    with pytest.raises(SourceError, match=r'"stars" is a TINYINT\(1\).*write stars \+ 0'):
        made.read("SELECT stars FROM t")
    assert made.read("SELECT stars + 0 AS stars FROM t").to_pydict() == {"stars": [1, None, 5]}


def test_a_moment_is_the_same_whatever_the_zone_of_the_server(made: Shop) -> None:
    made.ask(
        "CREATE TABLE t (at TIMESTAMP)", "SET time_zone = '+05:30'", "INSERT INTO t VALUES ('2026-11-20 10:00:00')"
    )
    assert made.read("SELECT at FROM t")["at"].to_pylist() == [datetime(2026, 11, 20, 4, 30, tzinfo=UTC)]


PLACES = {
    "SELECT\n  1 AS one,\n   amount FROM t": ((3, 4), 'Unknown column "amount"'),
    "SELECT\n 1 FROM nowhere AS x": ((2, 9), "nowhere"),
    "SELECT 1\nFROM t WERE x = 'jo@example.com'": ((2, 8 + 5), 'error in your SQL syntax near "x" (1064)'),
    "SELECT nothing_such(1)": (None, "nothing_such"),
}


@pytest.mark.parametrize("sql", PLACES)
def test_an_error_has_its_place_and_names_what_is_missing(made: Shop, sql: str) -> None:
    made.ask("CREATE TABLE t (n INT)")
    place, words = PLACES[sql]
    for run in (made.source.describe, made.read):
        with pytest.raises(SourceError) as caught:
            run(sql)
        assert words in caught.value.message
        assert "jo@" not in caught.value.message
        if place:
            assert caught.value.place == place


@pytest.mark.parametrize("sql", ["SELECT 1 INTO @x", "SELECT 1 AS n WHERE 1 = ?", "TABLE t"])
def test_what_gives_no_rows_is_told_and_the_next_query_runs(made: Shop, sql: str) -> None:
    for run in (made.source.describe, made.read):
        with pytest.raises(SourceError):
            run(sql)
    assert made.read("SELECT 1 AS n").to_pydict() == {"n": [1]}


def test_a_function_that_writes_is_stopped_by_the_session(made: Shop) -> None:
    made.ask(
        "CREATE TABLE t (n INT)", "CREATE FUNCTION spoil() RETURNS INT BEGIN INSERT INTO t VALUES (1); RETURN 1; END"
    )
    with pytest.raises(SourceError, match="READ ONLY transaction"):
        made.read("SELECT spoil()")
    assert made.ask("SELECT count(*) FROM t") == 0


def test_a_query_that_is_left_ends_on_the_server(made: Shop) -> None:
    with made.source.execute("SELECT a.seq FROM seq_1_to_1000000 AS a, seq_1_to_1000000 AS b") as result:
        next(result.batches())
    running = (
        "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%seq_1_to%' AND id <> connection_id()"
    )
    assert not any(made.ask(running) for _ in range(2) if not threading.Event().wait(0.3))


def test_a_connection_that_the_server_ends_is_told_and_replaced(made: Shop) -> None:
    with (
        pytest.raises(SourceError, match="The query failed"),
        made.source.execute("SELECT * FROM seq_1_to_100000000") as result,
    ):
        batches = result.batches()
        next(batches)
        made.ask(f"KILL {made.ask('SELECT max(id) FROM information_schema.processlist WHERE id <> connection_id()')}")
        list(batches)
    assert made.read("SELECT 1 AS n").num_rows == 1


WRONG: dict[str, tuple[str, dict[str, Any], type[Exception], str]] = {
    "password": ("mysql://jo:so-secret@127.0.0.1:{port}/x", {}, SourceError, 'Access denied for user "jo" at "localhost"'),
    "a person": ("mysql://jo%40example.com:so-secret@127.0.0.1:{port}/x", {}, SourceError, 'user "[redacted]" at "localhost"'),
    "database": ("mysql://root@127.0.0.1:{port}/elsewhere", {}, SourceError, 'Unknown database "elsewhere"'),
    "port": ("mysql://root@127.0.0.1:1/x", {}, SourceError, "could not be opened: Can't connect"),
    "TLS": ("mysql://root@127.0.0.1:{port}/mysql", {"options": {"ssl_verify_cert": True}}, SourceError, "CERTIFICATE_VERIFY_FAILED"),
    "option": ("mysql://root@127.0.0.1:{port}/mysql", {"options": {"sloth": 1}}, ConfigurationError, "sloth"),
    "switch": ("mysql://root@127.0.0.1:{port}/mysql?ssl_disabled=perhaps", {}, ConfigurationError, "must be true or false"),
    "number": ("mysql://root@127.0.0.1:{port}/mysql?connect_timeout=soon", {}, ConfigurationError, "must be a whole number"),
    "mapping": ("mysql://root@127.0.0.1:{port}/mysql?ssl=true", {}, ConfigurationError, "must be a mapping"),
    "parameter": ("mysql://root@127.0.0.1:{port}/mysql?sloth=1", {}, ConfigurationError, "sloth"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_warehouse_that_cannot_be_opened_is_told_in_one_sentence(mariadb: MariaDB, tmp_path: Path, name: str) -> None:
    url, more, kind, words = WRONG[name]
    with pytest.raises(kind) as caught, opened(url.format(port=mariadb.port), tmp_path, **more):
        pass
    assert words in str(caught.value)
    assert "so-secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_time_limit_of_the_login_is_none_of_queries(mariadb: MariaDB, tmp_path: Path) -> None:
    with opened(f"mysql://root@127.0.0.1:{mariadb.port}/mysql?connect_timeout=1", tmp_path) as source:
        with source.execute("SELECT SLEEP(1.5) AS n") as result:
            assert pa.Table.from_batches(result.batches(), result.schema)["n"].to_pylist() == [0]


CIPHER = "SELECT variable_value <> '' AS is_encrypted FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher'"


@pytest.mark.parametrize("way", ["offered", "required", "refused"])
def test_a_connection_is_encrypted_if_the_server_can_and_checked_if_asked_for(
    mariadb: MariaDB, tmp_path: Path, way: str
) -> None:
    checked = {"ssl_ca": str(mariadb.authority), "ssl_verify_identity": True}
    options = {"offered": {}, "required": checked, "refused": {"ssl_disabled": True}}[way]
    with opened(mariadb.named("mysql"), tmp_path, options=options) as source, source.execute(CIPHER) as result:
        assert [batch.to_pydict() for batch in result.batches()] == [{"is_encrypted": [way != "refused"]}]


def test_options_can_stand_in_the_url(mariadb: MariaDB, tmp_path: Path) -> None:
    ways = {
        f"mysql://root@localhost/mysql?unix_socket={mariadb.socket}&connect_timeout=5": 1,
        f"mariadb+mysqldb://root@127.0.0.1:{mariadb.port}/mysql?charset=latin1&ssl_disabled=true": 0,
        f"mysql://root@127.0.0.1:{mariadb.port}/mysql?ssl_ca={mariadb.authority}&ssl_verify_identity=true": 1,
    }
    for url, encrypted in ways.items():
        sql = f"SELECT 'Zoë 🎈' AS name, ({CIPHER}) AS encrypted"
        with opened(url, tmp_path) as source, source.execute(sql) as result:
            rows = [row for batch in result.batches() for row in batch.to_pylist()]
        assert rows == [{"name": "Zoë 🎈", "encrypted": encrypted}]


def test_a_query_on_another_server_behind_the_address_is_left_alone(
    mariadb: MariaDB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(mariadb.named("mysql"), tmp_path) as source, source.execute("SELECT * FROM seq_1_to_1000000") as result:
        monkeypatch.setattr("connector.sources.mysql._server_of", lambda _: ("elsewhere", 3306))
        source.cancel()
        assert sum(batch.num_rows for batch in result.batches()) == 1_000_000
