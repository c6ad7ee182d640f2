"""Who may enter, and what every answer has: each line of the table of threats, over and under."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from connector.console.security.form_tokens import FIELD
from connector.console.security.headers import CONTENT_SECURITY_POLICY
from connector.console.security.limits import BODY_BYTES, FORM_FIELDS, HEAD_BYTES, StreamLimit
from connector.console.security.sessions import (
    CODE_SECONDS,
    IDLE_SECONDS,
    LONGEST_SECONDS,
    TRIES_A_MINUTE,
    Codes,
    Sessions,
)
from connector.console.server import ConsoleServer
from tests.cli.shop import Shop
from tests.console.conftest import LOGGED, Visitor, browser_of, form_token, serving, sign_in


def raw(server: ConsoleServer, *lines: str) -> int:
    """The status of the answer to a request of exactly these header lines."""
    with socket.create_connection(("127.0.0.1", server.console.port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        received = connection.recv(100)
    return int(received.split()[1])


def enter(server: ConsoleServer) -> Visitor:
    """A browser that used the link."""
    client = browser_of(server)
    token = form_token(client.get("/enter").text, "/enter")
    form = {FIELD: token, "code": server.new_link().partition("#")[2]}
    assert client.post("/enter", data=form, headers={"Origin": server.home}).status_code == 303
    return Visitor(server, client)


@pytest.fixture(name="server")
def fresh_codes(server: ConsoleServer) -> ConsoleServer:
    """The console, of which nobody has tried a code within a minute."""
    server.console.codes = Codes()
    return server


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1:1", "127.0.0.1", "127.0.0.1.evil:{port}", "localhost.evil:{port}", "[::1]", ""]
)
def test_another_host_is_refused(server: ConsoleServer, host: str) -> None:
    assert raw(server, "GET / HTTP/1.1", f"Host: {host.format(port=server.console.port)}") == 421


def test_a_missing_or_doubled_host_is_refused(server: ConsoleServer) -> None:
    own = f"Host: 127.0.0.1:{server.console.port}"
    assert raw(server, "GET / HTTP/1.0") == 421
    assert raw(server, "GET / HTTP/1.1", own, own) in {400, 421}
    assert raw(server, "GET / HTTP/1.1", own) == 401


def test_localhost_is_redirected_before_any_cookie(server: ConsoleServer) -> None:
    port = server.console.port
    answer = httpx.get(f"{server.home}/runs?status=failed", headers={"Host": f"localhost:{port}"})
    assert (answer.status_code, answer.headers["location"]) == (307, f"{server.home}/runs?status=failed")
    assert "set-cookie" not in answer.headers
    odd = httpx.get(f"{server.home}//evil.example/x", headers={"Host": f"localhost:{port}"})
    assert odd.headers["location"] == f"{server.home}/evil.example/x"
    posted = httpx.post(f"{server.home}/enter", headers={"Host": f"localhost:{port}"})
    assert posted.status_code == 421


def test_nobody_enters_without_the_link(server: ConsoleServer) -> None:
    with browser_of(server) as client:
        page = client.get("/runs")
        assert page.status_code == 401
        assert "Sign in" in page.text
        assert "purchases" not in page.text
        assert client.post("/leave", headers={"Origin": server.home}).status_code == 401


def test_a_code_signs_in_once(server: ConsoleServer) -> None:
    with browser_of(server) as client:
        token = form_token(client.get("/enter").text, "/enter")
        code = server.new_link().partition("#")[2]
        form = {FIELD: token, "code": code, "next": "/runs"}
        assert client.get(f"/enter?code={code}").status_code == 200
        first = client.post("/enter", data=form, headers={"Origin": server.home})
        assert (first.status_code, first.headers["location"]) == (303, "/runs")
        with browser_of(server) as other:
            assert other.post("/enter", data=form, headers={"Origin": server.home}).status_code == 403
    assert not any(code in line for line in LOGGED)


def test_a_new_link_ends_the_one_before(server: ConsoleServer) -> None:
    old = server.new_link().partition("#")[2]
    server.new_link()
    with browser_of(server) as client:
        token = form_token(client.get("/enter").text, "/enter")
        answer = client.post("/enter", data={FIELD: token, "code": old}, headers={"Origin": server.home})
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "", "javascript:x"])
def test_after_sign_in_nobody_is_led_elsewhere(server: ConsoleServer, path: str) -> None:
    with browser_of(server) as client:
        token = form_token(client.get("/enter").text, "/enter")
        form = {FIELD: token, "code": server.new_link().partition("#")[2], "next": path}
        answer = client.post("/enter", data=form, headers={"Origin": server.home})
    assert answer.headers["location"] == "/"


def test_a_code_is_late_after_five_minutes() -> None:
    clock = [0.0]
    codes = Codes(lambda: clock[0])
    code = codes.new()
    clock[0] = CODE_SECONDS
    assert not codes.spend(code)
    code = codes.new()
    clock[0] += CODE_SECONDS - 1
    assert codes.spend(code)
    assert not codes.spend(code)
    assert not codes.spend("")


def test_ten_codes_a_minute_may_be_tried() -> None:
    clock = [0.0]
    codes = Codes(lambda: clock[0])
    assert [codes.may_try() for _ in range(TRIES_A_MINUTE + 1)] == [True] * TRIES_A_MINUTE + [False]
    clock[0] = 60.0
    assert codes.may_try()


def test_a_session_ends_when_idle_and_in_the_evening() -> None:
    clock = [0.0]
    sessions = Sessions(lambda: clock[0])
    value = sessions.start("anna")
    clock[0] = IDLE_SECONDS - 1
    assert sessions.find(value)
    clock[0] += IDLE_SECONDS
    assert sessions.find(value) is None
    value = sessions.start("anna")
    began = clock[0]
    while clock[0] + IDLE_SECONDS / 2 < began + LONGEST_SECONDS:
        clock[0] += IDLE_SECONDS / 2
        assert sessions.find(value)
    clock[0] = began + LONGEST_SECONDS
    assert sessions.find(value) is None


def test_the_cookie(server: ConsoleServer) -> None:
    visitor = enter(server)
    cookie = next(iter(visitor.client.cookies.jar))
    assert (cookie.name, cookie.path, cookie.expires, cookie.secure) == (server.console.cookie, "/", None, False)
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite", "").lower() == "lax"
    assert len(cookie.value or "") == 43
    old = cookie.value or ""
    assert visitor.post("/leave").status_code == 303
    with browser_of(server) as client:
        assert client.get("/", headers={"Cookie": f"{server.console.cookie}={old}"}).status_code == 401


def test_signing_in_again_ends_the_session_before(server: ConsoleServer) -> None:
    visitor = enter(server)
    old = visitor.client.cookies[server.console.cookie]
    form = {"code": server.new_link().partition("#")[2]}
    assert visitor.post("/enter", form, page="/enter").status_code == 303
    assert visitor.client.cookies[server.console.cookie] != old
    with browser_of(server) as client:
        assert client.get("/", headers={"Cookie": f"{server.console.cookie}={old}"}).status_code == 401


def test_two_cookies_of_one_name_are_none(anna: Visitor) -> None:
    name, value = anna.server.console.cookie, anna.client.cookies[anna.server.console.cookie]
    with browser_of(anna.server) as client:
        assert client.get("/", headers={"Cookie": f"{name}={value}; {name}=x"}).status_code == 401
        assert client.get("/", headers={"Cookie": f"a=b; {name}={value}"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, 403),
        ({"Origin": "http://localhost:{port}"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
    ],
)
def test_a_form_of_another_site_is_refused(server: ConsoleServer, headers: dict[str, str], status: int) -> None:
    visitor = sign_in(server)
    given = {name: value.format(port=server.console.port) for name, value in headers.items()}
    assert visitor.post("/leave", headers=given).status_code == status


def test_a_form_that_does_not_say_from_where_it_comes_is_refused(anna: Visitor) -> None:
    form = {FIELD: anna.token("/", "/leave")}
    assert anna.client.post("/leave", data=form).status_code == 403
    assert anna.get("/").status_code == 200


def test_a_form_needs_its_own_token(anna: Visitor) -> None:
    other = sign_in(anna.server)
    assert anna.post("/leave", {FIELD: ""}).status_code == 409
    assert anna.post("/leave", {FIELD: "0" * 64}).status_code == 409
    assert anna.post("/leave", {FIELD: other.token("/", "/leave")}).status_code == 409
    assert anna.post("/leave", {FIELD: anna.token("/enter", "/enter")}).status_code == 409
    missing = anna.client.post("/leave", data={"a": "b"}, headers={"Origin": anna.server.home})
    assert missing.status_code == 403
    restarted = anna.post("/leave", {FIELD: "0" * 64})
    assert "This form was opened before the console restarted. Nothing was changed. Open it again." in restarted.text
    assert anna.get("/").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
    ],
)
def test_other_sites_reach_pages_as_links_only(anna: Visitor, headers: dict[str, str], status: int) -> None:
    assert anna.get("/", **headers).status_code == status


def check_headers(answer: httpx.Response, cache: str = "no-store") -> None:
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["cache-control"] == cache
    assert "server" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/enter", "/nothing", "/static/0/console.css"])
def test_every_answer_has_the_headers(anna: Visitor, path: str) -> None:
    check_headers(anna.get(path))
    check_headers(anna.client.delete(path, headers={"Origin": anna.server.home}))
    check_headers(anna.get(path, Host="evil.example"))
    assert not re.search(r"<script(?! src)|<style|style=|onclick=|javascript:", anna.get(path).text)


def test_static_files_may_be_kept_for_a_year(anna: Visitor) -> None:
    page = anna.get("/").text
    paths = re.findall(r'"(/static/[^"]+)"', page)
    assert len(paths) == 3
    for path in paths:
        answer = anna.get(path)
        assert answer.status_code == 200
        check_headers(answer, "public, max-age=31536000, immutable")


def test_the_style_sheet_and_the_script_are_small(anna: Visitor) -> None:
    sizes = {
        path.rpartition(".")[2]: len(anna.get(path).content)
        for path in re.findall(r'"(/static/[^"]+)"', anna.get("/").text)
    }
    assert sizes["css"] < 24_000
    assert sizes["js"] < 12_000


def test_a_form_has_a_largest_size(anna: Visitor) -> None:
    token = anna.token("/", "/leave")
    headers = {"Origin": anna.server.home}
    over = anna.client.post("/leave", data={FIELD: token, "a": "x" * BODY_BYTES}, headers=headers)
    assert over.status_code == 413
    fields = {f"f{number}": "x" for number in range(FORM_FIELDS)}
    many = anna.client.post("/leave", data={FIELD: token, **fields}, headers=headers)
    assert many.status_code == 400
    files = anna.client.post("/leave", data={FIELD: token}, files={"f": ("a.txt", b"x")}, headers=headers)
    assert files.status_code == 400
    assert anna.get("/").status_code == 200
    fields.pop("f0")
    under = anna.client.post("/leave", data={FIELD: token, **fields, "f1": "x" * 100_000}, headers=headers)
    assert under.status_code == 303


def test_a_head_has_a_largest_size(anna: Visitor) -> None:
    assert anna.get("/", a="x" * (HEAD_BYTES // 2)).status_code == 200
    assert anna.get("/", a="x" * HEAD_BYTES).status_code == 431
    with suppress(httpx.TransportError):
        assert anna.get("/", a="x" * 8 * HEAD_BYTES).status_code == 400


def test_streams_are_limited() -> None:
    limit = StreamLimit(most=3, most_of_one=2)
    with limit.opened("a") as one, limit.opened("a") as two:
        with limit.opened("a") as three, limit.opened("b") as four, limit.opened("c") as five:
            assert [one, two, three, four, five] == [True, True, False, True, False]
        with limit.opened("b") as six:
            assert six


def test_an_error_shows_a_reference_only(anna: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = anna.server.console.ledgers

    def fail(*_: object) -> None:
        raise RuntimeError("maria@example.com")

    monkeypatch.setattr(ledger, "of", fail)
    answer = anna.get("/")
    assert answer.status_code == 500
    (reference,) = re.findall(r"names the error (\w+)", answer.text)
    assert "maria" not in answer.text
    (line,) = [line for line in LOGGED if reference in line]
    assert "RuntimeError in fail" in line
    assert "maria" not in line


@pytest.fixture
def own(project: Shop) -> Iterator[ConsoleServer]:
    with serving(project.directory) as server:
        yield server


def test_a_restart_ends_every_session(anna: Visitor, own: ConsoleServer) -> None:
    cookie = anna.client.cookies[anna.server.console.cookie]
    with browser_of(own) as client:
        assert client.get("/", headers={"Cookie": f"{own.console.cookie}={cookie}"}).status_code == 401


def test_a_second_console_is_another_origin(anna: Visitor, own: ConsoleServer) -> None:
    assert anna.post("/leave", headers={"Origin": own.home, "Sec-Fetch-Site": "same-site"}).status_code == 403


def test_it_ends_soon(project: Shop) -> None:
    with serving(project.directory) as server:
        visitor = sign_in(server)
        visitor.get("/")
        before = time.monotonic()
    assert time.monotonic() - before < 3
