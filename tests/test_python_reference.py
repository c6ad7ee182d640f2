"""The benchmarks' yardstick does the same work as the product: it gives the golden cases' answers."""

import re
from collections import Counter
from decimal import Decimal
from json import loads

import pyarrow as pa
import pytest

from benchmarks.python_reference import COLUMNS, Settings, rows_to_bodies
from tests.golden import CASES, Case
from tests.golden.case import SET_ID
from tests.reference import transform

USUAL = re.compile(r"\d{4}-\d\d-\d\d([T ]([01]\d|2[0-3]):\d\d:\d\d([.,]\d{1,6})?(Z|[+-]\d\d:[0-5]\d)?)?|1\d{9}|1\d{12}")


def is_store_purchase(case: Case) -> bool:
    plain = case.settings.event_source == "offline" and case.settings.timezone == "UTC" and case.settings.line_items
    plain &= (case.settings.identical_rows, case.settings.negative_lines) == ("keep", "subtract")
    return plain and case.mapping is None and set(case.columns) <= set(COLUMNS) and has_usual_times(case)


def has_usual_times(case: Case) -> bool:
    """Whether times have the forms that a warehouse writes: no eight digits, no blank before an offset, no hour 24."""
    kind, values = case.columns.get("timestamp", (pa.null(), []))
    if pa.types.is_string(kind):
        return all(USUAL.fullmatch(value.strip()) for value in values if value)
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    return not pa.types.is_decimal(kind) and all(abs(number) >= 10**8 for number in numbers)


STORE_PURCHASES = [case for case in CASES if is_store_purchase(case)]


def rows_of(case: Case) -> list[dict[str, object]]:
    arrays = [pa.array(values, type=kind) for kind, values in case.columns.values()]
    rows: list[dict[str, object]] = pa.table(arrays, names=list(case.columns)).to_pylist()
    return rows


def settings_of(case: Case) -> Settings:
    given = case.settings
    return Settings(
        given.started_at,
        given.event_source_id,
        given.fixed_event_name,
        given.default_region,
        given.max_age_days,
    )


@pytest.mark.parametrize("case", STORE_PURCHASES, ids=lambda case: case.name)
def test_a_golden_case(case: Case) -> None:
    counts: Counter[str] = Counter()
    bodies = list(rows_to_bodies(rows_of(case), settings_of(case), counts))
    events = [event for body in bodies for event in loads(body, parse_float=Decimal)["data"]]
    assert events == list(case.events)
    assert +counts == Counter([*case.rejected.values(), *case.skipped.values()]) + Counter(case.warnings)


def test_bodies_are_of_a_thousand_events_at_most() -> None:
    rows = [
        {"event": "Purchase", "timestamp": 1_700_000_000, "event_id": str(n), "phone": "2065550100"}
        for n in range(2500)
    ]
    bodies = [loads(body) for body in rows_to_bodies(rows, Settings(1_700_000_000))]
    assert [len(body["data"]) for body in bodies] == [1000, 1000, 500]
    assert {(body["event_source"], body["event_source_id"]) for body in bodies} == {("offline", SET_ID)}


def test_it_agrees_with_the_reference_on_mixed_rows() -> None:
    rows: list[dict[str, object]] = [
        {"event": event, "timestamp": at, "event_id": event_id, "email": email, "price": price, "quantity": 2}
        for event in ("Purchase", "CompletePayment", None)
        for at in (1_700_000_000, "2023-11-10", "soon")
        for event_id in ("a", None)
        for email in ("Jane@example.com", ["x", "john@example.com"], "x", None)
        for price in ("0.1", 2.675, "x")
    ]
    expected = transform(rows, settings=CASES[0].settings)
    counts: Counter[str] = Counter()
    bodies = list(rows_to_bodies(rows, Settings(CASES[0].settings.started_at), counts))
    assert sum(len(loads(body)["data"]) for body in bodies) == len(expected.events)
    assert +counts == Counter(expected.rejected.values()) + expected.warnings
