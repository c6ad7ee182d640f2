"""A query over seven days, day after day: each event is sent once, until nobody remembers that it was."""

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from tests.cli.command import checked, inside
from tests.cli.shop import NAME, Shop, shop
from tests.crash.scene import World
from tests.crash.service import Service

LAST_SEVEN_DAYS = "SELECT * FROM sales WHERE timestamp > now() - INTERVAL 7 DAY ORDER BY timestamp"
A_DAY = "INSERT INTO sales SELECT 'd' || {day} || '-' || n, now() - INTERVAL {age} DAY - INTERVAL 1 HOUR + to_seconds(n), n || '@example.com', 2.5 FROM range(600) AS t (n)"


def sell(project: Shop, *statements: str) -> None:
    with duckdb.connect(str(project.warehouse)) as warehouse:
        for statement in statements:
            warehouse.execute(statement)


def run(project: Shop) -> dict[str, Any]:
    done = inside("run", NAME, "--json", project=project.directory)
    assert done.code == 0, done
    return checked(done.json)


def asked(project: Shop, sql: str) -> list[Any]:
    with closing(sqlite3.connect(project.state / "ledger.sqlite")) as ledger, ledger:
        return ledger.execute(sql).fetchall()


def of_days(*days: int) -> Counter[str]:
    return Counter(f"d{day}-{n}" for day in days for n in range(600))


def test_each_event_is_sent_once_until_its_key_is_too_old(tmp_path: Path, world: World) -> None:
    service = Service()
    world.place.begin(service)
    project = shop(tmp_path / "shop", world.place.url, LAST_SEVEN_DAYS, destination={"max_age_days": 5})
    table = "CREATE TABLE sales (event_id VARCHAR, timestamp TIMESTAMP WITH TIME ZONE, email VARCHAR, value DOUBLE)"
    sell(project, table, *(A_DAY.format(day=day, age=4 - day) for day in range(4)))
    first = run(project)
    assert (first["rows"]["delivered"], service.events) == (2_400, of_days(0, 1, 2, 3))

    sell(project, A_DAY.format(day=4, age=0))
    second = run(project)
    assert (second["rows"]["delivered"], second["skips"]) == (600, {"already_delivered": 2_400})
    assert second["requests"]["sent"] == 1
    assert service.events == of_days(0, 1, 2, 3, 4)

    # Two days later, what was sold on the first two days is too old; and nothing is known of the days before.
    sell(project, "UPDATE sales SET timestamp = timestamp - INTERVAL 2 DAY")
    long_ago = "2020-01-01T00:00:00.000+00:00"
    asked(project, f"UPDATE batches SET settled_at = '{long_ago}' WHERE run_id = '{first['run_id']}'")
    asked(project, f"UPDATE batch_keys SET keep_until = '{long_ago}' WHERE run_id = '{first['run_id']}'")
    third = run(project)
    assert (third["rejects"], third["skips"]) == ({"event_too_old": 1_200}, {"already_delivered": 600})
    assert service.events == of_days(0, 1, 2, 3, 4) + of_days(2, 3)
    remembered = {run_id for (run_id,) in asked(project, "SELECT run_id FROM batch_keys")}
    assert remembered == {second["run_id"], third["run_id"]}


def test_a_date_is_sent_once_until_its_last_day_ends(tmp_path: Path, world: World) -> None:
    """Delivered in the first minute of its day, and met again late on the last: nearly a day over `max_age_days`."""
    service, now = Service(), datetime.now(UTC)
    # A zone in which it is ten o'clock in the evening.
    west = (now.hour - 22 + 12) % 24 - 12
    zone = ZoneInfo(f"Etc/GMT{west:+d}")
    yesterday = (now.astimezone(zone) - timedelta(days=1)).date()
    world.place.begin(service)
    query = f"SELECT 'e1' AS event_id, DATE '{yesterday}' AS timestamp, 'jo@example.com' AS email"
    project = shop(tmp_path / "shop", world.place.url, query, destination={"max_age_days": 1, "timezone": zone.key})
    assert run(project)["rows"]["delivered"] == 1
    then = datetime.combine(yesterday, time(0, 1), zone).astimezone(UTC)
    ((kept_until,),) = asked(project, "SELECT keep_until FROM batch_keys")
    until = then + (datetime.fromisoformat(kept_until) - now)
    for table, column, moment in (("batches", "settled_at", then), ("batch_keys", "keep_until", until)):
        asked(project, f"UPDATE {table} SET {column} = '{moment.isoformat(timespec='milliseconds')}'")
    assert run(project)["skips"] == {"already_delivered": 1}
    assert service.events == Counter({"e1": 1})
