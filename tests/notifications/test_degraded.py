"""A run that completed and is far from its earlier ones is told as such, and one that is not is not."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from connector.config.notification import DegradedSettings
from connector.core.hashed_rows import MATCHED_BY
from connector.ledger.ledger import Ledger, open_ledger
from connector.ledger.tables import batches, runs
from connector.reporting.degradation import degradations
from connector.staging.event_metrics import AGES
from tests.cli.command import inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.tiktok import TikTok, serving
from tests.notifications.service import Service
from tests.notifications.test_dispatch import changed

START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as opened:
        yield opened


def record(number: int, **values: Any) -> dict[str, Any]:
    return {
        "run_id": f"run-{number:03}",
        "orchestration": NAME,
        "target": "local",
        "workflow": "manual",
        "destination": "stores",
        "api_url": "simulator",
        "status": "completed",
        "started_at": (START + timedelta(days=number)).isoformat(),
        "seconds": 10.0,
        "rows_read": 1_000,
        "rejects": {},
        "skips": {},
        "warnings": {},
        **values,
    }


def told(ledger: Ledger, earlier: Sequence[dict[str, Any]], current: dict[str, Any], **limits: Any) -> list[str]:
    """What is said of the last of these runs. `emails` of a run is the share of its events that have one."""
    for number, values in enumerate([*earlier, current]):
        own = {key: value for key, value in values.items() if key not in {"emails", "events"}}
        with ledger.database.writing() as connection:
            connection.execute(insert(runs).values(**record(number, **own)))
            if "emails" in values:
                connection.execute(insert(batches).values(**batch(number, values["emails"], values.get("events", 100))))
    run = ledger.runs.get(f"run-{len(earlier):03}")
    return degradations(ledger, run, DegradedSettings(**limits))


def batch(number: int, emails: int, events: int) -> dict[str, Any]:
    figures = {
        "events": events,
        "marks": [events * emails // 100 if name == "email" else 0 for name in MATCHED_BY],
        "ages": [events, *[0] * len(AGES)],
        "values": [],
    }
    return {
        "run_id": f"run-{number:03}",
        "number": 0,
        "resource_type": "offline",
        "resource_id": "7",
        "file": "0",
        "place": 0,
        "events": events,
        "rows": events,
        "state": "delivered",
        "figures": figures,
    }


def rows(*counts: int) -> list[dict[str, Any]]:
    return [{"rows_read": count} for count in counts]


STEADY = rows(*[1_000] * 7)
FAR: dict[str, tuple[list[dict[str, Any]], dict[str, Any], str]] = {
    "half the rows": (STEADY, {"rows_read": 499}, "Rows read: 499, usually 1,000 (-50 %)."),
    "twice the rows": (STEADY, {"rows_read": 2_000}, "Rows read: 2,000, usually 1,000 (+100 %)."),
    "no rows": (STEADY, {"rows_read": 0}, "Rows read: 0, usually 1,000 (-100 %)."),
    "no rows after one odd run": (rows(1_000, 1_010, 0, 990, 1_000, 1_005), {"rows_read": 0}, "Rows read: 0"),
    "rejects": (
        STEADY,
        {"rejects": {"missing_identity": 40, "invalid_amount": 11}},
        "Rows rejected: 5.1 %, usually 0.0 %.",
    ),
    "more rejects": (
        [{"rejects": {"missing_identity": 100}}] * 5,
        {"rejects": {"missing_identity": 160}},
        "Rows rejected: 16.0 %, usually 10.0 %.",
    ),
    "slow": ([{"seconds": 100.0}] * 7, {"seconds": 301.0}, "Duration: 301 s, usually 100 s."),
    "no e-mail addresses": ([{"emails": 90}] * 6, {"emails": 0}, "Delivered events with email: 0.0 %, usually 90.0 %."),
    "fewer e-mail addresses": ([{"emails": 90}] * 6, {"emails": 79}, "Delivered events with email: 79.0 %"),
}


@pytest.mark.parametrize("case", FAR)
def test_a_run_far_from_its_earlier_ones_is_degraded(ledger: Ledger, case: str) -> None:
    earlier, current, sentence = FAR[case]
    (said,) = told(ledger, earlier, current)
    assert said.startswith(sentence)


NEAR: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "the same": (STEADY, {}),
    "a little less": (STEADY, {"rows_read": 501}),
    "few earlier runs": (rows(1_000, 1_000, 1_000, 1_000), {"rows_read": 0}),
    "no earlier run": ([], {"rows_read": 0}),
    "rows that vary": (rows(200, 1_000, 3_000, 900, 2_500, 400, 1_500), {"rows_read": 3_500}),
    "usually none": (rows(*[0] * 7), {"rows_read": 10}),
    "a few rejects": (STEADY, {"rejects": {"missing_identity": 50}}),
    "fewer rejects": ([{"rejects": {"missing_identity": 500}}] * 7, {}),
    "quick": ([{"seconds": 1000.0}] * 7, {"seconds": 1.0}),
    "a second in place of a tenth": ([{"seconds": 0.1}] * 7, {"seconds": 59.0}),
    "more e-mail addresses": ([{"emails": 50}] * 7, {"emails": 100}),
    "few events": ([{"emails": 90}] * 7, {"emails": 0, "events": 19}),
    "few events earlier": ([{"emails": 90, "events": 19}] * 7, {"emails": 0}),
    "nothing delivered": ([{"emails": 90}] * 7, {}),
    "a limit": (STEADY, {"rows_read": 10, "row_limit": 10}),
    "a retry": (STEADY, {"rows_read": 10, "retry_of": "run-000"}),
    "test events": (STEADY, {"rows_read": 10, "test_event_code": "TEST1"}),
    "failed runs before": ([{"rows_read": 1_000, "status": "failed"}] * 7, {"rows_read": 10}),
    "another target": ([{"rows_read": 1_000, "target": "production"}] * 7, {"rows_read": 10}),
}


@pytest.mark.parametrize("case", NEAR)
def test_a_run_near_its_earlier_ones_is_not(ledger: Ledger, case: str) -> None:
    assert told(ledger, *NEAR[case]) == []


def test_everything_that_is_far_is_told(ledger: Ledger) -> None:
    earlier = [{"emails": 90, "seconds": 50.0}] * 7
    current = {"rows_read": 100, "rejects": {"missing_identity": 50}, "emails": 10, "seconds": 900.0}
    assert len(told(ledger, earlier, current)) == 4


LIMITS: dict[str, tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any], int]] = {
    "min_runs": (STEADY[:3], {"rows_read": 0}, {"min_runs": 2}, 1),
    "rows_percent": (STEADY, {"rows_read": 890}, {"rows_percent": 10}, 1),
    "rejects_percent": (STEADY, {"rejects": {"missing_identity": 150}}, {"rejects_percent": 20}, 0),
    "match_coverage_percent": ([{"emails": 90}] * 7, {"emails": 88}, {"match_coverage_percent": 1}, 1),
    "seconds_percent": ([{"seconds": 1000.0}] * 7, {"seconds": 1100.0}, {"seconds_percent": 5}, 1),
}


def test_every_limit_is_tried() -> None:
    assert set(LIMITS) == set(DegradedSettings.known_keys())


@pytest.mark.parametrize("limit", LIMITS)
def test_how_far_is_a_setting(ledger: Ledger, limit: str) -> None:
    earlier, current, limits, count = LIMITS[limit]
    assert len(told(ledger, earlier, current, **limits)) == count


# From the command to the subscriber -------------------------------------------------------------------------


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


@pytest.fixture
def made(tmp_path: Path, tiktok: TikTok, service: Service) -> Shop:
    made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=10), notify={"team": "degraded", "hook": "degraded"})
    changed(made, lambda all_: all_.update(notifications={"team": service.url, "hook": {"webhook": service.webhook}}))
    return made


def test_subscribers_hear_of_a_degraded_run_and_of_no_other(made: Shop, service: Service) -> None:
    for _ in range(6):
        assert inside("run", NAME, project=made.directory).code == 0
    assert not service.got
    made.query.write_text(GOOD.format(rows=4))
    assert inside("run", NAME, project=made.directory).code == 0
    (message,), (hook,) = service.told(), service.told("/hook")
    assert message["title"] == f"{NAME} completed, but not as usual (target default)"
    assert message["message"].startswith("Rows read: 4, usually 10 (-60 %).\n")
    assert message["type"] == "failure"
    assert (hook["ending"], hook["degraded"]) == ("degraded", ["Rows read: 4, usually 10 (-60 %)."])


def test_whoever_asks_for_completed_runs_hears_of_a_degraded_one_once(made: Shop, service: Service) -> None:
    changed(made, lambda all_: all_["orchestrations"][NAME].update(notify={"team": ["completed", "degraded"]}))
    for _ in range(6):
        inside("run", NAME, project=made.directory)
    made.query.write_text(GOOD.format(rows=4))
    inside("run", NAME, project=made.directory)
    assert len(service.told()) == 7
    assert service.titles[-1] == f"{NAME} completed, but not as usual (target default)"
