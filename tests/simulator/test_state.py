"""What a simulator keeps in a file is what it would keep in memory, in however many processes."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import ConnectorError
from connector.simulator.audience import Audience
from connector.simulator.dedup_window import DUPLICATE_SECONDS, DedupWindow
from connector.simulator.state import StateFile, StoredAudiences, StoredWindow

KEYS = st.lists(st.tuples(st.one_of(st.none(), st.integers(-3, 12)), st.integers(0, 7)), max_size=8)
STEPS = st.lists(st.tuples(KEYS, st.sampled_from([1.0, 200.0, 400.0, 100_000.0])), max_size=12)
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["add", "delete"]),
        st.sampled_from(["EMAIL_SHA256", "PHONE_SHA256"]),
        st.sampled_from([b"a", b"b", b"c", b""]),
        st.sampled_from([["own"], ["own", "other"], ["other"]]),
        st.sampled_from([0, 1]),
    ),
    max_size=20,
)


@given(STEPS)
def test_a_stored_window_admits_what_one_in_memory_admits(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[list[tuple[int | None, int]], float]]
) -> None:
    """Each request is handled by another process."""
    path, memory, now = tmp_path_factory.mktemp("state") / "state.sqlite", DedupWindow(), 2_000_000_000.0
    for events, seconds in steps:
        keys, carried = [key for key, _ in events], [bits for _, bits in events]
        with closing(StateFile(path)) as file:
            assert StoredWindow(file, now).admit(keys, carried, now) == memory.admit(keys, carried, now)
        now += seconds


@given(CHANGES)
def test_stored_audiences_are_those_in_memory(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, str, bytes, list[str], int]]
) -> None:
    """Two processes take turns."""
    path = tmp_path_factory.mktemp("state") / "state.sqlite"
    memory = Audience("1", "VIP", "own", 5.0)
    with closing(StateFile(path)) as first, closing(StateFile(path)) as second:
        both = StoredAudiences(first), StoredAudiences(second)
        with both[0].open() as audiences:
            audiences["1"] = Audience("1", "VIP", "own", 5.0, changes=set())
        for at, (action, schema, digest, advertisers, process) in enumerate(changes):
            with both[process].open() as audiences:
                for audience in (memory, audiences["1"]):
                    audience.change(action, schema, digest, advertisers)
                    audience.record(float(at), action)
                    audience.record_size(float(at))
        for stored in both:
            with stored.open() as audiences:
                (kept,) = audiences.values()
            assert visible(kept) == visible(memory)


def visible(audience: Audience) -> object:
    """All of an audience but sets that are empty."""
    own = {schema: digests for schema, digests in audience.members.items() if digests}
    others = {
        account: {schema: digests for schema, digests in members.items() if digests}
        for account, members in audience.other_members.items()
        if any(members.values())
    }
    return audience.name, audience.created, own, others, audience.sizes, audience.history, audience.size()


def test_a_request_that_fails_changes_nothing(tmp_path: Path) -> None:
    """Neither in the file nor in memory."""
    with closing(StateFile(tmp_path / "state.sqlite")) as file:
        stored = StoredAudiences(file)
        with stored.open() as audiences:
            audiences["1"] = Audience("1", "VIP", "own", 5.0, changes=set())
        with pytest.raises(ZeroDivisionError), stored.open() as audiences:
            audiences["1"].change("add", "EMAIL_SHA256", b"x", ["own"])
            audiences["2"] = Audience("2", "Other", "own", 5.0, changes=set())
            raise ZeroDivisionError
        with stored.open() as audiences:
            assert (list(audiences), audiences["1"].size()) == (["1"], 0)


def test_keys_are_the_same_in_every_process_and_differ_by_part() -> None:
    """Python's own hashes are not."""
    assert StoredWindow.key("7654", "Purchase", "e1") == StoredWindow.key("7654", "Purchase", "e1")
    assert len({StoredWindow.key(*parts) for parts in (("a", "b"), ("ab", ""), ("a", "b", ""), ("a", "\ud800"))}) == 4
    assert StoredWindow.key("7654", "Purchase", "e1") == -8421936665829268701


def test_the_file_is_private_and_forgets_events_after_48_hours(tmp_path: Path) -> None:
    """Whatever the umask."""
    path = tmp_path / "folder" / "state.sqlite"
    with closing(StateFile(path)) as file:
        StoredWindow(file, 1e9).admit([1, 2], [0, 0], 1e9)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        StoredWindow(file, 1e9 + DUPLICATE_SECONDS + 1)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    """It is no file of SQLite."""
    path = tmp_path / "state.sqlite"
    path.write_text("nonsense" * 1_000)
    with pytest.raises(ConnectorError, match=r"state\.sqlite cannot be read .* `connector run NAME --fresh`"):
        StateFile(path)
