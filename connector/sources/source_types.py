"""The types of warehouses of this distribution, as its entry points of the group `connector.sources` name them."""

from dataclasses import dataclass

from connector.core.version import extra


@dataclass(frozen=True, slots=True)
class SourceType:
    """A type of warehouse, named by an entry point: its name is the URL scheme. Stable."""

    module: str
    """The module that has `connect(warehouse, directory, tag)`, which returns a `Source`. Imported to open one."""
    driver: str | None = None
    """The module that has to be installed for it, if any."""
    requirement: str | None = None
    """The argument of `pip install` that installs the driver."""


DUCKDB = SourceType("connector.sources.duckdb")
SNOWFLAKE = SourceType("connector.sources.snowflake", "snowflake.connector", extra("snowflake"))
POSTGRESQL = SourceType("connector.sources.postgresql", "adbc_driver_postgresql", extra("postgres"))
SQLALCHEMY = SourceType("connector.sources.sqlalchemy")
"""Every database that SQLAlchemy has a dialect for, and no entry point names."""
