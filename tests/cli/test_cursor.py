"""`cursor`: a run reads what is new since the last success, and no row is skipped that was not delivered."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.queries.cursor import HighestOf, HighestValue, cursor_json, cursor_since, cursor_value
from tests.cli.command import Outcome, inside
from tests.cli.shop import NAME, Shop, shop
from tests.cli.tiktok import OK, Reply, TikTok, serving
from tests.duckdb_file import writing

QUERY = "SELECT event_id, now() AS timestamp, email, 1.5 AS value, updated_at FROM orders -- all of them"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


def shop_of(directory: Path, tiktok: TikTok, kind: str = "TIMESTAMPTZ", **orchestration: Any) -> Shop:
    """A shop whose table of orders is empty."""
    empty = f"SELECT ''::VARCHAR AS event_id, ''::VARCHAR AS email, NULL::{kind} AS updated_at WHERE false"
    return shop(
        directory / "shop", tiktok.url, QUERY, tables={"orders": empty}, **{"cursor": "updated_at", **orchestration}
    )


def order(made: Shop, event_id: str, updated_at: object, email: str = "jane@example.com") -> None:
    """Adds an order."""
    with writing(made.warehouse) as warehouse:
        warehouse.execute("INSERT INTO orders VALUES (?, ?, ?)", [event_id, email, updated_at])


def run(made: Shop, *options: str) -> dict[str, Any]:
    return inside("run", NAME, "--json", *options, project=made.directory).record()


def sent(tiktok: TikTok) -> list[str]:
    """The ids of the events that were taken, in the order of the requests."""
    return [event["event_id"] for request in tiktok.accepted for event in request.events]


def minutes(number: int) -> datetime:
    return NOW + timedelta(minutes=number)


def test_a_run_reads_the_rows_since_the_last_success(tiktok: TikTok, tmp_path: Path) -> None:
    made = shop_of(tmp_path, tiktok)
    order(made, "old", minutes(-300))
    order(made, "first", minutes(-200))
    first = run(made)
    order(made, "late", minutes(-230))
    order(made, "too late", minutes(-280))
    order(made, "new", minutes(-100))
    order(made, "timeless", None)
    second, third = run(made), run(made)
    assert first["rows"]["read"] == 2
    assert first["cursor"] == {"column": "updated_at", "since": None, "reached": minutes(-200).isoformat()}
    assert second["cursor"]["since"] == minutes(-260).isoformat()
    assert (second["rows"]["read"], second["rows"]["delivered"], second["skips"]) == (4, 3, {"already_delivered": 1})
    assert (third["rows"]["read"], third["rows"]["delivered"]) == (2, 0)
    assert sorted(sent(tiktok)) == ["first", "late", "new", "old", "timeless"]
    assert run(made, "--full")["rows"] == {"read": 6, "delivered": 1, "rejected": 0, "skipped": 5, "pending": 0}


@pytest.mark.parametrize("failing", ["refused token", "service away", "too few rows", "too many rejects"])
def test_what_was_not_delivered_is_read_again(tiktok: TikTok, tmp_path: Path, failing: str) -> None:
    limits: dict[str, dict[str, Any]] = {
        "too few rows": {"min_rows": 2},
        "too many rejects": {"max_reject_percent": 10},
    }
    made = shop_of(tmp_path, tiktok, **limits.get(failing, {}))
    order(made, "a", minutes(-300))
    order(made, "b", minutes(-300), "" if failing == "too many rejects" else "jane@example.com")
    if failing == "too few rows":
        with writing(made.warehouse) as warehouse:
            warehouse.execute("DELETE FROM orders WHERE event_id = 'b'")
    replies = {"refused token": Reply(40105, "Access token is incorrect."), "service away": Reply(50000, status=503)}
    tiktok.answer = lambda _: replies.get(failing, OK)
    assert inside("run", NAME, project=made.directory).code != 0
    tiktok.answer = lambda _: OK
    made.settings.write_text(made.settings.read_text().replace("min_rows: 2", "").replace("max_reject_percent: 10", ""))
    order(made, "c", minutes(-1))
    run(made)
    assert {"a", "c"} <= set(sent(tiktok))


@pytest.mark.parametrize("options", [("--limit", "1"), ("--test-event-code", "TEST1")])
def test_a_run_that_does_not_deliver_all_moves_no_bound(tiktok: TikTok, tmp_path: Path, options: tuple[str]) -> None:
    made = shop_of(tmp_path, tiktok)
    for name in ("a", "b"):
        order(made, name, minutes(-300))
    run(made, *options)
    assert run(made)["cursor"]["since"] is None
    assert set(sent(tiktok)) == {"a", "b"}


def test_rejected_rows_are_retried_whatever_has_been_read_since(tiktok: TikTok, tmp_path: Path) -> None:
    made = shop_of(tmp_path, tiktok)
    order(made, "a", minutes(-300), "nobody")
    order(made, "b", minutes(-299))
    first = run(made)
    order(made, "c", minutes(-1))
    run(made)
    with writing(made.warehouse) as warehouse:
        warehouse.execute("UPDATE orders SET email = 'joe@example.com' WHERE event_id = 'a'")
    assert inside("retry", first["run_id"], project=made.directory).code == 0
    assert sent(tiktok) == ["b", "c", "a"]


def test_a_value_of_the_future_hides_nothing(tiktok: TikTok, tmp_path: Path) -> None:
    made = shop_of(tmp_path, tiktok)
    order(made, "wrong", datetime(9999, 1, 1, tzinfo=UTC))
    order(made, "old", minutes(-90))
    done = inside("run", NAME, project=made.directory)
    assert "1 row has a updated_at of the future: the next run begins where the others end." in done.stderr
    order(made, "new", minutes(-80))
    run(made)
    assert sent(tiktok) == ["wrong", "old", "new"]


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMPTZ", "DATE", "TIMESTAMP_NS"])
@pytest.mark.parametrize("value", ["infinity", "-infinity", "12345-01-01", "0044-03-15 (BC)"])
def test_a_value_that_no_calendar_has_stops_nothing(tiktok: TikTok, tmp_path: Path, kind: str, value: str) -> None:
    if kind == "TIMESTAMP_NS" and value[0] in "10":
        pytest.skip("nanoseconds reach to the year 2262 only")
    made = shop_of(tmp_path, tiktok, kind)
    order(made, "odd", value)
    order(made, "a", minutes(-90).replace(tzinfo=None))
    assert run(made)["rows"]["delivered"] == 2
    order(made, "b", minutes(-80).replace(tzinfo=None))
    assert run(made)["rows"]["delivered"] == 1
    assert sorted(sent(tiktok)) == ["a", "b", "odd"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("event_source_id: '7654321098765432109'", "event_source_id: '7654321098765432110'"),
        ("fixed_event_name: Purchase", "fixed_event_name: AddToCart"),
        ("destination: stores", "destination: others"),
    ],
)
def test_a_change_of_where_rows_go_or_what_is_sent_reads_everything(
    tiktok: TikTok, tmp_path: Path, before: str, after: str
) -> None:
    made = shop_of(tmp_path, tiktok)
    for number in range(5):
        order(made, f"e{number}", minutes(-300 + 50 * number))
    run(made)
    settings = made.settings.read_text()
    others = settings[settings.index("  stores:") : settings.index("orchestrations:")].replace("stores:", "others:")
    settings = settings.replace("orchestrations:", f"{others}orchestrations:", 1)
    assert before in settings
    made.settings.write_text(settings.replace(before, after))
    assert run(made)["rows"]["read"] == 5


@pytest.mark.parametrize(
    "column", ["updatedAt", "order", "user", "current_date", "last upd", "2026", 'a"b', "größe", "a;b--"]
)
def test_a_column_of_any_name(tiktok: TikTok, tmp_path: Path, column: str) -> None:
    quoted = '"' + column.replace('"', '""') + '"'
    made = shop_of(tmp_path, tiktok, cursor=column)
    made.query.write_text(QUERY.replace(", updated_at", f", updated_at AS {quoted}"))
    for name in ("a", "b", "c"):
        order(made, name, minutes(-300 + 100 * "abc".index(name)))
        run(made)
    assert sent(tiktok) == ["a", "b", "c"]
    assert run(made)["rows"]["read"] == 1


def test_the_simulator_forgets_what_was_reached(tmp_path: Path) -> None:
    made = shop(
        tmp_path / "shop",
        "simulator",
        QUERY,
        tables={
            "orders": "SELECT 'a' AS event_id, 'a@b.com' AS email, now() - INTERVAL 9 DAY * n AS updated_at FROM range(1) t(n)"
        },
        cursor="updated_at",
    )
    with writing(made.warehouse) as warehouse:
        warehouse.execute("INSERT INTO orders VALUES ('b', 'b@b.com', now() - INTERVAL 2 DAY)")
    made.settings.write_text(made.settings.read_text().replace("token-of-the-shop-that-never-prints", "simulator"))
    assert [run(made, *options)["rows"]["delivered"] for options in ((), (), ("--fresh",))] == [2, 0, 2]


def test_few_new_rows_are_not_too_few(tiktok: TikTok, tmp_path: Path) -> None:
    made = shop_of(tmp_path, tiktok, min_rows=2)
    order(made, "a", minutes(-300))
    order(made, "b", minutes(-100))
    run(made)
    assert run(made)["rows"]["read"] == 1


def test_validate_asks_no_ledger(tiktok: TikTok, tmp_path: Path) -> None:
    made = shop_of(tmp_path, tiktok)
    made.settings.write_text(f"ledger: postgresql://u:p@127.0.0.1:1/x\n{made.settings.read_text()}")
    assert inside("validate", NAME, project=made.directory).code == 0


def test_a_bound_that_the_warehouse_refuses_can_be_left_out(tiktok: TikTok, tmp_path: Path) -> None:
    made = shop_of(tmp_path, tiktok)
    order(made, "a", minutes(-300))
    run(made)
    with writing(made.warehouse) as warehouse:
        warehouse.execute(
            "CREATE OR REPLACE TABLE orders AS SELECT event_id, email, 7::BIGINT AS updated_at FROM orders"
        )
    assert (
        "`--full` runs the query without the bound of its cursor." in inside("run", NAME, project=made.directory).stderr
    )
    assert run(made, "--full")["cursor"]["reached"] == 7


@pytest.mark.parametrize(
    ("kind", "values", "since"),
    [
        ("TIMESTAMP", ["2026-01-01 10:00:00", "2026-01-01 12:30:00"], "2026-01-01T11:30:00"),
        ("DATE", ["2026-01-01", "2026-01-05"], "2026-01-04"),
        ("BIGINT", [7, 12], 12),
        ("TIMESTAMP_NS", ["2026-01-01 12:00:00.123456789"], "2026-01-01T11:00:00.123456"),
    ],
)
def test_a_column_of_any_type_that_grows(
    tiktok: TikTok, tmp_path: Path, kind: str, values: list[object], since: object
) -> None:
    made = shop_of(tmp_path, tiktok, kind)
    for number, value in enumerate(values):
        order(made, f"e{number}", value)
    run(made)
    again = run(made)
    assert again["cursor"]["since"] == since
    assert again["rows"] == {"read": 1, "delivered": 0, "rejected": 0, "skipped": 1, "pending": 0}


def test_what_a_command_says_of_it(tiktok: TikTok, tmp_path: Path) -> None:
    made = shop_of(tmp_path, tiktok, cursor_overlap="2d")
    order(made, "a", minutes(-300))
    first = inside("plan", NAME, project=made.directory)
    run(made)
    since = (minutes(-300) - timedelta(days=2)).isoformat(" ")
    second = inside("run", NAME, project=made.directory)
    assert "All rows are read. The next run reads those that are new by their updated_at." in first.stderr
    assert f"Only rows with updated_at from {since} on are read. `--full` reads all of them." in second.stderr
    assert f"Only rows with updated_at from {since} on" in inside("plan", NAME, project=made.directory).stderr
    assert "All rows are read" in inside("plan", NAME, "--full", project=made.directory).stderr
    assert 'cursor_rows WHERE "updated_at" >= TIMESTAMPTZ' in inside("compile", NAME, project=made.directory).stdout


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cursor": "updated"}, 'the result has no column "updated". Did you mean "updated_at"?'),
        ({"cursor": "email"}, 'the column "email" holds values of type string'),
        ({"cursor_overlap": "soon"}, "cursor_overlap"),
        ({"limit": 5}, "limit does not go with cursor"),
    ],
)
def test_a_wrong_cursor_is_said(tiktok: TikTok, tmp_path: Path, change: dict[str, str], words: str) -> None:
    made = shop_of(tmp_path, tiktok, **change)
    order(made, "a", minutes(-300))
    done = inside("run", NAME, project=made.directory)
    assert done.code == 2
    assert words in done.stderr


def test_an_audience_that_mirrors_its_result_has_no_cursor(tmp_path: Path) -> None:
    made = shop(tmp_path / "shop", "simulator", "SELECT 'a@example.com' AS email, 1 AS n")
    made.settings.write_text(
        "version: 1\nwarehouses: {own: {url: 'duckdb:///warehouse.duckdb'}}\n"
        "credentials: {tiktok: {access_token: simulator}}\n"
        "destinations: {people: {type: tiktok_audience, credential: tiktok, api_url: simulator, audience: people, "
        "advertiser_ids: ['7654321098765432109']}}\n"
        f"orchestrations: {{{NAME}: {{query: {NAME}, warehouse: own, destination: people, cursor: n}}}}\n"
    )
    done: Outcome = inside("validate", NAME, project=made.directory)
    assert done.code == 2
    assert "would delete everybody whom only earlier rows have" in done.stderr + done.stdout


MOMENTS = st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2100-01-01"))
VALUES = st.one_of(
    st.lists(MOMENTS), st.lists(MOMENTS.map(lambda one: one.replace(tzinfo=UTC))), st.lists(st.integers(-9, 9))
)


@given(VALUES, st.integers(1, 5))
def test_the_highest_value_is_that_of_all_batches_and_all_tasks(values: list[Any], tasks: int) -> None:
    table = pa.table({"n": pa.array([*values, None])})
    found = []
    for number in range(tasks):
        highest = HighestValue(table.schema, "N", datetime(2100, 1, 2, tzinfo=UTC)) if values else None
        if highest is None:
            return
        part = table.slice(
            number * len(table) // tasks, (number + 1) * len(table) // tasks - number * len(table) // tasks
        )
        assert sum(batch.num_rows for batch in highest.follow(part.to_batches(max_chunksize=3))) == part.num_rows
        found.append(highest.as_json())
    assert HighestOf("n", found).value == max(values)


@given(st.one_of(MOMENTS, MOMENTS.map(lambda one: one.replace(tzinfo=UTC)), st.dates(), st.integers()))
def test_a_value_comes_back_from_the_ledger(value: datetime | date | int) -> None:
    assert cursor_value(cursor_json(value)) == value


@given(st.one_of(MOMENTS, st.dates(date(1990, 1, 1))), st.timedeltas(timedelta(seconds=1), timedelta(days=30)))
def test_the_next_run_begins_before_what_was_reached(value: datetime | date, overlap: timedelta) -> None:
    since = cursor_since(value, overlap)
    assert since is not None
    assert not isinstance(since, int)
    assert value - since >= overlap  # type: ignore[operator]
