"""`suppress` of a destination: people whom a query names are never sent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from connector.transform.suppression_filter import SuppressionFilter, digests_of_email, read_opted_out
from tests.cli.command import inside
from tests.cli.shop import NAME, Shop, shop
from tests.cli.tiktok import TikTok, serving
from tests.duckdb_file import writing
from tests.hypothesis_settings import scaled
from tests.staging.stages import UNHURRIED

QUERY = (
    "SELECT 'e' || n AS event_id, now() AS timestamp, 1.5 AS value, 'person' || n || '@example.com' AS email, "
    "CASE WHEN n = 5 THEN '+12025550123' END AS phone FROM range(10) t(n)"
)


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


def shop_without(directory: Path, tiktok: TikTok, opted_out: str, **orchestration: Any) -> Shop:
    """A shop of ten events whose destination has a query of people to leave out."""
    made = shop(directory / "shop", tiktok.url, QUERY, destination={"suppress": {"query": "out"}}, **orchestration)
    (made.query.parent / "out.sql").write_text(opted_out)
    return made


def sent(tiktok: TikTok) -> list[str]:
    return sorted(event["event_id"] for request in tiktok.accepted for event in request.events)


PEOPLE = "SELECT * FROM (VALUES (' PERSON1@Example.com ', NULL), ('nobody', NULL), (NULL, '(202) 555-0123'), (NULL, NULL)) t(email, phone)"


@pytest.mark.parametrize("line_items", [True, False])
def test_people_of_the_query_are_not_sent(tiktok: TikTok, tmp_path: Path, line_items: bool) -> None:
    made = shop_without(tmp_path, tiktok, PEOPLE, line_items=line_items)
    planned = inside("plan", NAME, "--json", project=made.directory).json
    record = inside("run", NAME, "--json", project=made.directory).record()
    assert planned["skips"] == record["skips"] == {"suppressed": 2}
    assert sent(tiktok) == [f"e{number}" for number in range(10) if number not in {1, 5}]
    left = [path for path in made.state.rglob("*") if path.is_file() and "left-out" not in str(path)]
    assert all("opted-out" not in str(path) for path in left)


@pytest.mark.parametrize(
    "column", ["sha256(lower('Person1@example.com')) AS emails", "sha256('person1@example.com') AS email"]
)
def test_people_may_be_named_by_digests(tiktok: TikTok, tmp_path: Path, column: str) -> None:
    made = shop_without(tmp_path, tiktok, f"SELECT {column}")
    inside("run", NAME, project=made.directory)
    assert "e1" not in sent(tiktok)
    assert len(sent(tiktok)) == 9


def test_who_opts_out_later_is_left_out_from_then_on(tiktok: TikTok, tmp_path: Path) -> None:
    made = shop_without(
        tmp_path, tiktok, "SELECT email FROM out", tables={"out": "SELECT ''::VARCHAR AS email WHERE false"}
    )
    assert inside("run", NAME, "--json", "--limit", "3", project=made.directory).record()["skips"] == {}
    with writing(made.warehouse) as warehouse:
        warehouse.execute("INSERT INTO out SELECT 'person' || n || '@example.com' FROM range(2, 10) t(n)")
    record = inside("run", NAME, "--json", project=made.directory).record()
    assert record["skips"] == {"already_delivered": 2, "suppressed": 8}
    assert sent(tiktok) == ["e0", "e1", "e2"]


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ("SELECT 1 AS loyalty", 2, "out.sql"),
        ("SELEC 1", 2, "out.sql:1"),
        ("SELECT email FROM nowhere", 1, "nowhere"),
        ("DELETE FROM orders", 2, "out.sql"),
        (None, 2, "out"),
    ],
)
def test_without_the_people_nothing_is_sent(
    tiktok: TikTok, tmp_path: Path, query: str | None, code: int, words: str
) -> None:
    made = shop_without(tmp_path, tiktok, query or "")
    if query is None:
        (made.query.parent / "out.sql").unlink()
    done = inside("run", NAME, project=made.directory)
    assert (done.code, sent(tiktok)) == (code, [])
    assert words in done.stderr


def test_an_audience_loses_those_who_opt_out(tmp_path: Path) -> None:
    made = shop(tmp_path / "shop", "simulator", "SELECT 'p' || n || '@example.com' AS email FROM range(5) t(n)")
    settings = yaml.safe_load(made.settings.read_text())
    audience = {
        "type": "tiktok_audience",
        "credential": "tiktok",
        "api_url": "simulator",
        "audience": "people",
        "advertiser_ids": ["7654321098765432109"],
        "max_change_percent": 100,
    }
    settings["credentials"]["tiktok"]["access_token"] = "simulator"
    settings["destinations"] = {"stores": audience}
    made.settings.write_text(yaml.safe_dump(settings))
    first = inside("run", NAME, "--yes", "--json", project=made.directory).json
    audience["suppress"] = {"query": "out"}
    made.settings.write_text(yaml.safe_dump(settings))
    (made.query.parent / "out.sql").write_text("SELECT 'P1@example.com' AS email")
    second = inside("run", NAME, "--yes", "--json", project=made.directory).json
    assert first["members"]["added"] == 5
    assert second["members"] == {"added": 0, "removed": 1, "unchanged": 4, "sent_again": 0}
    assert second["skips"] == {"already_member": 4, "suppressed": 1}


@scaled(UNHURRIED, 50, share=5)
@given(
    st.lists(st.integers(0, 40), max_size=30), st.lists(st.integers(0, 40), max_size=30), st.lists(st.integers(0, 40))
)
def test_the_people_of_a_file_and_of_the_ledger_are_matched_alike(
    tmp_path_factory: pytest.TempPathFactory, listed: list[int], opted_out: list[int], asked: list[int]
) -> None:
    import numpy as np

    def digest(number: int) -> str:
        return digests_of_email(f"p{number}@example.com")[0].digest

    file = tmp_path_factory.mktemp("out") / "opted-out"
    np.unique(np.array([int(digest(one)[:16], 16) for one in opted_out], np.uint64)).tofile(file)
    both = SuppressionFilter(map(digest, listed), read_opted_out(file))
    persons = b"".join(bytes.fromhex(digest(one)[:16]) for one in asked)
    flags = both.match_persons(persons, np.ones(len(asked), np.int64))
    assert flags.tolist() == [one in {*listed, *opted_out} for one in asked]
    assert bool(both) == bool(listed or opted_out)
