"""`connector test --record`: a test of real rows that shows nobody."""

from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from connector.example.example_project import write_example
from tests.cli.command import inside
from tests.cli.people import People, is_identifier
from tests.cli.shop import GOOD, NAME, Shop, shop

ORCHESTRATIONS = ["store_purchases", "web_purchases", "legacy_offline_events", "store_conversions", "vip_customers"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("recorded") / "shop"
    write_example(directory)
    assert inside("preview", "vip_customers", project=directory).code == 0
    return directory


@pytest.fixture(scope="module")
def people(project: Path) -> People:
    """Everybody in the demo warehouse and in the sample file."""
    return People(identifier for identifier in identifiers(project) if is_identifier(identifier))


def identifiers(project: Path) -> Iterator[str]:
    with closing(duckdb.connect(str(project / "demo" / "warehouse.duckdb"), read_only=True)) as warehouse:
        for query in (
            "SELECT email, email_2, phone FROM Merged_Customers",
            "SELECT checkout_email, account_email, checkout_phone FROM Web_Orders",
        ):
            for row in warehouse.execute(query).fetchall():
                yield from (value for value in row if value)
    for line in (project / "demo" / "conversions.psv").read_text().splitlines():
        yield from line.split("|")


@pytest.mark.parametrize("name", ORCHESTRATIONS)
def test_a_recorded_test_passes_and_names_nobody(project: Path, people: People, name: str) -> None:
    recorded = inside("test", "--record", name, "--rows", "40", project=project)
    assert recorded.code == 0, recorded.stderr
    file = project / "tests" / f"{name}_recorded.yaml"
    assert people.found_in(file.read_text()) == []
    outcome = inside("test", f"{name}/recorded", "--json", project=project)
    (test,) = outcome.json["tests"]
    assert (test["outcome"], test["rows"], test["differences"]) == ("passed", 40, [])
    assert "other outcomes" not in recorded.stderr


def test_what_the_search_looks_for_would_be_found(project: Path, people: People) -> None:
    some = next(filter(is_identifier, identifiers(project)))
    assert people.found_in(f"- {{email: {some}}}")


def recorded_rows(made: Shop) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    outcome = inside("test", "--record", NAME, "--force", project=made.directory)
    assert outcome.code == 0, outcome.stderr
    file = yaml.safe_load((made.directory / "tests" / f"{NAME}_recorded.yaml").read_text())
    test = file["tests"]["recorded"]
    return test["result"]["rows"], test["expect"]


VALUES = {
    "the same address in two spellings": (
        "SELECT * FROM (VALUES ('Eve@x.org'), (' eve@X.org ')) AS t (email)",
        ["person1@example.com", "person1@example.com"],
    ),
    "no address, a blank one, a word and what is none": (
        "SELECT * FROM (VALUES (NULL), (' '), ('n/a'), ('eve(at)x.org')) AS t (email)",
        [None, " ", "n/a", "not valid"],
    ),
    "two addresses in one text": (
        "SELECT 'eve@x.org; bob@x.org' AS email",
        ["person1@example.com; person2@example.com"],
    ),
    "a list": ("SELECT ['eve@x.org', NULL] AS email", [["person1@example.com", None]]),
    "a digest": (
        "SELECT sha256('eve@x.org') AS email",
        [sha256(b"person1@example.com").hexdigest()],
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_made_up_that_is_as_valid_and_as_common(tmp_path: Path, name: str) -> None:
    sql, expected = VALUES[name]
    query = f"SELECT 'r' AS event_id, now() AS timestamp, '206 555 0100' AS phone, 1.5 AS value, email FROM ({sql})"
    rows, _ = recorded_rows(shop(tmp_path / "shop", "simulator", query, line_items=False))
    assert [row["email"] for row in rows] == expected


COLUMNS = {
    "an id": ("'K-7001'", "order_id", "order-id-1"),
    "a number as id": ("7001", "order_id", 1),
    "a product": ("'Coffee mug'", "content_name", "Coffee mug"),
    "a product with an address": ("'Mug for eve@x.org'", "content_name", "content-name-1"),
    "a product with a phone number": ("'Mug +1 206 555 0100'", "content_name", "content-name-1"),
    "a text": ("'For Eve'", "description", "description-1"),
    "an amount": ("12.50::DECIMAL(9, 2)", "price", 12.5),
    "a long amount": ("1234567890123456.123456::DECIMAL(30, 6)", "price", "1234567890123456.123456"),
    "an address in the wrong column": ("'eve@x.org'", "currency", "currency-1"),
    "a text that may hold anything": ("repeat('Eve ', 40)", "brand", "brand-1"),
    "a country": ("'Norway'", "country", "Norway"),
    "a currency": ("'eur'", "currency", "eur"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_what_could_identify_somebody_is_made_up_and_the_rest_is_kept(tmp_path: Path, name: str) -> None:
    value, column, expected = COLUMNS[name]
    query = f"SELECT now() AS timestamp, 'eve@x.org' AS email, {value} AS {column}"
    rows, _ = recorded_rows(shop(tmp_path / "shop", "simulator", query))
    assert rows[0][column] == expected


def test_columns_that_are_not_read_are_left_out(tmp_path: Path) -> None:
    query = "SELECT now() AS timestamp, 'eve@x.org' AS email, 'Eve' AS nickname, 'r' AS event_id"
    rows, expect = recorded_rows(shop(tmp_path / "shop", "simulator", query))
    assert sorted(rows[0]) == ["email", "event_id", "timestamp"]
    (event,) = expect["events"]
    assert (event["email"], event["event_id"]) == ("person1@example.com", "event-id-1")


def test_what_cannot_be_recorded_is_told(tmp_path: Path) -> None:
    made = shop(tmp_path / "shop", "simulator", GOOD.format(rows=3))
    assert "--record needs the name" in inside("test", "--record", project=made.directory).sentence
    wrong = inside("test", "--record", "purchase", project=made.directory)
    assert (wrong.code, 'Did you mean "purchases"?' in wrong.sentence) == (2, True)
    both = inside("test", "--record", NAME, "--junit", "x.xml", project=made.directory)
    assert (both.code, "use one of them" in both.sentence) == (2, True)
    assert "-o is for --record." in inside("test", "-o", "x.yaml", project=made.directory).sentence
    assert not (made.directory / "tests").exists()
    first = inside("test", "--record", NAME, "--rows", "2", "--json", project=made.directory)
    assert first.json["rows"] == 2
    assert "exists" in inside("test", "--record", NAME, project=made.directory).sentence
    elsewhere = tmp_path / "own.yaml"
    assert inside("test", "--record", NAME, "-o", str(elsewhere), project=made.directory).code == 0
    assert "orchestration: purchases" in elsewhere.read_text()
