"""The demo warehouse: always recent, always the same, and dirty in every way that it promises."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import duckdb
import phonenumbers
import pytest

from tests.example.project import WAREHOUSE_SQL, query, utc, warehouse_at

EVENING = utc(2026, 11, 19, 23, 59, 59)
MOMENTS = [
    utc(2026, 11, 20, 0, 0, 1),
    utc(2026, 11, 20, 23, 59, 59),
    utc(2026, 11, 21, 12),
    utc(2028, 2, 29, 18),
    utc(2031, 1, 2, 6),
]
KINDS_IN_STORE = {
    "no time": "timestamp IS NULL",
    "a time in the future": "timestamp > generator.now_utc() + INTERVAL 10 MINUTE",
    "a time too long ago": "timestamp < generator.now_utc() - INTERVAL 28 DAY",
    "no currency code": "currency = 'US$'",
    "a currency that TikTok does not list": "currency = 'LKR'",
    "a blank currency": "currency = ''",
    "a lower-case currency": "currency = 'usd'",
    "a return": "price < 0",
    "a good line beside a bad one": "timestamp IS NOT NULL AND event_id IN (SELECT event_id FROM result WHERE timestamp IS NULL)",
    "lines that differ in time": "event_id IN (SELECT event_id FROM result GROUP BY event_id HAVING min(timestamp) < max(timestamp))",
    "neither e-mail nor phone": "email[1] IS NULL AND email[2] IS NULL AND phone IS NULL",
    "blanks for both": "trim(email[1]) = '' AND phone = ''",
    "words for both": "email[1] = 'unknown' AND phone = 'n/a'",
    "an e-mail without @": "email[1] LIKE '%(at)%' AND phone IS NULL",
    "only a local number": "email[1] IS NULL AND regexp_full_match(phone, '555-01[0-9]{2}')",
    "two @": "email[1] LIKE '%@@%'",
    "white space inside": "trim(email[1]) LIKE '% %'",
    "a domain without a dot": "email[1] LIKE '%@localhost'",
    "an upper-case e-mail": "email[1] = upper(email[1]) AND email[1] LIKE '%@%'",
    "a padded e-mail": "email[1] <> trim(email[1]) AND email[1] LIKE '%@%'",
    "a hashed e-mail": "regexp_full_match(email[1], '[0-9a-f]{64}')",
    "an upper-case hash": "regexp_full_match(email[1], '[0-9A-F]{64}')",
    "the hash of nothing": "email[1] = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'",
    "letters outside ASCII": "strlen(email[1]) > length(email[1])",
    "two e-mails": "email[1] LIKE '%@%' AND email[2] LIKE '%@%' AND lower(email[1]) <> lower(email[2])",
    "the same e-mail twice": "email[1] <> email[2] AND lower(email[1]) = lower(email[2])",
    "no e-mail": "email[1] IS NULL AND phone IS NOT NULL",
    "no phone": "email[1] LIKE '%@%' AND phone IS NULL",
    "a phone in E.164": "regexp_full_match(phone, '\\+1[0-9]{10}')",
    "a phone of another country": "phone LIKE '+%' AND phone NOT LIKE '+1%'",
    "a phone with 00": "phone LIKE '00%'",
    "a phone with 011": "phone LIKE '011%'",
    "a phone with brackets": "phone LIKE '(%'",
    "a phone with an extension": "phone LIKE '%ext%'",
    "a phone as a link": "phone LIKE 'tel:%'",
    "wide digits": "phone SIMILAR TO '[０-９]+'",
    "a hashed phone": "regexp_full_match(phone, '[0-9a-f]{64}')",
    "no number at all": "phone = 'call after six'",
    "too short a number": "phone = '12345'",
}
KINDS_ON_THE_WEB = {
    "a name in the wrong case": "event_name = 'purchase'",
    "no name": "event_name = ''",
    "an old name": "event_name = 'PlaceAnOrder'",
    "no time": "client_time_ms IS NULL",
    "a time in the future": "client_time_ms > epoch_ms(generator.now_utc()) + 600000",
    "a time too long ago": "client_time_ms BETWEEN 100000000000 AND epoch_ms(generator.now_utc() - INTERVAL 28 DAY)",
    "seconds": "client_time_ms < 100000000000",
    "no page": "page_url IS NULL",
    "a private address": "ip_address LIKE '192.168.%'",
    "a word for an address": "ip_address = 'unknown'",
    "no address": "ip_address IS NULL",
    "an IPv6 address": "ip_address LIKE '%:%'",
    "a negative total": "order_total < 0",
    "no currency code": "currency = 'DOLLARS'",
    "nobody": "customer_id IS NULL AND checkout_email IS NULL AND account_email IS NULL AND checkout_phone IS NULL",
    "somebody logged in": "customer_id IS NOT NULL",
    "a click on an ad": "ttclid IS NOT NULL AND contains(page_url, ttclid)",
    "no click": "ttclid IS NULL",
    "no cookie": "_ttp IS NULL",
    "the same order twice": "order_id IN (SELECT order_id FROM result GROUP BY order_id HAVING count(*) = 2)",
}


@pytest.fixture(scope="module")
def warehouse() -> duckdb.DuckDBPyConnection:
    return warehouse_at(EVENING)


def count(warehouse: duckdb.DuckDBPyConnection, sql: str) -> int:
    (found,) = warehouse.sql(f"SELECT count(*) {sql}").fetchall()[0]
    return int(found)


def absent(kinds: dict[str, str], name: str, now: datetime) -> list[str]:
    """The kinds of row of which the query, asked at `now`, gives not a single one."""
    warehouse = warehouse_at(now)
    warehouse.execute(f"CREATE TABLE result AS {query(name, now)}")
    return [kind for kind, where in kinds.items() if not count(warehouse, f"FROM result WHERE {where}")]


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_a_week_in_the_shops_has_every_kind_of_dirt(now: datetime) -> None:
    assert absent(KINDS_IN_STORE, "store_purchases", now) == []


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_a_week_on_the_web_has_every_kind_of_dirt(now: datetime) -> None:
    assert absent(KINDS_ON_THE_WEB, "web_purchases", now) == []


def test_dirt_stays_a_small_share_so_that_the_example_runs(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Receipts with a fault that makes them unusable stay under the example's max_reject_percent, with room."""
    faults = ("no time", "a time in the future", "a time too long ago", "no currency code", "a return",
              "neither e-mail nor phone", "blanks for both", "words for both", "an e-mail without @",
              "only a local number")  # fmt: skip
    result = f"FROM ({query('store_purchases', EVENING)}) AS result"
    unusable = " OR ".join(f"({KINDS_IN_STORE[fault]})" for fault in faults)
    assert 0.02 < count(warehouse, f"{result} WHERE {unusable}") / count(warehouse, result) < 0.08


@pytest.mark.parametrize("relation", ["Unified_Itemized_Transactions", "Web_Orders"])
def test_what_one_day_holds_never_changes(warehouse: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Every row of the last 20 days is the same, and none is missing, when seen 15 days later."""
    past = f"order_id[2:9] BETWEEN '{EVENING - timedelta(20):%Y%m%d}' AND '{EVENING:%Y%m%d}'"
    rows = f"SELECT * FROM {relation} WHERE {past} ORDER BY ALL"
    assert warehouse_at(EVENING + timedelta(15)).sql(rows).fetchall() == warehouse.sql(rows).fetchall() != []


def test_customers_are_the_same_whenever_the_warehouse_is_built(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = "SELECT * FROM Merged_Customers"
    assert warehouse_at(utc(2030, 1, 1)).sql(rows).fetchall() == warehouse.sql(rows).fetchall()


def test_the_clock_is_today_unless_it_is_replaced() -> None:
    warehouse = duckdb.connect()
    warehouse.execute(WAREHOUSE_SQL.read_text("utf-8"))
    assert count(warehouse, "WHERE abs(epoch(generator.now_utc()) - epoch(now())) < 60") == 1


def test_the_warehouse_can_be_read_from_its_file(tmp_path: Path) -> None:
    """As the connector opens it: built once, then read only by another connection."""
    with duckdb.connect(tmp_path / "warehouse.duckdb") as warehouse:
        warehouse.execute(WAREHOUSE_SQL.read_text("utf-8"))
    with duckdb.connect(tmp_path / "warehouse.duckdb", read_only=True) as warehouse:
        assert count(warehouse, f"FROM ({query('store_purchases')})") > 0


def test_the_last_36_days_are_there_and_nothing_after_now(warehouse: duckdb.DuckDBPyConnection) -> None:
    noon = utc(2026, 11, 19, 12)
    days, oldest, newest = (
        warehouse_at(noon)
        .sql("""
        SELECT count(DISTINCT business_date), min(business_date), max(ordered_at) FROM generator.orders
    """)
        .fetchall()[0]
    )
    assert (days, oldest) == (36, noon.date() - timedelta(35))
    assert noon - timedelta(hours=2) < newest.replace(tzinfo=UTC) <= noon


def test_each_day_brings_a_hundred_receipts_and_as_many_web_orders(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    per_day = warehouse.sql("""
        SELECT min(orders), max(orders), sum(orders) FROM (
            SELECT count(*) AS orders FROM generator.orders
            WHERE purchase_channel IN ('in_store', 'website') GROUP BY purchase_channel, business_date
        )
    """).fetchall()[0]
    assert per_day[0] >= 100
    assert per_day[1] <= 150
    assert 7_200 <= per_day[2] <= 10_800


def test_an_order_has_one_to_five_lines_of_whole_numbers_of_items(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    orders = "SELECT count(*) AS lines, min(item_quantity) AS fewest, max(item_quantity) AS most"
    orders += " FROM Unified_Itemized_Transactions GROUP BY order_id"
    assert count(warehouse, f"FROM ({orders}) WHERE lines NOT BETWEEN 1 AND 5 OR fewest < 1 OR most > 3") == 0
    assert warehouse.sql(f"SELECT DISTINCT lines FROM ({orders}) ORDER BY 1").fetchall() == [(n,) for n in range(1, 6)]


def test_a_web_order_costs_its_lines_and_shipping(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert count(warehouse, """FROM Web_Orders AS wo WHERE order_total > 0 AND order_total <> 4.95 + (
        SELECT sum(item_revenue) FROM Unified_Itemized_Transactions AS uit WHERE uit.order_id = wo.order_id
    )""") == 0  # fmt: skip


def test_e_mail_domains_are_reserved_for_examples(warehouse: duckdb.DuckDBPyConnection) -> None:
    """RFC 2606 and 6761: example.com, .org, .net, the top-level domain example, and localhost."""
    assert count(warehouse, r"""
        FROM (SELECT unnest([email, email_2]) AS address FROM Merged_Customers) WHERE address LIKE '%@%'
        AND NOT regexp_full_match(lower(trim(address)), '.*@(example[. ](com|org|net)|bücher\.example|localhost)')
    """) == 0  # fmt: skip


def test_ip_addresses_are_reserved_for_documentation(warehouse: duckdb.DuckDBPyConnection) -> None:
    """RFC 5737 and 3849, beside the one private address that is there as dirt."""
    assert {
        address
        for (address,) in warehouse.sql("SELECT ip_address FROM Web_Orders WHERE ip_address IS NOT NULL").fetchall()
        if not address.startswith(("203.0.113.", "2001:db8::"))
    } == {"192.168.0.17", "unknown"}


def test_telephone_numbers_are_reserved_for_fiction(warehouse: duckdb.DuckDBPyConnection) -> None:
    """North America 555-0100 to 0199; Ofcom, Bundesnetzagentur, ARCEP, ACMA and ComReg name the others."""
    fiction = r"(1?[0-9]{3}55501[0-9]{2}7?|(00|011)?(447700900[0-9]{3}|493023125[0-9]{3}|3319900[0-9]{4}"
    fiction += r"|61491570156|353209[0-9]{6})|55501[0-9]{2}|12345|)"
    assert count(warehouse, f"""
        FROM Merged_Customers WHERE length(phone) <> 64 AND phone NOT SIMILAR TO '[０-９]+'
        AND NOT regexp_full_match(regexp_replace(phone, '[^0-9]', '', 'g'), '{fiction}')
    """) == 0  # fmt: skip


def test_foreign_numbers_are_possible_numbers(warehouse: duckdb.DuckDBPyConnection) -> None:
    numbers = warehouse.sql("SELECT phone FROM Merged_Customers WHERE phone LIKE '+%'").fetchall()
    parsed = [phonenumbers.parse(number) for (number,) in numbers]
    assert {number.country_code for number in parsed} == {1, 33, 44, 49, 61, 353}
    assert all(map(phonenumbers.is_possible_number, parsed))


@pytest.mark.parametrize("name", ["store_purchases", "web_purchases", "legacy_offline_events"])
def test_a_week_is_read_in_a_moment(warehouse: duckdb.DuckDBPyConnection, name: str) -> None:
    """Well under a second; the best of three, since the machine may be busy."""

    def seconds() -> float:
        begun = perf_counter()
        warehouse.sql(query(name, EVENING)).fetchall()
        return perf_counter() - begun

    assert min(seconds() for _ in range(3)) < 0.8
