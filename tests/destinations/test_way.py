"""The way to TikTok: whose certificates are trusted, through which proxy, and that it leads nowhere else."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from werkzeug import Response

from connector.config.network import Network
from connector.core.route import Route
from connector.delivery.answer import Answer, Verdict
from connector.delivery.batch import Batch
from connector.destinations.tiktok.client import EventsClient
from connector.destinations.tiktok.oauth import App, OAuth
from connector.destinations.tiktok.tokens import FixedToken
from connector.destinations.tiktok.transport import Transport
from connector.errors import AuthorisationError, ConfigurationError
from tests.destinations.tls import HOST, Authority, authority, proxy, tiktok_behind_tls

TOKEN = "an-access-token-1234567890"
PASSWORD = "p@ss word"
BATCH = Batch(0, Route("web", "C4A1"), 1, 1, b'{"event":"Purchase"}')


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("here"), host="127.0.0.1")


def sent(url: str, network: Network) -> Answer:
    with EventsClient(url, FixedToken(SecretStr(TOKEN)), network=network) as client:
        return client.attempt(BATCH)


def through(port: int, user: str = "") -> SecretStr:
    return SecretStr(f"http://{user}127.0.0.1:{port}")


def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(here: Authority) -> None:
    with tiktok_behind_tls(here.served) as tiktok:
        answer = sent(f"https://127.0.0.1:{tiktok.port}", Network())
    assert answer.verdict is Verdict.STOP
    assert answer.message == (
        "The certificate that 127.0.0.1 shows is not trusted here (unable to get local issuer certificate); nothing was "
        "sent. If a proxy of your own opens the connection, name the certificate of its authority in `ca_file`. Then run "
        "`connector resume`."
    )
    assert tiktok.requests == []


def test_an_authority_of_ones_own_is_trusted_when_it_is_named(here: Authority) -> None:
    with tiktok_behind_tls(here.served) as tiktok:
        assert sent(f"https://127.0.0.1:{tiktok.port}", Network(ca_file=here.certificate)).verdict is Verdict.ACCEPTED
    assert len(tiktok.requests) == 1


def test_a_certificate_for_another_host_is_refused_whoever_signed_it(ours: Authority) -> None:
    with tiktok_behind_tls(ours.served) as tiktok:
        answer = sent(f"https://127.0.0.1:{tiktok.port}", Network(ca_file=ours.certificate))
    assert answer.verdict is Verdict.STOP
    assert "IP address mismatch" in answer.message
    assert tiktok.requests == []


def test_a_login_with_a_server_that_is_not_trusted_sends_no_secret(here: Authority) -> None:
    with tiktok_behind_tls(here.served) as tiktok:
        transport = Transport(f"https://127.0.0.1:{tiktok.port}")
        with pytest.raises(AuthorisationError, match=r"is not trusted here") as raised:
            OAuth(transport, App("1", SecretStr("a-secret"))).refresh(SecretStr("a-refresh-token"))
        transport.close()
    assert not raised.value.is_temporary
    assert tiktok.requests == []


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_holds_no_certificate_is_a_mistake_in_the_project(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match=r"^ca_file .*ca\.pem cannot be used: "):
        Transport("https://127.0.0.1:1", network=Network(ca_file=file))


def test_what_goes_through_a_proxy_is_for_tiktok_alone_to_read(ours: Authority) -> None:
    with tiktok_behind_tls(ours.served) as tiktok, proxy(tiktok.port) as between:
        answer = sent(f"https://{HOST}", Network(through(between.port), ours.certificate))
    assert answer.verdict is Verdict.ACCEPTED
    (request,) = between.requests
    assert request.startswith(b"CONNECT tiktok.example:443 HTTP/1.1\r\n")
    assert TOKEN.encode() not in request
    assert b"proxy-authorization" not in tiktok.requests[0].lower()
    assert TOKEN.encode() in tiktok.requests[0]


def test_a_proxy_is_shown_the_user_name_and_the_password_that_it_wants(ours: Authority) -> None:
    with tiktok_behind_tls(ours.served) as tiktok, proxy(tiktok.port, user=f"jo:{PASSWORD}") as between:
        network = Network(through(between.port, "jo:p%40ss%20word@"), ours.certificate)
        assert sent(f"https://{HOST}", network).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("user", ["", "jo:wrong@"])
def test_a_proxy_that_wants_another_password_stops_the_run_and_shows_none(ours: Authority, user: str) -> None:
    with tiktok_behind_tls(ours.served) as tiktok, proxy(tiktok.port, user=f"jo:{PASSWORD}") as between:
        answer = sent(f"https://{HOST}", Network(through(between.port, user), ours.certificate))
    assert answer.verdict is Verdict.STOP
    assert answer.message == (
        "The proxy does not let the connection to tiktok.example through (HTTP 407). Check the user name and password in "
        "`proxy`, and whether it may be asked for this host. Then run `connector resume`."
    )
    assert tiktok.requests == []


@pytest.mark.parametrize("status", [b"502 Bad Gateway", b"503 Service Unavailable", b"429 Too Many Requests"])
def test_a_proxy_that_is_in_trouble_is_asked_again(ours: Authority, status: bytes) -> None:
    with proxy(1, status=status) as between:
        answer = sent(f"https://{HOST}", Network(through(between.port)))
    assert answer.verdict is Verdict.RETRY
    assert answer.message == "No connection to TikTok through the proxy of the destination (ProxyError)."


def test_a_proxy_that_opens_the_connection_is_not_trusted_unless_its_authority_is(
    ours: Authority, tmp_path: Path
) -> None:
    listener = authority(tmp_path)
    with tiktok_behind_tls(listener.served) as opened, proxy(opened.port) as between:
        way = through(between.port)
        assert sent(f"https://{HOST}", Network(way, ours.certificate)).verdict is Verdict.STOP
        assert opened.requests == []
        assert sent(f"https://{HOST}", Network(way, listener.certificate)).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_reached_without_a_proxy(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    httpserver.expect_request("/open_api/v1.3/event/track/").respond_with_json({"code": 0, "message": "OK"})
    with proxy(httpserver.port) as between:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{between.port}")
        assert sent(f"http://{host}:{httpserver.port}", Network(through(between.port))).verdict is Verdict.ACCEPTED
        assert sent(f"http://{host}:{httpserver.port}", Network()).verdict is Verdict.ACCEPTED
    assert between.requests == []


def test_the_proxy_of_the_project_goes_before_that_of_the_environment(
    ours: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tiktok_behind_tls(ours.served) as tiktok, proxy(tiktok.port) as named, proxy(tiktok.port) as around:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{around.port}")
        assert sent(f"https://{HOST}", Network(through(named.port), ours.certificate)).verdict is Verdict.ACCEPTED
        assert (len(named.requests), len(around.requests)) == (1, 0)
        assert sent(f"https://{HOST}", Network(ca_file=ours.certificate)).verdict is Verdict.ACCEPTED
        assert (len(named.requests), len(around.requests)) == (1, 1)


def test_no_redirect_is_followed(httpserver: HTTPServer) -> None:
    with HTTPServer("127.0.0.1") as elsewhere:
        for status in (301, 302, 303, 307, 308):
            moved = Response(status=status, headers={"Location": elsewhere.url_for("/")})
            httpserver.expect_oneshot_request("/open_api/v1.3/event/track/").respond_with_response(moved)
            answer = sent(httpserver.url_for(""), Network())
            assert answer.verdict is Verdict.STOP
            assert answer.message.startswith("The answer leads to another address, which was not followed. Check")
        assert elsewhere.log == []
    assert len(httpserver.log) == 5
