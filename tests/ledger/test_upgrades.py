"""Ledgers that another version of the connector wrote."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, update

from connector.core.outcomes import RunStatus
from connector.core.route import Action, Operation, Route
from connector.errors import ConnectorError
from connector.ledger.batch_records import KeyPeriods
from connector.ledger.ledger import Ledger, open_ledger
from connector.ledger.member_records import AccountState
from connector.ledger.run_records import MemberCounts, Scope
from connector.ledger.tables import SCHEMA_VERSION, audience_accounts, metadata, schema_version
from connector.ledger.views.run_lists import RunListFilter, list_runs
from connector.transform.suppression_filter import SuppressionFilter
from tests.ledger.old import (
    API_URL,
    FAILED_7,
    FINISHED,
    FINISHED_2,
    FINISHED_6,
    FINISHED_7,
    INTERRUPTED,
    LOST_6,
    MIRRORED_5,
    REMOVED_5,
    SENT_3,
    STOPPED_2,
    version_1,
    version_2,
    version_3,
    version_5,
    version_6,
    version_7,
    without_operations,
)
from tests.ledger.runs import delivered, keys, request, writing

OPEN = [(2, 1), (4, 16)]
"""What version_1.sql leaves to be sent of its one open batch."""


def version(ledger: Ledger) -> list[int]:
    with ledger.database.reading() as connection:
        return list(connection.execute(select(schema_version.c.version)).scalars())


def differences(ledger: Ledger) -> list[Any]:
    """What would have to change for the database to be as the tables are described."""
    with ledger.database.reading() as connection:
        how = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=how), metadata))


def schema(ledger: Ledger) -> dict[str, Any]:
    """Everything that the database says of its tables; the order of columns does not matter."""
    with ledger.database.reading() as connection:
        seen = inspect(connection)
        return {
            name: {
                "columns": {column["name"]: _described(column) for column in seen.get_columns(name)},
                "indexes": sorted((one["name"], one["column_names"], one["unique"]) for one in seen.get_indexes(name)),
                "primary key": seen.get_pk_constraint(name)["constrained_columns"],
                "foreign keys": [(one["constrained_columns"], one["referred_table"]) for one in seen.get_foreign_keys(name)],
            }
            for name in seen.get_table_names()
        }  # fmt: skip


def _described(column: Any) -> tuple[str, bool, str | None]:
    return str(column["type"]), column["nullable"], column["default"]


def test_a_new_ledger_is_as_the_tables_are_described(ledger: Ledger) -> None:
    assert differences(ledger) == []
    assert version(ledger) == [SCHEMA_VERSION]


@pytest.mark.parametrize("old", [version_1, version_2, version_3, version_5, version_6, version_7])
def test_an_old_ledger_becomes_as_a_new_one(new_url: Callable[[], str], old: Callable[[str], None]) -> None:
    url = new_url()
    old(url)
    with open_ledger(url) as upgraded, open_ledger(new_url()) as new:
        assert differences(upgraded) == []
        assert schema(upgraded) == schema(new)
        assert version(upgraded) == [SCHEMA_VERSION]


def test_what_an_old_ledger_holds_stays(url: str) -> None:
    version_1(url)
    with open_ledger(url) as ledger:
        finished, interrupted = ledger.runs.get(FINISHED), ledger.runs.get(INTERRUPTED)
        asked = ledger.batches.requests(INTERRUPTED)
    assert (finished.status, finished.rows.delivered, finished.rows.pending) == ("completed", 3, 0)
    assert (interrupted.status, interrupted.rows.delivered, interrupted.rows.pending) == ("failed", 3, 17)
    assert (finished.row_limit, finished.retry_of, finished.skips) == (None, None, {})
    assert [one.verdict for one in asked] == [*["unknown"] * 4, "refused", "stop", *["accepted"] * 3]


def test_what_a_ledger_of_version_2_holds_stays(url: str) -> None:
    version_2(url)
    with open_ledger(url) as ledger:
        finished, stopped = ledger.runs.get(FINISHED_2), ledger.runs.get(STOPPED_2)
        since = KeyPeriods(datetime(2026, 3, 1, tzinfo=UTC), None)
        known = b"".join(some.keys for some in ledger.delivered.sent(Scope("default", API_URL), since))
        kept = {run_id: list(ledger.delivered.of_run(run_id)) for run_id in ledger.delivered.runs_with_keys()}
        (batch,) = ledger.batches.open(STOPPED_2)
    assert (finished.status, finished.rows.delivered, finished.rejects) == (
        "completed_with_rejects",
        3,
        {"invalid_identity": 1},
    )
    assert (stopped.status, stopped.rows.delivered, stopped.rows.pending) == ("failed", 16, 3)
    assert sum(events for _, events in batch.pending_ranges()) == 3
    assert len(known) == 16 * (3 + 16)
    assert {run_id: len(keys) // 16 for run_id, ((keys, _),) in kept.items()} == {FINISHED_2: 3, STOPPED_2: 20}


def test_files_of_a_ledger_of_version_3_are_known_without_their_columns(url: str) -> None:
    version_3(url)
    with open_ledger(url) as ledger:
        ((run_id, size),) = [
            (one.run_id, one.size) for one in ledger.files.sent("purchases", Scope("default", API_URL))
        ]
        assert (run_id, size) == (SENT_3, 151)
        assert ledger.files.last_columns("purchases", Scope("default", API_URL)) is None
        assert len(ledger.runs.latest()) == 2


def test_people_are_found_in_a_ledger_of_version_2(url: str) -> None:
    digest = sha256(b"7@example.com").hexdigest()
    version_2(url)
    with open_ledger(url) as ledger:
        ((keys, persons),) = ledger.delivered.of_run(STOPPED_2)
        events = len(keys) // 16
        counts = np.frombuffer(persons[: 2 * events], "<u2")
        assert SuppressionFilter([digest]).match_persons(persons[2 * events :], counts).sum() == 1
        assert (ledger.suppression.add([(digest, "email")]), ledger.suppression.digests()) == (1, [digest])


def test_opening_it_again_changes_nothing(url: str) -> None:
    version_1(url)
    with open_ledger(url) as ledger:
        first = schema(ledger)
    with open_ledger(url) as ledger:
        assert (schema(ledger), version(ledger)) == (first, [SCHEMA_VERSION])
        assert len(ledger.runs.latest()) == 2


def test_a_run_of_an_old_ledger_goes_on(url: str) -> None:
    version_1(url)
    with open_ledger(url) as ledger:
        assert [run.run_id for run in ledger.runs.unfinished("purchases")] == [INTERRUPTED]
        ledger.runs.resume(INTERRUPTED, holder="new", host="here")
        ledger.batches.sending(INTERRUPTED, 0, holder="new", keys=keys(range(20)))
        for first, events in OPEN:
            ledger.batches.settled(INTERRUPTED, delivered(0, first, events), request(0, first=first, events=events))
        record = ledger.runs.get(INTERRUPTED)
    assert (record.rows.delivered, record.rows.pending, record.rows.balanced) == (20, 0, True)
    assert record.requests_sent == 11


def test_what_an_old_ledger_does_not_know_of_a_lost_answer_is_taken_to_be_as_old_as_its_run(url: str) -> None:
    """When a batch was first sent was not kept: TikTok may know its events for less than 48 hours from now."""
    began = datetime(2026, 2, 27, 18, 30, tzinfo=UTC)
    version_1(url, began=began)
    with open_ledger(url) as ledger:
        (batch,) = ledger.batches.open(INTERRUPTED)
    assert (batch.pending_ranges(), batch.uncertain, batch.sent_at) == (OPEN, True, began)


def test_a_batch_of_an_old_ledger_that_is_certainly_not_taken_was_not_sent(url: str) -> None:
    version_1(url, state="pending")
    with open_ledger(url) as ledger:
        (batch,) = ledger.batches.open(INTERRUPTED)
    assert (batch.pending_ranges(), batch.uncertain, batch.sent_at) == (OPEN, False, None)


def test_a_newer_ledger_is_refused_and_left_as_it_is(url: str) -> None:
    with open_ledger(url) as ledger, writing(ledger) as connection:
        connection.execute(update(schema_version).values(version=SCHEMA_VERSION + 1))
    with pytest.raises(ConnectorError, match=f"has schema version {SCHEMA_VERSION + 1}.*: update the connector"):
        open_ledger(url)


def test_the_accounts_of_an_audience_of_version_4_are_taken_to_have_its_members(url: str) -> None:
    """Version 4 differs from 5 by one table."""
    with open_ledger(url) as ledger:
        scope = Scope("default", API_URL)
        one = ledger.members.audience(scope, "101", "VIP", ["1", "2"])
        other = ledger.members.audience(scope, "102", "VIP (3)", ["3"])
        with ledger.database.writing() as connection:
            audience_accounts.drop(connection)
            without_operations(connection)
            connection.execute(update(schema_version).values(version=4))
    with open_ledger(url) as ledger:
        assert (version(ledger), differences(ledger)) == ([SCHEMA_VERSION], [])
        assert ledger.accounts.states(one.key) == {"1": AccountState.SERVED, "2": AccountState.SERVED}
        ledger.accounts.arrange(one.key, ["2", "4"], AccountState.SERVED)
        assert ledger.accounts.states(one.key) == {
            "1": AccountState.LEFT, "2": AccountState.SERVED, "4": AccountState.WAITING
        }  # fmt: skip
        assert ledger.accounts.states(other.key) == {"3": AccountState.SERVED}


def test_operations_of_an_old_ledger_have_columns_of_their_own(url: str) -> None:
    version_5(url)
    whole = ("email", "phone", "idfa", "aaid")
    mirrored = [
        *[(Action.ADD, whole)] * 2,
        *[(Action.RESEND, (name,)) for name in ("email", "email", "phone", "idfa")],
        *[(Action.DELETE, (name,)) for name in ("email", "email", "phone", "idfa")],
    ]
    with open_ledger(url) as ledger:
        routes = {run_id: [one.route for one in ledger.batches.all(run_id)] for run_id in (MIRRORED_5, REMOVED_5)}
        counts = [ledger.runs.get(run_id).members for run_id in (MIRRORED_5, REMOVED_5)]
    assert routes[MIRRORED_5] == [Route("audience", "1796006137000000000", Operation(*one)) for one in mirrored]
    assert routes[REMOVED_5] == [Route("audience", "1796006137000000001", Operation(Action.DELETE, whole))] * 4
    assert counts == [MemberCounts(added=7, removed=0, unchanged=14), MemberCounts(added=0, removed=15, unchanged=0)]


def test_batches_of_events_of_an_old_ledger_send(url: str) -> None:
    version_3(url)
    with open_ledger(url) as ledger:
        (batch,) = ledger.batches.all(SENT_3)
        assert ledger.batches.resource_types(SENT_3) == {"offline"}
        assert ledger.batches.ever_delivered("d", Scope("default", API_URL), batch.route)
    assert batch.route == Route("offline", "7654321098765432109", Operation(Action.SEND))


def test_runs_of_version_6_were_made_by_one_process(url: str) -> None:
    """They keep their counts, and the one that stopped is resumed as one without an engine."""
    version_6(url)
    with open_ledger(url) as ledger:
        finished, lost = ledger.runs.get(FINISHED_6), ledger.runs.get(LOST_6)
        assert [(run.engine, run.stage, run.as_json()["engine"]) for run in (finished, lost)] == [
            (None, None, None)
        ] * 2
        assert (finished.status, finished.rows.delivered, finished.requests_sent) == ("completed", 13, 1)
        assert (lost.status, lost.rows.pending, lost.requests_sent) == ("failed", 6, 1)
        assert (ledger.leases.all(LOST_6), ledger.leases.halted(LOST_6)) == ([], None)
        ledger.runs.resume(LOST_6, holder="new", host="here")
        ledger.batches.sending(LOST_6, 0, holder="new", keys=keys(range(6)))
        ledger.batches.settled(LOST_6, delivered(0, 0, 6, whole=True), request(0, attempt=2, events=6))
        record = ledger.runs.get(LOST_6)
    assert (record.rows.delivered, record.rows.balanced, record.requests_sent) == (6, True, 2)
    assert record.requests_retried == 1


def test_runs_of_version_7_are_listed_with_the_sums_of_their_batches(url: str) -> None:
    version_7(url)
    with open_ledger(url) as ledger:
        with ledger.database.reading() as connection:
            failed, finished = list_runs(connection, RunListFilter("local"))
        assert (finished.run_id, finished.status, finished.totals.rows.delivered) == (FINISHED_7, "completed", 20)
        assert (failed.run_id, failed.status, failed.totals.rows.pending) == (FAILED_7, "failed", 6)
        assert [line.use.actor for line in ledger.audit.latest(2)] == [None, None]
        ledger.runs.resume(FAILED_7, holder="new", host="here")
        ledger.batches.sending(FAILED_7, 0, holder="new", keys=keys(range(6)))
        ledger.batches.settled(FAILED_7, delivered(0, 0, 6, whole=True), request(0, attempt=13, events=6))
        ledger.runs.finish(FAILED_7, RunStatus.COMPLETED)
        with ledger.database.reading() as connection:
            ended, _ = list_runs(connection, RunListFilter("local"))
    assert (ended.status, ended.totals.rows.delivered, ended.totals.rows.pending) == ("completed", 6, 0)
