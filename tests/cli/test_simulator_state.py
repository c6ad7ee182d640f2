"""With `api_url: simulator`, what was sent lives on below `.connector` until --fresh forgets it."""

import signal
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from shutil import rmtree

import pytest
import yaml

from connector.simulator.server import Simulator
from tests.audiences.shop import NAME as VIPS
from tests.audiences.shop import Shop as AudienceShop
from tests.audiences.shop import open_shop
from tests.audiences.test_mirror import person
from tests.cli.command import Outcome, ended, inside, started
from tests.cli.shop import GOOD, Shop, shop

OF_EVENTS = "purchases"


def state(folder: Path) -> Path:
    return folder / ".connector" / "simulator.sqlite"


def members(folder: Path) -> int:
    """How many identifiers the simulator keeps."""
    with closing(sqlite3.connect(state(folder))) as connection:
        return int(connection.execute("SELECT count(*) FROM members WHERE account = ''").fetchone()[0])


def events(folder: Path) -> int:
    """How many events the simulator keeps."""
    with closing(sqlite3.connect(state(folder))) as connection:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])


@pytest.fixture
def store(tmp_path: Path) -> Shop:
    return shop(tmp_path / "store", "simulator", GOOD.format(rows=50))


@pytest.fixture
def vips(tmp_path: Path) -> AudienceShop:
    return open_shop(tmp_path / "vips", "simulator")


def sync(vips: AudienceShop, numbers: Sequence[int], *options: str) -> Outcome:
    vips.people([{"email": f"person.{number}@example.com"} for number in numbers])
    return inside("run", VIPS, "--yes", "--json", *options, project=vips.directory)


def test_a_mirror_sends_the_difference_to_what_was_sent_before(vips: AudienceShop) -> None:
    """Additions, deletions and what stays, each as many as with TikTok."""
    changes = [(range(50), (50, 0, 0)), (range(50), (0, 0, 50)), (range(20, 60), (10, 20, 30)), (range(5), (5, 40, 0))]
    for numbers, expected in changes:
        outcome = sync(vips, list(numbers))
        assert outcome.code == 0, outcome.stderr
        counts = outcome.json["members"]
        assert (counts["added"], counts["removed"], counts["unchanged"]) == expected
        assert members(vips.directory) == len(numbers)


def test_audiences_are_listed(vips: AudienceShop) -> None:
    """With the members that the simulator has, and its size there."""
    sync(vips, range(30))
    (listed,) = inside("audiences", "--json", project=vips.directory).json["audiences"]
    assert (listed["members"]["total"], listed["api_url"]) == (30, "simulator")
    assert inside("audiences", "show", listed["name"], project=vips.directory).code == 0


def test_events_are_counted_once(store: Shop) -> None:
    """By the ledger, and without the ledger by the simulator, as TikTok does within 48 hours."""
    query = store.query.read_text().replace("now()", "date_trunc('hour', now())")
    store.query.write_text(query)
    first = inside("run", OF_EVENTS, "--json", project=store.directory).json
    second = inside("run", OF_EVENTS, "--json", project=store.directory).json
    assert (first["rows"]["delivered"], second["skips"]) == (50, {"already_delivered": 50})
    rmtree(store.state / "runs")
    for file in store.state.glob("ledger.sqlite*"):
        file.unlink()
    third = inside("run", OF_EVENTS, project=store.directory)
    assert "it counted 0 events and discarded 50 duplicates" in third.stderr
    assert events(store.directory) == 50


def test_a_test_event_is_not_kept(store: Shop) -> None:
    """It counts nowhere."""
    inside("run", OF_EVENTS, "--test-event-code", "T1", project=store.directory)
    assert events(store.directory) == 0


@pytest.mark.parametrize("kind", ["events", "audience"])
def test_fresh_makes_a_run_equal_to_the_first(kind: str, store: Shop, vips: AudienceShop) -> None:
    """However often."""
    vips.people([person(number) for number in range(1, 30)])
    made, name = (store, OF_EVENTS) if kind == "events" else (vips, VIPS)
    runs = []
    for option in ((), ("--fresh",), (), ("--fresh",)):
        outcome = inside("run", name, "--yes", "--json", *option, project=made.directory)
        assert outcome.code == 0, outcome.stderr
        runs.append({key: outcome.json[key] for key in ("rows", "events", "skips", "rejects", "requests")})
    assert runs[0] == runs[1] == runs[3] != runs[2]
    if kind == "audience":
        assert len(inside("audiences", "--json", project=made.directory).json["audiences"]) == 1


def test_fresh_of_several_keeps_what_the_first_sends(store: Shop) -> None:
    """It forgets once."""
    settings = yaml.safe_load(store.settings.read_text())
    settings["orchestrations"]["others"] = {**settings["orchestrations"][OF_EVENTS], "query": "others"}
    store.settings.write_text(yaml.safe_dump(settings))
    store.query.with_name("others.sql").write_text(GOOD.format(rows=50).replace("'e'", "'o'"))
    outcome = inside("run", OF_EVENTS, "others", "--fresh", "--json", project=store.directory)
    assert [run["rows"]["delivered"] for run in outcome.json["runs"]] == [50, 50]
    assert events(store.directory) == 100
    again = inside("run", OF_EVENTS, "others", "--json", project=store.directory)
    assert [run["rows"]["skipped"] for run in again.json["runs"]] == [50, 50]


@pytest.mark.parametrize("command", ["served", "file"])
def test_fresh_is_refused_for_what_is_no_simulator(command: str, tmp_path: Path) -> None:
    """Nothing is forgotten there."""
    with Simulator() as simulator:
        made = shop(tmp_path / "shop", simulator.url, GOOD.format(rows=5))
        if command == "file":
            settings = yaml.safe_load(made.settings.read_text())
            settings["destinations"]["stores"] = {
                "type": "file",
                "path": "simulator",
                "event_source": "offline",
                "event_source_id": "1",
            }
            made.settings.write_text(yaml.safe_dump(settings))
        outcome = inside("run", OF_EVENTS, "--fresh", project=made.directory)
    assert outcome.code == 2
    assert outcome.sentence.startswith('--fresh forgets what the simulator was sent, and "stores" sends to ')


@pytest.mark.parametrize("damage", ["deleted", "overwritten"])
def test_a_lost_file_is_told_with_what_to_do_and_fresh_heals_it(damage: str, vips: AudienceShop) -> None:
    """No file has to be removed by hand."""
    assert sync(vips, range(30)).code == 0
    for file in vips.directory.glob(".connector/simulator.sqlite*"):
        file.unlink()
    if damage == "overwritten":
        state(vips.directory).write_text("nonsense" * 1_000)
    outcome = sync(vips, range(40))
    assert outcome.code in {1, 2}
    assert "`connector run NAME --fresh`" in outcome.sentence
    assert sync(vips, range(40), "--fresh").json["members"]["added"] == 40
    assert members(vips.directory) == 40


@pytest.mark.parametrize("option", [(), ("--fresh",)])
def test_a_run_that_is_killed_is_finished_or_forgotten(option: tuple[str, ...], store: Shop) -> None:
    """What the simulator took before the kill, it has."""
    store.query.write_text(GOOD.format(rows=30_000))
    settings = yaml.safe_load(store.settings.read_text())
    settings["destinations"]["stores"]["requests_per_second"] = 4
    store.settings.write_text(yaml.safe_dump(settings))
    process = started("run", OF_EVENTS, "--json", project=store.directory)
    wait_for_events(store.directory)
    process.send_signal(signal.SIGKILL)
    assert ended(process).code == -signal.SIGKILL
    kept = events(store.directory)
    assert 0 < kept < 30_000
    settings["destinations"]["stores"]["requests_per_second"] = 1_000
    store.settings.write_text(yaml.safe_dump(settings))
    outcome = inside("run", OF_EVENTS, "--json", *option, project=store.directory)
    assert outcome.code == 0, outcome.stderr
    assert len(outcome.json["resumed"]) == (0 if option else 1)
    assert events(store.directory) == 30_000


def test_fresh_waits_for_no_run_that_is_sending(store: Shop) -> None:
    """It would forget what that run sends; it says which run it is, and forgets nothing."""
    store.query.write_text(GOOD.format(rows=30_000))
    settings = yaml.safe_load(store.settings.read_text())
    settings["destinations"]["stores"]["requests_per_second"] = 2
    store.settings.write_text(yaml.safe_dump(settings))
    process = started("run", OF_EVENTS, "--json", project=store.directory)
    try:
        wait_for_events(store.directory)
        outcome = inside("run", OF_EVENTS, "--fresh", project=store.directory)
        assert outcome.code == 1
        assert outcome.sentence.endswith("is sending to the simulator: wait for it, or stop it.")
        assert events(store.directory) > 0
    finally:
        process.send_signal(signal.SIGINT)
        assert ended(process).code == 130


def wait_for_events(folder: Path) -> None:
    """Until the simulator has some."""
    for _ in range(600):
        threading.Event().wait(0.05)
        try:
            if events(folder):
                return
        except sqlite3.OperationalError:
            continue
    raise AssertionError("no event arrived")


def test_runs_at_the_same_time_share_the_simulator(store: Shop) -> None:
    """Neither waits for the other's end, and nothing is lost."""
    settings = yaml.safe_load(store.settings.read_text())
    names = [f"part_{number}" for number in range(3)]
    for name in names:
        settings["orchestrations"][name] = {**settings["orchestrations"][OF_EVENTS], "query": name}
        store.query.with_name(f"{name}.sql").write_text(GOOD.format(rows=3_000).replace("'e'", f"'{name}'"))
    store.settings.write_text(yaml.safe_dump(settings))
    processes = [started("run", name, "--json", project=store.directory) for name in names]
    assert [ended(process).record()["rows"]["delivered"] for process in processes] == [3_000] * 3
    assert events(store.directory) == 9_000


def test_the_file_holds_digests_alone_and_forget_reaches_it(vips: AudienceShop) -> None:
    """A person to be forgotten is deleted from the simulator's audience as from TikTok's."""
    sync(vips, range(30))
    content = b"".join(file.read_bytes() for file in vips.directory.glob(".connector/simulator.sqlite*"))
    assert b"person." not in content
    assert b"example.com" not in content
    receipt = inside("forget", "--email", "person.7@example.com", "--json", project=vips.directory).json
    assert [one["removed"] for one in receipt["audiences"]] == [True]
    assert members(vips.directory) == 29
