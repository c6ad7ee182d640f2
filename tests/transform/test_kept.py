"""What is kept of the columns of a rejected row whose values are times or on a list: all but people's."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.transform.row_selection import RowSelection
from connector.transform.stream import hash_rows
from connector.transform.template import DataTemplate
from tests.reference import Settings
from tests.transform.harness import compiled, transformed

NOW = 1_700_000_000


def kept(column: str, texts: Sequence[str], phone: str | None = None) -> list[str]:
    """What is kept of each text, in a column of rows that are rejected for their age at the latest."""
    usual: dict[str, Any] = {"timestamp": "2020-01-01", "event": "Purchase", "email": "a@b.co", "phone": phone}
    columns = {name: pa.array([value] * len(texts), pa.string()) for name, value in usual.items()}
    table = pa.table({**columns, column: pa.array(texts, pa.string())})
    outcome = transformed(table, Settings(started_at=NOW), DataTemplate("tiktok_events"))
    return [str(json.loads(outcome.kept[row]).get(column)) for row in range(1, len(texts) + 1)]


WRONG = [
    "28.11.2026 10:00", "28.11.2026", "28/11/2026 10:00:00", "11/28/26 9:05 PM", "2026-13-45", "2026-11-28 25:00:00+02:00",
    "2026.11.28 10.00", "28 Nov 2026 10:00:00", "Sat, 28 November 2026", "28. Dezember 2026", "2026-11-28T10:00:00+0100x",
    "EURO", "Purchased", "1234.50", "-99999,95", "soon",
]  # fmt: skip


@pytest.mark.parametrize("column", ["timestamp", "event", "currency", "event_channel"])
def test_a_wrong_value_can_be_read(column: str) -> None:
    assert kept(column, WRONG) == WRONG


def test_a_wrong_number_can_be_read_as_a_time() -> None:
    texts = ["20261332", "202611281000", "1764324000000000", "1764324000000000000", "1.76E+09"]
    assert kept("timestamp", texts) == texts


DATES = st.tuples(
    st.dates(dt.date(1970, 1, 1), dt.date(2019, 12, 31)),
    st.sampled_from(["%d.%m.%Y", "%m/%d/%Y", "%d-%m-%Y", "%d.%m.%y", "%Y/%m/%d", "%d %B %Y", "%b %d, %Y"]),
    st.sampled_from(["", " 10:00", " 10:00:59", ", 9:05 AM", "T24:61", " 10:00 Uhr"]),
)


@settings(max_examples=5, deadline=None)
@given(st.lists(DATES, min_size=20, max_size=20))
def test_a_date_in_any_usual_form_can_be_read(dates: list[tuple[dt.date, str, str]]) -> None:
    texts = [day.strftime(form) + time for day, form, time in dates]
    assert kept("timestamp", texts) == texts


PERSONS = [
    "+4915112345678", "10:00 +49 151 12345678", "(212) 555-0142 10:00", "10:00 jo@example.com", "020 7946 0958",
    "1-212-555-0145", "212/555/0149", "06 12 34 56 79", "06.12.34.56.79", "Maria 212 5550153",
]  # fmt: skip


@pytest.mark.parametrize("column", ["timestamp", "event", "currency", "event_channel"])
def test_a_person_cannot(column: str) -> None:
    left = dict(zip(PERSONS, kept(column, PERSONS), strict=True))
    assert {text: found for text, found in left.items() if "[redacted]" not in found} == {}


def test_the_rows_own_phone_number_is_no_time() -> None:
    assert kept("timestamp", ["12125550142"], phone="(212) 555-0142") == ["[redacted]"]


SEPARATED = [
    "+1\u00a0212\u00a0555\u00a00142", "call +1\u200b2125550142 now", "+49\u202f30\u202f12345678", "(212)\u00a0555-0142",
    "\uff0b\uff11\uff12\uff11\uff12\uff15\uff15\uff15\uff10\uff11\uff14\uff12", "é jo@example.com",
]  # fmt: skip


@pytest.mark.parametrize("column", ["description", "brand", "order_id", "content_type", "event_channel", "currency"])
def test_a_number_with_other_separators_is_kept_in_no_column(column: str) -> None:
    left = dict(zip(SEPARATED, kept(column, SEPARATED), strict=True))
    plain = ("555", "2125550142", "12345678", "0142", "jo@", "\uff12\uff15")
    assert {text: found for text, found in left.items() if any(part in found for part in plain)} == {}


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
    chosen = RowSelection.from_excluded(hashed.excluded.to_batches())
    assert sum(batch.num_rows for batch in chosen.filter(table.to_batches(), transform)) == table.num_rows
