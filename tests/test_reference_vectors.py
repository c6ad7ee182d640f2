"""Pins the reference to the API page's vectors and to the golden cases."""

import hashlib
import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tests.golden import CASES, Case
from tests.reference import Event, Settings, event_json, transform

VECTORS = {
    "email": (" ALICE_abc@gmail.com ", "848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f"),
    "phone": ("(+1)2133734253", "9f7ec22d72092cd3c0b58726ed9c2d91b92e51a3f29837508fb2948bb22dd2fd"),
    "external_id": ("user_123", "80fba0ae1c48e3978e43e4efc365e14e12ea0c830ba8ba5b9a2dafc7e3f2ab8b"),
    "first_name": ("Jane", "81f8f6dde88365f3928796ec7aa53f72820b06db8664f5fe76a7eb13e24546a2"),
    "zip_code": ("95110", "383f7fffd99f3b1c3066086bcf991eae7ad543589d12bd792ecb6dc8b5acebc1"),
}
"""API page 2.5: column, the text as given, the digest that TikTok expects."""

CANADIAN_ZIP = ("M5V 3L9", "5c850751d57c5d887fe7807d3da801efe7e8faa1f105ea36cdcd913dd32a41c7")


def rows_of(case: Case) -> list[dict[str, object]]:
    arrays = [pa.array(values, type=kind) for kind, values in case.columns.values()]
    rows: list[dict[str, object]] = pa.table(arrays, names=list(case.columns)).to_pylist()
    return rows


def web_user(**columns: str) -> Any:
    settings = Settings(started_at=1_700_000_000, event_source="web", event_source_id="C4A1")
    row = {"event": "Purchase", "timestamp": 1_700_000_000, "page_url": "https://a.example", **columns}
    result = transform([row], settings)
    return result.events[0].data["user"]


@pytest.mark.parametrize(("column", "vector"), VECTORS.items())
def test_a_vector_of_the_api_page(column: str, vector: tuple[str, str]) -> None:
    plain, digest = vector
    assert web_user(**{"external_id": "x", column: plain})[column] == digest


def test_the_canadian_zip_of_the_api_page() -> None:
    plain, digest = CANADIAN_ZIP
    assert web_user(email="a@b.example", zip_code=plain, country="CA")["zip_code"] == digest


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_golden_case(case: Case) -> None:
    result = transform(rows_of(case), case.settings, case.template)
    assert result.rejected == case.rejected
    assert result.skipped == case.skipped
    assert result.warnings == Counter(case.warnings)
    if case.identical_value:
        assert result.identical_value == case.identical_value
    written = [event_json(event) for event in result.events]
    assert [json.loads(text, parse_float=Decimal) for text in written] == list(case.events)
    if case.routes is not None:
        assert [(event.event_source, event.event_source_id) for event in result.events] == case.routes
    if case.rows is not None:
        assert [event.rows for event in result.events] == case.rows
    if case.texts is not None:
        assert written == case.texts


def test_golden_cases_have_names_of_their_own() -> None:
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []


def test_every_row_of_a_golden_case_is_accounted_for() -> None:
    for case in CASES:
        result = transform(rows_of(case), case.settings, case.template)
        sent = [row for event in result.events for row in event.rows]
        everyone = sorted([*sent, *result.rejected, *result.skipped])
        assert everyone == list(range(1, len(rows_of(case)) + 1)), case.name


def test_an_event_is_written_with_plain_numbers() -> None:
    event = Event("offline", "1", {"value": Decimal("1E+3"), "price": Decimal("0.500000"), "quantity": 0}, [1])
    assert event_json(event) == '{"value":1000,"price":0.5,"quantity":0}'


def test_the_digest_of_nothing_is_what_sha256_says() -> None:
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert hashlib.sha256(b"").hexdigest() == nothing
