"""Texts, page addresses and ids with an @, by the command: only what identifies a person is removed."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import inside
from tests.cli.shop import NAME, Shop, shop

PIXEL = "C4EXAMPLE0PIXEL0CODE"
EVENT_SET = "7654321098765432109"
PAGES = [
    (
        "https://shop.example/thanks?ttclid=E.C.P.abc&email=jane@example.com&order=1",
        "https://shop.example/thanks?ttclid=E.C.P.abc&email=[redacted]&order=1",
    ),
    (
        "https://shop.example/thanks?order=1&email=jane%40example.com&ttclid=E.C.P.abc",
        "https://shop.example/thanks?order=1&email=[redacted]&ttclid=E.C.P.abc",
    ),
    ("https://cdn.example/x.png?v=1@2x", "https://cdn.example/x.png?v=1@2x"),
    ("https://www.flickr.com/photos/12345678@N00/", "https://www.flickr.com/photos/12345678@N00/"),
    ("https://shop.example/?utm_campaign=sale@50%", "https://shop.example/?utm_campaign=sale@50%"),
    ("https://shop.example/?email=jane%2540example.com", "https://shop.example/?email=[redacted]"),
]
IDS = ["shoe@40", "logo@2x.png", "@scope/pkg", "12345678@N00"]


def project(directory: Path, query: str, *, web: bool) -> Shop:
    """A project that sends the result of a query to the simulator, as events of the web or not."""
    made = shop(directory, "simulator", query)
    settings = yaml.safe_load(made.settings.read_text())
    (destination,) = settings["destinations"].values()
    destination |= {"event_source": "web", "event_source_id": PIXEL} if web else {}
    made.settings.write_text(yaml.safe_dump(settings))
    return made


def previewed(made: Shop) -> list[Any]:
    """The events that `preview` shows."""
    outcome = inside("preview", NAME, "--rows", "100", project=made.directory)
    assert outcome.code == 0, outcome.stderr
    (body, _) = json.JSONDecoder().raw_decode(outcome.stdout)
    return list(body["data"])


def test_of_a_page_address_only_the_e_mail_address_is_removed(tmp_path: Path) -> None:
    rows = ", ".join(f"({number}, '{url}')" for number, (url, _) in enumerate(PAGES))
    query = (
        "SELECT 'r' || i AS order_id, 'a' || i || '@example.com' AS email, now() AS timestamp, 1 AS value, u AS page_url"
        f" FROM (VALUES {rows}) AS v (i, u)"
    )
    events = previewed(project(tmp_path / "shop", query, web=True))
    found = {event["properties"]["order_id"]: event["page"]["url"] for event in events}
    assert found == {f"r{number}": expected for number, (_, expected) in enumerate(PAGES)}


@pytest.mark.parametrize("identifier", IDS)
def test_an_id_with_an_at_sign_that_is_no_address_stays(tmp_path: Path, identifier: str) -> None:
    query = (
        f"SELECT '{identifier}' AS order_id, '{identifier}' AS event_id, '{identifier}' AS content_id"
        ", 'a@example.com' AS email, now() AS timestamp, 1 AS value"
    )
    (event,) = previewed(project(tmp_path / "shop", query, web=False))
    assert event["event_id"] == identifier
    assert event["properties"]["order_id"] == identifier
    assert event["properties"]["contents"][0]["content_id"] == identifier


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("jane@example.com", sha256(b"jane@example.com").hexdigest()[:36]),
        ("+12125550142", sha256(b"+12125550142").hexdigest()[:36]),
        ("12125550142", sha256(b"12125550142").hexdigest()[:36]),
        ("2125550142", sha256(b"2125550142").hexdigest()[:36]),
        ("2125550143", "2125550143"),
    ],
)
def test_an_id_that_names_the_person_is_replaced_by_its_digest(tmp_path: Path, identifier: str, expected: str) -> None:
    query = f"SELECT '{identifier}' AS order_id, '(212) 555-0142' AS phone, now() AS timestamp, 1 AS value"
    (event,) = previewed(project(tmp_path / "shop", query, web=False))
    assert event["properties"]["order_id"] == expected
