"""The shipped queries give the columns that their templates and TikTok's parameters expect."""

from hashlib import sha256

import duckdb
import pytest

from tests.example.project import ROOT, query, utc, warehouse_at

NOW = utc(2026, 11, 19, 23, 59, 59)
COLUMNS = {
    "store_purchases": "event_id timestamp email phone content_id content_name content_category brand price quantity"
    " currency order_id shop_id event_channel",
    "web_purchases": "order_id event_name client_time_ms checkout_email account_email checkout_phone customer_id"
    " given_name surname city state postal country page_url referrer_url ip_address user_agent locale ttclid _ttp"
    " order_total currency coupon_code",
    "legacy_offline_events": "brand content_category content_id content_name content_type currency emails phone_numbers"
    " event event_channel event_id event_set_id order_id price quantity shop_id timestamp value",
    "vip_customers": "EMAIL PHONE",
}
ROWS = {
    "store_purchases": (2_000, 4_000),
    "web_purchases": (700, 1_300),
    "legacy_offline_events": (300, 900),
    "vip_customers": (200, 800),
}


@pytest.fixture(scope="module")
def warehouse() -> duckdb.DuckDBPyConnection:
    return warehouse_at(NOW)


def test_every_shipped_query_is_tested() -> None:
    assert {path.stem for path in (ROOT / "queries").glob("*.sql")} == set(COLUMNS)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_query_gives_its_columns(warehouse: duckdb.DuckDBPyConnection, name: str) -> None:
    assert warehouse.sql(query(name, NOW)).columns == COLUMNS[name].split()


@pytest.mark.parametrize("name", ROWS)
def test_a_week_has_a_number_of_rows_that_is_quick_to_try(warehouse: duckdb.DuckDBPyConnection, name: str) -> None:
    fewest, most = ROWS[name]
    assert fewest < len(warehouse.sql(query(name, NOW)).fetchall()) < most


@pytest.mark.parametrize("name", ["store_purchases", "web_purchases", "legacy_offline_events"])
def test_a_query_gives_its_rows_in_the_same_order_each_time(warehouse: duckdb.DuckDBPyConnection, name: str) -> None:
    """An event's own fields come from its first row, so the order of the rows is part of the result."""
    assert warehouse.sql(query(name, NOW)).fetchall() == warehouse_at(NOW).sql(query(name, NOW)).fetchall()


def test_the_lines_of_a_receipt_follow_each_other(warehouse: duckdb.DuckDBPyConnection) -> None:
    ids = [row[0] for row in warehouse.sql(query("store_purchases", NOW)).fetchall()]
    starts = [event_id for before, event_id in zip([None, *ids], ids, strict=False) if event_id != before]
    assert len(starts) == len(set(starts)) < len(ids)


def test_who_opted_out_is_not_in_the_result(warehouse: duckdb.DuckDBPyConnection) -> None:
    opted_out = warehouse.sql("SELECT order_id FROM Web_Orders WHERE privacy_opt_out").fetchall()
    sent = {row[0] for row in warehouse.sql(query("web_purchases", NOW)).fetchall()}
    assert sent.isdisjoint(order_id for (order_id,) in opted_out)
    assert opted_out


def test_the_legacy_query_hashes_an_e_mail_as_python_does(warehouse: duckdb.DuckDBPyConnection) -> None:
    plain = {
        email for (email,) in warehouse.sql("SELECT email FROM Merged_Customers WHERE email LIKE '%@%'").fetchall()
    }
    digests = {sha256(email.strip().lower().encode()).hexdigest() for email in plain}
    emails = {row[0] for row in warehouse.sql(f"SELECT emails FROM ({query('legacy_offline_events', NOW)})").fetchall()}
    assert len(digests & emails) > 100
    assert all(len(email) == 64 for email in emails if email is not None)


def test_a_legacy_event_id_is_32_letters_and_digits(warehouse: duckdb.DuckDBPyConnection) -> None:
    ids = warehouse.sql(f"SELECT DISTINCT event_id FROM ({query('legacy_offline_events', NOW)})").fetchall()
    assert all(len(event_id) == 32 and event_id.isalnum() for (event_id,) in ids)


def test_legacy_channels_are_among_tiktok_s_six(warehouse: duckdb.DuckDBPyConnection) -> None:
    channels = warehouse.sql(f"SELECT DISTINCT event_channel FROM ({query('legacy_offline_events', NOW)})").fetchall()
    assert {channel for (channel,) in channels} == {"phone_call", "other"}


def test_shops_and_telephone_do_not_send_the_same_order(warehouse: duckdb.DuckDBPyConnection) -> None:
    """They use two event names, so TikTok would count such an order twice."""
    names = ("store_purchases", "legacy_offline_events")
    shops, telephone = (set(warehouse.sql(f"SELECT order_id FROM ({query(name, NOW)})").fetchall()) for name in names)
    assert shops.isdisjoint(telephone)
