import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from werkzeug import Response

from connector.config.credential import Credential
from connector.core.local_server import is_loopback
from connector.core.route import Route
from connector.delivery.answer import Verdict
from connector.delivery.batch import Batch
from connector.destinations.tiktok.client import EVENT_TRACK, EventsClient
from connector.destinations.tiktok.endpoint import connect, tokens_of
from connector.destinations.tiktok.settings import TIKTOK
from connector.destinations.tiktok.token_store import TokenFile
from connector.destinations.tiktok.tokens import FixedToken
from connector.errors import ConfigurationError
from tests.destinations.network import OK, read_request, reset, respond, serving

TOKEN = SecretStr("an-access-token-1234567890")
APP = {"name": "tiktok", "app_id": "1", "app_secret": "s"}
BATCH = Batch(0, Route("offline", "7654321098765432109"), 1, 1, b'{"event":"Purchase"}')


@pytest.fixture
def client(httpserver: HTTPServer) -> Iterator[EventsClient]:
    with EventsClient(httpserver.url_for(""), FixedToken(TOKEN)) as client:
        yield client


def test_a_request_is_what_tiktok_documents(httpserver: HTTPServer, client: EventsClient) -> None:
    httpserver.expect_request(EVENT_TRACK).respond_with_data(OK)
    answer = client.attempt(BATCH)
    assert (answer.verdict, answer.code, answer.http_status, answer.request_id) == (
        Verdict.ACCEPTED,
        0,
        200,
        "r",
    )
    request, _ = httpserver.log[0]
    assert request.method == "POST"
    assert request.path == "/open_api/v1.3/event/track/"
    assert request.headers["Access-Token"] == TOKEN.get_secret_value()
    assert request.headers["Content-Type"] == "application/json"
    assert "Authorization" not in request.headers
    assert request.get_json()["data"] == [{"event": "Purchase"}]


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_path_has_one_slash_on_each_side(httpserver: HTTPServer, slash: str) -> None:
    httpserver.expect_request(EVENT_TRACK).respond_with_data(OK)
    with EventsClient(httpserver.url_for("").rstrip("/") + slash, FixedToken(TOKEN)) as client:
        assert client.attempt(BATCH).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("status", [401, 200])
def test_40100_is_throttling_under_either_status(httpserver: HTTPServer, client: EventsClient, status: int) -> None:
    body = {"code": 40100, "message": "Too many requests. Please retry in some time.", "request_id": "x"}
    httpserver.expect_request(EVENT_TRACK).respond_with_json(body, status=status)
    assert client.attempt(BATCH).verdict is Verdict.THROTTLED


def test_a_gateways_page_is_tried_again(httpserver: HTTPServer, client: EventsClient) -> None:
    page = Response("<html><h1>502 Bad Gateway</h1></html>", 502, content_type="text/html")
    httpserver.expect_request(EVENT_TRACK).respond_with_response(page)
    assert client.attempt(BATCH).verdict is Verdict.RETRY


def test_a_redirect_is_not_followed_with_the_token(httpserver: HTTPServer, client: EventsClient) -> None:
    elsewhere = Response(status=307, headers={"Location": httpserver.url_for("/elsewhere")})
    httpserver.expect_request(EVENT_TRACK).respond_with_response(elsewhere)
    assert client.attempt(BATCH).verdict is Verdict.STOP
    assert len(httpserver.log) == 1


def test_connections_are_used_again() -> None:
    seen = []

    def keep_alive(connection: socket.socket) -> None:
        while request := read_request(connection):
            seen.append(request)
            respond(connection)

    with serving(keep_alive) as url, EventsClient(url, FixedToken(TOKEN)) as client:
        verdicts = [client.attempt(BATCH).verdict for _ in range(20)]
    assert verdicts == [Verdict.ACCEPTED] * 20
    assert len(seen) == 20


def test_a_body_the_size_of_a_full_batch_arrives_whole() -> None:
    received = []

    def once(connection: socket.socket) -> None:
        received.append(read_request(connection))
        respond(connection)

    payload = b",".join([b'{"event":"%s"}' % (b"x" * 600)] * 1000)
    with serving(once) as url, EventsClient(url, FixedToken(TOKEN)) as client:
        assert client.attempt(Batch(0, BATCH.route, 1000, 1000, memoryview(payload))).verdict is Verdict.ACCEPTED
    assert payload in received[0]


@pytest.mark.parametrize("way", ["closed", "reset", "half an answer", "nonsense", "half a body"])
def test_an_answer_that_is_lost_leaves_the_outcome_unknown(way: str) -> None:
    def lose(connection: socket.socket) -> None:
        read_request(connection)
        if way == "reset":
            reset(connection)
        elif way == "half an answer":
            connection.sendall(b"HTTP/1.1 200 O")
        elif way == "nonsense":
            connection.sendall(b"\x00\x01\x02\r\n\r\n")
        elif way == "half a body":
            connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"code":0')

    with serving(lose) as url, EventsClient(url, FixedToken(TOKEN)) as client:
        answer = client.attempt(BATCH)
    assert (answer.verdict, answer.http_status, answer.code) == (Verdict.UNKNOWN, None, None)


def test_an_answer_that_comes_too_late_is_unknown() -> None:
    over = threading.Event()

    def silent(connection: socket.socket) -> None:
        read_request(connection)
        over.wait(10)

    with serving(silent) as url, EventsClient(url, FixedToken(TOKEN), timeout=0.1) as client:
        answer = client.attempt(BATCH)
        over.set()
    assert answer.verdict is Verdict.UNKNOWN
    assert answer.seconds >= 0.1


def test_after_a_lost_answer_the_next_attempt_takes_a_new_connection() -> None:
    def lose(connection: socket.socket) -> None:
        read_request(connection)
        reset(connection)

    def accept(connection: socket.socket) -> None:
        read_request(connection)
        respond(connection)

    with serving(lose, accept) as url, EventsClient(url, FixedToken(TOKEN)) as client:
        assert [client.attempt(BATCH).verdict for _ in range(2)] == [Verdict.UNKNOWN, Verdict.ACCEPTED]


def test_a_connection_that_was_never_made_took_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with EventsClient(f"http://127.0.0.1:{port}", FixedToken(TOKEN)) as client:
        assert client.attempt(BATCH).verdict is Verdict.RETRY


def test_the_token_is_in_no_text(client: EventsClient) -> None:
    secret = TOKEN.get_secret_value()
    assert secret not in repr(client)
    assert secret not in repr(vars(client))


def test_white_space_around_a_token_is_dropped(httpserver: HTTPServer) -> None:
    httpserver.expect_request(EVENT_TRACK, headers={"Access-Token": "abc"}).respond_with_data(OK)
    with EventsClient(httpserver.url_for(""), FixedToken(SecretStr(" abc\n"))) as client:
        assert client.attempt(BATCH).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("token", ["", "  ", "ab cd", "ab\ncd", "\u00e4bc"])
def test_a_token_that_no_header_can_hold_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        FixedToken(SecretStr(token))
    assert not token.strip() or token not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://localhost", True),
        ("http://[::1]:80", True),
        ("https://business-api.tiktok.com", False),
        ("http://10.0.0.1", False),
    ],
)
def test_only_this_machine_is_reached_past_the_proxies(url: str, local: bool) -> None:
    assert is_loopback(url) is local


def test_a_proxy_of_the_environment_does_not_stand_before_this_machine(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    httpserver.expect_request(EVENT_TRACK).respond_with_data(OK)
    with EventsClient(httpserver.url_for(""), FixedToken(TOKEN)) as client:
        assert client.attempt(BATCH).verdict is Verdict.ACCEPTED


def test_the_simulator_needs_no_token(httpserver: HTTPServer, tmp_path: Path) -> None:
    httpserver.expect_request(EVENT_TRACK).respond_with_data(OK)
    url, app = httpserver.url_for(""), Credential.model_validate(APP)
    tokens = tokens_of(app, "simulator", TokenFile(tmp_path, app, "simulator"))
    with connect("simulator", tokens, simulator_url=url) as client:
        assert client.attempt(BATCH).verdict is Verdict.ACCEPTED


def test_tiktok_does_need_a_token(tmp_path: Path) -> None:
    app = Credential.model_validate(APP)
    with pytest.raises(ConfigurationError, match="connector auth login tiktok"):
        tokens_of(app, TIKTOK, TokenFile(tmp_path, app, TIKTOK))
