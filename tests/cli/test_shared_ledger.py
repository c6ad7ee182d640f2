"""One ledger in PostgreSQL for several project folders, as for several machines."""

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.ledger.ledger import open_ledger
from connector.ledger.locks import SECONDS_UNTIL_DEAD
from tests.cli.command import Outcome, checked, inside, started
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.test_resume import REVOKED, after, deliveries, wait_until
from tests.cli.tiktok import OK, Reply, TikTok, serving
from tests.ledger.runs import set_back
from tests.postgres import Postgres

ROWS = 2_500
FOLDERS = ("here", "there")
ALL = {f"e{number}" for number in range(ROWS)}


class Machines:
    """Two project folders with the same files and the same ledger."""

    def __init__(self, folder: Path, tiktok: TikTok, ledger: str) -> None:
        self.ledger, self.tiktok = ledger, tiktok
        self.shops = {name: self._made(folder / name) for name in FOLDERS}

    def _made(self, folder: Path) -> Shop:
        made = shop(folder, self.tiktok.url, GOOD.format(rows=ROWS), destination={"max_in_flight": 1})
        made.settings.write_text(yaml.safe_dump({**yaml.safe_load(made.settings.read_text()), "ledger": self.ledger}))
        return made

    def typed(self, folder: str, *args: str) -> Outcome:
        return inside(*args, project=self.shops[folder].directory)

    def run(self, folder: str) -> dict[str, Any]:
        """The record of a run."""
        return checked(self.typed(folder, "run", NAME, "--json").json)

    def killed(self, folder: str, when: Callable[[], bool]) -> str:
        """A run is killed once that is so; gives its id."""
        process = started("run", NAME, "--json", project=self.shops[folder].directory)
        wait_until(when)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        (run,) = self.typed(folder, "runs", "--json").json["runs"]
        return str(run["run_id"])

    def give_up(self) -> None:
        """The dead process has given no sign of life for long."""
        with open_ledger(self.ledger) as ledger:
            set_back(ledger, SECONDS_UNTIL_DEAD)


@pytest.fixture
def machines(tmp_path: Path, postgres: Postgres) -> Any:
    with serving() as tiktok:
        yield Machines(tmp_path, tiktok, postgres.new_database())


def test_what_one_delivered_the_other_skips(machines: Machines) -> None:
    first, second, third = (machines.run(folder) for folder in ("here", "here", "there"))
    assert (first["rows"]["delivered"], first["requests"]["sent"]) == (ROWS, 3)
    for later in (second, third):
        assert (later["status"], later["skips"]) == ("completed", {"already_delivered": ROWS})
        assert later["requests"]["sent"] == 0
    listed = machines.typed("there", "runs", "--json").json["runs"]
    assert {run["run_id"] for run in listed} == {run["run_id"] for run in (first, second, third)}
    assert not (machines.shops["here"].state / "ledger.sqlite").exists()


def held_after(requests: int, in_the_air: threading.Event, held: threading.Event) -> Callable[[dict[str, Any]], Reply]:
    """Takes so many requests; the next is `in_the_air` and not answered before `held` is set."""
    answered = after(requests, REVOKED)

    def answer(body: dict[str, Any]) -> Reply:
        if answered(body) is not OK:
            in_the_air.set()
            held.wait(30)
        return OK

    return answer


def test_a_run_that_was_killed_in_one_folder_is_taken_over_in_the_other(machines: Machines) -> None:
    """What was in the air is sent again under the same ids; the stage is left to the machine that has it."""
    in_the_air, held, tiktok = threading.Event(), threading.Event(), machines.tiktok
    tiktok.answer = held_after(1, in_the_air, held)
    run_id = machines.killed("here", in_the_air.is_set)
    held.set()
    tiktok.answer = lambda body: OK
    wait_until(lambda: len(tiktok.requests) == 2)
    refused = machines.typed("there", "run", NAME)
    assert refused.code == 1
    assert f"{NAME} (target default) is being run by process" in refused.sentence
    machines.give_up()
    elsewhere = machines.typed("there", "run", NAME)
    record = checked(machines.typed("there", "runs", "--json").json["runs"][0])
    assert (elsewhere.code, record["skips"]) == (0, {"already_delivered": 1_000})
    assert f"`connector resume {run_id}`" in elsewhere.stderr
    assert set(deliveries(tiktok)) == ALL
    assert set(deliveries(tiktok).values()) == {1, 2}
    before = len(tiktok.requests)
    resumed = checked(machines.typed("here", "resume", run_id, "--json").json)
    assert (resumed["status"], resumed["rows"]["pending"]) == ("completed", 0)
    assert resumed["skips"] == {"already_delivered": 1_500}
    assert len(tiktok.requests) == before


def test_a_run_is_resumed_where_its_stage_is(machines: Machines) -> None:
    machines.tiktok.answer = after(1, REVOKED)
    run_id = machines.run("here")["run_id"]
    machines.tiktok.answer = lambda body: OK
    elsewhere = machines.typed("there", "resume", run_id)
    assert (elsewhere.code, f"`connector resume {run_id}`" in elsewhere.sentence) == (1, True)
    assert len(machines.tiktok.accepted) == 1
    resumed = checked(machines.typed("here", "resume", "--json").json)
    assert (resumed["run_id"], resumed["rows"]["delivered"]) == (run_id, ROWS)
    assert set(deliveries(machines.tiktok).values()) == {1}


def test_a_run_that_died_before_it_was_staged_goes_on_in_the_other_folder(machines: Machines) -> None:
    slow = "SELECT 'e' || n AS event_id, now() - to_seconds(1) AS timestamp, n || '@example.com' AS email FROM range(40_000_000) AS t (n) WHERE md5(n::TEXT) < '0001'"
    machines.shops["here"].query.write_text(slow)
    run_id = machines.killed("here", lambda: is_running(machines))
    machines.give_up()
    record = machines.run("there")
    assert record["status"] == "completed"
    ((resumed, delivered),) = [
        (run["run_id"], run["rows"]["delivered"])
        for run in machines.typed("there", "runs", "--json").json["runs"]
        if run["run_id"] != record["run_id"]
    ]
    assert (resumed, delivered) == (run_id, ROWS)
    assert record["skips"] == {"already_delivered": ROWS}
    assert set(deliveries(machines.tiktok).values()) == {1}


def is_running(machines: Machines) -> bool:
    return bool(machines.typed("there", "runs", "--json").json["runs"])
