"""Bytes that come back from TikTok: status, headers and body, at once, in drops, or without an end.

Whatever they are, an attempt ends soon after its deadline, with an answer whose message any ledger stores and any
terminal shows; there is no exception. It is taken for accepted only with status 200 and code 0. Calls for tokens and
accounts give what can be stored, or one of our own errors.
"""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import strategies as st

from connector.delivery.answer import Verdict
from connector.destinations.tiktok.client import EventsClient
from tests.destinations.network import OK, read_request
from tests.destinations.test_hostile_answers import BATCH, TOKEN, ask_everything, stored
from tests.destinations.test_hostile_answers import check as check_answer
from tests.fuzz.conftest import Record
from tests.fuzz.fuzzing import Input, corpus, for_each, fuzz
from tests.fuzz.mutation import mutated

BORDER = "answers"
TIMEOUT, SLACK = 0.3, 3.0
"""Seconds; the slack is that of a busy machine."""
UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
WORDS = (
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.0 ", b"Content-Length: 3\r\n", b"Content-Length: 99999999999999999999\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"Content-Encoding: deflate\r\n", b"Connection: close\r\n",
    b"Retry-After: 9e9\r\n", b"Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n", b"Location: /x\r\n", b"Set-Cookie: a=b\r\n", b"\r\n\r\n", b"0\r\n\r\n",
    b"FFFFFFFF\r\n", b'"code":', b'"message":', b'"data":', b'"request_id":', b"null", b"true", b"{", b"[", b"\\ud800", b"\\u0000", b"\\u202e",
    b"NaN", b"1e400", b"40100", b"40002", b'"a@example.com"', b"-0", b"day",
)  # fmt: skip


class Server:
    """Answers each request with the bytes of the input that it holds, as the suffix of its name says.

    `.http` ends behind the last byte, `.open` stays open, `.drip` sends byte after byte and stays open.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.case = Input("usual.http", b"")
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def serve(self) -> None:
        """Answer one connection after the other until the listener is closed."""
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, suppress(OSError):
                    connection.settimeout(TIMEOUT + SLACK)
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        read_request(connection)
        case = self.case
        if not case.name.endswith(".drip"):
            connection.sendall(case.content)
        else:
            for place in range(min(len(case.content), 1_000)):
                connection.sendall(case.content[place : place + 1])
                time.sleep(0.001)
        if not case.name.endswith(".http"):
            while connection.recv(65536):
                """Wait until the client leaves."""


@pytest.fixture(name="server", scope="module")
def running_server() -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener)
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def inputs() -> st.SearchStrategy[Input]:
    """Draw answers; few of those that stay open, which take until the deadline."""
    slow = st.sampled_from([".http"] * 60 + [".open", ".drip"])
    seeds = corpus(BORDER)
    bodies = [one for one in seeds if one.name.endswith(".json")]
    wires = mutated([one for one in seeds if one not in bodies], WORDS)
    renamed = st.builds(lambda case, end: Input(f"{case.name.partition('.')[0]}{end}", case.content), wires, slow)
    return st.one_of(renamed, mutated(bodies, WORDS), mutated(bodies, WORDS).map(with_head))


def with_head(case: Input) -> Input:
    """Put a usual head before a body."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(case.content)
    return Input(case.name.replace(".json", ".http"), head + case.content)


def check(server: Server, case: Input) -> None:
    """Attempt a batch that is answered with these bytes; of a body alone ask everything."""
    if case.name.endswith(".json"):
        check_answer(200, case.content)
        check_answer(400, case.content)
        ask_everything(200, case.content)
        return
    server.case = case
    started = time.monotonic()
    with EventsClient(server.url, TOKEN, timeout=TIMEOUT) as client:
        answer = client.attempt(BATCH)
    assert time.monotonic() - started < TIMEOUT + SLACK
    for text in (answer.message, answer.request_id or ""):
        assert stored(text) and not UNSHOWN.search(text) and len(text) <= 500, text
    assert abs(answer.code or 0) < 2**31
    assert answer.http_status is None or 100 <= answer.http_status <= 999
    assert answer.wait is None or 0 <= answer.wait < 10**6, answer.wait
    # The code decides whatever the HTTP status is, as elsewhere.
    assert answer.verdict is not Verdict.ACCEPTED or answer.code == 0


@for_each(BORDER)
def test_the_corpus_is_answered(server: Server, case: Input) -> None:
    check(server, case)


def test_the_usual_answer_is_accepted(server: Server) -> None:
    server.case = with_head(Input("usual.json", OK))
    with EventsClient(server.url, TOKEN, timeout=5) as client:
        assert client.attempt(BATCH).verdict is Verdict.ACCEPTED


def test_any_bytes_are_an_answer(server: Server, record: Record) -> None:
    record(fuzz(BORDER, inputs(), lambda case: check(server, case)))
