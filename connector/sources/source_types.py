"""The types of warehouses of this distribution, by URL scheme, and what brings the driver of each."""

from collections.abc import Mapping
from dataclasses import dataclass

from connector.core.version import extra
from connector.errors import ConfigurationError, Problem, Rule


@dataclass(frozen=True, slots=True)
class SourceType:
    """A type of warehouse, named by an entry point: its name is the URL scheme. Stable."""

    module: str
    """The module that has `connect(warehouse, directory, tag)`, which returns a `Source`. Imported to open one."""
    driver: str | None = None
    """The module that has to be installed for it, if any."""
    requirement: str | None = None
    """The argument of `pip install` that installs the driver."""
    drivername: str | None = None
    """SQLAlchemy's name of the driver of a URL that names none, if it is not the first one, as `oracle+oracledb`."""


_SQLALCHEMY = "connector.sources.sqlalchemy"

DUCKDB = SourceType("connector.sources.duckdb")
MOTHERDUCK = SourceType("connector.sources.motherduck")
SNOWFLAKE = SourceType("connector.sources.snowflake", "snowflake.connector", extra("snowflake"))
POSTGRESQL = SourceType("connector.sources.postgresql", "adbc_driver_postgresql", extra("postgres"))
CLICKHOUSE = SourceType("connector.sources.clickhouse", "clickhouse_connect", extra("clickhouse"))
MYSQL = SourceType("connector.sources.mysql", "pymysql", extra("mysql"))
REDSHIFT = SourceType("connector.sources.redshift", "psycopg", extra("postgres"))
BIGQUERY = SourceType("connector.sources.bigquery", "google.cloud.bigquery_storage", extra("bigquery"))
DATABRICKS = SourceType("connector.sources.databricks", "databricks.sql", extra("databricks"))
TRINO = SourceType("connector.sources.trino", "trino", extra("trino"))
SQLALCHEMY = SourceType(_SQLALCHEMY)
"""Every database that SQLAlchemy has a dialect for, and no entry point names."""

SQLALCHEMY_TYPES: Mapping[str, SourceType] = {
    "sqlite": SQLALCHEMY,
    "mssql": SourceType(_SQLALCHEMY, "mssql_python", extra("sqlserver"), "mssql+mssqlpython"),
    "oracle": SourceType(_SQLALCHEMY, "oracledb", extra("oracle"), "oracle+oracledb"),
}
"""The databases whose dialects SQLAlchemy has, by URL scheme; the drivers install without a compiler."""

DIALECT_PACKAGES: Mapping[str, str] = {
    **dict.fromkeys(("presto", "hive", "spark"), "pyhive"),
    **dict.fromkeys(("athena", "awsathena"), "pyathena[sqlalchemy]"),
    "teradatasql": "teradatasqlalchemy",
    "cockroachdb": "sqlalchemy-cockroachdb",
    "vertica": "sqlalchemy-vertica-python",
    "exa": "sqlalchemy-exasol",
    "hana": "sqlalchemy-hana",
    **dict.fromkeys(("db2", "ibm_db_sa"), "ibm-db-sa"),
}
"""The distributions that bring SQLAlchemy dialects for which there is no extra, by URL scheme."""

DRIVER_PACKAGES: Mapping[str, str] = {
    "cx_Oracle": "cx_Oracle",
    "pytds": "python-tds",
    "sqlalchemy_pytds": "sqlalchemy-pytds",
}
"""The distributions of drivers that a URL can name behind a plus sign, by module, if their names differ."""


def missing_driver(needing: str, module: str | None, requirement: str | None = None) -> ConfigurationError:
    """Build the error for a driver that is not installed, with the extra or the package that brings it."""
    from shlex import quote

    requirement = requirement or _requirement_of(module or "")
    install = f": pip install {quote(requirement)}" if requirement else ""
    return ConfigurationError([Problem(f"{needing} needs {module}{install}.", rule=Rule.MISSING_DRIVER)])


def _requirement_of(module: str) -> str:
    """Return the extra of this distribution, or the package, that brings the module of a driver."""
    package = module.partition(".")[0]
    by_module = {found.driver: found.requirement for found in SQLALCHEMY_TYPES.values() if found.driver}
    return by_module.get(package) or DRIVER_PACKAGES.get(package, package)
