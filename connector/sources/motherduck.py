"""MotherDuck: DuckDB with its extension, whose queries run in the cloud; results arrive as Arrow."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa

from connector.config.warehouse import Warehouse
from connector.core import duckdb_connection
from connector.errors import ConfigurationError, SourceError
from connector.sources.driver_errors import OPEN_FAILED, error_text, secrets_of
from connector.sources.duckdb import DuckDBResult, DuckDBSource
from connector.sources.duckdb_access import is_restricted

EXTENSION = "motherduck"

_LOCAL_SETTINGS = ("SET TimeZone = 'UTC'", "SET temp_directory = ''")
_LOCK = (
    "SET allowed_configs = ['memory_limit']",
    "SET python_enable_replacements = false",
    "SET lock_configuration = true",
)


def connect(warehouse: Warehouse, directory: Path, tag: str | None = None) -> "MotherDuckSource":  # noqa: ARG001
    """Open `motherduck://DATABASE`. Raises ConfigurationError without a token or a database, SourceError."""
    if warehouse.token is None:
        raise ConfigurationError(
            f'The warehouse "{warehouse.name}" has no token: set token to an access token of MotherDuck, best of a '
            "user who may only read."
        )
    database = warehouse.url.get_secret_value().partition("://")[2].strip("/").partition("?")[0]
    if not database:
        raise ConfigurationError(f'The URL of the warehouse "{warehouse.name}" has to look like motherduck://DATABASE.')
    # In this mode of MotherDuck, a session reaches no file of this machine and loads no other extension.
    address = f"md:{database}?saas_mode=true"
    config = {"motherduck_token": warehouse.token.get_secret_value()}
    return MotherDuckSource(DuckDBSource(partial(_open, address, config, secrets_of(warehouse)), _lock))


class MotherDuckSource:
    """A session in the cloud; one query at a time. It is not divided: rows have no places in a file."""

    def __init__(self, source: DuckDBSource) -> None:
        self._source = source

    def execute(self, sql: str) -> AbstractContextManager[DuckDBResult]:
        """See `Source.execute`."""
        return self._source.execute(sql)

    def describe(self, sql: str) -> pa.Schema:
        """See `Source.describe`."""
        return self._source.describe(sql)

    def cancel(self) -> None:
        """See `Source.cancel`."""
        self._source.cancel()

    def close(self) -> None:
        """See `Source.close`."""
        self._source.close()


def _open(address: str, config: dict[str, str], secrets: tuple[str, ...]) -> duckdb.DuckDBPyConnection:
    _check_extension()
    try:
        connection = duckdb_connection.connect(address, config=config)
        for statement in _LOCAL_SETTINGS:
            connection.execute(statement)
    except duckdb.Error as error:
        text = str(error).partition("\n")[0]
        raise SourceError(f"{OPEN_FAILED}: {error_text(text, secrets, quotes_data=False)}") from None
    return connection


def _check_extension() -> None:
    """Raise SourceError if the extension is not installed: DuckDB would otherwise say where it looked for it."""
    with duckdb_connection.connect() as connection:
        found = connection.execute(
            "SELECT installed FROM duckdb_extensions() WHERE extension_name = ?", [EXTENSION]
        ).fetchall()
    if found != [(True,)]:
        raise SourceError(
            f'{OPEN_FAILED}: MotherDuck needs DuckDB\'s extension "{EXTENSION}", which is not installed, and never '
            f"downloaded by a run. Run INSTALL {EXTENSION} in DuckDB {duckdb.__version__} once."
        )


def _lock(connection: duckdb.DuckDBPyConnection, _: Iterable[str]) -> None:
    """Keep queries from changing settings. A session that is already locked stays as it is."""
    if not is_restricted(connection):
        for statement in _LOCK:
            connection.execute(statement)
