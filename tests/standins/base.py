"""What the stand-ins share: DuckDB runs their SQL, and tests tell them what to do and ask what was asked of them."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import duckdb
import pyarrow as pa
import sqlglot


class Refusal(Exception):
    """An answer that is an error: its status and body."""

    def __init__(self, status: int, body: object) -> None:
        self.status, self.body = status, body
        super().__init__(str(body))


class Answer:
    """An answer with headers of its own."""

    def __init__(self, body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.body, self.status, self.headers = body, status, headers or {}


class Warehouse:
    """Tables in DuckDB, the settings of the tests, and the log of what was asked."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.settings: dict[str, Any] = {}
        self.log: list[dict[str, Any]] = []
        self.open: set[object] = set()
        """What runs or is read at present."""
        self._database = duckdb.connect(config={"threads": 1})

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection for one query."""
        return self._database.cursor()

    def translated(self, sql: str) -> str:
        """The SQL as DuckDB takes it; Refusal is raised by whoever calls for what sqlglot cannot read."""
        (statement,) = sqlglot.parse(sql, read=self.dialect)
        assert statement is not None
        return statement.sql(dialect="duckdb")

    def columns(self, sql: str) -> pa.Schema:
        """The columns of a query in DuckDB's SQL, which does not run."""
        with self.cursor() as cursor:
            relation = cursor.sql(sql)
            return pa.schema(list(zip(relation.columns, relation.limit(0).to_arrow_table().schema.types, strict=True)))

    def control(self, body: Mapping[str, Any]) -> object:
        """Sets what is to go wrong."""
        self.settings = dict(body)
        self.log.clear()
        return {}

    def run(self, body: Mapping[str, Any]) -> object:
        """Runs SQL of the tests' own."""
        with self.cursor() as cursor:
            cursor.execute(body["sql"])
            return json.loads(json.dumps(cursor.fetchall(), default=str))


Route = tuple[str, str, Callable[..., object]]
"""A method, the pattern of a path, and what answers: it gets the pattern's groups, `query`, `body` and `headers`."""


def http_server(warehouse: Warehouse, routes: list[Route]) -> ThreadingHTTPServer:
    """A server of JSON on a free port, which already runs."""
    own: list[Route] = [
        ("POST", "/control", lambda body, **_: warehouse.control(body)),
        ("POST", "/sql", lambda body, **_: warehouse.run(body)),
        ("GET", "/log", lambda **_: list(warehouse.log)),
        ("GET", "/open", lambda **_: [str(one) for one in warehouse.open]),
    ]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        do_GET = do_POST = do_DELETE = do_PUT = lambda self: self.answer()  # noqa: N815

        def answer(self) -> None:
            address = urlsplit(self.path)
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                answer = self.called(address.path, dict(parse_qsl(address.query)), sent)
            except Refusal as refusal:
                answer = Answer(refusal.body, refusal.status)
            answer = answer if isinstance(answer, Answer) else Answer(answer)
            data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def called(self, path: str, query: Mapping[str, str], sent: bytes) -> object:
            for method, pattern, answer in own + routes:
                if method == self.command and (match := re.fullmatch(pattern, path)):
                    body = json.loads(sent) if sent[:1] == b"{" else sent
                    return answer(**match.groupdict(), query=query, body=body, headers=self.headers)
            raise Refusal(404, {"error": {"code": 404, "message": f"No such path: {self.command} {path}"}})

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def wait(**ports: int) -> None:
    """Tells where the server is, and stays."""
    print(json.dumps(ports), flush=True)
    threading.Event().wait()
