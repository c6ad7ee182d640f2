"""`connector auth`: the code comes by the loopback port or is pasted; what is known is told without a secret."""

import http.client
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import yaml

from connector.destinations.tiktok.redirect import Redirect
from connector.errors import AuthorisationError, UsageError
from connector.simulator.ad_accounts import ADVERTISER
from connector.simulator.server import Simulator
from tests.cli.command import Outcome, ended, environment, inside, started
from tests.cli.shop import Shop
from tests.credentials.grants import (
    APP,
    APP_ONLY,
    CODE,
    GRANT,
    NAME,
    REFRESHING,
    SECRET,
    STARTING,
    Folder,
    selling,
    simulating,
)

EXCHANGE = "/open_api/v1.3/oauth2/access_token/"
Answers = dict[str, str]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulating() as running:
        yield running


def visit(address: str, **given: str) -> int:
    """The status that a browser gets which is led back with these parameters."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    connection.request("GET", f"/?{urlencode(given)}" if given else "/favicon.ico")
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_code_that_comes_by_the_loopback_port_becomes_a_grant_that_runs_use(
    simulator: Simulator, tmp_path: Path
) -> None:
    made = selling(tmp_path / "shop", simulator.url, APP_ONLY)
    process = started("auth", "login", "tiktok", "--port", "0", "--json", project=made.directory)
    assert process.stderr
    process.stderr.readline()
    page = process.stderr.readline().strip()
    asked = {key: value for key, (value,) in parse_qs(urlsplit(page).query).items()}
    assert page.startswith(f"{simulator.url}/portal/auth?")
    assert (asked["app_id"], set(asked)) == (APP, {"app_id", "redirect_uri", "state"})
    assert visit(asked["redirect_uri"]) == 404
    assert visit(asked["redirect_uri"], auth_code=CODE, state=asked["state"]) == 200
    login = ended(process)
    assert (login.code, login.stderr) == (0, "")
    assert login.json["advertisers"] == [{"advertiser_id": ADVERTISER, "name": "Advertiser 2109"}]
    assert (login.json["kind"], login.json["source"]) == ("long_term", "login")
    run = inside("run", NAME, "--json", project=made.directory)
    assert run.record()["rows"]["delivered"] == 20


def test_a_code_can_be_given(simulator: Simulator, tmp_path: Path) -> None:
    made = selling(tmp_path / "shop", simulator.url, APP_ONLY)
    login = inside("auth", "login", "tiktok", "--code", CODE, project=made.directory)
    assert login.code == 0
    assert f"advertiser  {ADVERTISER}" in login.stdout
    assert simulator.world.accounts.used_codes == {CODE}
    assert Folder(made).kept["advertiser_ids"] == [ADVERTISER]


def pasted(made: Shop, text: str, *options: str) -> Outcome:
    """How a login ends to which this is pasted; STATE stands for that of the page that was printed."""
    command = [sys.executable, "-m", "connector", "auth", "login", "tiktok", "--json", *options]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(made.directory), text=True, **pipes) as process:  # type: ignore[call-overload]
        before = "".join(process.stderr.readline() for _ in range(3))
        state = re.search("state=([^&\\s]+)", before)
        assert state
        stdout, stderr = process.communicate(text.replace("STATE", state[1]) + "\n", timeout=60)
    return Outcome(process.returncode, stdout, before + stderr)


def test_the_address_that_was_led_back_to_can_be_pasted(simulator: Simulator, tmp_path: Path) -> None:
    made = selling(tmp_path / "shop", simulator.url, APP_ONLY)
    back = "https://shop.example/done"
    login = pasted(made, f"{back}?auth_code={CODE}&state=STATE", "--redirect-uri", back)
    assert login.json["source"] == "login"
    assert "redirect_uri=https%3A%2F%2Fshop.example%2Fdone" in login.stderr
    assert simulator.world.accounts.used_codes == {CODE}


def test_an_address_of_another_login_that_is_pasted_is_refused(simulator: Simulator, tmp_path: Path) -> None:
    made = selling(tmp_path / "shop", simulator.url, APP_ONLY)
    refused = pasted(made, f"http://127.0.0.1:8789/?auth_code={CODE}&state=guessed", "--code", "-")
    assert refused.code == 1
    assert "belongs to another login" in refused.stderr
    assert simulator.tally.requests == 0


def test_a_code_that_was_used_is_refused_and_what_was_kept_stays(simulator: Simulator, tmp_path: Path) -> None:
    made = selling(tmp_path / "shop", simulator.url, APP_ONLY)
    assert inside("auth", "login", "tiktok", "--code", CODE, project=made.directory).code == 0
    kept = Folder(made).kept
    again = inside("auth", "login", "tiktok", "--code", CODE, project=made.directory)
    assert again.code == 1
    assert "auth code was used before, has expired or was cancelled. Authorise again" in again.sentence
    assert Folder(made).kept == kept


def test_a_refused_first_login_leaves_the_token_of_the_project_file_in_use(
    simulator: Simulator, tmp_path: Path
) -> None:
    made = selling(tmp_path / "shop", simulator.url, {**APP_ONLY, "access_token": STARTING})
    assert inside("auth", "login", "tiktok", "--code", "expired", project=made.directory).code == 1
    assert inside("run", NAME, project=made.directory).code == 0


def test_accounts_that_cannot_be_listed_do_not_lose_the_grant(tmp_path: Path) -> None:
    fault = "code:path=/oauth2/advertiser/get/,code=40001,message=No permission."
    with simulating(fault) as simulator:
        made = selling(tmp_path / "shop", simulator.url, APP_ONLY)
        login = inside("auth", "login", "tiktok", "--code", CODE, "--json", project=made.directory)
        assert inside("run", NAME, project=made.directory).code == 0
    assert (login.code, login.json["advertisers"]) == (0, None)
    assert "Ad Account Operator or Admin" in login.sentence


# The loopback port -------------------------------------------------------------------------------------------


OTHER_VISITS: dict[str, bytes] = {
    "another state": b"GET /?auth_code=C0DE&state=guessed HTTP/1.1\r\n\r\n",
    "no state": b"GET /?auth_code=C0DE HTTP/1.1\r\n\r\n",
    "an empty state": b"GET /?auth_code=C0DE&state= HTTP/1.1\r\n\r\n",
    "a state that is no ASCII": "GET /?auth_code=C0DE&state=ü HTTP/1.1\r\n\r\n".encode(),
    "nothing": b"GET / HTTP/1.1\r\n\r\n",
    "an error of another login": b"GET /?error=access_denied HTTP/1.1\r\n\r\n",
    "the start of the state": b"GET /?auth_code=C0DE&state=START HTTP/1.1\r\n\r\n",
    "the icon": b"GET /favicon.ico HTTP/1.1\r\n\r\n",
    "another path": b"GET /done?auth_code=C0DE&state=STATE HTTP/1.1\r\n\r\n",
    "a look with the code": b"HEAD /?auth_code=C0DE&state=STATE HTTP/1.1\r\n\r\n",
    "a form": b"POST /?auth_code=C0DE&state=STATE HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "a huge request line": b"GET /?auth_code=C0DE&state=" + b"x" * 200_000 + b" HTTP/1.1\r\n\r\n",
    "many headers": b"GET /?auth_code=C0DE&state=no HTTP/1.1\r\n" + b"a: b\r\n" * 500 + b"\r\n",
    "no address": b"GET http://[ HTTP/1.1\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "silence": b"",
}


def sent(redirect: Redirect, visit: bytes) -> str:
    """What is answered to a visit, however it is written; nothing where the visitor leaves first."""
    text = visit.replace(b"STATE", redirect.state.encode()).replace(b"START", redirect.state[:-1].encode())
    with socket.create_connection(("127.0.0.1", urlsplit(redirect.url).port or 0), timeout=10) as connection:
        try:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            return connection.makefile("rb").read().decode(errors="replace")
        except OSError:
            return ""


@pytest.mark.parametrize("visit", OTHER_VISITS.values(), ids=OTHER_VISITS)
def test_no_other_visit_is_taken_for_the_answer_or_ends_the_login(visit: bytes) -> None:
    with Redirect(0) as redirect:
        answer = sent(redirect, visit)
        assert "arrived" not in answer
        assert not answer.startswith("HTTP/1.0 200") or visit.startswith(b"HEAD")
        with pytest.raises(AuthorisationError, match="No answer came"):
            redirect.code(0.05)
        arrived = sent(redirect, b"GET /?auth_code=C0DE&state=STATE HTTP/1.1\r\n\r\n")
        assert arrived.startswith("HTTP/1.0 200")
        assert "The code has arrived" in arrived
        assert redirect.code(10).get_secret_value() == "C0DE"


def test_a_wrong_state_is_answered_with_a_sentence_and_told_of_once_the_time_is_over() -> None:
    with Redirect(0) as redirect:
        answer = sent(redirect, OTHER_VISITS["another state"])
        assert answer.startswith("HTTP/1.0 400")
        assert "belongs to another login" in answer
        assert "still waiting" in answer
        with pytest.raises(AuthorisationError, match="Visits with a missing or wrong state: 1"):
            redirect.code(0.05)


@pytest.mark.parametrize("answer", ["error=access_denied&", "error=access_denied&auth_code=&", "auth_code=&", ""])
def test_a_user_who_denies_is_told_that_access_was_not_granted(answer: str) -> None:
    with Redirect(0) as redirect:
        page = sent(redirect, f"GET /?{answer}state=STATE HTTP/1.1\r\n\r\n".encode())
        assert page.startswith("HTTP/1.0 400")
        assert "access was not granted" in page
        with pytest.raises(AuthorisationError, match="access was not granted"):
            redirect.code(10)


def test_a_second_tab_changes_nothing() -> None:
    with Redirect(0) as redirect:
        assert "arrived" in sent(redirect, b"GET /?auth_code=first&state=STATE HTTP/1.1\r\n\r\n")
        assert "has its answer already" in sent(redirect, b"GET /?auth_code=second&state=STATE HTTP/1.1\r\n\r\n")
        assert redirect.code(10).get_secret_value() == "first"


def test_visitors_that_say_nothing_keep_no_other_waiting() -> None:
    """Browsers open connections in advance; one of many visits brings the code."""
    with Redirect(0) as redirect, ExitStack() as stack:
        for _ in range(20):
            address = ("127.0.0.1", urlsplit(redirect.url).port or 0)
            stack.enter_context(socket.create_connection(address, timeout=10))
        began = time.monotonic()
        visits = [OTHER_VISITS["another state"]] * 19 + [b"GET /?auth_code=C0DE&state=STATE HTTP/1.1\r\n\r\n"]
        with ThreadPoolExecutor(20) as threads:
            answers = list(threads.map(lambda visit: sent(redirect, visit), visits))
        assert [("arrived" in one) for one in answers] == [False] * 19 + [True]
        assert redirect.code(10).get_secret_value() == "C0DE"
        assert time.monotonic() - began < 5


def test_a_login_outlives_a_visit_of_another_state(simulator: Simulator, tmp_path: Path) -> None:
    """The whole command as a process: the page of an earlier login is still open in another tab."""
    made = selling(tmp_path / "shop", simulator.url, APP_ONLY)
    process = started("auth", "login", "tiktok", "--port", "0", "--json", project=made.directory)
    assert process.stderr
    process.stderr.readline()
    asked = {key: value for key, (value,) in parse_qs(urlsplit(process.stderr.readline().strip()).query).items()}
    assert visit(asked["redirect_uri"], auth_code="stolen", state="guessed") == 400
    assert visit(asked["redirect_uri"], auth_code=CODE) == 400
    assert process.poll() is None
    assert visit(asked["redirect_uri"], auth_code=CODE, state=asked["state"]) == 200
    assert ended(process).code == 0
    assert simulator.world.accounts.used_codes == {CODE}


def test_commands_that_listen_have_ports_of_their_own(tmp_path: Path) -> None:
    shown = [
        inside(*command, "--help", project=tmp_path).stdout for command in (["simulate"], ["start"], ["auth", "login"])
    ]
    ports = {found[1] for text in shown if (found := re.search(r"--port .*?default:\s+(\d+)", text, re.DOTALL))}
    assert ports == {"8787", "8788", "8789"}


def test_nobody_is_waited_for_for_ever() -> None:
    with Redirect(0) as redirect, pytest.raises(AuthorisationError, match="No answer came"):
        redirect.code(-1)


def test_a_port_that_is_taken_is_named() -> None:
    with Redirect(0) as redirect, pytest.raises(UsageError, match="cannot be listened on"):
        Redirect(int(redirect.url.split(":")[2].strip("/")))


# Status and refresh ------------------------------------------------------------------------------------------


def test_what_is_known_is_told_without_a_secret(simulator: Simulator, tmp_path: Path) -> None:
    made = selling(tmp_path / "shop", simulator.url)
    before = inside("auth", "status", "tiktok", "--json", project=made.directory)
    refreshed = inside("auth", "refresh", "tiktok", "--json", project=made.directory)
    after = inside("auth", "status", "tiktok", "--json", project=made.directory)
    told = inside("auth", "status", "tiktok", project=made.directory)
    assert list(before.json) == [
        "credential", "target", "api_url", "kind", "source", "kept_at", "expires_at", "refreshed_at",
        "refresh_expires_at", "unfinished_refresh",
    ]  # fmt: skip
    assert (before.json["kind"], before.json["source"], before.json["kept_at"]) == ("refreshed", "project file", None)
    assert refreshed.json == after.json
    assert (after.json["source"], after.json["kept_at"]) == ("refresh", after.json["refreshed_at"])
    assert after.json["expires_at"] > after.json["refreshed_at"]
    assert "last refresh" in told.stdout
    kept = Folder(made).kept
    printed = "".join(one.stdout + one.stderr for one in (before, refreshed, after, told))
    for secret in (*GRANT.values(), kept["access_token"], kept["refresh_token"]):
        assert (secret[:8] in printed) is (secret == APP and False)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ({"access_token": STARTING}, "long_term"),
        ({**APP_ONLY, "access_token": STARTING}, "long_term"),
        (APP_ONLY, "none"),
    ],
)
def test_what_cannot_be_refreshed_says_so(
    simulator: Simulator, tmp_path: Path, written: dict[str, str], kind: str
) -> None:
    made = selling(tmp_path / "shop", simulator.url, written)
    assert inside("auth", "status", "tiktok", "--json", project=made.directory).json["kind"] == kind
    refused = inside("auth", "refresh", "tiktok", project=made.directory)
    assert refused.code == 2
    assert "nothing to refresh" in refused.sentence
    assert simulator.tally.requests == 0


def test_a_refresh_can_be_asked_for(simulator: Simulator, tmp_path: Path) -> None:
    made = selling(tmp_path / "shop", simulator.url)
    for _ in range(2):
        assert inside("auth", "refresh", "tiktok", project=made.directory).code == 0
    assert simulator.tally.endpoints[REFRESHING] == 2


@pytest.mark.parametrize("half", [{}, {"app_id": APP}, {"app_secret": SECRET}], ids=["none", "its id", "its secret"])
def test_a_credential_that_there_is_not_and_one_without_an_app_are_refused(
    simulator: Simulator, tmp_path: Path, half: dict[str, str]
) -> None:
    made = selling(tmp_path / "shop", simulator.url, {"access_token": STARTING, **half})
    assert inside("auth", "status", "tiktoc", project=made.directory).code == 2
    for asked in (("--code", CODE), ("--code", "-"), ("--port", "0")):
        refused = inside("auth", "login", "tiktok", *asked, project=made.directory)
        assert refused.code == 2
        assert "app_id and app_secret" in refused.sentence


def test_the_simulator_within_a_command_keeps_no_grants(tmp_path: Path) -> None:
    made = selling(tmp_path / "shop", "simulator")
    for asked in (("refresh", "tiktok"), ("login", "tiktok", "--code", CODE)):
        refused = inside("auth", *asked, project=made.directory)
        assert refused.code == 2
        assert "which keeps no grants" in refused.sentence


def test_nobody_is_reached_at_a_closed_port(tmp_path: Path) -> None:
    made = selling(tmp_path / "shop", "http://127.0.0.1:1")
    refused = inside("auth", "refresh", "tiktok", "--json", project=made.directory)
    assert (refused.code, refused.json["error"]) == (1, refused.sentence)
    assert "No connection to TikTok" in refused.sentence
    assert SECRET not in refused.stdout + refused.stderr


def test_a_credential_that_is_used_at_two_addresses_has_no_one_place_to_log_in_at(
    simulator: Simulator, tmp_path: Path
) -> None:
    made = selling(tmp_path / "shop", simulator.url)
    settings = yaml.safe_load(made.settings.read_text())
    settings["destinations"]["other"] = {**settings["destinations"]["stores"], "api_url": None}
    made.settings.write_text(yaml.safe_dump(settings))
    refused = inside("auth", "status", "tiktok", project=made.directory)
    assert refused.code == 2
    assert f"https://business-api.tiktok.com and {simulator.url}" in refused.sentence


def test_an_address_of_the_environment_that_is_none_is_refused_with_its_place(tmp_path: Path) -> None:
    made = selling(tmp_path / "shop", "{{ env.PLACE }}")
    refused = inside("auth", "status", "tiktok", project=made.directory, environ={"PLACE": "ftp://shop.example"})
    assert refused.code == 2
    assert "orchestrations.yaml:" in refused.sentence
    assert "https:// address" in refused.sentence
