"""MotherDuck, as far as this machine goes: its extension is not to be had here."""

from pathlib import Path

import duckdb
import pytest

from connector.core import duckdb_connection
from connector.errors import ConfigurationError, SourceError
from connector.sources import motherduck
from connector.sources.split import Splittable
from tests.cli.command import inside
from tests.sources.warehouses import opened, warehouse


def test_a_warehouse_without_a_token_is_refused_before_anybody_is_asked_to_log_in() -> None:
    with pytest.raises(ConfigurationError, match="has no token: set token"), opened("motherduck://shop", Path()):
        pass


@pytest.mark.parametrize("url", ["duckdb:///md:shop", "duckdb:///motherduck:shop", "duckdb://md:shop"])
def test_another_way_to_write_the_url_is_told_the_right_one(url: str) -> None:
    with pytest.raises(ConfigurationError, match="write motherduck://shop, and set token"), opened(url, Path()):
        pass


def test_a_url_without_a_database_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="motherduck://DATABASE"), opened("motherduck://", Path(), token="x"):
        pass


def test_the_extension_is_never_downloaded_and_the_message_says_how_to_install_it() -> None:
    told = f'needs DuckDB\'s extension "motherduck", .* Run INSTALL motherduck in DuckDB {duckdb.__version__} once'
    with pytest.raises(SourceError, match=told) as caught, opened("motherduck://shop", Path(), token="so-secret"):
        pass
    assert "so-secret" not in caught.value.message


def test_the_session_has_the_token_and_no_access_to_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file stands for the database: what the session forbids besides is MotherDuck's own."""
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as own:
        own.execute("CREATE TABLE t AS SELECT 1 AS n, 'jo@example.com' AS email")
    asked: list[object] = []
    really = duckdb_connection.connect

    def stand_in(address: str, *, config: dict[str, str]) -> duckdb.DuckDBPyConnection:
        asked.extend((address, config))
        return really(str(tmp_path / "shop.duckdb"), read_only=True)

    monkeypatch.setattr(duckdb_connection, "connect", stand_in)
    monkeypatch.setattr(motherduck, "_check_extension", lambda: None)
    source = motherduck.connect(warehouse("motherduck://shop", token="mine"), Path())
    assert asked == ["md:shop?saas_mode=true", {"motherduck_token": "mine"}]
    with source.execute("SELECT * FROM t") as result:
        assert [row for batch in result.batches() for row in batch.to_pylist()] == [{"n": 1, "email": "jo@example.com"}]
    assert source.describe("SELECT n FROM t").names == ["n"]
    for sql in ("SET threads = 1", "DELETE FROM t", "SELECT 1; SELECT 2", "ATTACH 'x.duckdb'"):
        with pytest.raises(SourceError), source.execute(sql):
            pass
    assert not isinstance(source, Splittable)
    source.close()


def test_the_query_is_checked_as_duckdbs(tmp_path: Path) -> None:
    assert warehouse("motherduck://shop").dialect == "duckdb"
    (tmp_path / "orchestrations.yaml").write_text(
        """
version: 1
warehouses: {cloud: {url: "motherduck://shop", token: x-y-z-secret}}
destinations: {out: {type: file, path: out, event_source: offline, event_source_id: "7", fixed_event_name: Purchase}}
orchestrations: {stores: {query: stores, warehouse: cloud, destination: out}}
"""
    )
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "stores.sql").write_text("SELECT 1 AS email FROM (SELECT 2")
    outcome = inside("validate", project=tmp_path)
    assert outcome.code == 2
    assert "stores.sql:1" in outcome.stderr
