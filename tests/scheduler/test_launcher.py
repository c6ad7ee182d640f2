"""Runs that somebody asked for, each executed by a process that outlives the one that started it."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

import connector
from connector.core.outcomes import RunStatus
from connector.ledger.launches import STOPPED, Launch, LaunchState, NewLaunch
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import ledger_of
from connector.ledger.tables import launches
from connector.ledger.views.run_lists import RunListFilter, list_runs
from connector.scheduler.launcher import DIED, Launcher, launch_command
from tests.cli.command import inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.tiktok import TikTok, serving

HOST = socket.gethostname()


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


@pytest.fixture
def made(tmp_path: Path, tiktok: TikTok) -> Shop:
    return shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=10))


@pytest.fixture
def ledger(made: Shop) -> Iterator[Ledger]:
    with ledger_of(connector.open_project(made.directory).settings) as opened:
        yield opened


def asked(command: str = "run", **values: Any) -> NewLaunch:
    """What anna asks for in the console."""
    named: dict[str, Any] = {"orchestration": NAME, "target": "default", "host": HOST, **values}
    return NewLaunch("anna", command, via="console", peer="192.0.2.1", **named)


def test_a_run_that_was_asked_for_is_executed_by_a_process_of_its_own(made: Shop, ledger: Ledger) -> None:
    launcher = Launcher(made.directory, ledger)
    launch_id = launcher.request(asked(options={"limit": 4}))
    ended = after(ledger, launch_id, LaunchState.ENDED, launcher.tick)
    assert ended.error is None and ended.run_id is not None
    with ledger.database.reading() as connection:
        (run,) = list_runs(connection, RunListFilter("default"))
    assert (run.run_id, run.status, run.by, run.totals.rows.delivered) == (ended.run_id, "completed", "anna", 4)
    (line,) = ledger.audit.latest(5)
    assert (line.use.actor, line.use.via, line.use.peer) == ("anna", "console", "192.0.2.1")
    assert line.use.os_user != "anna"
    wait_for(launcher)
    launcher.tick()
    assert list((made.state / "launches").iterdir()) == []


def after(ledger: Ledger, launch_id: str, state: LaunchState, tick: Callable[[], None]) -> Launch:
    """The launch once it is in a state."""
    until = time.monotonic() + 60
    while True:
        launch = ledger.launches.get(launch_id)
        assert launch is not None
        if launch.state is state:
            return launch
        assert time.monotonic() < until, launch
        tick()
        time.sleep(0.1)


def test_a_process_that_ends_before_its_run_says_why(made: Shop, ledger: Ledger) -> None:
    made.query.write_text("SELECT nothing FROM nowhere")
    launcher = Launcher(made.directory, ledger)
    launch_id = launcher.request(asked(options={"engine": "none", "limit": 0}))
    ended = after(ledger, launch_id, LaunchState.NOT_STARTED, launcher.tick)
    assert ended.run_id is None and "greater than or equal to 1" in (ended.error or "")
    wait_for(launcher)


def started(ledger: Ledger, *ids: str, process: int) -> None:
    """The launches have this process."""
    for launch_id in ids:
        assert ledger.launches.claim(launch_id)
        assert ledger.launches.begin(launch_id, process)


def test_at_most_four_are_in_progress_and_the_others_wait(made: Shop, ledger: Ledger) -> None:
    busy = [ledger.launches.add(asked()) for _ in range(4)]
    started(ledger, *busy, process=os.getpid())
    launcher = Launcher(made.directory, ledger)
    fifth = launcher.request(asked())
    age(ledger, fifth)
    launcher.tick()
    waiting = ledger.launches.get(fifth)
    assert waiting is not None and waiting.state is LaunchState.WAITING
    ledger.launches.end(busy[0])
    assert after(ledger, fifth, LaunchState.ENDED, launcher.tick).run_id is not None
    wait_for(launcher)


def age(ledger: Ledger, *ids: str) -> None:
    """The launches were asked for 61 seconds ago."""
    with ledger.database.writing() as connection:
        at = (datetime.now(UTC) - timedelta(seconds=61)).isoformat(timespec="milliseconds")
        connection.execute(update(launches).where(launches.c.id.in_(ids)).values(at=at))


def test_what_nothing_starts_within_a_minute_does_not_start(made: Shop, ledger: Ledger) -> None:
    forgotten, elsewhere, died, lost = (
        ledger.launches.add(asked(host=host)) for host in (HOST, "elsewhere.example", HOST, HOST)
    )
    started(ledger, died, process=2**22 + 1)
    ledger.launches.claim(lost)
    age(ledger, forgotten, elsewhere, lost)
    Launcher(made.directory, ledger).tick()
    ends = {name: ledger.launches.get(name) for name in (forgotten, elsewhere, died, lost)}
    assert [launch.state if launch else None for launch in ends.values()] == [
        LaunchState.NOT_STARTED, LaunchState.WAITING, LaunchState.NOT_STARTED, LaunchState.NOT_STARTED
    ]  # fmt: skip
    dead = ends[died]
    assert dead is not None and dead.error == DIED


def test_a_launch_is_executed_once_and_only_as_it_was_asked_for(made: Shop, ledger: Ledger) -> None:
    launch_id = ledger.launches.add(asked())
    for args, sentence in (
        (("run", NAME, "--launch", "unknown"), 'There is no launch "unknown".'),
        (("resume", "--launch", launch_id), f"The launch {launch_id} is of `connector run` for {NAME}, not of "
                                            "`connector resume`."),
        (("run", NAME, NAME, "--launch", launch_id), "--launch executes one run: name one orchestration, without --tag "
                                                     "and --dry-run."),
    ):  # fmt: skip
        refused = inside(*args, project=made.directory)
        assert (refused.code, refused.sentence) == (2, sentence)
    first = inside("run", NAME, "--launch", launch_id, "--json", project=made.directory)
    assert first.json["status"] == "completed"
    again = inside("run", NAME, "--launch", launch_id, project=made.directory)
    assert (again.code, again.sentence) == (2, f"The launch {launch_id} was executed already: ask for the run again.")
    launch = ledger.launches.get(launch_id)
    assert launch is not None and (launch.run_id, launch.state) == (first.json["run_id"], LaunchState.ENDED)


@pytest.mark.parametrize("roles", [
    "roles: {senders: {users: ['*'], pii: true}, nobody: {users: [anna]}}",
    "roles: {senders: {users: [anna], admin: true}}",
    "roles: {senders: {users: [USER], admin: true}}",
])  # fmt: skip
def test_the_rights_of_whoever_asked_and_of_the_process_are_checked_again(
    made: Shop, ledger: Ledger, roles: str
) -> None:
    from connector.config.roles import os_user

    made.settings.write_text(f"{made.settings.read_text()}\n{roles.replace('USER', os_user())}\n")
    launch_id = ledger.launches.add(asked())
    done = inside("run", NAME, "--launch", launch_id, project=made.directory)
    launch = ledger.launches.get(launch_id)
    assert launch is not None
    if "'*'" in roles:
        assert (done.code, launch.state) == (0, LaunchState.ENDED)
        return
    refused = os_user() if "[anna]" in roles else "anna"
    assert done.sentence.startswith(f"{refused} may not use `connector run`")
    assert (launch.state, launch.error) == (LaunchState.NOT_STARTED, done.sentence)
    assert [(line.use.actor, line.use.allowed) for line in ledger.audit.latest(5)] == [("anna", False)]


def test_a_launch_is_stopped_before_and_after_it_has_a_run(made: Shop, ledger: Ledger) -> None:
    waiting, early = ledger.launches.add(asked()), ledger.launches.add(asked())
    ledger.launches.request_stop(waiting)
    launch = ledger.launches.get(waiting)
    assert launch is not None and (launch.state, launch.error) == (LaunchState.NOT_STARTED, STOPPED)
    assert not ledger.launches.claim(waiting)
    started(ledger, early, process=os.getpid())
    ledger.launches.request_stop(early)
    run = connector.open_project(made.directory).run(NAME)
    ledger.runs.resume(run.run_id, holder="new", host=HOST)
    ledger.launches.set_run(early, run.run_id)
    assert ledger.runs.record_progress(run.run_id, None)
    ledger.runs.finish(run.run_id, RunStatus.INTERRUPTED)
    ledger.launches.end(early)
    ledger.launches.request_stop(early)
    ended = ledger.launches.get(early)
    assert ended is not None and ended.state is LaunchState.ENDED


def test_the_command_of_a_launch_holds_its_options_and_no_more(made: Shop, ledger: Ledger) -> None:
    options = {"limit": 3, "full": True, "allow_empty": False, "plan": None, "test_event_code": "T1"}
    run = ledger.launches.get(ledger.launches.add(asked(options=options)))
    retry = ledger.launches.get(
        ledger.launches.add(asked("retry", options={"run_id": "-x", "reason": "missing_event"}))
    )
    assert run is not None and retry is not None
    assert launch_command(Path("/shop"), run)[4:] == [
        "run", "--target", "default", "--full", "--limit=3", "--test-event-code=T1", "--launch", run.id,
        "--project", "/shop", "--json", "--", NAME,
    ]  # fmt: skip
    assert launch_command(Path("/shop"), retry)[4:] == [
        "retry", "--reason=missing_event", "--launch", retry.id, "--project", "/shop", "--json", "--", "-x"
    ]  # fmt: skip


def test_a_run_outlives_the_launcher_that_started_it(made: Shop) -> None:
    project = connector.open_project(made.directory)
    with ledger_of(project.settings) as opened:
        first = Launcher(made.directory, opened)
        launch_id = first.request(asked())
    with ledger_of(project.settings) as ledger:
        second = Launcher(made.directory, ledger)
        after(ledger, launch_id, LaunchState.ENDED, second.tick)
        wait_for(first)


def wait_for(*launchers: Launcher) -> None:
    """The processes of these launchers have ended."""
    for launcher in launchers:
        for process in launcher._processes.values():
            process.wait(30)
