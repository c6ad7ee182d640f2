"""ClickHouse, over HTTP through its own driver: results stream as Arrow."""

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from inspect import signature
from pathlib import Path
from typing import Any
from uuid import uuid4

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.httpclient import HttpClient
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError
from urllib3.exceptions import HTTPError

from connector.config.warehouse import Warehouse
from connector.core.dialects import dialect_named
from connector.errors import ConfigurationError, SourceError
from connector.sources.array_conversion import convert_batch
from connector.sources.clickhouse_types import type_conversion
from connector.sources.driver_errors import OPEN_FAILED, QUERY_FAILED, error_text, secrets_of
from connector.sources.error_place import Place, place_of
from connector.sources.statement import check_read_only, masked

# Without a handler Python would print the driver's warnings between our own lines.
logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())

BATCH_ROWS = 65_536

_CONNECT_SECONDS = 30
_TLS_PORTS = frozenset({None, 443, 8443})
"""Ports that are encrypted if `secure` does not say; the driver sends passwords in clear if the URL has no port."""
_SWITCHES: Mapping[str, tuple[str, ...]] = {"secure": (), "verify": ("proxy",)}
"""Options that protect the connection, with the words that they take beside true and false."""
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_SETTINGS = {
    "output_format_arrow_string_as_string": "1",
    "cancel_http_readonly_queries_on_client_close": "1",
}
"""An older server sends texts as bytes by default, and goes on with the query of a client that is gone."""
_CHANGES_NOTHING, _CHANGES_SETTINGS = "1", "2"
"""Values of `readonly`: a session with the first cannot set the above."""
_DRIVER_ERRORS = (ClickHouseError, HTTPError, pa.ArrowException, OSError)
_CHUNK_BYTES = _TAIL_BYTES = 1 << 16
_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_MESSAGE = re.compile(r"(?P<text>.*) \((?P<name>[A-Z][A-Z0-9_]+)\)", re.DOTALL)
_SYNTAX_WORD = re.compile(r"position \d+ \((?P<word>[A-Za-z_]\w*)\)")
_IN_SCOPE = re.compile(r"[.:]? In scope .*|: While processing .*|: while executing .*", re.DOTALL)
"""The part of an error that repeats the query, with the values in it."""
_PLACE = re.compile(r"\(line (?P<line>\d+), col (?P<column>\d+)\)")
_NAME = re.compile(r"[`'](?P<name>[A-Za-z_][\w.]*)[`']")
_NAME_ERRORS = frozenset(
    "ACCESS_DENIED AUTHENTICATION_FAILED DATABASE_ACCESS_DENIED ILLEGAL_TYPE_OF_ARGUMENT NOT_AN_AGGREGATE "
    "NUMBER_OF_ARGUMENTS_DOESNT_MATCH READONLY REQUIRED_PASSWORD UNKNOWN_DATABASE UNKNOWN_FUNCTION UNKNOWN_IDENTIFIER "
    "UNKNOWN_SETTING UNKNOWN_TABLE UNKNOWN_USER NO_SUCH_COLUMN_IN_TABLE MULTIPLE_EXPRESSIONS_FOR_ALIAS".split()
)
"""Errors whose messages quote names and no values."""


def connect(warehouse: Warehouse, directory: Path, tag: str | None = None) -> "ClickHouseSource":  # noqa: ARG001
    """Connect; the tag becomes the comment of queries in the log. Raises ConfigurationError, SourceError."""
    secrets = secrets_of(warehouse)
    arguments = _connect_arguments(warehouse)
    with _translate_errors(OPEN_FAILED, secrets):
        return ClickHouseSource(clickhouse_connect.get_client(**arguments), secrets, tag)


class ClickHouseSource:
    """One client; one query at a time, each read-only."""

    def __init__(self, client: Client, secrets: tuple[str, ...], tag: str | None) -> None:
        self._client, self._secrets = client, secrets
        self._settings = _read_only_settings(client, tag)
        self._running: str | None = None

    @contextmanager
    def execute(self, sql: str) -> Iterator["ClickHouseResult"]:
        """See `Source.execute`. The server is asked for the columns first: Arrow's types tell too little of them."""
        columns = self._columns(sql)
        query_id = str(uuid4())
        self._running = query_id
        stream = None
        try:
            with _translate_errors(QUERY_FAILED, self._secrets, sql):
                settings = {**self._settings, "query_id": query_id}
                stream = _Stream(self._client.raw_stream(sql, settings=settings, fmt="ArrowStream"))
                result = ClickHouseResult(stream, columns, query_id, self._secrets)
            yield result
        finally:
            if stream is None or not stream.is_finished:
                self.cancel()
            if stream is not None:
                stream.close()
            self._running = None

    def describe(self, sql: str) -> pa.Schema:
        """See `Source.describe`: the server analyses the query and does not run it."""
        return _schema(self._columns(sql))

    def cancel(self) -> None:
        """See `Source.cancel`. Everybody may end queries of their own."""
        if (running := self._running) is not None:
            with suppress(*_DRIVER_ERRORS):
                self._client.command(f"KILL QUERY WHERE query_id = '{running}' ASYNC")

    def close(self) -> None:
        """See `Source.close`."""
        with suppress(*_DRIVER_ERRORS):
            self._client.close()

    def _columns(self, sql: str) -> list[tuple[str, str]]:
        """Return the names and types of the columns."""
        check_read_only(sql, "clickhouse")
        with _translate_errors(QUERY_FAILED, self._secrets, sql, lines_before=1):
            answer = self._client.raw_query(f"DESCRIBE TABLE (\n{sql}\n)", settings=self._settings, fmt="JSONCompact")
        return [(str(name), str(kind)) for name, kind, *_ in json.loads(answer)["data"]]


class ClickHouseResult:
    """A result that is read as the server sends it."""

    def __init__(
        self, stream: "_Stream", columns: list[tuple[str, str]], query_id: str, secrets: tuple[str, ...]
    ) -> None:
        self.query_id: str | None = query_id
        self.schema = _schema(columns)
        self._conversions = [type_conversion(kind) for _, kind in columns]
        self._stream, self._secrets = stream, secrets
        self._reader = stream.open()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Result.batches`."""
        while True:
            with _translate_errors(QUERY_FAILED, self._secrets):
                batch = self._stream.next_batch(self._reader)
                if batch is None:
                    return
                converted = convert_batch(batch, self._conversions, self.schema)
            for start in range(0, converted.num_rows, BATCH_ROWS):
                yield converted.slice(start, BATCH_ROWS)


class _Stream:
    """The body of a response, in which an error can come after the first rows, as text."""

    closed = False
    is_finished = False
    """Whether the server has sent everything."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._chunks: Iterator[bytes] = response.stream(_CHUNK_BYTES, decode_content=False)
        self._rest = self._tail = b""
        self._failure: BaseException | None = None

    def open(self) -> pa.RecordBatchReader:
        """Return the reader of the Arrow stream. Raises ClickHouseError."""
        with self._error_in_the_rows():
            return pa.ipc.open_stream(self)

    def next_batch(self, reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
        """Return the next batch; None at the end. Raises ClickHouseError."""
        with self._error_in_the_rows():
            batch = next(reader, None)
            if batch is None and not self.is_finished:
                if not self._tail.endswith(_END_OF_STREAM):
                    raise OSError("the result ended early")
                self.is_finished = True
            return batch

    def read(self, size: int) -> bytes:
        """Return so many bytes, fewer at the end, which may be that of a broken connection."""
        parts, missing = [self._rest], size - len(self._rest)
        while missing > 0 and (chunk := self._next_chunk()):
            parts.append(chunk)
            missing -= len(chunk)
        data = b"".join(parts)
        self._rest = data[size:]
        self._tail = (self._tail + data[:size])[-_TAIL_BYTES:]
        return data[:size]

    def _next_chunk(self) -> bytes:
        try:
            return next(self._chunks, b"")
        except _DRIVER_ERRORS as error:
            self._failure = error
            return b""

    def close(self) -> None:
        """Close the connection unless everything was read."""
        if self.is_finished:
            self._response.drain_conn()
            self._response.release_conn()
        else:
            self._response.close()

    @contextmanager
    def _error_in_the_rows(self) -> Iterator[None]:
        """Raise the error that the server wrote behind the rows, in place of that of a reader that expected rows."""
        try:
            yield
        except _DRIVER_ERRORS as error:
            self.read(_TAIL_BYTES)
            _, separator, text = self._tail.rpartition(b"DB::Exception: ")
            if not separator:
                raise (self._failure or error) from None
            self.is_finished = True
            raise ClickHouseError(f"DB::Exception: {text.decode(errors='replace')}") from None


def _schema(columns: list[tuple[str, str]]) -> pa.Schema:
    return pa.schema([pa.field(name, type_conversion(kind).kind, metadata={"type": kind}) for name, kind in columns])


def _read_only_settings(client: Client, tag: str | None) -> dict[str, str]:
    """Return the settings of each query, as far as the login's profile lets it choose them."""
    profile = client.server_settings.get("readonly")
    level = profile.value if profile else "0"
    if level == _CHANGES_NOTHING:
        return {}
    comment = {"log_comment": tag} if tag else {}
    return {**_SETTINGS, **comment, **({} if level == _CHANGES_SETTINGS else {"readonly": _CHANGES_SETTINGS})}


def _connect_arguments(warehouse: Warehouse) -> dict[str, Any]:
    """Return the arguments of the driver; options that it does not have are settings of the server."""
    try:
        url = make_url(warehouse.url.get_secret_value())
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            f'The URL of the warehouse "{warehouse.name}" cannot be read: it must look like '
            "clickhouse://user@host:8443/database, special characters in the password as %XX."
        ) from None
    if "native" in url.drivername or url.port in {9000, 9440}:
        raise ConfigurationError(
            f'The warehouse "{warehouse.name}" names the port of ClickHouse\'s native protocol: it is read over HTTP, '
            "at port 8443, or 8123 without TLS."
        )
    known = {*signature(HttpClient.__init__).parameters, "secure"}
    options = {**url.query, **warehouse.options}
    switches = {name: _switch(name, options[name], warehouse.name) for name in _SWITCHES if name in options}
    is_inferred = {"secure", "interface"}.isdisjoint(options)
    options = {**({"secure": url.port in _TLS_PORTS} if is_inferred else {}), **options, **switches}
    arguments = {name: value for name, value in options.items() if name in known}
    settings = {name: value for name, value in options.items() if name not in known}
    password = warehouse.password.get_secret_value() if warehouse.password else url.password or ""
    login = {"username": url.username, "password": password}
    if warehouse.token:
        login = {"access_token": warehouse.token.get_secret_value()}
    return {
        "connect_timeout": _CONNECT_SECONDS,
        **arguments,
        **login,
        "host": url.host,
        "port": url.port,
        "database": url.database,
        "settings": settings,
        "autogenerate_session_id": False,
        "show_clickhouse_errors": "scrub",
    }


def _switch(name: str, value: object, warehouse: str) -> bool | str:
    """Return an option as the driver takes it, which reads every word that it does not know as false."""
    word = str(value).lower()
    if word in _BOOLEANS:
        return _BOOLEANS[word]
    if word in _SWITCHES[name]:
        return word
    also = "".join(f" or {other}" for other in _SWITCHES[name])
    raise ConfigurationError(
        f'The option "{name}" of the warehouse "{warehouse}" is "{value}"; it must be true or false{also}.'
    )


@contextmanager
def _translate_errors(failure: str, secrets: tuple[str, ...], sql: str = "", lines_before: int = 0) -> Iterator[None]:
    try:
        yield
    except _DRIVER_ERRORS as error:
        sentence = _error_sentence(error, secrets, quotes_data=failure != OPEN_FAILED)
        raise SourceError(f"{failure}: {sentence}", _place(str(error), sql, lines_before)) from None


def _error_sentence(error: BaseException, secrets: tuple[str, ...], *, quotes_data: bool) -> str:
    """Return the server's message without the query that it repeats, and the name of the error."""
    _, separator, said = str(error).rpartition("DB::Exception: ")
    if not separator:
        return error_text(_cause(error), secrets, quotes_data=quotes_data)
    match = _MESSAGE.match(said)
    text, name = (match["text"], match["name"]) if match else (said, "")
    if name == "SYNTAX_ERROR":
        word = _SYNTAX_WORD.search(text)
        return "Syntax error" + (f' near "{word["word"]}"' if word else "") + f" ({name})"
    text = _IN_SCOPE.sub("", text).strip().rstrip(".")
    is_about_names = name in _NAME_ERRORS or not quotes_data
    sentence = error_text(
        _NAME.sub(r'"\g<name>"', text) if is_about_names else text, secrets, quotes_data=not is_about_names
    )
    return f"{sentence} ({name})" if name else sentence


def _cause(error: BaseException) -> str:
    """Return what a failed request failed for, without the driver's words about its attempts."""
    cause: BaseException | str | None = error.__cause__ or error
    while reason := getattr(cause, "reason", None):
        cause = reason
    return str(cause).rpartition("Failed to establish a new connection: ")[2]


def _place(text: str, sql: str, lines_before: int) -> Place | None:
    """Return the place that the server names, or that of a name that the query has once."""
    if place := _PLACE.search(text):
        line, column = int(place["line"]) - lines_before, int(place["column"])
        return (line, column) if 0 < line <= sql.count("\n") + 1 else None
    name = _NAME.search(text.partition("DB::Exception: ")[2])
    if name is None:
        return None
    pattern = rf"(?<![\w$]){re.escape(name['name'].rpartition('.')[2])}(?![\w$])"
    places = [match.start() for match in re.finditer(pattern, masked(sql, dialect_named("clickhouse")))]
    return place_of(sql, places[0]) if len(places) == 1 else None
