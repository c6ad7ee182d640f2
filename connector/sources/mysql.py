"""MySQL, MariaDB and databases with their protocol: rows stream from the server and become Arrow columns in numpy."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from inspect import signature
from pathlib import Path
from struct import Struct
from typing import Any

import pyarrow as pa
import pymysql
from pymysql.connections import Connection
from pymysql.constants import COMMAND
from pymysql.protocol import FieldDescriptorPacket, MysqlPacket
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from connector.config.suggest import did_you_mean
from connector.config.warehouse import Warehouse
from connector.core.dialects import dialect_named
from connector.errors import ConfigurationError, SourceError
from connector.sources.array_conversion import Conversion
from connector.sources.driver_errors import OPEN_FAILED, QUERY_FAILED, error_text, secrets_of
from connector.sources.error_place import Place, named_place, place_of
from connector.sources.mysql_rows import RowPackets
from connector.sources.mysql_types import Column, column_conversion, result_schema
from connector.sources.statement import check_read_only, masked, single_select_error

_CONNECT_SECONDS = 30
_SESSION = (
    "SET SESSION TRANSACTION READ ONLY",
    "SET SESSION time_zone = '+00:00'",
)
"""TIMESTAMP comes as text in the session's time zone."""
_PATIENCE = "SET SESSION net_write_timeout = 86400"
"""A run that sends while it reads keeps the server waiting for longer than its minute. Proxies may not know it."""
_FIXED = {"charset": "utf8mb4", "autocommit": True, "local_infile": False}
_INTERNAL = frozenset({"self", "conv", "cursorclass", "defer_connect", "auth_plugin_map", "db", "passwd"})
_SWITCHES = frozenset({"ssl_disabled", "ssl_verify_cert", "ssl_verify_identity"})
_NUMBERS = frozenset({"port", "connect_timeout", "read_timeout", "write_timeout", "client_flag", "max_allowed_packet"})
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
_BEGIN = "START TRANSACTION READ ONLY"
_DRIVER_ERRORS = (pymysql.MySQLError, OSError)
_NAME_ERRORS = frozenset({1044, 1045, 1046, 1049, 1051, 1052, 1054, 1103, 1109, 1142, 1143, 1146, 1305, 1370})
"""Errors whose messages quote names and no values: of logins, databases, tables, columns, functions and grants."""
_SYNTAX_ERROR = 1064
_WORD = re.compile(r"[A-Za-z_]\w*(?![\w@.+-])")
_NAME = re.compile(r"'([A-Za-z_][\w.$@-]*)'")
_NEAR = re.compile(r" near '(?P<near>.*)' at line \d+\Z", re.DOTALL)
"""How a message ends that shows the rest of the query from an error on, up to 80 characters."""
_UNKNOWN = re.compile(r"\A(?:Unknown column|Column|Table|FUNCTION) '?(?P<name>[\w$.]+)'? ")
_STATEMENT = Struct("<I")


def connect(warehouse: Warehouse, directory: Path, tag: str | None = None) -> "MySQLSource":  # noqa: ARG001
    """Connect; the tag becomes the program's name. Raises ConfigurationError, SourceError."""
    secrets = secrets_of(warehouse)
    arguments = _connect_arguments(warehouse, tag)
    with _translate_errors(OPEN_FAILED, secrets):
        return MySQLSource(partial(_connected, arguments), secrets, warehouse.dialect)


class MySQLSource:
    """One connection; one query at a time, each in a transaction that may only read."""

    def __init__(self, connect: Callable[[], "Connection[Any]"], secrets: tuple[str, ...], dialect: str) -> None:
        self._connect, self._secrets, self._dialect = connect, secrets, dialect
        self._connection: Connection[Any] | None = None
        self._running: int | None = None
        self._server: object = None
        self._session()

    @contextmanager
    def execute(self, sql: str) -> Iterator["MySQLResult"]:
        """See `Source.execute`."""
        check_read_only(sql, self._dialect)
        result = None
        try:
            with self._translated(sql):
                result = self._start(sql)
            yield result
        finally:
            self._end_query(is_finished=result is None or result.is_finished)

    def describe(self, sql: str) -> pa.Schema:
        """See `Source.describe`: the server prepares the query and does not run it."""
        check_read_only(sql, self._dialect)
        with self._translated(sql):
            return result_schema(_prepared_columns(self._session(), sql, self._dialect))

    def cancel(self) -> None:
        """See `Source.cancel`: another connection ends the query, unless its address led to another server."""
        if (running := self._running) is not None:
            with suppress(*_DRIVER_ERRORS), self._connect() as other:
                if _server_of(other) == self._server:
                    other.query(f"KILL QUERY {running}")

    def close(self) -> None:
        """See `Source.close`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*_DRIVER_ERRORS):
                connection.close()

    def _session(self) -> "Connection[Any]":
        """Return the connection, with another one in place of one that was closed."""
        if self._connection is None:
            self._connection = self._connect()
            for setting in _SESSION:
                self._connection.query(setting)
            self._server = _server_of(self._connection)
            with suppress(pymysql.MySQLError):
                self._connection.query(_PATIENCE)
        return self._connection

    def _start(self, sql: str) -> "MySQLResult":
        connection = self._session()
        connection.query(_BEGIN)
        self._running = connection.thread_id()
        connection.query(sql, unbuffered=True)
        if not connection._result.field_count:
            raise single_select_error(sql, self._dialect)
        return MySQLResult(connection, self._secrets)

    def _end_query(self, *, is_finished: bool) -> None:
        """End the transaction. A connection on which rows are still to come is closed, and its query cancelled."""
        connection = self._connection
        if connection is None:
            return
        if is_finished and connection.open:
            self._running = None
            with suppress(*_DRIVER_ERRORS):
                connection.rollback()
        else:
            self.cancel()
            self._running = self._connection = None
            _abandon(connection)

    @contextmanager
    def _translated(self, sql: str) -> Iterator[None]:
        with _translate_errors(QUERY_FAILED, self._secrets, sql, self._dialect):
            yield


class MySQLResult:
    """A result that is read as the server sends it."""

    query_id = None

    def __init__(self, connection: "Connection[Any]", secrets: tuple[str, ...]) -> None:
        self._connection, self._secrets = connection, secrets
        columns = connection._result.fields
        self._conversions = [column_conversion(column) for column in columns]
        self.schema = result_schema(columns)
        self._rows = RowPackets(connection._rfile.read1)
        # The rows are read here: the driver would read them to their end before its next command.
        connection._result.unbuffered_active = False

    @property
    def is_finished(self) -> bool:
        """Return whether the server has sent all rows."""
        return self._rows.is_finished

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Result.batches`."""
        portions = self._rows.portions(len(self._conversions))
        while True:
            with _translate_errors(QUERY_FAILED, self._secrets):
                columns = next(portions, None)
                if columns is None:
                    if self._rows.error:
                        MysqlPacket(self._rows.error, self._connection.encoding).raise_for_error()
                    return
            parts = zip(self.schema, self._conversions, columns, strict=True)
            yield pa.RecordBatch.from_arrays([_converted(*part) for part in parts], schema=self.schema)


def _converted(field: pa.Field, conversion: Conversion, column: pa.BinaryArray) -> pa.Array:
    try:
        return conversion(column)
    except pa.ArrowException:
        raise SourceError(
            f'The column "{field.name}" has values that cannot be read as {field.type}: cast it to CHAR in the query.'
        ) from None


def _server_of(connection: "Connection[Any]") -> object:
    """Return which server a connection is to, of several behind one address; None if it does not tell."""
    with suppress(pymysql.MySQLError), connection.cursor() as cursor:
        cursor.execute("SELECT @@hostname, @@port")
        return cursor.fetchone()
    return None


def _abandon(connection: "Connection[Any]") -> None:
    """Close a connection without reading what the server still sends."""
    if connection._result is not None:
        connection._result.unbuffered_active = False
    connection._force_close()


def _connected(arguments: Mapping[str, Any]) -> "Connection[Any]":
    """Connect within the time limit also if the server never greets, for which the driver would wait without end."""
    limit, patience = arguments["connect_timeout"], arguments.get("read_timeout")
    connection = pymysql.connect(**{**arguments, "read_timeout": min(limit, patience or limit)})
    connection._read_timeout = connection._current_timeout = patience
    connection._sock.settimeout(patience)
    return connection


def _prepared_columns(connection: "Connection[Any]", sql: str, dialect: str) -> Sequence[Column]:
    """Return the columns of a query that the server prepares."""
    connection._execute_command(COMMAND.COM_STMT_PREPARE, sql)
    statement, columns, placeholders = connection._read_packet().read_struct("<xIHH")
    for _ in range(placeholders + 1 if placeholders else 0):
        connection._read_packet()
    fields = [connection._read_packet(FieldDescriptorPacket) for _ in range(columns)]
    if columns:
        connection._read_packet()
    connection._execute_command(COMMAND.COM_STMT_CLOSE, _STATEMENT.pack(statement))
    if placeholders:
        raise SourceError(f'{QUERY_FAILED}: it has "?" outside of quotation marks, which stands for no value here.')
    if not columns:
        raise single_select_error(sql, dialect)
    return fields


def _connect_arguments(warehouse: Warehouse, tag: str | None) -> Mapping[str, Any]:
    """Return the arguments of the driver. Text is always UTF-8 on its way, whatever the URL says."""
    try:
        url = make_url(warehouse.url.get_secret_value())
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            f'The URL of the warehouse "{warehouse.name}" cannot be read: it must look like '
            "mysql://user@host:3306/database, special characters in the password as %XX."
        ) from None
    secret = warehouse.password or warehouse.token
    password = secret.get_secret_value() if secret else url.password or ""
    login = {"host": url.host, "port": url.port or 0, "user": url.username, "password": password}
    options = {**url.query, **warehouse.options}
    given = {name: _option(name, value, warehouse.name) for name, value in options.items()}
    defaults = {"connect_timeout": _CONNECT_SECONDS, **({"program_name": tag} if tag else {})}
    return {**defaults, **login, "database": url.database, **given, **_FIXED}


def _option(name: str, value: object, warehouse: str) -> object:
    """Return an argument of the driver as the type that it has; in a URL all are texts."""
    known = signature(Connection.__init__).parameters.keys() - _INTERNAL
    if name not in known:
        raise ConfigurationError(
            f'The warehouse "{warehouse}" has the option "{name}", which PyMySQL does not have.'
            f"{did_you_mean(name, sorted(known))}"
        )
    kind = bool if name in _SWITCHES else int if name in _NUMBERS else dict if name == "ssl" else None
    if kind is bool and str(value).lower() in _BOOLEANS:
        return _BOOLEANS[str(value).lower()]
    if kind is int and str(value).isdecimal():
        return int(str(value))
    if kind is None or (kind is dict and isinstance(value, Mapping)):
        return value
    wanted = {bool: "true or false", int: "a whole number", dict: "a mapping, as {ca: /etc/ssl/shop.pem}"}[kind]
    raise ConfigurationError(f'The option "{name}" of the warehouse "{warehouse}" must be {wanted}.')


@contextmanager
def _translate_errors(failure: str, secrets: tuple[str, ...], sql: str = "", dialect: str = "mysql") -> Iterator[None]:
    try:
        yield
    except _DRIVER_ERRORS as error:
        code, text = error.args if len(error.args) == 2 else (None, str(error))
        sentence = _error_sentence(code, str(text), secrets, quotes_data=failure != OPEN_FAILED)
        raise SourceError(f"{failure}: {sentence}", _place(sql, str(text), dialect)) from None


def _error_sentence(code: int | None, text: str, secrets: tuple[str, ...], *, quotes_data: bool) -> str:
    """Return the server's message, without the rest of the query that it shows, and its code."""
    number = f" ({code})" if code else ""
    if code == _SYNTAX_ERROR:
        near = _NEAR.search(text)
        word = _WORD.match(near["near"]) if near else None
        return "You have an error in your SQL syntax" + (f' near "{word[0]}"' if word else "") + number
    if code in _NAME_ERRORS or not quotes_data:
        named = _NAME.sub(r'"\1"', text.replace("'@'", "' at '"))
        return error_text(named, secrets, quotes_data=False) + number
    return error_text(text, secrets) + number


def _place(sql: str, text: str, dialect: str) -> Place | None:
    """Return the place of what a message shows, if the query has it once; else the line that it names."""
    near, name = _NEAR.search(text), _UNKNOWN.search(text)
    places = []
    if near and near["near"]:
        places = [match.start() for match in re.finditer(re.escape(near["near"]), sql)]
    elif name:
        pattern = rf"(?<![\w$]){re.escape(name['name'].rpartition('.')[2])}(?![\w$])"
        places = [match.start() for match in re.finditer(pattern, masked(sql, dialect_named(dialect)))]
    return place_of(sql, places[0]) if len(places) == 1 else named_place(sql, text)
