"""Launches, pauses and notices in both databases."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from connector.core.outcomes import RunStatus
from connector.ledger.launches import STOPPED, LaunchState, NewLaunch
from connector.ledger.ledger import Ledger
from connector.ledger.notices import NewNotice, Recipient
from connector.ledger.views.frame import count_frame
from connector.ledger.views.notices import list_notices
from connector.ledger.views.schedules import list_schedules
from tests.ledger.runs import RUN, SCOPE, started_run

TARGET = SCOPE.target


def asked(**values: Any) -> NewLaunch:
    return NewLaunch(**{
        "actor": "anna", "command": "run", "orchestration": "o", "target": TARGET, "host": "here", **values
    })  # fmt: skip


def state(ledger: Ledger, launch_id: str) -> LaunchState | None:
    launch = ledger.launches.get(launch_id)
    return launch.state if launch else None


def test_a_launch_goes_from_waiting_to_its_end(ledger: Ledger) -> None:
    new = asked(options={"limit": 3}, agreed={"changes": ["A."], "removals": None}, via="console", peer="192.0.2.1")
    launch_id = ledger.launches.add(new)
    launch = ledger.launches.get(launch_id)
    assert launch is not None and (launch.request, launch.state) == (new, LaunchState.WAITING)
    assert ledger.launches.claim(launch_id) and not ledger.launches.claim(launch_id)
    assert ledger.launches.begin(launch_id, 7) and ledger.launches.begin(launch_id, 7)
    assert not ledger.launches.begin(launch_id, 8)
    started_run(ledger)
    ledger.launches.set_run(launch_id, RUN)
    assert not ledger.launches.begin(launch_id, 7), "one launch has one run"
    assert [one.id for one in ledger.launches.open_on("here")] == [launch_id]
    ledger.launches.end(launch_id, "The token is dead.")
    ledger.launches.end(launch_id)
    ended = ledger.launches.get(launch_id)
    assert ended is not None and (ended.state, ended.run_id, ended.error) == (
        LaunchState.ENDED,
        RUN,
        "The token is dead.",
    )
    assert ended.ended_at is not None and ledger.launches.open_on("here") == []


def test_of_many_processes_that_claim_a_launch_one_gets_it(ledger: Ledger) -> None:
    launch_id = ledger.launches.add(asked())
    with ThreadPoolExecutor(4) as threads:
        claimed = list(threads.map(lambda _: ledger.launches.claim(launch_id), range(8)))
    assert sorted(claimed) == [False] * 7 + [True]


def test_a_launch_without_a_run_ends_as_not_started(ledger: Ledger) -> None:
    launch_id = ledger.launches.add(asked())
    ledger.launches.end(launch_id, "Its process ended.")
    assert state(ledger, launch_id) is LaunchState.NOT_STARTED
    assert not ledger.launches.begin(launch_id, 7)
    assert ledger.launches.get("unknown") is None


@pytest.mark.parametrize("when", ["waiting", "before", "after"])
def test_a_launch_is_stopped_at_any_time(ledger: Ledger, when: str) -> None:
    launch_id = ledger.launches.add(asked())
    if when == "waiting":
        ledger.launches.request_stop(launch_id)
        launch = ledger.launches.get(launch_id)
        assert launch is not None and (launch.state, launch.error) == (LaunchState.NOT_STARTED, STOPPED)
        return
    assert ledger.launches.begin(launch_id, 7)
    if when == "before":
        ledger.launches.request_stop(launch_id)
    started_run(ledger)
    ledger.launches.set_run(launch_id, RUN)
    if when == "after":
        assert not ledger.runs.record_progress(RUN, None)
        ledger.launches.request_stop(launch_id)
    assert ledger.runs.record_progress(RUN, None)
    assert state(ledger, launch_id) is LaunchState.STARTED
    ledger.runs.finish(RUN, RunStatus.INTERRUPTED)
    ledger.launches.end(launch_id)
    assert state(ledger, launch_id) is LaunchState.ENDED


def test_a_schedule_is_paused_once_under_each_target(ledger: Ledger) -> None:
    assert ledger.pauses.add("o", TARGET, "anna") and not ledger.pauses.add("o", TARGET, "ben")
    assert ledger.pauses.add("o", "elsewhere", "ben")
    assert ledger.pauses.names(TARGET) == {"o"}
    with ledger.database.reading() as connection:
        (listed,) = list_schedules(connection, TARGET)
    assert (listed.paused_by, listed.schedule) == ("anna", None)
    assert ledger.pauses.delete("o", TARGET) and not ledger.pauses.delete("o", TARGET)
    assert [sorted(ledger.pauses.names(target)) for target in (TARGET, "elsewhere")] == [[], ["o"]]


def test_notices_are_unread_until_they_are_marked(ledger: Ledger) -> None:
    for kind in ("failed", "recovered", "refused"):
        ledger.notices.add(
            NewNotice(TARGET, kind, f"It {kind}.", "o", None, [Recipient("oncall"), Recipient("team", "HTTP 500.")])
        )
    with ledger.database.reading() as connection:
        last, middle, _ = list_notices(connection, TARGET)
    assert (last.text, last.told) == ("It refused.", (Recipient("oncall"), Recipient("team", "HTTP 500.")))
    ledger.notices.mark_read("elsewhere", last.id)
    ledger.notices.mark_read(TARGET, middle.id)
    with ledger.database.reading() as connection:
        assert count_frame(connection, TARGET).unread == 1
        assert [one.read_at is None for one in list_notices(connection, TARGET)] == [True, False, False]
