"""A token that dies while a run sends."""

from collections import Counter
from pathlib import Path

import pytest

from tests.cli.command import ended, inside, started
from tests.credentials.grants import (
    APP_ONLY,
    GRANT,
    NAME,
    REFRESHING,
    STARTING,
    Folder,
    rewrite,
    selling,
    simulating,
)

MANY = 12_000


@pytest.mark.parametrize("refreshing", ["rotates", "stays"])
def test_a_token_that_dies_in_the_middle_of_a_run_is_refreshed_once_and_nothing_is_lost_or_sent_twice(
    tmp_path: Path, refreshing: str
) -> None:
    strict = [f"refreshing={refreshing}", "rates=unlimited"]
    with simulating("expired_token:skip=5,times=1", strictness=strict) as simulator:
        made = selling(
            tmp_path / "shop", simulator.url, {**GRANT, "access_token": STARTING}, rows=MANY, max_in_flight=6
        )
        run = inside("run", NAME, "--json", project=made.directory)
    record, tally = run.record(), simulator.tally
    assert (run.code, record["status"], record["rows"]["delivered"]) == (0, "completed", MANY)
    assert tally.endpoints[REFRESHING] == 1
    assert (tally.distinct, tally.duplicates) == (MANY, 0)
    shown = inside("runs", "show", record["run_id"], "--json", project=made.directory).json["request_log"]
    verdicts = Counter(request["verdict"] for request in shown)
    assert verdicts["accepted"] == MANY / 1000
    assert verdicts["again"] == tally.refusals["40102"] >= 1
    assert set(verdicts) == {"accepted", "again"}
    assert len(shown) == record["requests"]["sent"]


def test_being_sent_again_with_a_new_token_costs_no_attempt(tmp_path: Path) -> None:
    with simulating("expired_token:times=1") as simulator:
        made = selling(tmp_path / "shop", simulator.url, {**GRANT, "access_token": STARTING}, retry={"max_attempts": 1})
        run = inside("run", NAME, "--json", project=made.directory)
    assert (run.code, run.record()["requests"]) == (0, {"sent": 2, "retried": 1})


def test_a_new_token_that_is_dead_too_stops_the_run_which_can_be_resumed(tmp_path: Path) -> None:
    with simulating("expired_token:times=2") as simulator:
        made = selling(tmp_path / "shop", simulator.url, {**GRANT, "access_token": STARTING})
        run = inside("run", NAME, "--json", project=made.directory)
        assert simulator.tally.endpoints[REFRESHING] == 1
        again = inside("resume", "--json", project=made.directory)
    assert (run.code, run.record()["status"]) == (1, "failed")
    assert "only just given" in run.sentence
    assert "connector auth login" in run.sentence
    assert "connector resume" in run.sentence
    assert (again.code, again.record()["rows"]["delivered"]) == (0, 20)


def test_a_token_that_served_and_dies_again_is_refreshed_again(tmp_path: Path) -> None:
    with simulating("expired_token:times=1", "expired_token:skip=3,times=1") as simulator:
        made = selling(
            tmp_path / "shop", simulator.url, {**GRANT, "access_token": STARTING}, rows=6_000, max_in_flight=1
        )
        run = inside("run", NAME, "--json", project=made.directory)
    assert (run.code, run.record()["rows"]["delivered"]) == (0, 6_000)
    assert (simulator.tally.endpoints[REFRESHING], simulator.tally.duplicates) == (2, 0)


def test_a_refresh_that_fails_for_a_while_is_tried_again(tmp_path: Path) -> None:
    with simulating("error:path=/oauth2/refresh_token/,times=2") as simulator:
        made = selling(tmp_path / "shop", simulator.url)
        run = inside("run", NAME, "--json", project=made.directory)
    assert (run.code, run.record()["rows"]["delivered"]) == (0, 20)
    assert simulator.tally.endpoints[REFRESHING] == 3


def test_without_anything_to_refresh_the_run_says_what_to_do(tmp_path: Path) -> None:
    with simulating("expired_token") as simulator:
        made = selling(tmp_path / "shop", simulator.url, {**APP_ONLY, "access_token": STARTING})
        run = inside("run", NAME, "--json", project=made.directory)
        assert simulator.tally.endpoints[REFRESHING] == 0
    assert run.code == 1
    assert "has expired. Put a new access token into the credential" in run.sentence


def test_a_credential_with_an_app_alone_asks_for_a_login(tmp_path: Path) -> None:
    with simulating() as simulator:
        made = selling(tmp_path / "shop", simulator.url, APP_ONLY)
        run = inside("run", NAME, "--json", project=made.directory)
        assert simulator.tally.requests == 0
    assert run.code == 2
    assert "connector auth login tiktok" in run.sentence


def test_two_processes_whose_token_dies_refresh_it_once(tmp_path: Path) -> None:
    with simulating("slow:path=/oauth2/refresh_token/,seconds=0.5") as simulator:
        made = selling(tmp_path / "shop", simulator.url)
        settings = made.settings.read_text()
        made.settings.write_text(
            settings.replace(
                f"  {NAME}:\n",
                f"  second: &one\n    destination: stores\n    query: {NAME}\n    warehouse: own\n  {NAME}:\n",
            )
        )
        runs = [started("run", name, "--json", project=made.directory) for name in (NAME, "second")]
        records = [ended(run).record() for run in runs]
    assert [record["rows"]["pending"] for record in records] == [0, 0]
    assert simulator.tally.endpoints[REFRESHING] == 1
    assert simulator.tally.refusals == {}


def test_what_was_kept_is_used_until_the_project_file_says_otherwise(tmp_path: Path) -> None:
    with simulating() as simulator:
        made = selling(tmp_path / "shop", simulator.url)
        assert inside("run", NAME, project=made.directory).code == 0
        assert inside("run", NAME, "--test-event-code", "T1", project=made.directory).code == 0
        assert simulator.tally.endpoints[REFRESHING] == 1
        kept = Folder(made).kept["access_token"]
        rewrite(made, {**APP_ONLY, "access_token": STARTING})
        simulator.world.accounts.tokens[kept].revoked = True
        assert inside("run", NAME, "--test-event-code", "T1", project=made.directory).code == 0


def test_only_its_owner_may_read_what_is_kept(tmp_path: Path) -> None:
    with simulating() as simulator:
        made = selling(tmp_path / "shop", simulator.url)
        (made.state / "tokens").mkdir(parents=True, mode=0o755)
        assert inside("run", NAME, project=made.directory).code == 0
    file = Folder(made).file
    assert (file.parent.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    assert sorted(one.suffix for one in file.parent.iterdir()) == [".json", ".lock"]
