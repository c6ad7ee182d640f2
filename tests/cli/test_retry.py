"""`connector retry` sends the rows that were left out, once their cause is fixed, and no others."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Outcome, checked, inside
from tests.cli.shop import NAME, SOURCE_ID, Shop, shop
from tests.cli.tiktok import OK, Reply, TikTok, serving
from tests.duckdb_file import writing

REFUSED = Reply(40002, "Invalid value for event_id: not a valid string.", 400)
REVOKED = Reply(40105, "Access token is incorrect or has been revoked.", 401)
COLUMNS = "event_id, order_id, now() - to_seconds(10) AS timestamp, email, value, currency, content_id"
QUERY = f"SELECT {COLUMNS} FROM sales ORDER BY place"
Sale = tuple[str | None, str | None, str | None, str | None, str | None, str | None]
"""Event id, order id, e-mail address, value, currency, content id."""


def sale(
    event_id: str | None = None,
    *,
    order_id: str | None = None,
    email: str | None = "jane@example.com",
    value: str | None = "2.5",
    currency: str | None = "USD",
    content_id: str | None = None,
) -> Sale:
    return event_id, order_id, email, value, currency, content_id


class Till:
    """A shop and its warehouse, which a test may change between runs."""

    def __init__(self, made: Shop, tiktok: TikTok) -> None:
        self.shop, self.tiktok = made, tiktok

    def holds(self, *sales: Sale) -> None:
        """The warehouse has these sales and no others."""
        with writing(self.shop.warehouse) as warehouse:
            columns = "event_id TEXT, order_id TEXT, email TEXT, value TEXT, currency TEXT, content_id TEXT, place INT"
            warehouse.execute(f"CREATE OR REPLACE TABLE sales ({columns})")
            for place, one in enumerate(sales):
                warehouse.execute("INSERT INTO sales VALUES (?, ?, ?, ?, ?, ?, ?)", [*one, place])

    def typed(self, *args: str) -> Outcome:
        return inside(*args, project=self.shop.directory)

    def run(self) -> dict[str, Any]:
        """The record of a run."""
        return checked(self.typed("run", NAME, "--json").json)

    def retry(self, run: dict[str, Any], *args: str, code: int = 0) -> dict[str, Any]:
        """The record of a retry, which reaches its end; `sent` has what it sent alone."""
        before = len(self.tiktok.events)
        done = self.typed("retry", run["run_id"], *args, "--json")
        assert done.code == code, done
        record = checked(done.json)
        assert record["run_id"] != run["run_id"]
        return {**record, "sent": self.tiktok.events[before:]}


@pytest.fixture
def till(tmp_path: Path) -> Any:
    with serving() as tiktok:
        yield Till(shop(tmp_path / "shop", tiktok.url, QUERY), tiktok)


def ids(events: list[dict[str, Any]]) -> list[str]:
    return sorted(event["event_id"] for event in events)


GOOD_ONES = [sale("g1"), sale("g2", order_id="o-g2")]
BAD = [sale("b1", value="much"), sale("b2", currency="EURO"), sale("b3", email=None), sale("b4", email="nobody")]
MENDED = [sale("b1"), sale("b2", currency="EUR"), sale("b3"), sale("b4")]


def test_rows_that_were_rejected_for_several_reasons(till: Till) -> None:
    till.holds(*GOOD_ONES, *BAD)
    run = till.run()
    assert (run["rows"]["delivered"], len(run["rejects"])) == (2, 4)
    till.holds(*GOOD_ONES, *MENDED, sale("new"))
    retried = till.retry(run)
    assert (ids(retried["sent"]), retried["status"]) == (["b1", "b2", "b3", "b4"], "completed")
    assert retried["rows"] == {"read": 4, "delivered": 4, "rejected": 0, "skipped": 0, "pending": 0}


def test_rows_that_were_rejected_for_one_reason(till: Till) -> None:
    till.holds(*GOOD_ONES, *BAD)
    run = till.run()
    till.holds(*GOOD_ONES, *MENDED)
    retried = till.retry(run, "--reason", "invalid_amount")
    assert ids(retried["sent"]) == ["b1"]
    assert ids(till.retry(run)["sent"]) == ["b2", "b3", "b4"]
    last = till.retry(run)
    assert (last["sent"], last["skips"]) == ([], {"already_delivered": 4})


def test_rows_that_are_still_bad_are_rejected_again_and_can_be_retried_again(till: Till) -> None:
    """However many they are: `max_reject_percent` is about whole results."""
    limit = f"    query: {NAME}\n    max_reject_percent: 90\n"
    till.shop.settings.write_text(till.shop.settings.read_text().replace(f"    query: {NAME}\n", limit))
    till.holds(*GOOD_ONES, *BAD)
    first = till.retry(till.run(), code=3)
    assert (first["status"], first["rows"]["rejected"], first["sent"]) == ("failed", 4, [])
    assert "All 4 rows were rejected" in first["error"]
    till.holds(*GOOD_ONES, *MENDED)
    assert ids(till.retry(first)["sent"]) == ["b1", "b2", "b3", "b4"]


def test_the_settings_are_mended(till: Till) -> None:
    settings = till.shop.settings.read_text().replace("event_source: offline", "event_source: web")
    settings = settings.replace(f"event_source_id: '{SOURCE_ID}'", "event_source_id: C4EXAMPLE0PIXEL0CODE")
    till.shop.settings.write_text(settings)
    till.shop.query.write_text(QUERY.replace("email,", "email, 'Order' AS event, 'https://shop.example/' AS page_url,"))
    till.holds(*GOOD_ONES)
    run = till.run()
    assert run["rejects"] == {"unknown_event": 2}
    mended = settings.replace("event_source: web", "event_source: web\n    custom_events: [Order]")
    till.shop.settings.write_text(mended)
    assert ids(till.retry(run)["sent"]) == ["g1", "g2"]


def test_all_line_items_of_an_event_of_which_one_was_rejected(till: Till) -> None:
    items = [sale("e", content_id="a", value="1"), sale("e", content_id="b", value="2")]
    till.holds(*items, sale("e", content_id="c", value="much"), sale("f"))
    run = till.run()
    assert run["rejects"] == {"invalid_amount": 1, "incomplete_event": 2}
    till.holds(*items, sale("e", content_id="c", value="4"), sale("f"))
    for reason in ([], ["--reason", "invalid_amount"]):
        retried = till.retry(run, *reason)
        assert retried["rows"]["read"] == 3
    (event,) = (event for event in till.tiktok.events if event["event_id"] == "e")
    assert [one["content_id"] for one in event["properties"]["contents"]] == ["a", "b", "c"]
    assert event["properties"]["value"] == 7


def test_rows_that_tiktok_refused(till: Till) -> None:
    till.tiktok.answer = lambda body: REFUSED if '"e5"' in json.dumps(body) else OK
    till.holds(*[sale(f"e{number}") for number in range(20)])
    run = till.run()
    assert run["rejects"] == {"refused_by_tiktok": 1}
    till.tiktok.answer = lambda body: OK
    assert ids(till.retry(run, "--reason", "refused_by_tiktok")["sent"]) == ["e5"]
    assert Counter(ids(till.tiktok.events)) == {f"e{number}": 1 for number in range(20)}


def test_rows_that_have_an_order_id_alone(till: Till) -> None:
    till.holds(sale(order_id="o1"), sale(order_id="o2", value="much"))
    run = till.run()
    assert run["rows"]["delivered"] == 1
    till.holds(sale(order_id="o1"), sale(order_id="o2"), sale(order_id="o3"), sale("x"))
    retried = till.retry(run)
    assert retried["rows"]["read"] == 1
    assert [event["properties"]["order_id"] for event in retried["sent"]] == ["o2"]


def test_of_rows_without_ids_all_are_gone_through_and_what_was_delivered_is_skipped(till: Till) -> None:
    nameless = "now()::DATE - 1 AS timestamp"
    till.shop.query.write_text(QUERY.replace("now() - to_seconds(10) AS timestamp", nameless))
    till.holds(sale(email="a@example.com"), sale(email="b@example.com", value="much"), sale("named"))
    run = till.run()
    assert run["rows"]["delivered"] == 2
    till.holds(*[sale(email=f"{one}@example.com") for one in "abc"], sale("named"), sale("later"))
    retried = till.retry(run)
    assert (retried["rows"]["read"], retried["skips"]) == (3, {"already_delivered": 1})
    assert len(retried["sent"]) == 2
    assert not {"named", "later"} & set(ids(retried["sent"]))


def test_rows_that_have_gone(till: Till) -> None:
    till.holds(*GOOD_ONES, *BAD)
    run = till.run()
    till.holds(*GOOD_ONES)
    retried = till.retry(run)
    assert (retried["status"], retried["rows"]["read"], retried["sent"]) == ("completed", 0, [])


def test_what_another_run_has_delivered_since_is_skipped(till: Till) -> None:
    till.holds(*GOOD_ONES, *BAD)
    run = till.run()
    till.holds(*GOOD_ONES, *MENDED)
    assert till.run()["rows"]["delivered"] == 4
    retried = till.retry(run)
    assert (retried["sent"], retried["skips"]) == ([], {"already_delivered": 4})


def test_a_retry_says_which_run_it_retries(till: Till) -> None:
    till.holds(*GOOD_ONES, *BAD)
    run = till.run()
    till.holds(*GOOD_ONES, *MENDED)
    shown = till.typed("retry", run["run_id"])
    assert f", retries {run['run_id']})" in shown.stdout.splitlines()[0]
    retried = till.typed("runs", "--json").json["runs"][0]
    assert till.typed("runs", "show", retried["run_id"], "--json").json["retry_of"] == run["run_id"]
    assert till.typed("runs", "show", run["run_id"], "--json").json["retry_of"] is None
    assert "retry_of" not in retried


def refused(done: Outcome) -> str:
    assert done.code == 2
    return done.sentence


def test_what_cannot_be_retried(till: Till) -> None:
    till.holds(*GOOD_ONES, *BAD)
    run_id = till.run()["run_id"]
    assert "invalid_amount" in refused(till.typed("retry", run_id, "--reason", "invalid_amont"))
    assert "There is no reason" in refused(till.typed("retry", run_id, "--reason", "already_delivered"))
    assert 'There is no run "nothing"' in refused(till.typed("retry", "nothing"))
    assert "for event_too_old" in refused(till.typed("retry", run_id, "--reason", "event_too_old"))
    till.holds(sale("g3"))
    assert "nothing to retry" in refused(till.typed("retry", till.run()["run_id"]))


def test_a_run_with_skips_alone_has_nothing_to_retry(till: Till) -> None:
    till.holds(*GOOD_ONES)
    till.run()
    again = till.run()
    assert (again["rows"]["skipped"], again["rejects"]) == (2, {})
    for further in ([], ["--reason", "invalid_amount"]):
        assert "nothing to retry" in refused(till.typed("retry", again["run_id"], *further))


def test_a_retry_of_which_all_rows_are_rejected_again_is_not_resumed(till: Till) -> None:
    till.holds(*GOOD_ONES, *BAD)
    failed = till.retry(till.run(), code=3)
    assert "nothing left that could still be sent" in refused(till.typed("resume", failed["run_id"]))
    assert "no run to resume" in refused(till.typed("resume"))


def test_a_retry_whose_rows_are_no_longer_kept_is_not_resumed_twice(till: Till) -> None:
    till.holds(*GOOD_ONES, *BAD)
    run = till.run()
    till.holds(*GOOD_ONES, *MENDED)
    till.shop.query.write_text(QUERY.replace("sales", "nothing"))
    stopped = till.typed("retry", run["run_id"], "--json").json["run_id"]
    shutil.rmtree(till.shop.directory / ".connector" / "runs" / run["run_id"])
    failed = till.typed("resume", stopped)
    assert (failed.code, "there is nothing to retry" in failed.stderr) == (2, True)
    assert "nothing left that could still be sent" in refused(till.typed("resume", stopped))


def test_a_run_that_is_not_finished_is_resumed_first(till: Till) -> None:
    till.tiktok.answer = lambda body: REVOKED
    till.holds(*GOOD_ONES, *BAD)
    run_id = till.run()["run_id"]
    said = refused(till.typed("retry", run_id))
    assert f"Run {run_id} (failed)" in said
    assert f"`connector resume {run_id}` comes first" in said


def test_a_retry_that_is_stopped_goes_on_with_the_same_rows(till: Till) -> None:
    till.holds(*GOOD_ONES, *BAD)
    run = till.run()
    till.holds(*GOOD_ONES, *MENDED, sale("new"))
    till.tiktok.answer = lambda body: REVOKED
    stopped = till.typed("retry", run["run_id"], "--json")
    assert stopped.code == 1
    till.tiktok.answer = lambda body: OK
    resumed = till.typed("resume", stopped.json["run_id"], "--json")
    assert (resumed.code, resumed.json["rows"]["delivered"]) == (0, 4)
    assert ids(till.tiktok.events) == ["b1", "b2", "b3", "b4", "g1", "g2"]


def test_rows_without_ids_that_tiktok_refused(till: Till) -> None:
    """What is kept of them has the id that the connector made, which no row of the warehouse has."""
    till.shop.query.write_text(QUERY.replace("now() - to_seconds(10)", "now()::DATE - 1"))
    till.tiktok.answer = lambda body: REFUSED if '"value": 7' in json.dumps(body) else OK
    till.holds(*[sale(email=f"{number}@example.com", value=str(number)) for number in range(20)], sale("named"))
    run = till.run()
    assert run["rejects"] == {"refused_by_tiktok": 1}
    till.tiktok.answer = lambda body: OK
    retried = till.retry(run)
    assert (retried["rows"]["delivered"], retried["skips"]) == (1, {"already_delivered": 19})
    assert [event["properties"]["value"] for event in retried["sent"]] == [7]
