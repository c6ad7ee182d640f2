"""Trino's own client, against a stand-in that speaks the protocol of its coordinator."""

import base64
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connector.errors import ConfigurationError, SourceError
from connector.sources.registry import open_source
from connector.sources.trino_types import parse_type
from tests.sources.cloud import trino_url
from tests.sources.warehouses import opened, warehouse
from tests.standins.process import StandIn

pytestmark = pytest.mark.warehouses


@pytest.fixture(name="server")
def as_usual(trino_server: StandIn) -> StandIn:
    trino_server.set()
    return trino_server


def test_each_type_is_read_as_the_page_on_types_says(server: StandIn) -> None:
    sql = "SELECT * FROM every_type"
    with opened(trino_url(server), Path()) as source, source.execute(sql) as result:
        (batch,) = result.batches()
        assert batch.schema.equals(result.schema)
    with opened(trino_url(server), Path()) as source:
        assert source.describe(sql).equals(batch.schema)
    first, second = batch.to_pylist()
    assert (first["tiny"], first["small"], first["int"]) == (-128, 32767, 2147483647)
    assert batch.schema.field("real").type == pa.float32()
    assert (first["double"], second["double"]) == (float("inf"), 0.1)
    assert first["decimal"] == Decimal("1234567890123456789012345678.0123456789")
    assert (first["char"], first["varbinary"]) == ("ab   ", b"\x00\xff")
    assert (first["json"], second["json"]) == ("jo@example.com", '{"a": [1, 2]}')
    assert (first["uuid"], first["ip"]) == ("12151fd2-7586-11e9-8f9e-2a86e4085a59", "2001:db8::1")
    assert first["time"] == time(23, 59, 59, 999999)
    assert first["plain"] == datetime(2026, 11, 20, 10, 0, 0, 123456)  # noqa: DTZ001
    assert second["plain"] == datetime(1, 1, 1)  # noqa: DTZ001
    assert first["zoned"] == datetime(2026, 11, 20, 9, 0, 0, 123000, tzinfo=UTC)
    assert second["zoned"] == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert first["offset"] == datetime(2026, 11, 20, 8, 0, 0, 123456, tzinfo=UTC)
    assert first["interval"] == "2 00:00:00.000"
    assert (first["emails"], second["emails"]) == (["jo@example.com", "al@example.com"], [])
    assert (first["amounts"], second["amounts"]) == ([("a", Decimal("9.90"))], None)
    assert first["items"] == [{"id": 1, "a b": datetime(2026, 11, 20, 10), "name": "Zoë"}]  # noqa: DTZ001
    assert (first["person"], second["person"]) == ({"name": "Zoë", "born": date(1990, 1, 2)}, None)


WRITTEN = {
    "row(x bigint, y row(z varchar))": pa.struct([("x", pa.int64()), ("y", pa.struct([("z", pa.string())]))]),
    'row("a ""b"" (c), d" double)': pa.struct([('a "b" (c), d', pa.float64())]),
    "array(array(timestamp(3) with time zone))": pa.list_(pa.list_(pa.timestamp("us", "UTC"))),
    "map(varchar(10), array(integer))": pa.map_(pa.string(), pa.list_(pa.int32())),
    "time(3) with time zone": pa.string(),
    "HyperLogLog": pa.string(),
    "decimal(38,0)": pa.decimal128(38, 0),
}


@pytest.mark.parametrize("written", WRITTEN)
def test_a_type_is_understood_as_trino_writes_it(written: str) -> None:
    assert parse_type(written).arrow == WRITTEN[written]


def asked(server: StandIn, url: str, **settings: Any) -> dict[str, str]:
    """The headers of the query."""
    server.set()
    shop = warehouse(url, **settings)
    with open_source(shop, Path(), "connector:contract") as source, source.execute("SELECT 1 AS n") as result:
        assert result.query_id
        list(result.batches())
    headers: dict[str, str] = server.log("headers")[-2]
    return headers


def test_catalog_schema_user_tags_and_properties_are_those_of_the_settings(server: StandIn) -> None:
    options = {
        "session_properties": {"query_max_run_time": "10m"},
        "client_tags": ["nightly"],
        "roles": {"shop": "reader"},
    }
    headers = asked(server, trino_url(server), options=options)
    names = ("catalog", "schema", "user", "client-tags", "session", "role", "time-zone", "source")
    assert [headers[f"x-trino-{name}"] for name in names] == [
        "shop",
        "main",
        "jo",
        "connector:contract,nightly",
        "query_max_run_time=10m",
        "shop=ROLE{reader}".replace("{", "%7B").replace("}", "%7D"),
        "UTC",
        "sql-to-tiktok",
    ]


def test_each_way_to_log_in_is_sent_and_a_refusal_told(server: StandIn) -> None:
    url = trino_url(server)
    basic = "Basic " + base64.b64encode(b"jo:right").decode()
    assert asked(server, f"{url}?http_scheme=http", password="right")["authorization"] == basic
    assert asked(server, f"{url}?http_scheme=http", token="a.b.c")["authorization"] == "Bearer a.b.c"
    server.set(authorization=basic)
    with pytest.raises(SourceError, match="could not be opened: .*401.*Invalid credentials") as caught:
        with opened(f"{url}?http_scheme=http", Path(), password="so-secret"):
            pass
    assert "so-secret" not in caught.value.message


WRONG_SETTINGS: dict[str, tuple[str, dict[str, Any], str]] = {
    "no user": ("trino://host/shop", {}, "trino://USER@HOST:PORT/CATALOG/SCHEMA"),
    "no encryption": ("trino://jo@db.example.com?http_scheme=http", {"password": "so-secret"}, "without encryption"),
    "scheme": ("trino://jo@db.example.com?http_scheme=ftp", {}, 'http_scheme "ftp"'),
    "option": (
        "trino://jo@host",
        {"options": {"session_property": {}}},
        'unknown option "session_property".*session_properties',
    ),
}


@pytest.mark.parametrize("what", WRONG_SETTINGS)
def test_wrong_settings_are_told_before_anything_is_asked(what: str) -> None:
    url, settings, told = WRONG_SETTINGS[what]
    with pytest.raises(ConfigurationError, match=told) as caught, opened(url, Path(), **settings):
        pass
    assert "so-secret" not in str(caught.value)


def test_a_query_runs_in_a_transaction_that_may_only_read(server: StandIn) -> None:
    with opened(trino_url(server), Path()) as source, source.execute("SELECT 1 AS n") as result:
        list(result.batches())
    assert [sql.split()[0] for sql in server.log("sql")] == ["SELECT", "START", "SELECT", "ROLLBACK"]
    assert server.log("sql")[1] == "START TRANSACTION READ ONLY"
    assert server.log("headers")[2]["x-trino-transaction-id"].startswith("transaction-")


def test_the_columns_are_told_without_running_the_query(server: StandIn) -> None:
    with opened(trino_url(server), Path()) as source:
        source.describe("SELECT 1 AS n")
    assert [sql.split()[0] for sql in server.log("sql")] == ["SELECT", "EXPLAIN", "PREPARE", "DESCRIBE", "DEALLOCATE"]


def test_pages_are_fetched_as_they_are_read_and_the_rest_is_cancelled(server: StandIn) -> None:
    sql = "SELECT sequential_number AS n FROM TABLE(sequence(1, 1000000))"
    with opened(trino_url(server), Path()) as source, source.execute(sql) as result:
        next(result.batches())
        assert len(server.log("page")) < 10
    assert len(server.log("cancelled")) == 1
    assert server.is_idle()


def test_a_page_that_fails_for_a_moment_is_fetched_again(server: StandIn) -> None:
    server.set(broken=3)
    with opened(trino_url(server), Path()) as source:
        with source.execute("SELECT sequential_number AS n FROM TABLE(sequence(1, 50000))") as result:
            assert sum(batch.num_rows for batch in result.batches()) == 50_000


@pytest.mark.parametrize("way", ["inline", "plain", "compressed"])
def test_segments_of_the_spooled_protocol_are_read_and_acknowledged(server: StandIn, way: str) -> None:
    server.set(segments=way)
    with opened(trino_url(server), Path()) as source:
        with source.execute("SELECT sequential_number AS n FROM TABLE(sequence(1, 20000))") as result:
            numbers = [n for batch in result.batches() for n in batch.column(0).to_pylist()]
    assert numbers == list(range(1, 20_001))
    assert len(server.log("acknowledged")) >= (0 if way == "inline" else 4)
    assert server.is_idle()


def test_a_failing_query_is_told_with_place_and_id(server: StandIn) -> None:
    sql = "SELECT\n  1 AS one,\n   amount FROM t"
    with opened(trino_url(server), Path()) as source:
        for fails in (source.describe, lambda sql: source.execute(sql).__enter__()):
            with pytest.raises(SourceError, match=r'failed: Column "amount" cannot be resolved \(query 2026') as caught:
                fails(sql)
            assert caught.value.place == (3, 4)
