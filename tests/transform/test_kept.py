"""What is kept of the columns of a rejected row whose values are times or on a list: all but people's."""

import datetime as dt
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.transform.chosen import ChosenRows
from connector.transform.stream import hash_rows
from connector.transform.template import DataTemplate
from tests.reference import Settings
from tests.transform.harness import compiled, transformed

NOW = 1_700_000_000


def kept(column: str, text: str, phone: str | None = None) -> str:
    """What is kept of a text in a column of a row that is rejected for its age at the latest."""
    usual: dict[str, Any] = {"timestamp": "2020-01-01", "event": "Purchase", "email": "a@b.co", "phone": phone}
    table = pa.table({name: pa.array([value], pa.string()) for name, value in {**usual, column: text}.items()})
    outcome = transformed(table, Settings(started_at=NOW), DataTemplate("tiktok_events"))
    return str(json.loads(next(iter(outcome.kept.values()))).get(column))


@pytest.mark.parametrize("column", ["timestamp", "event", "currency", "event_channel"])
@pytest.mark.parametrize(
    "text",
    ["28.11.2026 10:00", "28.11.2026", "28/11/2026 10:00:00", "11/28/26 9:05 PM", "2026-13-45", "2026-11-28 25:00:00+02:00",
     "2026.11.28 10.00", "28 Nov 2026 10:00:00", "Sat, 28 November 2026", "28. Dezember 2026", "2026-11-28T10:00:00+0100x",
     "EURO", "Purchased", "1234.50", "-99999,95", "soon"],
)  # fmt: skip
def test_a_wrong_value_can_be_read(column: str, text: str) -> None:
    assert kept(column, text) == text


@pytest.mark.parametrize("text", ["20261332", "202611281000", "1764324000000000", "1764324000000000000", "1.76E+09"])
def test_a_wrong_number_can_be_read_as_a_time(text: str) -> None:
    assert kept("timestamp", text) == text


@settings(max_examples=30, deadline=None)
@given(
    st.dates(dt.date(1970, 1, 1), dt.date(2019, 12, 31)),
    st.sampled_from(["%d.%m.%Y", "%m/%d/%Y", "%d-%m-%Y", "%d.%m.%y", "%Y/%m/%d", "%d %B %Y", "%b %d, %Y"]),
    st.sampled_from(["", " 10:00", " 10:00:59", ", 9:05 AM", "T24:61", " 10:00 Uhr"]),
)
def test_a_date_in_any_usual_form_can_be_read(day: dt.date, form: str, time: str) -> None:
    text = day.strftime(form) + time
    assert kept("timestamp", text) == text


@pytest.mark.parametrize("column", ["timestamp", "event", "currency", "event_channel"])
@pytest.mark.parametrize(
    "text",
    ["+4915112345678", "10:00 +49 151 12345678", "(212) 555-0142 10:00", "10:00 jo@example.com", "020 7946 0958",
     "1-212-555-0145", "212/555/0149", "06 12 34 56 79", "06.12.34.56.79", "Maria 212 5550153"],
)  # fmt: skip
def test_a_person_cannot(column: str, text: str) -> None:
    assert "[redacted]" in kept(column, text)


def test_the_rows_own_phone_number_is_no_time() -> None:
    assert kept("timestamp", "12125550142", phone="(212) 555-0142") == "[redacted]"


@pytest.mark.parametrize("column", ["description", "brand", "order_id", "content_type", "event_channel", "currency"])
@pytest.mark.parametrize(
    "text",
    ["+1\u00a0212\u00a0555\u00a00142", "call +1\u200b2125550142 now", "+49\u202f30\u202f12345678", "(212)\u00a0555-0142",
     "\uff0b\uff11\uff12\uff11\uff12\uff15\uff15\uff15\uff10\uff11\uff14\uff12", "é jo@example.com"],
)  # fmt: skip
def test_a_number_with_other_separators_is_kept_in_no_column(column: str, text: str) -> None:
    left = kept(column, text)
    assert not any(part in left for part in ("555", "2125550142", "12345678", "0142", "jo@", "\uff12\uff15"))


def test_a_row_is_found_again_by_an_order_id_that_was_redacted() -> None:
    table = pa.table(
        {
            "timestamp": ["2020-01-01"] * 3,
            "event": ["Purchase"] * 3,
            "email": ["a@b.co"] * 3,
            "order_id": ["(212)\u00a0555-0142", "Größe 7", "plain"],
        }
    )
    transform = compiled(table, Settings(started_at=NOW), DataTemplate("tiktok_events"))
    (hashed,) = hash_rows(table.to_batches(), transform)
    chosen = ChosenRows.like(hashed.left_out.to_batches())
    assert sum(batch.num_rows for batch in chosen.among(table.to_batches(), transform)) == table.num_rows
