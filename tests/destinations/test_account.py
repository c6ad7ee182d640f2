"""Calls to an ad account, each against the simulator or a server that answers as a test wants."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from connector.delivery.limiter import AdaptiveLimiter
from connector.delivery.retry_loop import RetryLoop
from connector.delivery.retry_policy import RetryPolicy
from connector.destinations.tiktok.account import AccountClient, created_id
from connector.destinations.tiktok.tokens import FixedToken, Tokens
from connector.errors import AccountRefused, AccountUnreachable, AuthorisationError, ConnectorError, NotPermitted
from connector.simulator.ad_accounts import ADVERTISER
from connector.simulator.fault_files import parse
from connector.simulator.server import Simulator
from tests.credentials.grants import GRANT, STARTING, credential, simulating, tokens_in

TOKEN = "a-token-that-never-prints"
PIXELS = "/open_api/v1.3/pixel/list/"
QUICK = RetryPolicy(max_attempts=3, first_wait=0.001, longest_wait=0.002)


@contextmanager
def asking(url: str, tokens: Tokens | None = None, *, rate: float = 1_000) -> Iterator[AccountClient]:
    repeat = RetryLoop(QUICK, AdaptiveLimiter(rate))
    with AccountClient(url, tokens or FixedToken(SecretStr(TOKEN)), repeat, timeout=5) as client:
        yield client


@contextmanager
def simulated(*faults: str) -> Iterator[tuple[AccountClient, Simulator]]:
    with Simulator(
        faults=[parse(f"{fault}{'' if 'path' in fault else ',path=/pixel/list/'}") for fault in faults]
    ) as tiktok:
        with asking(tiktok.url) as client:
            yield client, tiktok


def pixels(client: AccountClient) -> object:
    return client.get("/pixel/list/", {"advertiser_id": ADVERTISER})["pixels"]


def test_a_call_gives_what_tiktok_says() -> None:
    with simulated() as (client, _):
        found = client.get("/offline/get/", {"advertiser_id": ADVERTISER, "event_set_ids": [ADVERTISER]})
        assert [one["name"] for one in found["event_set_list"]] == ["Stores"]
        made = client.post("/offline/create/", {"advertiser_id": ADVERTISER, "name": "Tills", "description": "x"})
        assert made["event_set_id"].isdecimal()


@pytest.mark.parametrize("fault", ["code:code=50000,times=2", "throttle:times=9", "html:times=2", "reset:times=2"])
def test_passing_trouble_is_sat_out_and_throttling_uses_up_no_attempt(fault: str) -> None:
    with simulated(fault) as (client, _):
        assert pixels(client)


@pytest.mark.parametrize("fault", ["error:times=9", "html:times=9", "lost:times=9"])
def test_trouble_that_does_not_pass_is_given_up_after_as_many_attempts_as_allowed(fault: str) -> None:
    with simulated(fault) as (client, tiktok), pytest.raises(AccountUnreachable, match="could not answer"):
        pixels(client)
    assert tiktok.tally.endpoints[PIXELS] == 3


@pytest.mark.parametrize("fault", ["lost", "error", "html", "code:code=50002"])
def test_what_may_have_been_made_is_not_made_twice(fault: str) -> None:
    with simulated(f"{fault}:path=/offline/create/".replace("2:", "2,")) as (client, tiktok):
        with pytest.raises(AccountUnreachable) as raised:
            client.post("/offline/create/", {"advertiser_id": ADVERTISER, "name": "x", "description": "x"}, once=True)
    assert raised.value.answer_lost
    assert tiktok.tally.requests == 1


def test_no_connection_is_no_lost_answer(unused_port: Callable[[], int]) -> None:
    with asking(f"http://127.0.0.1:{unused_port()}") as client, pytest.raises(AccountUnreachable) as raised:
        client.post("/offline/create/", {}, once=True)
    assert not raised.value.answer_lost


@pytest.fixture
def unused_port() -> Callable[[], int]:
    import socket

    def port() -> int:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return int(listener.getsockname()[1])

    return port


@pytest.mark.parametrize(
    ("code", "kind"),
    [(code, AuthorisationError) for code in (40101, 40102, 40103, 40104, 40105, 40106)]
    + [(code, NotPermitted) for code in (40001, 40003, 40117, 40118, 40124, 40125, 40130, 40131)]
    + [(code, AccountRefused) for code in (40000, 40002, 40007, 40300, 40301, 40400, 41000)],
)
def test_a_refusal_says_whether_it_is_about_the_token_its_permissions_or_the_question(
    code: int, kind: type[ConnectorError]
) -> None:
    with simulated(f"code:code={code},message=No {TOKEN} for ann@example.com.") as (client, _):
        with pytest.raises(kind) as raised:
            pixels(client)
    assert type(raised.value) is kind
    assert raised.value.code == code  # type: ignore[attr-defined]
    assert f"(code {code})" in raised.value.message
    assert TOKEN not in raised.value.message
    assert "ann@" not in raised.value.message
    assert "connector resume" not in raised.value.message


def test_40100_that_speaks_of_the_token_is_about_the_token() -> None:
    with simulated("code:code=40100,message=Invalid access token.") as (client, _):
        with pytest.raises(AuthorisationError):
            pixels(client)


def test_a_dead_token_is_refreshed_once_and_asked_again(tmp_path: Path) -> None:
    with simulating() as tiktok:
        accounts = tiktok.world.accounts
        accounts.tokens[STARTING].ends = 0.0
        tokens = tokens_in(tmp_path, tiktok.url, credential(**GRANT, access_token=STARTING))
        with asking(tiktok.url, tokens) as client:
            assert pixels(client)
            assert pixels(client)
    assert tiktok.tally.endpoints["/open_api/v1.3/oauth2/refresh_token/"] == 1
    assert tiktok.tally.refusals == {"40102": 1}


def test_secrets_in_the_question_do_not_come_back_in_an_error() -> None:
    fault = "code:code=40113,message=app-secret is wrong,path=/oauth2/advertiser/get/"
    with simulated(fault) as (client, _), pytest.raises(AccountRefused) as raised:
        client.get("/oauth2/advertiser/get/", {"app_id": "1", "secret": SecretStr("app-secret")})
    assert "app-secret" not in raised.value.message
    assert "[secret]" in raised.value.message


def test_at_most_ten_calls_a_second_are_made_by_one_client() -> None:
    with simulated() as (_, tiktok), asking(tiktok.url, rate=10) as client:
        for _ in range(4):
            pixels(client)
    assert tiktok.tally.refusals == {}


@pytest.mark.parametrize("created", [None, True, False, 1.5, "", "a b", [], {}, "x" * 81])
def test_an_answer_without_an_id_is_refused(created: object) -> None:
    with pytest.raises(AccountRefused, match="has no audience_id, so it is unknown what was created"):
        created_id({"audience_id": created}, "audience_id")


@pytest.mark.parametrize("created", ["7654321098765432109", 7654321098765432109])
def test_an_id_may_be_written_as_text_or_number(created: object) -> None:
    assert created_id({"audience_id": created}, "audience_id") == "7654321098765432109"
