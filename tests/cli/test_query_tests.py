"""`connector test`: given rows, expected outcomes, and what it says about each mistake."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import Outcome, inside
from tests.cli.shop import NAME, Shop, shop

ROOT = Path(__file__).parents[2]
NOW = "2026-11-20T06:15:00Z"
QUERY = """\
SELECT o.order_id AS event_id, o.paid_at AS timestamp, p.email, p.phone, o.total AS value, 'USD' AS currency
FROM orders AS o LEFT JOIN people AS p USING (person)
WHERE o.paid_at >= current_date - {{ parameters.days }}
ORDER BY o.order_id
"""
ORDER = {"order_id": "R1", "person": 1, "paid_at": "2026-11-19T17:30:00", "total": 12.5}
PERSON = {"person": 1, "email": "Ada@Example.com", "phone": "(206) 555-0100"}
GIVEN = {"orders": [ORDER], "people": [PERSON]}
EVENT = {"event_id": "R1", "email": "ada@example.com", "value": 12.5}


@pytest.fixture
def project(tmp_path: Path) -> Shop:
    return shop(tmp_path / "shop", "simulator", QUERY, parameters={"days": 7})


def write(made: Shop, tests: Mapping[str, Any], **file: Any) -> Path:
    path = made.directory / "tests" / f"{NAME}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump({"started_at": NOW, **file, "tests": dict(tests)}, sort_keys=False))
    return path


def one(made: Shop, expect: Mapping[str, Any], given: Mapping[str, Any] = GIVEN, **further: Any) -> Outcome:
    write(made, {"it": {"given": given, "expect": expect, **further}})
    return inside("test", project=made.directory)


def differences(outcome: Outcome) -> list[tuple[str, str, str, str]]:
    (test,) = outcome.json["tests"]
    return [(each["subject"], each["key"], each["expected"], each["actual"]) for each in test["differences"]]


def test_the_examples_own_tests_pass() -> None:
    outcome = inside("test", project=ROOT)
    assert outcome.code == 0, outcome.stdout
    assert "Nothing was sent." in outcome.stdout


@pytest.mark.parametrize(
    "expected",
    [
        EVENT,
        {},
        {"rows": [1], "event": "Purchase", "currency": "USD"},
        {"timestamp": "2026-11-19T17:30:00Z"},
        {"timestamp": "2026-11-19T18:30:00+01:00"},
        {"timestamp": "2026-11-19T17:30:00"},
        {"timestamp": 1795109400},
        {"phone": "+12065550100"},
        {"phone": "206.555.0100"},
        {"email": sha256(b"ada@example.com").hexdigest()},
        {"email": ["ADA@example.com"]},
        {"order_id": None, "shop_id": None},
        {"event_source": "offline", "event_source_id": "7654321098765432109"},
        {"value": "12.50"},
        {"contents": []},
    ],
    ids=str,
)
def test_an_event_has_what_is_expected(project: Shop, expected: Mapping[str, Any]) -> None:
    outcome = one(project, {"events": [expected]})
    assert (outcome.code, outcome.stderr) == (0, ""), outcome.stdout


@pytest.mark.parametrize(
    ("expected", "shown"),
    [
        ({"event_id": "R1", "value": 13}, "value  expected 13  got 12.5"),
        ({"event_id": "R1", "currency": "EUR"}, 'currency  expected "EUR"  got "USD"'),
        ({"event_id": "R1", "shop_id": "9"}, 'shop_id  expected "9"  got nothing'),
        ({"event_id": "R1", "currency": None}, 'currency  expected nothing  got "USD"'),
        ({"rows": [1], "event_id": "R2"}, 'event_id  expected "R2"  got "R1"'),
        ({"event_id": "R1", "timestamp": "2026-11-19"}, "got 1795109400 (2026-11-19 17:30:00 UTC)"),
        ({"event_id": "R1", "email": "eve@example.com"}, "got SHA-256 "),
        ({"event_id": "R1", "email": "eve@@example"}, "expected a value that is not a valid email"),
        ({"event_id": "R1", "contents": [{"content_id": "m"}]}, "expected 1 line items  got 0 line items"),
        ({"event_id": "R2"}, 'expected {"event_id": "R2"}  got nothing'),
    ],
    ids=str,
)
def test_a_difference_is_shown_with_both_values_and_its_line(
    project: Shop, expected: Mapping[str, Any], shown: str
) -> None:
    outcome = one(project, {"events": [expected]})
    assert outcome.code == 1
    assert shown in outcome.stdout
    assert f"tests/{NAME}.yaml:" in outcome.stdout
    assert outcome.sentence == "1 of 1 test did not pass."
    assert "@" not in outcome.stdout


def test_an_event_that_is_not_expected_is_a_difference(project: Shop) -> None:
    outcome = one(project, {"events": []})
    assert outcome.code == 1
    assert "event of row 1" in outcome.stdout
    assert "expected nothing" in outcome.stdout


@pytest.mark.parametrize("events", [0, 2])
def test_events_can_be_counted(project: Shop, events: int) -> None:
    outcome = one(project, {"events": events})
    assert f"expected {events}  got 1" in outcome.stdout
    assert one(project, {"events": 1}).code == 0


NOBODY = {"orders": [ORDER, {**ORDER, "order_id": "R2", "person": 2}], "people": [PERSON]}


@pytest.mark.parametrize(
    ("rejects", "code"),
    [
        ({"missing_identity": 1}, 0),
        ({"missing_identity": [{"row": 2}]}, 0),
        ({"missing_identity": [{"event_id": "R2"}]}, 0),
        ({"missing_identity": [{}]}, 0),
        ({}, 1),
        ({"missing_identity": 2}, 1),
        ({"missing_identity": [{"row": 1}]}, 1),
        ({"missing_identity": [{"event_id": "R1"}]}, 1),
        ({"invalid_identity": 1}, 1),
    ],
    ids=str,
)
def test_rejected_rows_are_counted_or_listed(project: Shop, rejects: Mapping[str, Any], code: int) -> None:
    outcome = one(project, {"events": [EVENT], "rejects": rejects}, NOBODY)
    assert outcome.code == code, outcome.stdout


def test_a_rejected_row_a_skip_and_a_warning_that_are_not_expected_fail_the_test(tmp_path: Path) -> None:
    made = shop(tmp_path / "shop", "simulator", QUERY, parameters={"days": 7}, line_items=False)
    people = [PERSON, {"person": 2, "email": "nobody", "phone": "206 555 0101"}]
    orders = [ORDER, ORDER, {**ORDER, "order_id": "R2", "person": 2}, {**ORDER, "order_id": "R3", "person": 3}]
    write(made, {"it": {"given": {"orders": orders, "people": people}, "expect": {"events": 2}}})
    outcome = inside("test", "--json", project=made.directory)
    assert differences(outcome) == [
        ("rejects", "missing_identity", "0", "1"),
        ("skips", "duplicate", "0", "1"),
        ("warnings", "invalid_email", "0", "1"),
    ]
    expect = {
        "rejects": {"missing_identity": 1},
        "skips": {"duplicate": [{"row": 2}]},
        "warnings": {"invalid_email": 1},
    }
    assert one(made, expect, {"orders": orders, "people": people}).code == 0
