"""Settings of a warehouse."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, SecretStr

from connector.config.fields import Mapped, Secret, Text, Words, accepts, as_list, text, words
from connector.config.remote_address import without_credentials
from connector.config.settings import Settings, Violation

_FILE_DATABASE = re.compile(r"(?P<scheme>(?:duckdb|sqlite)(?:\+\w+)?:///)(?P<path>[^?]+)(?P<rest>.*)", re.DOTALL)
_IS_DUCKDB = re.compile(r"\s*duckdb(\+\w+)?:|\s*\{\{", re.IGNORECASE)
_NOT_A_PATH = re.compile(r"/|:memory:|md:|motherduck:|file:|[A-Za-z]:[/\\]")


@accepts(lambda _: {"type": "string", "pattern": r"^\s*[A-Za-z][A-Za-z0-9_+.]*://[^\x00-\x1f]*$"})
def database_url(value: object) -> str:
    """Validate a SQLAlchemy URL."""
    if not re.match(r"[A-Za-z][A-Za-z0-9_+.]*://", url := text(value).strip()):
        raise ValueError("must be a SQLAlchemy URL such as duckdb:///demo/warehouse.duckdb")
    if not url.isprintable():
        raise ValueError("must not hold line breaks or other control characters")
    return url


def absolute_url(directory: Path, url: str) -> str:
    """Make the path in the URL of a database file absolute; return any other URL as it is."""
    parts = _FILE_DATABASE.fullmatch(url)
    if parts is None or _NOT_A_PATH.match(parts["path"]):
        return url
    return f"{parts['scheme']}{directory / parts['path']}{parts['rest']}"


DatabaseUrl = Annotated[SecretStr, BeforeValidator(database_url)]

_HOST = re.compile(
    r"(?:https?://[\w.-]+(?::\d+)?|(?:s3|gs|gcs|r2|hf|az|azure)://[\w./-]+|[\w.-]+(?::\d+)?)/?", re.ASCII
)


@accepts(lambda _: as_list({"type": "string", "pattern": rf"^(?:{_HOST.pattern})$"}))
def host_list(value: object) -> tuple[str, ...]:
    """Validate a list of hosts and buckets."""
    hosts: tuple[str, ...] = words(value)
    for host in hosts:
        if not _HOST.fullmatch(host) or ".." in host:
            shown = without_credentials(host)
            raise ValueError(f'must list hosts and buckets, as [files.example.com, "s3://bucket"], not {shown}')
    return hosts


class ExternalAccess(Settings):
    """Files and hosts that queries of a DuckDB warehouse may read, in addition to its file and the project folder."""

    internal_fields: ClassVar[frozenset[str]] = frozenset()

    folders: Words = ()
    """Folders that queries may read, relative to the project folder."""
    hosts: Annotated[tuple[str, ...], BeforeValidator(host_list)] = ()
    """Hosts and buckets that queries may read. A host without a scheme is reached by `https://`."""


class Warehouse(Settings):
    """A database. The URL may hold a password, so it does not print itself."""

    from_environment: ClassVar[frozenset[str]] = frozenset({"private_key_file", "credentials_file"})

    name: str
    description: Text | None = None
    """A text for people."""
    url: DatabaseUrl
    """The location of the database. The path of a database file is relative to the project folder."""
    password: Secret | None = None
    """The user's password, in place of one in the URL."""
    token: Secret | None = None
    """Snowflake: an OAuth token, or another token with `authenticator` in `options`. BigQuery: an OAuth access token.
    Databricks and MotherDuck: a personal access token. Trino and ClickHouse: a JWT. Other databases: a password, such
    as a short-lived one of RDS."""
    private_key_file: Annotated[Path, BeforeValidator(text)] | None = None
    """Snowflake: the private key of a key pair, as a PEM file."""
    private_key_passphrase: Secret | None = None
    """The passphrase of `private_key_file`."""
    credentials_file: Annotated[Path, BeforeValidator(text)] | None = None
    """BigQuery: the key of a service account, or the configuration of a workload identity, as a JSON file. Without
    one, the application default credentials are used."""
    credentials_json: Secret | None = None
    """BigQuery: the content of such a file, in place of `credentials_file`."""
    options: Mapped = Field(default_factory=dict, repr=False)
    """Options passed to the driver when it connects."""
    external_access: ExternalAccess = ExternalAccess()
    """DuckDB only: what queries may read in addition to the warehouse file and the project folder."""

    @classmethod
    def rules(cls, values: Mapping[str, Any]) -> Iterator[Violation]:
        """Refuse `external_access` for other databases than DuckDB."""
        url = values.get("url")
        if values.get("external_access") is not None and isinstance(url, str) and not _IS_DUCKDB.match(url):
            yield "external_access", "is for duckdb:// only; elsewhere the database's own grants decide"

    @property
    def dialect(self) -> str:
        """The SQL dialect by SQLAlchemy's name: the URL's scheme without its driver."""
        scheme = self.url.get_secret_value().partition(":")[0].partition("+")[0].lower()
        return {"postgres": "postgresql", "motherduck": "duckdb"}.get(scheme, scheme)
