"""Compares what the service took with the list of what had to arrive, and with the ledger."""

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.cli.command import checked, inside
from tests.cli.shop import Shop
from tests.crash import market
from tests.crash.market import Essence, Rejected, essence
from tests.crash.scene import Play
from tests.crash.service import Service, Taken


def check(play: Play, expected: Mapping[str, Essence]) -> list[Taken]:
    """Every event arrived once and is known to have; gives the requests of whose answers nobody heard."""
    known = requests_known(play.shop)
    told = [taken for taken in play.service.taken if taken.request_id in known]
    lost = [taken for taken in play.service.taken if taken.request_id not in known]
    assert Counter(event_id for taken in told for event_id in taken.ids) == Counter(dict.fromkeys(expected, 1))
    _check_bodies(play.service, expected)
    _check_figures(play, len(expected))
    _check_ledger(play.shop, 10 * (len(expected) - _nameless(expected)) + _nameless(expected))
    return lost


def check_runs(play: Play, whole: list[str]) -> None:
    """Every run has come to its end; those that read the `whole` table left out the rows that they had to."""
    runs = {run["run_id"]: checked(run) for run in inside("runs", "--json", project=play.shop.directory).json["runs"]}
    for run in runs.values():
        assert run["status"] == ("completed_with_rejects" if run["rejects"] else "completed")
        assert run["rows"]["pending"] == 0
    for run_id in whole:
        assert rejects(play.shop, run_id) == market.rejected()
        assert runs[run_id]["rejects"] == Counter(reason for _, _, reason in market.rejected().elements())
        assert runs[run_id]["rows"]["read"] == len(market.rows())
    left = {path.name for run_id in runs for path in (play.shop.state / "runs" / run_id).glob("**/*.*")}
    assert left <= {"staging.parquet", "sending.parquet"}


def rejects(shop: Shop, run_id: str) -> Counter[Rejected]:
    """What `connector rejects` writes."""
    written = json.loads(inside("rejects", run_id, "--format", "json", project=shop.directory).stdout)
    return Counter((row["row"], row["columns"]["event_id"], row["reason"]) for row in written)


def open_runs(shop: Shop) -> list[str]:
    """The ids of the runs that were begun and have not come to their end."""
    if not has_tables(shop.state / "ledger.sqlite"):
        return []
    return [run_id for (run_id,) in _asked(shop, "SELECT run_id FROM runs WHERE status NOT LIKE 'completed%'")]


def has_tables(ledger: Path) -> bool:
    """Whether a ledger has been made, to its end."""
    if not ledger.exists():
        return False
    with closing(sqlite3.connect(ledger)) as connection:
        return bool(connection.execute("SELECT * FROM sqlite_schema WHERE name = 'runs'").fetchall())


def whole_runs(shop: Shop) -> list[str]:
    """The ids of the runs over the whole table: all but the first day's, and those that retried another."""
    return [run_id for (run_id,) in _asked(shop, "SELECT run_id FROM runs WHERE retry_of IS NULL ORDER BY started_at")][
        1:
    ]


def _check_bodies(service: Service, expected: Mapping[str, Essence]) -> None:
    seen: dict[str, Any] = {}
    for taken in service.taken:
        around = {key: value for key, value in taken.body.items() if key != "data"}
        for event in taken.body["data"]:
            assert seen.setdefault(event["event_id"], (around, event)) == (around, event)
    assert {event_id: essence(event) for event_id, (_, event) in seen.items()} == expected


def _check_figures(play: Play, events: int) -> None:
    """What was learnt of delivered events counts each of them once, and what it is worth."""
    sql = "SELECT figures FROM {} WHERE figures IS NOT NULL"
    figures = [json.loads(text) for table in ("batches", "parts") for (text,) in _asked(play.shop, sql.format(table))]
    assert sum(one["events"] for one in figures) == events
    sent = {
        event["event_id"]: event["properties"].get("value")
        for taken in play.service.taken
        for event in taken.body["data"]
    }
    worth = sum(Decimal(str(value)) for value in sent.values() if value is not None)
    known = [value for one in figures for *_, value in one["values"] if value is not None]
    assert Decimal(sum(known)) / 10**6 == worth


def _check_ledger(shop: Shop, rows: int) -> None:
    assert _asked(shop, "PRAGMA integrity_check") == [("ok",)]
    assert _asked(shop, "SELECT * FROM locks") == []
    (delivered,) = _asked(shop, "SELECT sum(delivered_rows) FROM batches")
    assert delivered == (rows,)


def requests_known(shop: Shop) -> set[str]:
    """The ids of the requests of which the ledger knows that they were taken."""
    return {request_id for (request_id,) in _asked(shop, "SELECT request_id FROM requests WHERE code = 0")}


def _asked(shop: Shop, sql: str) -> list[Any]:
    with closing(sqlite3.connect(shop.state / "ledger.sqlite")) as ledger:
        return ledger.execute(sql).fetchall()


def _nameless(expected: Mapping[str, Essence]) -> int:
    """Events of one row."""
    return sum(event_id.startswith("x") for event_id in expected)
