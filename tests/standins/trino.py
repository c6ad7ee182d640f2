"""What a coordinator of Trino answers, for its own client: `python -m tests.standins.trino`.

DuckDB runs the SQL, which sqlglot translates. Results come page by page, as they are fetched. `/control` tells it to
misbehave, `/log` what was asked of it.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, quote_plus, unquote_plus

import duckdb
import lz4.block  # type: ignore[import-untyped]
import pyarrow as pa
import sqlglot
from sqlglot import exp

from tests.standins.base import Answer, Refusal, Route, Warehouse, http_server, wait
from tests.standins.trino_values import EVERY_TYPE

PATIENCE = 0.5
"""Seconds for which a request is held while the query runs."""
PAGE_ROWS = 4_096
SEQUENCE = re.compile(r"TABLE\s*\(\s*sequence\((\d+),\s*(\d+)\)\s*\)", re.IGNORECASE)

warehouse = Warehouse("trino")
threads = ThreadPoolExecutor(32)
queries: dict[str, "Query"] = {}
transactions: set[str] = set()
spooled: dict[str, bytes] = {}
numbers = count(1)


class Query:
    """One statement that gives rows."""

    def __init__(
        self, columns: list[tuple[str, str]], pages: Iterator[list[Any]], cursor: duckdb.DuckDBPyConnection, sql: str
    ) -> None:
        self.id = f"20261130_100000_{next(numbers):05d}_stand"
        self.columns, self.pages, self.cursor, self.sql = columns, pages, cursor, sql
        self.page: Future[list[Any] | None] = threads.submit(next, self.pages, None)
        self.is_cancelled = False
        queries[self.id] = self
        warehouse.open.add(self)

    def __str__(self) -> str:
        return self.sql

    def queued(self) -> dict[str, Any]:
        """The first state, which never has rows."""
        return status(self.id, "QUEUED", 0)

    def answer(self, token: int) -> dict[str, Any]:
        """The state of the query, with a page if there is one."""
        wait_for([self.page], PATIENCE)
        if not self.page.done():
            return status(self.id, "RUNNING", token + 1)
        if self.is_cancelled:
            return self.ended(error("USER_CANCELED", "Query was canceled"))
        try:
            page = self.page.result()
        except duckdb.Error as failure:
            return self.ended(translated_error(failure, ""))
        if page is None:
            return self.ended(status(self.id, "FINISHED", columns=self.columns))
        self.page = threads.submit(next, self.pages, None)
        return {**status(self.id, "RUNNING", token + 1, columns=self.columns), "data": packed(page)}

    def ended(self, last: dict[str, Any]) -> dict[str, Any]:
        """The last answer."""
        warehouse.open.discard(self)
        return {**last, "id": self.id}

    def cancel(self) -> None:
        """Ends it."""
        self.is_cancelled = True
        while not self.page.done():
            self.cursor.interrupt()
            wait_for([self.page], 0.02)
        warehouse.open.discard(self)


def status(
    id: str,  # noqa: A002
    state: str,
    token: int | None = None,
    columns: list[tuple[str, str]] | None = None,
) -> dict[str, Any]:
    address = f"http://127.0.0.1:{server.server_port}"
    named = [
        {"name": name, "type": kind, "typeSignature": {"rawType": kind.partition("(")[0], "arguments": []}}
        for name, kind in columns or ()
    ]
    return {
        "id": id,
        "infoUri": f"{address}/ui/{id}",
        "stats": {"state": state},
        **({"nextUri": f"{address}/v1/statement/executing/{id}/{token}"} if token is not None else {}),
        **({"columns": named} if columns else {}),
    }


def error(name: str, message: str, place: tuple[int, int] | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"errorName": name, "errorType": "USER_ERROR", "errorCode": 1, "message": message}
    if place:
        told["message"] = f"line {place[0]}:{place[1]}: {message}"
        told["errorLocation"] = {"lineNumber": place[0], "columnNumber": place[1]}
    return {**status(f"20261130_100000_{next(numbers):05d}_stand", "FAILED"), "error": told}


def translated_error(failure: duckdb.Error, sql: str) -> dict[str, Any]:
    text = str(failure)
    named = re.search(r"with name (\w+)|\"(\w+)\"", text)
    name = (named and (named[1] or named[2])) or ""
    before = sql[: max(sql.find(name), 0)]
    place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    if isinstance(failure, duckdb.CatalogException):
        return error("TABLE_NOT_FOUND", f"Table 'shop.main.{name}' does not exist", place)
    if isinstance(failure, duckdb.BinderException):
        return error("COLUMN_NOT_FOUND", f"Column '{name}' cannot be resolved", place)
    if isinstance(failure, duckdb.ConversionException):
        value = text.partition("'")[2].partition("'")[0]
        return error("INVALID_CAST_ARGUMENT", f"Cannot cast '{value}' to BIGINT")
    return error("GENERIC_USER_ERROR", text.partition("\n")[0])


def statement(body: bytes, headers: Mapping[str, str], **_: Any) -> object:
    sql = body.decode() if isinstance(body, bytes) else str(body)
    refuse_strangers(headers)
    warehouse.log.append({"headers": {name.lower(): value for name, value in headers.items()}})
    warehouse.log.append({"sql": sql})
    first = sql.split(maxsplit=1)[0].upper()
    if first == "START":
        name = f"transaction-{next(numbers)}"
        transactions.add(name)
        return Answer(status("begin", "FINISHED"), headers={"X-Trino-Started-Transaction-Id": name})
    if first == "ROLLBACK":
        transactions.discard(headers.get("X-Trino-Transaction-Id", ""))
        return Answer(status("rollback", "FINISHED"), headers={"X-Trino-Clear-Transaction-Id": "true"})
    if first == "PREPARE":
        statement_name, _between, prepared = sql.partition(" ")[2].partition(" FROM\n")
        return Answer(
            status("prepare", "FINISHED"), headers={"X-Trino-Added-Prepare": f"{statement_name}={quote_plus(prepared)}"}
        )
    if first == "DEALLOCATE":
        return Answer(status("deallocate", "FINISHED"), headers={"X-Trino-Deallocated-Prepare": sql.split()[-1]})
    try:
        return answer(first, sql, headers)
    except duckdb.Error as failure:
        return translated_error(failure, sql)
    except sqlglot.ParseError as failure:
        place = failure.errors[0]
        return error("SYNTAX_ERROR", "mismatched input 'FROM'. Expecting: '*'", (place["line"], place["col"]))


def answer(first: str, sql: str, headers: Mapping[str, str]) -> object:
    if first == "EXPLAIN":
        columns_of(sql.partition("\n")[2])
        return status("explain", "FINISHED", columns=[("Valid", "boolean")]) | {"data": [[True]]}
    if first == "DESCRIBE":
        name = sql.rsplit(maxsplit=1)[-1]
        known = dict(parse_qsl(headers["X-Trino-Prepared-Statement"].replace(",", "&")))[name]
        rows = [[name, "", "", "", kind, 8, False] for name, kind in columns_of(unquote_plus(known))]
        described = [(name, "varchar") for name in ("Column Name", "Catalog", "Schema", "Table", "Type")]
        return status("describe", "FINISHED", columns=[*described, ("Type Size", "bigint"), ("Aliased", "boolean")]) | {
            "data": rows
        }
    if headers.get("X-Trino-Transaction-Id") in transactions and not is_query(sql):
        return error("READ_ONLY_VIOLATION", "Cannot execute write in a read-only transaction")
    if "every_type" in sql:
        rows = [list(row) for row in zip(*(values for _, values in EVERY_TYPE.values()), strict=True)]
        return Query(columns_of(sql), iter([rows]), warehouse.cursor(), sql).queued()
    columns, cursor = columns_of(sql), warehouse.cursor()
    return Query(columns, pages(cursor, understood(sql)), cursor, sql).queued()


def refuse_strangers(headers: Mapping[str, str]) -> None:
    wanted = warehouse.settings.get("authorization")
    if wanted and headers.get("Authorization") != wanted:
        raise Refusal(401, {"error": "Access Denied: Invalid credentials"})


def is_query(sql: str) -> bool:
    return isinstance(sqlglot.parse_one(sql, read="trino"), exp.Query)


def understood(sql: str) -> str:
    """The SQL as DuckDB takes it."""
    return warehouse.translated(SEQUENCE.sub(r"(SELECT range AS sequential_number FROM range(\1, \2 + 1))", sql))


def columns_of(sql: str) -> list[tuple[str, str]]:
    if "every_type" in sql:
        return [(name, kind) for name, (kind, _) in EVERY_TYPE.items()]
    schema = warehouse.columns(understood(sql))
    return [(field.name, type_name(field.type)) for field in schema]


def type_name(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    tests = {
        "integer": pa.types.is_int32,
        "bigint": pa.types.is_integer,
        "double": pa.types.is_floating,
        "boolean": pa.types.is_boolean,
        "date": pa.types.is_date,
        "timestamp(6) with time zone": lambda kind: pa.types.is_timestamp(kind) and kind.tz,
        "timestamp(6)": pa.types.is_timestamp,
        "varbinary": pa.types.is_binary,
    }
    return next((name for name, test in tests.items() if test(kind)), "varchar")


def pages(cursor: duckdb.DuckDBPyConnection, sql: str) -> Iterator[list[Any]]:
    reader = cursor.sql(sql).to_arrow_reader(PAGE_ROWS)
    for batch in reader:
        columns = [[shown(value) for value in column.to_pylist()] for column in batch.columns]
        yield [list(row) for row in zip(*columns, strict=True)]


def shown(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S.%f}" + (" UTC" if value.tzinfo else "")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return (
        value
        if value is None or isinstance(value, bool | int | float | str)
        else f"{value:f}"
        if isinstance(value, Decimal)
        else str(value)
    )


def packed(rows: list[Any]) -> object:
    """A page as rows, or as a segment of the spooled protocol."""
    how = warehouse.settings.get("segments")
    if how is None:
        return rows
    data = plain = json.dumps(rows).encode()
    encoding, metadata = "json", {"segmentSize": len(plain)}
    if how == "compressed":
        data = lz4.block.compress(plain, store_size=False)
        encoding, metadata = "json+lz4", {"segmentSize": len(data), "uncompressedSize": len(plain)}
    if how == "inline":
        segment: dict[str, Any] = {"type": "inline", "data": base64.b64encode(data).decode()}
    else:
        name = f"{next(numbers)}"
        spooled[name] = data
        address = f"http://127.0.0.1:{server.server_port}/spooled/{name}"
        segment = {"type": "spooled", "uri": address, "ackUri": f"{address}/ack", "headers": {}}
    return {"encoding": encoding, "segments": [{**segment, "metadata": metadata}]}


def acknowledged(name: str, **_: Any) -> object:
    warehouse.log.append({"acknowledged": name})
    del spooled[name]
    return {}


def fetch(id: str, token: str, **_: Any) -> object:  # noqa: A002
    warehouse.log.append({"page": token})
    if warehouse.settings.get("broken") == int(token):
        warehouse.settings.clear()
        raise Refusal(503, {})
    return queries[id].answer(int(token))


def cancel(id: str, **_: Any) -> object:  # noqa: A002
    warehouse.log.append({"cancelled": id})
    queries[id].cancel()
    return Answer(b"", 204)


EXECUTING = "/v1/statement/executing/(?P<id>[^/]+)/(?P<token>[^/]+)"
ROUTES: list[Route] = [
    ("POST", "/v1/statement", statement),
    ("GET", EXECUTING, fetch),
    ("DELETE", EXECUTING, cancel),
    ("GET", "/spooled/(?P<name>\\d+)", lambda name, **_: spooled[name]),
    ("GET", "/spooled/(?P<name>\\d+)/ack", acknowledged),
]

if __name__ == "__main__":
    server = http_server(warehouse, ROUTES)
    warehouse.run({"sql": "CREATE TABLE t AS SELECT 1::BIGINT AS n"})
    wait(http=server.server_port)
