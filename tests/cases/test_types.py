"""Types of warehouses whose values were sent as others."""

import json
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import inside
from tests.duckdb_file import writing
from tests.postgres import Postgres

ADVERTISER = "7654321098765432109"


def project(directory: Path, url: str, query: str, **destination: Any) -> Path:
    """A project whose orchestration `o` sends the query to the simulator."""
    directory.mkdir(exist_ok=True)
    (directory / "queries").mkdir()
    (directory / "queries" / "q.sql").write_text(query)
    where = {
        "type": "tiktok_events",
        "credential": "tiktok",
        "api_url": "simulator",
        "advertiser_id": ADVERTISER,
        "event_source": "offline",
        "event_source_id": ADVERTISER,
        "fixed_event_name": "Purchase",
        **destination,
    }
    settings = {
        "version": 1,
        "target": "local",
        "warehouses": {"w": {"url": url}},
        "credentials": {"tiktok": {"access_token": "simulator"}},
        "destinations": {"d": where},
        "orchestrations": {"o": {"destination": "d", "query": "q", "warehouse": "w"}},
        "targets": {"local": {}},
    }
    (directory / "orchestrations.yaml").write_text(yaml.safe_dump(settings))
    return directory


def embedded(directory: Path, query: str) -> Path:
    """The same on DuckDB."""
    directory.mkdir(exist_ok=True)
    with writing(directory / "wh.duckdb"):
        pass
    return project(directory, "duckdb:///wh.duckdb", query)


def events(directory: Path) -> list[dict[str, Any]]:
    """What a preview would send."""
    outcome = inside("preview", "o", "--rows", "100", "--json", project=directory)
    assert outcome.code == 0, outcome.stderr
    requests = json.loads(outcome.stdout, parse_float=Decimal)["requests"]
    return [event for request in requests for event in request["data"]]


def digest(plain: str) -> str:
    return sha256(plain.encode()).hexdigest()


MONEY = """
select 'o1' as order_id, 'a@example.com' as email, now() as timestamp, '$1,234.56'::money as value,
       null::money as price, null::int as quantity
union all select 'o2', 'b@example.com', now(), null, '$9.99'::money, 2
union all select 'o3', 'c@example.com', now(), sum(m), null, null from (values ('1.10'::money), ('2.25')) as v (m)
union all select 'o4', 'd@example.com', now(), '19.99'::money * 3, null, null
"""


def test_money_is_sent_with_its_decimal_places(tmp_path: Path, postgres: Postgres) -> None:
    sent = events(project(tmp_path, postgres.new_database(), MONEY))
    values = {event["properties"]["order_id"]: event["properties"]["value"] for event in sent}
    assert values == {"o1": Decimal("1234.56"), "o2": Decimal("19.98"), "o3": Decimal("3.35"), "o4": Decimal("59.97")}
    (content,) = next(event["properties"]["contents"] for event in sent if event["properties"]["order_id"] == "o2")
    assert content == {"price": Decimal("9.99"), "quantity": 2}


INFINITE = """
select 'g' || i as order_id, 'u' || i || '@example.com' as email, 1 as value,
       case when i = 77 then '{}'::date else current_date end as timestamp
from generate_series(1, 200) i
"""


@pytest.mark.parametrize("date", ["infinity", "-infinity", "5874897-12-31", "294247-01-11", "4713-01-01 BC"])
def test_a_date_that_is_no_time_is_rejected_alone(tmp_path: Path, postgres: Postgres, date: str) -> None:
    made = project(tmp_path, postgres.new_database(), INFINITE.format(date))
    outcome = inside("run", "o", "--json", project=made)
    assert outcome.code == 0, outcome.stderr
    assert outcome.record()["rows"] == {"read": 200, "delivered": 199, "rejected": 1, "skipped": 0, "pending": 0}
    assert outcome.json["rejects"] == {"invalid_timestamp": 1}


@pytest.mark.parametrize("written", ["'8.8.8.8'::inet::text", "host('8.8.8.8'::inet)"])
def test_both_ways_to_write_an_address_give_it(tmp_path: Path, postgres: Postgres, written: str) -> None:
    query = f"""
    select 'o1' as order_id, 'a@example.com' as email, now() as timestamp, 1 as value,
           'https://shop.example/' as page_url, {written} as ip
    """
    pixel = {"event_source": "web", "event_source_id": "C4EXAMPLE0PIXEL0CODE", "limited_data_use": True}
    made = project(tmp_path, postgres.new_database(), query, **pixel)
    (event,) = events(made)
    assert event["user"]["ip"] == "8.8.8.8"
    assert inside("run", "o", "--json", project=made).record()["warnings"] == {}


def test_an_address_that_is_no_text_is_refused_with_what_to_write(tmp_path: Path, postgres: Postgres) -> None:
    query = (
        "select 'a@example.com' as email, now() as timestamp, 'https://a.example/' as page_url, '8.8.8.8'::inet as ip"
    )
    pixel = {"event_source": "web", "event_source_id": "C4EXAMPLE0PIXEL0CODE"}
    outcome = inside("run", "o", project=project(tmp_path, postgres.new_database(), query, **pixel))
    assert outcome.code == 2
    assert 'the column "ip" is of type inet' in outcome.stderr
    assert "cast it" in outcome.stderr


LARGE = "190532336368564675417118094528692087698"
"""The MD5 of "b", 92eb5ffee6ae2fec3ad71c777531578f, as an unsigned number, least significant byte first."""


def test_an_unsigned_number_of_128_bits_is_sent_as_it_is(tmp_path: Path) -> None:
    query = """
    select 'o1' as order_id, 'a@example.com' as email, now() as timestamp, 1 as value, md5_number('b') as event_id,
           md5_number('b') as content_id
    """
    (event,) = events(embedded(tmp_path, query))
    assert str(int.from_bytes(bytes.fromhex("92eb5ffee6ae2fec3ad71c777531578f"), "little")) == LARGE
    assert event["event_id"] == LARGE
    assert event["properties"]["contents"] == [{"content_id": LARGE}]


DOCUMENT = '{"order": "A-1", "email": "a@example.com", "sku": "sku"}'


def test_a_string_of_json_is_read_as_its_text(tmp_path: Path) -> None:
    query = f"""
    select p->'$.order' as order_id, p->'$.email' as email, p->'$.sku' as content_id, now() as timestamp, 1 as value
    from (select '{DOCUMENT}'::json as p)
    """
    (event,) = events(embedded(tmp_path, query))
    assert event["user"]["email"] == digest("a@example.com")
    assert event["properties"]["order_id"] == "A-1"
    assert event["properties"]["contents"] == [{"content_id": "sku"}]


@pytest.mark.parametrize("kind", ["json", "jsonb"])
def test_a_string_of_json_is_read_as_its_text_from_postgresql(tmp_path: Path, postgres: Postgres, kind: str) -> None:
    query = f"""
    select p->'order' as order_id, p->'email' as email, p->'sku' as content_id, now() as timestamp, 1 as value
    from (select '{DOCUMENT}'::{kind} as p) as x
    """
    (event,) = events(project(tmp_path, postgres.new_database(), query))
    assert event["user"]["email"] == digest("a@example.com")
    assert event["properties"]["order_id"] == "A-1"
    assert event["properties"]["contents"] == [{"content_id": "sku"}]
