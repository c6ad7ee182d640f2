"""Databricks' own driver, against a stand-in that speaks the protocol of its SQL warehouses."""

import base64
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pyarrow as pa
import pytest

from connector.errors import ConfigurationError, SourceError
from tests.sources.cloud import databricks_settings
from tests.sources.warehouses import opened
from tests.standins.process import StandIn

pytest.importorskip("databricks.sql", reason="`make warehouses` installs it beside the others")
pytestmark = pytest.mark.warehouses


@pytest.fixture(name="server")
def as_usual(databricks_server: StandIn) -> StandIn:
    databricks_server.set()
    return databricks_server


def test_each_type_is_read_as_the_page_on_types_says(server: StandIn) -> None:
    sql = "SELECT * FROM every_type"
    with opened(directory=Path(), **databricks_settings(server)) as source:
        with source.execute(sql) as result:
            (batch,) = result.batches()
            assert batch.schema.equals(result.schema)
        assert source.describe(sql).equals(batch.schema)
    first, second = batch.to_pylist()
    moment = datetime(2026, 11, 20, 8, 0, 0, 123456, tzinfo=UTC)
    assert (first["tiny"], first["float"], first["date"]) == (-128, 1.5, date(2026, 11, 20))
    assert first["decimal"] == Decimal("1234567890123456789012345678.0123456789")
    assert first["binary"] == b"\x00\xff"
    assert (first["timestamp"], first["ntz"]) == (moment, moment.replace(tzinfo=None))
    assert (first["variant"], second["variant"]) == ("jo@example.com", '{"a":[1,2]}')
    assert first["emails"] == ["jo@example.com"]
    assert first["amounts"] == [("a", Decimal("9.90"))]
    assert first["items"] == [{"id": 1, "price": Decimal("9.90"), "at": moment}]
    assert batch.schema.field("nothing").type == pa.string()
    assert batch.schema.field("timestamp").type == pa.timestamp("us", "UTC")


def asked(server: StandIn, **settings: Any) -> None:
    """One query with these settings."""
    own = databricks_settings(server)
    own = {**own, **settings, "options": {**own["options"], **settings.get("options", {})}}
    with opened(directory=Path(), **own) as source, source.execute("SELECT 1 AS n") as result:
        assert [row for batch in result.batches() for row in batch.to_pylist()] == [{"n": 1}]


def test_a_personal_access_token_lets_in_and_a_wrong_one_is_told(server: StandIn) -> None:
    server.set(token="mine")
    asked(server, token="mine")
    with pytest.raises(SourceError, match="could not be opened: .*403") as caught:
        asked(server, token="so-secret")
    assert "so-secret" not in caught.value.message


def test_a_service_principal_lets_in_with_a_token_of_its_own(server: StandIn) -> None:
    server.set(token="of an hour")
    url = databricks_settings(server)["url"].replace("://", "://principal@")
    asked(server, url=url, token=None, password="secret of it")
    (told,) = server.log("principal")
    assert told["login"] == "Basic " + base64.b64encode(b"principal:secret of it").decode()
    assert parse_qs(told["form"]) == {"grant_type": ["client_credentials"], "scope": ["all-apis"]}
    server.set(principal="unknown")
    with pytest.raises(SourceError, match="could not be opened: 401"):
        asked(server, url=url, token=None, password="another")


WRONG_SETTINGS: dict[str, tuple[str, dict[str, Any], str]] = {
    "no path": ("databricks://host", {"token": "so-secret"}, "has to look like databricks://HOST[?]http_path="),
    "nothing": ("databricks://host?http_path=/sql", {}, "nothing to log in with: set token"),
    "no secret": ("databricks://id@host?http_path=/sql", {}, "nothing to log in with"),
}


@pytest.mark.parametrize("what", WRONG_SETTINGS)
def test_wrong_settings_are_told_before_anything_is_asked(what: str) -> None:
    url, settings, told = WRONG_SETTINGS[what]
    with pytest.raises(ConfigurationError, match=told) as caught, opened(url, Path(), **settings):
        pass
    assert "so-secret" not in str(caught.value)


def test_a_host_that_cannot_be_reached_is_told_at_once() -> None:
    """The driver would try for a quarter of an hour."""
    with pytest.raises(SourceError, match="could not be opened: .*Connection refused"):
        with opened("databricks://127.0.0.1:1?http_path=/sql/1", Path(), token="mine"):
            pass


def test_a_query_is_first_asked_for_its_columns_as_nothing_but_a_query_stands_in_brackets(server: StandIn) -> None:
    with opened(directory=Path(), **databricks_settings(server)) as source:
        source.describe("SELECT 1 AS n")
        with source.execute("SELECT 1 AS n -- end") as result:
            assert result.query_id
    in_brackets = ["SELECT * FROM (\nSELECT 1 AS n\n) LIMIT 0", "SELECT * FROM (\nSELECT 1 AS n -- end\n) LIMIT 0"]
    assert server.log("sql") == [*in_brackets, "SELECT 1 AS n -- end\n"]


def test_catalog_and_schema_are_those_of_the_url(server: StandIn) -> None:
    asked(server, options={"session_configuration": {"ansi_mode": "true"}})
    (session,) = server.log("session")
    assert session["namespace"] == {"catalogName": "shop", "schemaName": "main"}
    assert session["configuration"]["ansi_mode"] == "true"


def test_parts_are_fetched_as_they_are_read_and_the_rest_is_left(server: StandIn) -> None:
    sql = "SELECT id AS n FROM range(1, 2000000)"
    with opened(directory=Path(), **databricks_settings(server)) as source, source.execute(sql) as result:
        next(result.batches())
        assert len(server.log("part")) < 10
    assert server.is_idle()


def test_an_error_is_one_sentence_with_its_state_and_place(server: StandIn) -> None:
    with opened(directory=Path(), **databricks_settings(server)) as source:
        with pytest.raises(SourceError) as caught, source.execute("SELECT\n  1 AS one,\n   amount FROM t"):
            pass
    assert caught.value.message == (
        'The query failed: [UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name "amount" cannot be resolved. (42703)'
    )
    assert caught.value.place == (3, 4)
