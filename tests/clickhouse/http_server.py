"""ClickHouse's HTTP interface before chDB, which is ClickHouse's own engine: run with the Python that has chDB.

The engine parses and runs the queries, holds sessions to `readonly`, ends queries by KILL QUERY and writes Arrow. This
file adds what the server does around it: logins, settings in the address, and errors before and behind the first rows.

Usage: http_server.py FOLDER, which prints its port.
"""

import base64
import json
import re
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from chdb.state import connect  # type: ignore[import-not-found]

FOLDER = sys.argv[1]
USERS = {"default": "", "reader": "so-secret", "watcher": ""}
READONLY = {"watcher": 1}
"""What the profile of a user sets."""
OF_THE_INTERFACE = frozenset(
    "database query_id session_id session_timeout session_check wait_end_of_query client_protocol_version role compress "
    "send_progress_in_http_headers http_headers_progress_interval_ms cancel_http_readonly_queries_on_client_close "
    "enable_http_compression default_format".split()
)
STATUS = {"516": 403, "60": 404, "81": 404, "62": 400, "47": 404}
END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""The end of an Arrow stream."""
TAG = "abcdefghijklmnop"


class Interface(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    failing = "new_errors"
    """How an error behind the first rows is written: `new_errors` as servers do from 25.11, `old_errors` as text in a
    response that breaks off; with `broken` every response ends behind its first rows, between two batches."""

    def do_GET(self) -> None:
        """Answer a ping."""
        self._answer(200, b"Ok.\n")

    def do_POST(self) -> None:
        """Run a query."""
        sql = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        parameters = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        try:
            if match := re.fullmatch(r"SET (new_errors|old_errors|broken)", sql):
                type(self).failing = match[1]
                self._answer(200, b"")
                return
            self._run(self._log_in(), sql, parameters)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except Exception as error:
            self._fail(str(error))

    def _log_in(self) -> str:
        kind, _, credentials = self.headers.get("Authorization", "").partition(" ")
        name, _, password = base64.b64decode(credentials).decode().partition(":")
        if kind != "Basic" or USERS.get(name) != password:
            raise ValueError(
                f"Code: 516. DB::Exception: {name}: Authentication failed: password is incorrect, or there is no user "
                "with such name. (AUTHENTICATION_FAILED)"
            )
        return name

    def _run(self, user: str, sql: str, parameters: dict[str, str]) -> None:
        connection = connect(FOLDER)
        if database := parameters.get("database"):
            connection.query(f"USE `{database}`")
        if user in READONLY:
            connection.query(f"SET readonly = {READONLY[user]}")
        for name, value in parameters.items():
            if name not in OF_THE_INTERFACE:
                connection.query(f"SET {name} = '{value}'")
        killed = re.match(r"KILL QUERY WHERE query_id = '([\w-]+)'", sql)
        if killed:
            sql = f"KILL QUERY WHERE query LIKE '%{killed[1]}%' AND query NOT LIKE 'KILL%' ASYNC"
        stated = re.search(r"\s+FORMAT\s+(\w+)\s*;?\s*\Z", sql, re.IGNORECASE)
        name = stated[1] if stated else "TabSeparated"
        sql = sql[: stated.start()] if stated else sql
        if number := parameters.get("query_id"):
            sql = f"{sql}\n/* {number} */"
        if re.match(r"[\s(]*(?:SELECT|WITH|--|/\*)", sql, re.IGNORECASE) and name == "ArrowStream":
            self._stream(connection, sql, name)
        else:
            self._answer(200, bytes(connection.query(sql, name).bytes()), name)

    def _stream(self, connection: Any, sql: str, name: str) -> None:
        result = connection.send_query(sql, name)
        chunk = result.fetch()
        if chunk is None or not len(chunk.bytes()):
            self._answer(200, bytes(connection.query(sql, name).bytes()), name)
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("X-ClickHouse-Format", name)
        if self.failing == "new_errors":
            self.send_header("X-ClickHouse-Exception-Tag", TAG)
        self.end_headers()
        try:
            is_first = True
            while chunk is not None and len(data := bytes(chunk.bytes())):
                self._write(_part(data, is_first=is_first))
                is_first = False
                if self.failing == "broken":
                    self.wfile.write(b"0\r\n\r\n")
                    return
                chunk = result.fetch()
            self._write(END)
            self.wfile.write(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            result.cancel()
            raise
        except Exception as error:
            self._break_off(str(error))

    def _break_off(self, text: str) -> None:
        """Write an error behind rows."""
        text = text.removeprefix("Streaming query failed: ")
        self.close_connection = True
        if self.failing == "old_errors":
            self._write(f"{text} (version 24.8.1.1)\n".encode())
            return
        body = f"{text}\n"
        self._write(f"\r\n__exception__\r\n{TAG}\r\n{body}{len(body)} {TAG}\r\n__exception__\r\n".encode())

    def _write(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _fail(self, text: str) -> None:
        code = re.search(r"Code: (\d+)", text)
        number = code[1] if code else "1002"
        self._answer(STATUS.get(number, 500), f"{text} (version 26.9.2.1 (official build))\n".encode(), code=number)

    def _answer(self, status: int, body: bytes, name: str = "", code: str = "") -> None:
        self.send_response(status)
        for header, value in (("X-ClickHouse-Format", name), ("X-ClickHouse-Exception-Code", code)):
            if value:
                self.send_header(header, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def _part(data: bytes, *, is_first: bool) -> bytes:
    """Return what a stream that chDB made of a block adds to the stream of all: its batches, behind the first schema."""
    schema = 0 if is_first else 8 + int.from_bytes(data[4:8], "little")
    return data[schema:].removesuffix(END)


class Server(ThreadingHTTPServer):
    """The interface, with a thread for each connection."""

    daemon_threads = True


def main() -> None:
    """Serve until standard input ends."""
    connect(FOLDER).query("SELECT 1")
    server = Server(("127.0.0.1", 0), Interface)
    print(json.dumps(server.server_address[1]), flush=True)
    with suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
