"""Whatever a server answers with, an attempt ends in time and gives what can be stored and shown."""

import gzip
import json
import re
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from connector.core.route import Route
from connector.delivery.answer import Verdict
from connector.delivery.batch import Batch
from connector.delivery.limiter import AdaptiveLimiter
from connector.delivery.retry_loop import RetryLoop
from connector.delivery.retry_policy import RetryPolicy
from connector.destinations.tiktok import deadline
from connector.destinations.tiktok.account import AccountClient
from connector.destinations.tiktok.answers import read_answer, read_envelope
from connector.destinations.tiktok.audience_client import Audiences
from connector.destinations.tiktok.client import EventsClient
from connector.destinations.tiktok.event_sources import EventSources
from connector.destinations.tiktok.oauth import App, OAuth
from connector.destinations.tiktok.reply import Reply
from connector.destinations.tiktok.token_refresh import merge_grant
from connector.destinations.tiktok.token_store import Grant
from connector.destinations.tiktok.tokens import FixedToken
from connector.destinations.tiktok.transport import LARGEST_ANSWER, Transport
from connector.errors import ConnectorError
from tests.destinations.network import OK, read_request, serving

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
BATCH = Batch(0, Route("offline", "7654321098765432109"), 1, 1, b'{"event":"Purchase"}')
LARGE = Batch(0, Route("offline", "7654321098765432109"), 1, 1, b'{"event":"%s"}' % (b"x" * 20_000_000))
TOKEN = FixedToken(SecretStr("a-token"))
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

ENVELOPES = [
    r'{"code":0,"message":"\ud800 \u0000 \u001b[2J","request_id":"\udfff\u0000r"}',
    r'{"code":40002,"message":"\ud83d","data":{"\ud800":["\u0000"]}}',
    '{"code":' + "9" * 50 + ',"message":"x"}',
    '{"code":-' + "9" * 5000 + "}",
    '{"code":2147483648}',
    '{"code":0.0}', '{"code":1e400}', '{"code":NaN}', '{"code":Infinity}', '{"code":true}', '{"code":null}',
    '{"code":[0]}', '{"code":{"code":0}}', '{"code":"0"}', '{"code":0,"code":"x"}',
    '{"code":0,"message":{"a":1},"request_id":[1],"data":[1]}',
    '{"code":0,"message":' + "1" * 4000 + ',"request_id":' + "1" * 4000 + "}",
    '{"code":0,"data":' + "[" * 100_000 + "]" * 100_000 + "}",
    '{"code":0,"message":"\\u00e9","data":' + "[" * 700 + "]" * 700 + "}",
    '{"code":40100,"message":"' + "day token expired " * 50_000 + '"}',
    '{"code":40002,"message":"' + "'" * 50_000 + '"}',
    '{"code":40002,"message":"' + "a." * 50_000 + '"}',
    "", "null", "[]", "0", '"x"', "{", "\ufeff{}", '\ufeff{"code":0}', "<html>",
]  # fmt: skip
BODIES = [*(one.encode() for one in ENVELOPES), *('{"code":0,"message":"\u00e9"}'.encode(one) for one in
          ("latin-1", "utf-16", "utf-16-le", "utf-32", "utf-8-sig")), b'{"code":0,"message":"\xed\xa0\x80"}',
          b"\x00" * 1000, b"\xff" * 1000]  # fmt: skip

TEXTS = st.text(st.characters(), max_size=20)
CODES = st.one_of(st.integers(), st.sampled_from([0, 40000, 40001, 40002, 40100, 40102, 40105, 50000]), st.floats())
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
NAMES = ["access_token", "refresh_token", "expires_in", "refresh_token_expires_in", "advertiser_ids", "list", "pixels",
         "event_set_list", "event_set_id", "audience_id", "page_info", "total_page", "name", "advertiser_id",
         "advertiser_name", "cover_num", "pixel_code", "auto_tracking"]  # fmt: skip
DATA = st.dictionaries(
    st.sampled_from(NAMES),
    st.one_of(VALUES, st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4), max_size=2)),
    max_size=6,
)
ANSWERS = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda code, message, data: json.dumps({"code": code, "message": message, "data": data}).encode(),
        st.one_of(st.just(0), CODES, VALUES),
        VALUES,
        st.one_of(DATA, VALUES),
    ),
)
STATUSES = st.one_of(st.sampled_from([200, 201, 204, 301, 400, 401, 404, 413, 429, 500, 503]), st.integers(100, 999))


def check(status: int, body: bytes) -> Verdict:
    """The verdict, if what was read of the answer can be stored in any ledger and shown on any terminal."""
    answer = read_answer(status, body, seconds=0.0, now=NOW)
    for text in (answer.message, answer.request_id or ""):
        assert stored(text)
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
        assert len(text) <= 500
    assert abs(answer.code or 0) < 2**31
    return answer.verdict


def stored(text: object) -> bool:
    return isinstance(text, str) and "\0" not in text and text.encode().decode() == text


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_an_answer_of_any_form_is_read_within_a_moment(body: bytes) -> None:
    started = time.thread_time()
    for status in (200, 400, 500):
        check(status, body)
    assert time.thread_time() - started < 1


@pytest.mark.parametrize("code", ["9" * 50, "2147483648", "0.0", "NaN", "true", "null", '"0"', "[0]"])
def test_what_is_no_return_code_leaves_the_outcome_open(code: str) -> None:
    assert check(200, b'{"code":%s}' % code.encode()) is Verdict.UNKNOWN
    assert check(500, b'{"code":%s}' % code.encode()) is Verdict.RETRY


@given(STATUSES, ANSWERS)
def test_every_answer_can_be_stored_and_shown(status: int, body: bytes) -> None:
    check(status, body)


@pytest.mark.thorough
@settings(max_examples=20_000)
@given(STATUSES, ANSWERS)
def test_every_answer_of_many_can_be_stored_and_shown(status: int, body: bytes) -> None:
    check(status, body)


@given(VALUES)
def test_nothing_of_an_envelope_holds_what_no_database_stores(value: Any) -> None:
    envelope = read_envelope(json.dumps({"code": 0, "data": {"x": value}}).encode())
    assert envelope is not None
    text = json.dumps(envelope.data, ensure_ascii=False)
    assert text.encode()
    assert "\\u0000" not in text


class Played(Transport):
    """A transport that gives one answer, without a network."""

    def __init__(self, status: int, body: bytes) -> None:
        self._reply = Reply(status, body, 0.0)

    def _send(self, *_: object, **__: object) -> Reply:
        return self._reply

    def close(self) -> None:
        """There is nothing to close."""


CALLS: list[Callable[[AccountClient], object]] = [
    lambda account: EventSources(account, "7").pixels(),
    lambda account: EventSources(account, "7").event_sets(name="x"),
    lambda account: EventSources(account, "7").create("x", auto_tracking=True),
    lambda account: Audiences(account, "7").named("x"),
    lambda account: Audiences(account, "7").with_id("x"),
    lambda account: Audiences(account, "7").create("x"),
]


def ask_everything(status: int, body: bytes) -> None:
    """Every call for tokens and accounts either gives something or raises one of our own errors."""
    oauth = OAuth(Played(status, body), App("1", SecretStr("s")))
    for ask in (oauth.exchange, oauth.refresh):
        try:
            assert merge_grant(Grant(), ask(SecretStr("c")), NOW).as_text().encode()
        except ConnectorError as error:
            assert stored(error.message)
    try:
        assert all(stored(one.name) and stored(one.advertiser_id) for one in oauth.advertisers(SecretStr("t")))
    except ConnectorError as error:
        assert stored(error.message)
    once = RetryPolicy(max_attempts=1, max_throttled_seconds=0, max_window_seconds=0)
    for call in CALLS:
        account = AccountClient("http://127.0.0.1", TOKEN, RetryLoop(once, AdaptiveLimiter(1e9)))
        account._transport = Played(status, body)
        try:
            assert stored(str(call(account)))
        except ConnectorError as error:
            assert stored(error.message)


@settings(deadline=None, max_examples=30)
@given(STATUSES, ANSWERS)
def test_calls_for_tokens_and_accounts_take_any_answer(status: int, body: bytes) -> None:
    ask_everything(status, body)


@pytest.mark.thorough
@settings(deadline=None, max_examples=5_000)
@given(st.just(200), ANSWERS)
def test_calls_for_tokens_and_accounts_take_any_of_many_answers(status: int, body: bytes) -> None:
    ask_everything(status, body)


@pytest.mark.parametrize("seconds", [1e300, 10**400, -1, 0, True, "x", float("inf"), float("nan")])
def test_a_lifetime_that_is_none_means_that_there_is_no_end(seconds: object) -> None:
    data = {"access_token": "a", "expires_in": seconds, "refresh_token_expires_in": seconds}
    body = json.dumps({"code": 0, "data": data}).encode()
    granted = OAuth(Played(200, body), App("1", SecretStr("s"))).exchange(SecretStr("c"))
    assert merge_grant(Grant(), granted, NOW).expires_at is None


def drip(connection: socket.socket, head: bytes, piece: bytes, over: threading.Event) -> None:
    read_request(connection)
    connection.sendall(head)
    while not over.wait(0.02):
        try:
            connection.sendall(piece)
        except OSError:
            return


DRIPS = {
    "silence": (b"", b""),
    "a status line": (b"H", b"T"),
    "headers": (HEAD, b"X-A: b\r\n"),
    "one header": (HEAD + b"X: ", b"a"),
    "informational answers": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "a body": (HEAD + b"Content-Length: 500000\r\n\r\n", b" "),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "a chunk's extension": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1", b";"),
    "a body without an end": (HEAD + b"\r\n", b" "),
}


@pytest.mark.parametrize("way", DRIPS)
def test_an_answer_that_drips_is_given_up_at_the_deadline(way: str) -> None:
    over = threading.Event()
    with (
        serving(lambda connection: drip(connection, *DRIPS[way], over)) as url,
        EventsClient(url, TOKEN, timeout=0.2) as client,
    ):
        started = time.monotonic()
        answer = client.attempt(BATCH)
        assert time.monotonic() - started < 2
        over.set()
    assert answer.verdict is Verdict.UNKNOWN


def test_a_server_that_hardly_reads_is_given_up_at_the_deadline() -> None:
    over = threading.Event()

    def sip(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while not over.wait(0.02):
            connection.recv(2000)

    with serving(sip) as url, EventsClient(url, TOKEN, timeout=0.4) as client:
        started = time.monotonic()
        answer = client.attempt(LARGE)
        assert time.monotonic() - started < 2
        over.set()
    assert answer.verdict is Verdict.RETRY


def test_a_handshake_that_never_ends_is_given_up_at_the_deadline() -> None:
    over = threading.Event()

    def silent(_: socket.socket) -> None:
        over.wait(10)

    with (
        serving(silent) as url,
        EventsClient(url.replace("http:", "https:"), TOKEN, timeout=0.4) as client,
    ):
        started = time.monotonic()
        answer = client.attempt(BATCH)
        assert time.monotonic() - started < 2
        over.set()
    assert answer.verdict is Verdict.RETRY


@pytest.mark.parametrize("way", ["silence", "a body"])
def test_an_attempt_under_way_ends_soon_after_the_user_asked_to_stop(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "SECONDS_AFTER_STOP", 0.3)
    over, stop = threading.Event(), threading.Event()
    with (
        serving(lambda connection: drip(connection, *DRIPS[way], over)) as url,
        EventsClient(url, TOKEN, timeout=60, stop=stop) as client,
    ):
        threading.Timer(0.1, stop.set).start()
        started = time.monotonic()
        answer = client.attempt(BATCH)
        assert time.monotonic() - started < 2
        over.set()
    assert answer.verdict is Verdict.UNKNOWN


def test_an_answer_that_comes_soon_after_the_stop_counts() -> None:
    stop = threading.Event()

    def late(connection: socket.socket) -> None:
        read_request(connection)
        stop.set()
        time.sleep(0.3)
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(OK) + OK)

    with serving(late) as url, EventsClient(url, TOKEN, stop=stop) as client:
        assert client.attempt(BATCH).verdict is Verdict.ACCEPTED


def bomb(kind: str, size: int) -> tuple[bytes, bytes]:
    """The coding and the bytes of an answer that says OK and then so many blanks."""
    compress: dict[str, Callable[[bytes], bytes]] = {
        "": bytes, "gzip": gzip.compress, "deflate": zlib.compress,
        "gzip, gzip": lambda data: gzip.compress(gzip.compress(data)),
    }  # fmt: skip
    return kind.encode(), compress[kind](OK + b" " * size)


def answered(coding: bytes, body: bytes, *, head: bytes = HEAD) -> Reply:
    def once(connection: socket.socket) -> None:
        read_request(connection)
        try:
            connection.sendall(head + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (coding, len(body)))
            connection.sendall(body)
        except OSError:
            return

    with serving(once) as url:
        transport = Transport(url)
        reply = transport.post("/", b"{}")
        transport.close()
    assert isinstance(reply, Reply)
    return reply


@pytest.mark.parametrize("kind", ["", "gzip", "deflate", "gzip, gzip"])
def test_an_answer_of_more_than_a_mebibyte_is_not_read(kind: str) -> None:
    body = bomb(kind, 20 << 20)
    tracemalloc.start()
    reply = answered(*body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (reply.body, reply.fault) == (b"", "an answer of more than 1 MiB")
    assert peak < 16 << 20
    assert check(reply.status, reply.body) is Verdict.UNKNOWN


@pytest.mark.parametrize("kind", ["", "gzip", "deflate", "gzip, gzip"])
def test_an_answer_below_that_is_read_whole(kind: str) -> None:
    assert answered(*bomb(kind, LARGEST_ANSWER - len(OK))).body == OK + b" " * (LARGEST_ANSWER - len(OK))


@pytest.mark.parametrize(
    ("coding", "body"), [(b"gzip", b"xxxx"), (b"br", OK), (b"gzip," * 50 + b"gzip", OK), (b"\xff", OK)]
)
def test_an_answer_that_cannot_be_decompressed_says_so(coding: bytes, body: bytes) -> None:
    reply = answered(coding, body)
    assert (reply.body, reply.fault) == (b"", "an answer that cannot be decompressed")


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=no-such-charset\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: \xff\xfe; charset=\xff\r\n",
        b"HTTP/1.1 200 \xff\xff\r\nSet-Cookie: a=b; expires=" + b"1 " * 20_000 + b"\r\n",
        b"HTTP/1.1 200\r\nLocation: http://127.0.0.1:1/\r\n",
    ],
)  # fmt: skip
def test_headers_do_not_change_what_an_answer_means(head: bytes) -> None:
    assert answered(b"identity", OK, head=head).body == OK


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 99999 OK\r\n\r\n", b"HTTP/9.9 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: nonsense\r\n\r\n{}", b"HTTP/1.1 200 OK\r\nA\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"F" * 30 + b"\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 50_000,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", b"\x16\x03\x01\x02\x00", b"\n" * 200_000,
    ],
    ids=range(12),
)  # fmt: skip
def test_what_is_no_http_is_no_exception(wire: bytes) -> None:
    def once(connection: socket.socket) -> None:
        read_request(connection)
        try:
            connection.sendall(wire)
        except OSError:
            return

    with serving(once) as url, EventsClient(url, TOKEN, timeout=2) as client:
        assert client.attempt(BATCH).verdict in {Verdict.UNKNOWN, Verdict.STOP}
