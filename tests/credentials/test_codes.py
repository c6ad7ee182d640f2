"""Each return code about credentials, provoked on the simulator, says what helps: in a run and in `auth`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from connector.core.route import Route
from connector.delivery.answer import Verdict
from connector.delivery.batch import Batch
from connector.destinations.tiktok.client import EventsClient
from connector.destinations.tiktok.codes import RULES
from connector.destinations.tiktok.tokens import FixedToken
from connector.simulator.server import Simulator
from tests.cli.command import Outcome, inside
from tests.credentials.grants import APP_ONLY, CODE, GRANT, NAME, STARTING, selling, simulating

ROLE = "Ad Account Operator or Admin; an Analyst's grant does not work"
LOGIN = "uthorise again with `connector auth login`"
RUN = {
    40001: ("may not write to this event source", ROLE),
    40101: ("app id, its secret or the auth code is wrong", "`app_secret`"),
    40102: ("access token has expired", LOGIN),
    40103: ("refresh token has expired", LOGIN),
    40104: ("No access token reached TikTok", LOGIN),
    40105: ("wrong or was revoked", LOGIN),
    40106: ("belongs to another account", ROLE),
    40107: ("refresh token is wrong", LOGIN),
    40110: ("auth code was used before", LOGIN),
    40113: ("app is blocked, or its id and secret do not belong together", "`app_secret`"),
    40118: ("only to listed apps or in certain regions", "Ask TikTok"),
    40130: ("lacks a scope", LOGIN),
    40131: ("lacks a scope", LOGIN),
}
"""What is wrong, and what helps."""
AUTH = {**RUN, 40001: ("token may not do this: it belongs to another account", ROLE)}
RARE = {
    40003: ("TikTok forbids the request", ROLE),
    40108: ("does not know this way of asking for a token", "`refresh_path`"),
    40115: ("time or the signature", "this machine's clock"),
    40116: ("time or the signature", "this machine's clock"),
    40117: ("does not allow this app", "to do that"),
    40119: ("belong to different companies", "app and the advertiser"),
    40124: ("developer profile is incomplete", "at TikTok"),
    40125: ("developer lacks the permission", "at TikTok"),
    40300: ("does not know the advertiser", "`advertiser_id`"),
    40301: ("does not belong to this token", "`advertiser_id`"),
}
"""Codes that no command is known to meet."""
NOT_ABOUT_CREDENTIALS = {40100, 40132, 40133}
"""Throttling, among the codes for authentication on TikTok's list."""
KINDS = {40001: "no_permission:event_source_id=7654321098765432109", 40102: "expired_token", 40105: "revoked_token"}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with simulating(strictness=["rates=unlimited"]) as running:
        yield running


def spoilt(simulator: Simulator, fault: str) -> None:
    """From now on this goes wrong, and nothing else."""
    from connector.simulator.fault_files import parse

    simulator.world.faults.clear()
    simulator.world.faults.add([parse(fault)])
    simulator.world.accounts.restrict_tokens([STARTING])


def says(done: Outcome, code: int, expected: tuple[str, str]) -> None:
    """The sentence names what is wrong, what helps, and the code."""
    assert done.code == 1
    for words in (*expected, f"code {code})"):
        assert words in done.sentence


@pytest.mark.parametrize("code", RUN)
def test_a_run_that_meets_the_code_says_what_helps_and_how_to_go_on(
    simulator: Simulator, tmp_path: Path, code: int
) -> None:
    spoilt(simulator, KINDS.get(code, f"code:code={code},message=No."))
    made = selling(tmp_path / "shop", simulator.url, {"access_token": STARTING})
    run = inside("run", NAME, "--json", project=made.directory)
    says(run, code, RUN[code])
    assert run.record()["rows"]["pending"] == 20
    assert run.record()["status"] == "failed"
    assert ("Then run `connector resume`" in run.sentence) is RULES[code].resumable


@pytest.mark.parametrize("code", RARE)
def test_a_request_that_meets_a_rare_code_stops_the_run_with_what_helps(simulator: Simulator, code: int) -> None:
    spoilt(simulator, f"code:code={code},message=No.")
    batch = Batch(0, Route("offline", "7654321098765432109"), 1, 1, b'{"event":"Purchase"}')
    with EventsClient(simulator.url, FixedToken(SecretStr(STARTING))) as client:
        answer = client.attempt(batch)
    assert answer.verdict is Verdict.STOP
    for words in (*RARE[code], f"TikTok said: No. (code {code})"):
        assert words in answer.message


def test_no_code_about_credentials_is_without_a_sentence() -> None:
    """401xx are the codes for authentication, 403xx those for advertisers, on the appendix of return codes."""
    known = {code for code in RULES if 40_100 <= code < 40_200 or 40_300 <= code < 40_400}
    assert known - NOT_ABOUT_CREDENTIALS | {40001, 40003} == {*AUTH, *RARE}


@pytest.mark.parametrize("code", AUTH)
def test_a_refresh_that_meets_the_code_says_what_helps(simulator: Simulator, tmp_path: Path, code: int) -> None:
    spoilt(simulator, f"code:path=/oauth2/refresh_token/,code={code},message=No.")
    made = selling(tmp_path / "shop", simulator.url)
    says(inside("auth", "refresh", "tiktok", project=made.directory), code, AUTH[code])


@pytest.mark.parametrize("code", [40103, 40107, 40113])
def test_a_run_whose_refresh_meets_the_code_says_what_helps(simulator: Simulator, tmp_path: Path, code: int) -> None:
    spoilt(simulator, f"code:path=/oauth2/refresh_token/,code={code},message=No.")
    made = selling(tmp_path / "shop", simulator.url)
    run = inside("run", NAME, "--json", project=made.directory)
    says(run, code, AUTH[code])
    assert "Then run `connector resume`" in run.sentence


@pytest.mark.parametrize("code", AUTH)
def test_a_login_that_meets_the_code_says_what_helps(simulator: Simulator, tmp_path: Path, code: int) -> None:
    spoilt(simulator, f"code:path=/oauth2/access_token/,code={code},message=No.")
    made = selling(tmp_path / "shop", simulator.url, APP_ONLY)
    says(inside("auth", "login", "tiktok", "--code", CODE, project=made.directory), code, AUTH[code])


def test_the_codes_that_the_simulator_gives_by_itself(tmp_path: Path) -> None:
    with simulating(refresh=None) as simulator:
        made = selling(tmp_path / "one", simulator.url)
        says(inside("auth", "refresh", "tiktok", project=made.directory), 40107, AUTH[40107])
        simulator.world.accounts.refresh_tokens[GRANT["refresh_token"]] = type(
            simulator.world.accounts.resolve_token(STARTING)
        )(ends=0.0)
        says(inside("auth", "refresh", "tiktok", project=made.directory), 40103, AUTH[40103])
        simulator.world.accounts.secrets[GRANT["app_id"]] = "another"
        says(inside("auth", "refresh", "tiktok", project=made.directory), 40113, AUTH[40113])
        other = selling(tmp_path / "two", simulator.url, {"access_token": "unknown"})
        says(inside("run", NAME, "--json", project=other.directory), 40105, RUN[40105])
