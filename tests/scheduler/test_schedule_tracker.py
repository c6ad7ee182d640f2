"""What runs when, with the clock handed in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from connector.config.schedule import Schedule
from connector.ledger.orchestrations import ScheduleRecord, ScheduleState
from connector.scheduler.schedule_tracker import FIRST_RETRY_DELAY, MAX_RETRY_DELAY, ScheduleTracker

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 7, 22, 12, tzinfo=UTC)


def every(length: str) -> Schedule:
    return Schedule.model_validate({"every": length})


def cron(fields: str, zone: str = "UTC") -> Schedule:
    return Schedule.model_validate({"cron": fields, "timezone": zone})


def after(name: str) -> Schedule:
    return Schedule.model_validate({"after": name})


@dataclass
class Machine:
    """Looks at a timetable once a minute, with room for `parallel` runs, of which each takes its time."""

    schedules: Mapping[str, Schedule]
    minutes: Mapping[str, int]
    parallel: int = 9
    now: datetime = NOON
    table: ScheduleTracker = field(default_factory=lambda: ScheduleTracker(()))
    ends: dict[str, datetime] = field(default_factory=dict)
    completed: dict[str, datetime] = field(default_factory=dict)
    started: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.table.replace_schedules(self.schedules, self.now)

    def look(self) -> None:
        for name in [name for name, end in self.ends.items() if end <= self.now]:
            self.completed[name] = self.ends.pop(name)
            self.table.finish(name)
        self.table.mark_due(self.now, self.completed)
        for record in self.table.in_state(ScheduleState.WAITING)[: self.parallel - len(self.ends)]:
            name = record.orchestration
            assert name not in self.ends
            self.table.start(name, self.now)
            self.ends[name] = self.now + self.minutes.get(name, 1) * MINUTE
            self.started.append((name, f"{self.now:%H:%M}"))

    def work(self, until: str) -> list[tuple[str, str]]:
        """What was started until a time of day."""
        before = len(self.started)
        while f"{self.now:%H:%M}" != until:
            self.now += MINUTE
            self.look()
        return self.started[before:]

    def sleep(self, until: str) -> None:
        while f"{self.now:%H:%M}" != until:
            self.now += MINUTE

    def restarted(self) -> "Machine":
        """The same machine with a new process, which knows what the ledger does."""
        known = [record for record in self.table if record is not None]
        return Machine(
            self.schedules, self.minutes, self.parallel, self.now, ScheduleTracker(known), {}, self.completed
        )


def test_a_schedule_is_first_due_after_it_was_first_seen() -> None:
    machine = Machine({"a": every("15m"), "b": cron("5 12 * * *")}, {})
    assert machine.work("12:31") == [("b", "12:05"), ("a", "12:15"), ("a", "12:30")]


def test_schedules_that_overlap_run_side_by_side_each_at_most_once_at_a_time() -> None:
    machine = Machine({"a": every("10m"), "b": every("10m"), "c": cron("*/5 * * * *")}, {"a": 3, "b": 3, "c": 3})
    assert machine.work("12:11") == [("c", "12:05"), ("a", "12:10"), ("b", "12:10"), ("c", "12:10")]


def test_more_than_there_is_room_for_wait_in_the_order_in_which_they_were_due() -> None:
    machine = Machine({"a": every("10m"), "b": every("10m"), "c": cron("9 12 * * *")}, {"a": 4, "b": 4, "c": 4}, 1)
    assert machine.work("12:19") == [("c", "12:09"), ("a", "12:13"), ("b", "12:17")]
    assert [record.orchestration for record in machine.table.in_state(ScheduleState.WAITING)] == []


def test_a_run_that_is_longer_than_its_interval_is_followed_by_one_at_once_and_not_by_all_that_it_missed() -> None:
    machine = Machine({"a": every("5m")}, {"a": 17})
    assert machine.work("12:45") == [("a", "12:05"), ("a", "12:22"), ("a", "12:39")]


def test_a_machine_asleep_over_three_due_times_catches_up_once() -> None:
    machine = Machine({"a": cron("0 * * * *")}, {})
    assert machine.work("13:30") == [("a", "13:00")]
    machine.sleep("16:29")
    assert machine.work("17:30") == [("a", "16:30"), ("a", "17:00")]


def test_what_was_due_while_no_process_looked_runs_once_after_a_restart() -> None:
    machine = Machine({"a": cron("0 * * * *")}, {})
    machine.work("13:10")
    machine.sleep("15:59")
    later = machine.restarted()
    assert later.work("17:30") == [("a", "16:00"), ("a", "17:00")]


def test_nothing_runs_after_a_restart_before_it_is_due() -> None:
    machine = Machine({"a": cron("0 * * * *")}, {})
    machine.work("13:10")
    assert machine.restarted().work("14:01") == [("a", "14:00")]


def test_what_ran_when_the_process_died_is_known_as_running_by_the_next() -> None:
    machine = Machine({"a": cron("0 * * * *")}, {"a": 30})
    machine.work("13:10")
    later = machine.restarted()
    (left,) = later.table.in_state(ScheduleState.RUNNING)
    assert (left.orchestration, left.due_at) == ("a", NOON + timedelta(hours=1))
    later.table.requeue("a")
    assert later.work("13:12") == [("a", "13:11")]


def test_what_follows_another_runs_when_that_one_has_completed() -> None:
    machine = Machine({"a": cron("0 13 * * *"), "b": after("a"), "c": after("b")}, {"a": 5, "b": 7})
    assert machine.work("14:00") == [("a", "13:00"), ("b", "13:05"), ("c", "13:12")]


def test_what_follows_another_does_not_run_for_what_completed_before_it_was_automatic() -> None:
    machine = Machine({"b": after("a")}, {}, completed={"a": NOON - MINUTE})
    assert machine.work("13:00") == []


def test_what_follows_another_runs_once_for_several_that_completed_while_it_ran() -> None:
    machine = Machine({"a": every("5m"), "b": after("a")}, {"b": 14})
    started = [time for name, time in machine.work("12:36") if name == "b"]
    assert started == ["12:06", "12:20", "12:34"]


def test_another_schedule_counts_from_when_it_was_taken() -> None:
    machine = Machine({"a": cron("0 * * * *")}, {})
    machine.sleep("15:30")
    machine.table.replace_schedules({"a": every("2h")}, machine.now)
    assert machine.work("16:01") == [("a", "16:00")]


def test_one_that_is_manual_for_a_while_has_missed_nothing() -> None:
    machine = Machine({"a": cron("0 * * * *")}, {})
    assert machine.table.replace_schedules({}, machine.now) == ["a"]
    machine.sleep("15:30")
    machine.table.replace_schedules(machine.schedules, machine.now)
    assert machine.work("16:01") == [("a", "16:00")]


def test_a_run_that_is_killed_goes_on_after_a_minute_and_later_each_time() -> None:
    machine = Machine({"a": cron("0 13 * * *")}, {"a": 600})
    machine.work("13:00")
    pauses = []
    for _ in range(9):
        again = machine.table.record_kill("a", machine.now)
        pauses.append(again - machine.now)
        machine.table.mark_due(again - timedelta(seconds=1), {})
        assert machine.table.in_state(ScheduleState.WAITING) == []
        machine.now = again
        machine.table.mark_due(machine.now, {})
        machine.table.start("a", machine.now)
    assert pauses == [MINUTE * n for n in (1, 2, 4, 8, 16, 32, 60, 60, 60)]
    assert (pauses[0], pauses[-1]) == (FIRST_RETRY_DELAY, MAX_RETRY_DELAY)
    machine.table.finish("a")
    assert machine.table.next_due("a", {}) == datetime(2026, 7, 23, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        ("America/New_York", datetime(2026, 3, 8, 5, tzinfo=UTC), ["07:30"]),
        ("America/New_York", datetime(2026, 11, 1, 4, tzinfo=UTC), ["07:30"]),
        ("Europe/Berlin", datetime(2026, 3, 29, 0, tzinfo=UTC), ["01:30"]),
        ("Europe/Berlin", datetime(2026, 10, 25, 0, tzinfo=UTC), ["00:30"]),
    ],
)
def test_a_nightly_run_happens_once_in_the_night_in_which_the_clock_is_changed(
    zone: str, day: datetime, expected: list[str]
) -> None:
    """Half past two: skipped in spring by both; in autumn there are two of it in Berlin, and one in New York."""
    machine = Machine({"a": cron("30 2 * * *", zone)}, {}, now=day)
    assert [time for _, time in machine.work(f"{day + timedelta(hours=9):%H:%M}")] == expected


def test_a_clock_that_was_put_back_starts_nothing_twice() -> None:
    machine = Machine({"a": cron("0 * * * *")}, {})
    machine.work("13:01")
    machine.now -= timedelta(minutes=30)
    assert machine.work("14:01") == [("a", "14:00")]


def test_a_clock_that_is_put_back_while_something_waits_starts_it_once() -> None:
    """It was due at 13:00, and began when the clock said 12:30 again."""
    machine = Machine({"a": cron("0 * * * *"), "b": every("1h")}, {}, parallel=0)
    machine.work("13:01")
    assert [record.orchestration for record in machine.table.in_state(ScheduleState.WAITING)] == ["a", "b"]
    machine.now -= timedelta(minutes=30)
    machine.parallel = 2
    assert machine.work("14:01") == [("a", "12:32"), ("b", "12:32"), ("a", "14:00"), ("b", "14:00")]


def test_records_that_are_known_and_no_longer_automatic_are_forgotten() -> None:
    table = ScheduleTracker([ScheduleRecord("gone", "every 1h", NOON)])
    assert table.replace_schedules({"a": every("1h")}, NOON) == ["gone"]
    assert [record.orchestration for record in table] == ["a"]
